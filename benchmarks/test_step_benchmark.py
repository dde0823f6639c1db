"""The environment step of the default scenario: 12 cells, 1,536 users, 200 TTIs, everything included.

Steps of the traffic's cycle differ, so a round is a whole cycle (200 steps) from the same snapshot, and ``us_per_step``
and ``steps_per_s`` are over the cycle, each of its steps the fastest of the rounds (a round is too long to stay
undisturbed on a shared machine). The traffic-aware policy is included. The reference in the group is one step's radio
and coupling alone in plain NumPy (no mobility, no queues), so the ratio understates the gain.
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import numpy as np
import pytest

import slicefast as sf
from slicefast.policies import traffic_aware


def _twin():
    path = Path(__file__).parents[1] / "tests" / "reference" / "load_coupling.py"
    spec = importlib.util.spec_from_file_location("reference_load_coupling", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measure(benchmark, scenario, rounds, n_steps=None):
    simulator = sf.Simulator(scenario, seed=0)
    simulator.reset()
    start = simulator.snapshot()
    n_steps = n_steps or scenario.traffic.period_steps

    fastest = np.full(n_steps, np.inf)

    def play():
        played = []
        for step in range(n_steps):
            begin = time.perf_counter()
            played.append(simulator.step(traffic_aware(simulator)))
            fastest[step] = min(fastest[step], time.perf_counter() - begin)
        return played

    played = benchmark.pedantic(play, setup=lambda: simulator.restore(start), rounds=rounds, warmup_rounds=1)
    for kpis in played:
        assert (kpis.load.sum(axis=1) <= 1 + 1e-9).all()
    assert np.mean([kpis.throughput_bps for kpis in played]) > 1e6
    us = fastest.mean() * 1e6
    benchmark.extra_info |= {"us_per_step": round(us, 1), "steps_per_s": round(1e6 / us)}


@pytest.mark.benchmark(group="step: 12 cells, 1,536 users, 200 TTIs")
def test_slicefast_whole_step(benchmark):
    measure(benchmark, sf.Scenario.paper(), rounds=10)


@pytest.mark.parametrize(
    "options",
    [{"fidelity": "flow"}, {"scheduler": {"share_as": "guarantee"}}, {"radio": {"efficiency": "transport_block"}}],
    ids=["flow", "guarantee", "transport_block"],
)
@pytest.mark.benchmark(group="step: 12 cells, 1,536 users, 200 TTIs")
def test_slicefast_whole_step_with(benchmark, options):
    measure(benchmark, sf.Scenario.paper(**options), rounds=3)


@pytest.mark.benchmark(group="step: 300 cells, 38,400 users, 200 TTIs")
@pytest.mark.parametrize(
    "options",
    [{}, {"fidelity": "flow"}, {"fidelity": "flow", "radio": {"resolution_m": 10.0}}],
    ids=["tti", "flow", "flow, 10 m"],
)
def test_large_network(benchmark, options):
    measure(benchmark, sf.Scenario.hexagonal(100, **options), rounds=3, n_steps=20)


@pytest.mark.benchmark(group="step: 12 cells, 1,536 users, 200 TTIs")
def test_numpy_coupling_and_sinr_only(benchmark):
    scenario = sf.Scenario.paper()
    simulator = sf.Simulator(scenario, seed=0)
    twin, gain = _twin(), simulator.gain.astype(float)
    user, _, bits = simulator.arrivals
    demand = np.bincount(user, bits, minlength=scenario.n_users) / 0.2
    arguments = (gain, scenario.power_w_per_prb, scenario.noise_w_per_prb, demand, simulator.serving)
    rho = benchmark(
        lambda: twin.solve(
            *arguments,
            scenario.bandwidth_hz,
            tolerance=1e-6,
            name=scenario.radio.efficiency,
            share=np.full((12, 4), 0.25),
            slice_of=scenario.slice_of,
            n_slices=4,
        )
    )
    assert (rho.reshape(12, -1).sum(axis=1) <= 1 + 1e-9).all()
