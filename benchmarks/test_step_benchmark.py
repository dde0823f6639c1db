"""The environment step of the default scenario: 12 cells, 1,536 users, 200 TTIs, everything included.

Steps of the traffic's cycle differ, so a round is a whole cycle (200 steps) from the same snapshot; ``us_per_step`` and
``steps_per_s`` are those of the fastest round. The traffic-aware policy is included. Every KPI is that of a second
simulator that is not timed. The reference in the group is one step's radio
and coupling alone in plain NumPy (no mobility, no queues), so the ratio understates the gain.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from networks import NEAR_LINKS, link_s

import slicefast as sf
from slicefast.kpis import CELL_KPIS
from slicefast.policies import traffic_aware


def _twin():
    path = Path(__file__).parents[1] / "tests" / "reference" / "load_coupling.py"
    spec = importlib.util.spec_from_file_location("reference_load_coupling", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measure(benchmark, limit, scenario, rounds, n_steps=None, n_threads=1):
    simulator = sf.Simulator(scenario, seed=0, n_threads=n_threads)
    simulator.reset()
    start = simulator.snapshot()
    n_steps = n_steps or scenario.traffic.period_steps

    def play(simulator=simulator):
        return [simulator.step(traffic_aware(simulator)) for _ in range(n_steps)]

    played = benchmark.pedantic(play, setup=lambda: simulator.restore(start), rounds=rounds, warmup_rounds=1)
    other = sf.Simulator(scenario, seed=0)
    other.reset()
    for kpis, expected in zip(played, play(other), strict=True):
        for name in CELL_KPIS:
            np.testing.assert_array_equal(getattr(kpis, name), getattr(expected, name))
    if not scenario.radio.resolution_m:
        limit("its near links", scenario.n_users * min(scenario.n_cells, NEAR_LINKS) * link_s())
    us = benchmark.stats["min"] / n_steps * 1e6
    benchmark.extra_info |= {"us_per_step": round(us, 1), "steps_per_s": round(1e6 / us)}


@pytest.mark.benchmark(group="step: 12 cells, 1,536 users, 200 TTIs")
def test_slicefast_whole_step(benchmark, limit):
    measure(benchmark, limit, sf.Scenario.paper(), rounds=10)


@pytest.mark.parametrize(
    "options",
    [{"fidelity": "flow"}, {"scheduler": {"share_as": "guarantee"}}, {"radio": {"efficiency": "transport_block"}}],
    ids=["flow", "guarantee", "transport_block"],
)
@pytest.mark.benchmark(group="step: 12 cells, 1,536 users, 200 TTIs")
def test_slicefast_whole_step_with(benchmark, limit, options):
    measure(benchmark, limit, sf.Scenario.paper(**options), rounds=3)


@pytest.mark.benchmark(group="step: 300 cells, 38,400 users, 200 TTIs")
@pytest.mark.parametrize(
    "options",
    [{}, {"fidelity": "flow"}, {"fidelity": "flow", "radio": {"resolution_m": 10.0}}],
    ids=["tti", "flow", "flow, 10 m"],
)
@pytest.mark.parametrize("n_threads", [1, 2])
def test_large_network(benchmark, limit, options, n_threads):
    measure(benchmark, limit, sf.Scenario.hexagonal(100, **options), rounds=3, n_steps=20, n_threads=n_threads)


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
