"""One pool of threads for the process: the same bits on any number of them, and what is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import slicefast as sf
from slicefast import _core, network, threads
from slicefast.kpis import CELL_KPIS, USER_KPIS
from slicefast.learn import TD3, VAE, Hindsight, HindsightConfig, TD3Config
from slicefast.learn.curve_policy import CurvePolicy
from slicefast.threads import each, usable_threads

OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "harq": {"scheduler": {"block_error_rate": 0.2, "kind": "proportional_fair"}},
    "lending": {"scheduler": {"share_as": "guarantee", "dedicated_part": [0.5, 0, 0, 1]}},
    "flow level": {"fidelity": "flow"},
    "folded": {"radio": {"fold_db": 0.1}},
    "every link": {"radio": {"fold_db": 0.0}},
    "fluctuating": {"radio": {"interference": "fluctuating"}},
    "bands": {"scheduler": {"bands": "in_order"}},
    "filtered": {"radio": {"filter_coefficient": 4, "handover_margin_db": 1.0}},
    "standing": {"radio": {"resolution_m": 20.0, "efficiency": "transport_block"}},
}
FOLDING = {"folded"}


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grant the process eight cores, and let networks of any size use them."""
    monkeypatch.setattr(threads, "granted_cpus", lambda: 8)
    monkeypatch.setattr(network, "LEAST_SHARED_LINKS", 0)


def played(options: dict[str, Any], n_sites: int, n_threads: int) -> list[Any]:
    """Return every KPI of two steps, the curves before a third and the state behind all."""
    scenario = sf.Scenario.hexagonal(n_sites, window_ttis=20, **options)
    simulator = sf.Simulator(scenario, 3, n_threads=n_threads, per_user=True)
    rng = np.random.default_rng(1)
    out: list[Any] = []
    for _ in range(2):
        kpis = simulator.step(rng.dirichlet(np.ones(4), scenario.n_cells))
        out += [getattr(kpis, name) for name in (*CELL_KPIS, *USER_KPIS)]
    out += simulator.curves(np.array([0.1, 0.6]), np.full((scenario.n_cells, 4), 0.25))
    out += [simulator.sinr, simulator.backlog_bits, simulator.serving]
    return out


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize("name", OPTIONS)
def test_a_network_gives_the_same_bits_on_any_number_of_threads(name: str) -> None:
    n_sites = 43 if name in FOLDING else 7
    one = played(OPTIONS[name], n_sites, 1)
    for n_threads in (2, 3, 7):
        for expected, got in zip(one, played(OPTIONS[name], n_sites, n_threads), strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.usefixtures("eight_cores")
def test_simulators_in_threads_of_their_own_share_the_pool() -> None:
    expected = played({}, 7, 1)
    found: dict[int, list[Any]] = {}
    own = [threading.Thread(target=lambda n=n: found.update({n: played({}, 7, n)})) for n in (2, 3, 7)]
    for thread in own:
        thread.start()
    for thread in own:
        thread.join()
    for got in found.values():
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_array_equal(a, b)
    assert set(found) == {2, 3, 7}


def test_small_networks_stay_on_the_callers_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    whole = _core.Network

    def make(**given: Any) -> _core.Network:
        asked.append(given["n_threads"])
        return whole(**given)

    monkeypatch.setattr(_core, "Network", make)
    monkeypatch.setattr(threads, "granted_cpus", lambda: 4)
    for n_sites in (1, 19):
        sf.Simulator(sf.Scenario.hexagonal(n_sites), n_threads=2)
    assert asked == [1, 2]


@pytest.mark.parametrize("n_threads", [0, -1, 10_000])
def test_numbers_out_of_bounds_are_refused_with_the_bound(n_threads: int) -> None:
    scenario = sf.Scenario.paper()
    agents = {"n_agents": 1, "obs_dim": 2, "action_dim": 2, "n_threads": n_threads}
    for make in (
        lambda: sf.Simulator(scenario, n_threads=n_threads),
        lambda: TD3(**agents),
        lambda: sf.load_coupling.sinr(np.ones((2, 2)), 1.0, 1.0, 1.0, [0, 1], n_threads=n_threads),
        lambda: usable_threads(n_threads),
    ):
        with pytest.raises(sf.SlicefastError, match=f"n_threads: got {n_threads}, allowed: 1 to 1024"):
            make()


@pytest.mark.parametrize("n_threads", [True, 1.5, "2"])
def test_what_is_no_number_is_refused(n_threads: object) -> None:
    with pytest.raises(sf.SlicefastError, match=r"n_threads: .* an integer from 1 to 1024"):
        usable_threads(n_threads)  # type: ignore[arg-type]


def test_no_more_than_are_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "granted_cpus", lambda: 3)
    assert [usable_threads(n) for n in (1, 2, 3, 4, 1024)] == [1, 2, 3, 3, 3]


def test_each_thing_once_and_the_first_things_error() -> None:
    done: list[int] = []
    each(3, lambda index, thing: done.append(index * thing), [5, 6, 7, 8])
    assert sorted(done) == [0, 6, 14, 24]

    def fail(index: int, thing: int) -> None:
        if index >= 1:
            raise KeyError(index)

    for n_threads in (1, 3):
        with pytest.raises(KeyError, match="1"):
            each(n_threads, fail, [5, 6, 7, 8])


def test_networks_that_would_not_fit_are_refused_before_anything_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = sf.Scenario.paper()
    needed = network.network_bytes(scenario)
    assert needed > 4 * scenario.n_users * scenario.n_cells
    monkeypatch.setattr(network, "granted_bytes", lambda: 2 * needed)
    sf.Simulator(scenario, n_replicas=2)
    monkeypatch.setattr("slicefast.simulator.Replica", None)  # nothing is built
    with pytest.raises(sf.SlicefastError, match=rf"scenario: .*{3 * needed} bytes, allowed: .*{2 * needed} bytes"):
        sf.Simulator(scenario, n_replicas=3)


def test_folding_needs_memory_by_the_user_not_by_the_link() -> None:
    small, large = (sf.Scenario.hexagonal(n, radio={"fold_db": 0.1}) for n in (64, 256))
    assert network.network_bytes(large) == 4 * network.network_bytes(small)


ENDS = """
import threading, numpy as np, slicefast as sf
from slicefast import _core
_core.for_each(3, 3, lambda item: None)
simulator = sf.Simulator(sf.Scenario.paper(window_ttis=20), n_replicas=2, n_threads=2)
simulator.step(np.full((2, 12, 4), 0.25))
"""


def test_a_process_ends_while_its_workers_wait() -> None:
    subprocess.run([sys.executable, "-c", ENDS], check=True, timeout=60)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork beside threads is what this is about
def test_a_forked_child_has_a_pool_of_its_own() -> None:
    done = [0, 0, 0]

    def work(item: int) -> None:
        done[item] += 1

    _core.for_each(3, 3, work)
    child = os.fork()
    if child == 0:
        _core.for_each(3, 3, work)
        os._exit(0 if done == [2, 2, 2] else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["hindsight", "torch", "vae", "curves"])
def test_a_forked_child_learns_and_acts_where_torch_has_used_several_threads(kind: str) -> None:
    work = _LEARNING[kind]()
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        torch.ones((500, 500)) @ torch.ones((500, 500))
        child = os.fork()
        if not child:
            signal.alarm(60)  # which ends one that waits for threads that it has not
            work()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        torch.set_num_threads(before)


def _hindsight() -> Callable[[], object]:
    config = HindsightConfig(capacity=20, batch_size=64)
    agents = Hindsight(40, 16, 4, config)
    agents.store(np.ones((40, 16)), np.zeros((40, 4)), np.full((40, config.n_levels, 4), 0.5))
    return lambda: (agents.update(), agents.act(np.ones((40, 16))))


def _td3() -> Callable[[], object]:
    agents = TD3(40, 16, 4, TD3Config(capacity=20, batch_size=4, exploration_steps=0), engine="torch")
    for _ in range(4):
        agents.store(np.ones((40, 16)), np.full((40, 4), 0.25), np.ones(40), np.ones((40, 16)))
    return lambda: (agents.update(), agents.act(np.ones((40, 16))), agents.act(np.ones((40, 16)), explore=True))


def _vae() -> Callable[[], object]:
    vae, samples = VAE(input_dim=64, hidden=(256,)), np.random.default_rng(0).random((4000, 64))
    return lambda: (vae.fit(samples, epochs=1), vae.decode(vae.encode(samples)[0]))


def _curves() -> Callable[[], object]:
    policy, seen = CurvePolicy(input_dim=8, n_slices=4, hidden=128), np.random.default_rng(0).random((4000, 4, 8))
    levels = np.linspace(0.0, 1.0, 5)
    curves = np.broadcast_to(levels[:, None], (4000, 5, 4))
    return lambda: (policy.fit(seen, curves, levels, epochs=1), policy.act(seen))


_LEARNING = {"hindsight": _hindsight, "torch": _td3, "vae": _vae, "curves": _curves}
