"""The same bits from any number of threads, from replicas and runs, forked and spawned; and how far machines differ.

Instruction sets differ by rounding: their loops sum in another order and the oldest has no fused multiply-add. What
that may do is stated by `GAINS`, `COARSE_GAINS`, `REWARDS` and `WEIGHTS`, and measured by

    python tests/test_same_bits.py

which prints the greatest differences to the best instruction set of the machine it runs on, over 8 seeds and 200 steps.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slicefast import Scenario, Simulator, _core, load_coupling

SCENARIO = Scenario.hexagonal(1, window_ttis=20)
#: Each a few times what was measured, by which a change that costs precision is seen.
#: Relative, of a link's gain: 5.4e-6 was measured. Single precision rounds at 6e-8, and some ten operations in decibels
#: come before the power of ten, which multiplies an error of 1e-6 of a hundred decibels by 23.
GAINS = 2e-5
#: Of a link whose further images round to the next of the numbers of 8 bits that a wrapped network keeps them in
#: (cpp/src/radio/image_map.cpp): 2^-7 at most, and 4.4e-3 was measured, at 1 of 9,216 links.
COARSE_GAINS, COARSE_SHARE = 2.0**-7, 1e-3
#: Absolute, of the mean reward of a step, 0 to 1: 1.1e-6 was measured in 1,600 steps.
REWARDS = 5e-6
#: Absolute, of an agent's actions, 0 to 1, after 50 updates from the same transitions: 3e-8 was measured, one rounding.
WEIGHTS = 2e-7


def played(n_steps: int = 3, **options: Any) -> list[bytes]:
    """Return what every step measured."""
    simulator = Simulator(SCENARIO, seed=5, **options)
    simulator.reset()
    equal = np.full(simulator.shares_shape, 0.25)
    steps = [simulator.step(equal) for _ in range(n_steps)]
    return [kpis.throughput_bps.tobytes() + kpis.delay_ms.tobytes() + kpis.load.tobytes() for kpis in steps]


def learned(n_threads: int = 1) -> bytes:
    """Return what seven agents do after some updates."""
    return trained(n_threads).tobytes()


def trained(n_threads: int = 1, n_updates: int = 5) -> Any:
    """Return the actions of seven agents after updates from transitions that are drawn."""
    from slicefast.learn import TD3, TD3Config  # here, as torch is slow to start with

    config = TD3Config(exploration_steps=0, capacity=50, batch_size=8)
    agents, rng = TD3(7, 6, 3, config, n_threads=n_threads), np.random.default_rng(0)
    for _ in range(20):
        agents.store(rng.random((7, 6)), np.full((7, 3), 1 / 3), rng.random(7), rng.random((7, 6)))
    for _ in range(n_updates):
        agents.update()
    return agents.act(np.full((7, 6), 0.5))


def coupled(n_threads: int = 1) -> bytes:
    """Return the loads of a network."""
    rng = np.random.default_rng(0)
    serving = np.arange(200, dtype=np.int32) % 30
    gain = 1e-12 * rng.random((200, 30)) + 1e-10 * np.eye(30)[serving]
    found = load_coupling.solve(gain, np.ones(30), 1e-14, np.full(200, 1e5), serving, 18e6, n_threads=n_threads)
    return found.load.tobytes()


@pytest.mark.parametrize("work", [lambda n: played(n_replicas=7, n_threads=n), learned, coupled])
def test_any_number_of_threads_gives_the_same_bits(work: Callable[[int], Any]) -> None:
    one = work(1)
    assert work(2) == one
    assert work(7) == one


def test_replicas_are_runs() -> None:
    """Replica 0 of any number is the lone run, and all of them go on alike in one object or in a longer one."""
    few, many = (Simulator(SCENARIO, seed=5, n_replicas=n) for n in (2, 5))
    for simulator in (few, many):
        simulator.reset()
    lone = played()
    for step in lone:
        first, all_of_them = (simulator.step(np.full(simulator.shares_shape, 0.25)) for simulator in (few, many))
        np.testing.assert_array_equal(first.throughput_bps, all_of_them.throughput_bps[:2])
        kpis = (first.throughput_bps[0], first.delay_ms[0], first.load[0])
        assert b"".join(array.tobytes() for array in kpis) == step


PROGRAM = """
import importlib.util, multiprocessing, sys
spec = importlib.util.spec_from_file_location("same_bits", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)

def digest(name):
    return getattr(module, name)()

if __name__ == "__main__":
    here = [digest(name) for name in ("played", "coupled")]
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.map(digest, ("played", "coupled")) == here, method
    print("same")
"""


def test_however_a_process_is_started_it_gives_the_same_bits(tmp_path: Path) -> None:
    script = tmp_path / "start.py"
    script.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-P", "-W", "ignore", str(script), __file__], capture_output=True, text=True, timeout=600
    )
    assert (done.stdout, done.returncode) == ("same\n", 0), done.stderr


def differences(isa: str, n_steps: int = 30, seed: int = 1) -> tuple[Any, float, float]:
    """Return by how much an instruction set differs from the best one: every gain, rewards, actions."""

    def play(chosen: str) -> tuple[Any, Any, Any]:
        before, _core.default_isa = _core.default_isa, lambda: chosen
        try:
            simulator = Simulator(SCENARIO, seed=seed)
            gain = simulator._replicas[0].network.gain().copy()
            simulator.reset()
            equal = np.full((3, 4), 0.25)
            steps = [simulator.step(equal) for _ in range(n_steps)]
            met = [np.minimum(kpis.throughput_bps / SCENARIO.throughput_requirement_bps, 1.0).mean() for kpis in steps]
            return gain, np.array(met), trained(n_updates=50)
        finally:
            _core.default_isa = before

    (gain, reward, action), (other_gain, other_reward, other_action) = play(_core.default_isa()), play(isa)
    return (
        np.abs(other_gain / gain - 1.0),
        float(np.max(np.abs(other_reward - reward))),
        float(np.max(np.abs(other_action - action))),
    )


@pytest.mark.parametrize("seed", [1, 8])  # in the second a further image rounds otherwise
@pytest.mark.parametrize("isa", _core.available_isas())
def test_instruction_sets_agree_to_what_is_stated(isa: str, seed: int) -> None:
    gains, rewards, weights = differences(isa, seed=seed)
    assert np.mean(gains > GAINS) <= COARSE_SHARE
    assert gains.max() <= COARSE_GAINS
    assert rewards <= REWARDS
    assert weights <= WEIGHTS
    if isa == _core.default_isa():
        assert (gains.max(), rewards, weights) == (0.0, 0.0, 0.0)


if __name__ == "__main__":
    for name in _core.available_isas():
        found = [differences(name, n_steps=200, seed=seed) for seed in range(1, 9)]
        links = np.array([gains for gains, _, _ in found])
        print(f"{name:>8}: gains {np.max(links, where=links <= GAINS, initial=0.0):.1e}, {(links > GAINS).sum()} of "
              f"{links.size} up to {links.max():.1e}; rewards {max(item[1] for item in found):.1e}; "
              f"actions {max(item[2] for item in found):.1e}")  # fmt: skip
