"""HARQ with combining: an error rate per attempt, in the TTI loop and at the flow level."""

import numpy as np
import pytest

import slicefast as sf
from slicefast import scheduling
from slicefast.errors import ScenarioError

ROUND_TRIP = 8
# Of ns-3's lte-test-harq.cc: a first attempt that always fails, a second that does so with 0.074 (66 bytes).
NS3 = (1.0, 0.074)


def lone_packets(rates, n=4000, retransmissions=3):
    """One packet of one block every 40 TTIs: transmissions per block and delay follow from the error rates alone."""
    cell = scheduling.Scheduler(
        1, 1, 1, n_prb=10, block_error_rate=rates, max_retransmissions=retransmissions, harq_seed=5
    )
    tti = 40 * np.arange(n)
    return cell.run(40 * n, np.zeros(n, int), tti, np.full(n, 1000.0), bits_per_prb=[100.0], share=[[1.0]])


def expected(reference, rates, retransmissions=3):
    return reference("harq").expectation(rates, retransmissions, ROUND_TRIP)


@pytest.mark.parametrize("rates", [(0.3, 0.1, 0.0), (0.1, 0.001), NS3, 0.3, (0.3, 0.3)])
def test_attempts_are_the_twins(reference, rates):
    n = 4000
    transmissions, delay_ttis, lost = expected(reference, rates)
    result = lone_packets(rates, n)
    # Every block takes all 10 PRBs of a TTI. Standard errors: at most 1 transmission, 8 TTIs and the root of p (1 - p),
    # over the root of n; five of them.
    assert result.load[0, 0] * 40 == pytest.approx(transmissions, abs=5 / np.sqrt(n))
    assert result.delay_ms[0, 0] == pytest.approx(1 + delay_ttis, abs=5 * ROUND_TRIP / np.sqrt(n))
    part = result.dropped_bits[0, 0] / (1000.0 * n)
    assert part == pytest.approx(lost, abs=5 * np.sqrt(lost * (1 - lost) / n) + 1e-12)


def test_one_rate_is_the_same_for_every_attempt():
    one, many = lone_packets(0.3), lone_packets((0.3, 0.3, 0.3))
    assert one.load[0, 0] == many.load[0, 0]
    assert one.delay_ms[0, 0] == many.delay_ms[0, 0]


def test_combining_shortens_the_tail():
    # Three attempts and more: 1 % of the blocks with 0.1 each time, one in ten thousand with (0.1, 0.001).
    independent, combined = (lone_packets(rates, 20_000) for rates in (0.1, (0.1, 0.001)))
    assert independent.load[0, 0] * 40 == pytest.approx(1.111, abs=0.015)
    assert combined.load[0, 0] * 40 == pytest.approx(1.1001, abs=0.015)


@pytest.mark.parametrize("rates", [0.2, (0.3, 0.05)])
def test_the_flow_level_has_its_mean(reference, rates):
    # Light traffic, packets of one block: load and delay of both fidelities, within the flow level's usual 10 %.
    transmissions, delay_ttis, _ = expected(reference, rates)
    slices = [{"name": f"s{k}", "rate_bps": 4e4} for k in range(4)]
    kpis = {}
    for fidelity in ("tti", "flow"):
        for rate in (0.0, rates):
            scenario = sf.Scenario.paper(slices=slices, fidelity=fidelity, scheduler={"block_error_rate": rate})
            simulator = sf.Simulator(scenario, seed=1)
            simulator.reset()
            steps = [simulator.step(np.full((12, 4), 0.25)) for _ in range(20)]
            load, delay = (np.mean([getattr(k, name) for k in steps]) for name in ("load", "delay_ms"))
            kpis[fidelity, rate] = load, delay
    for fidelity in ("tti", "flow"):
        (load, delay), (more_load, more_delay) = kpis[fidelity, 0.0], kpis[fidelity, rates]
        # Interference follows the load: a little above the transmissions.
        assert transmissions * 0.97 < more_load / load < transmissions * 1.08
        assert more_delay - delay > 0.9 * delay_ttis
    assert kpis["flow", rates][0] == pytest.approx(kpis["tti", rates][0], rel=0.1)


def test_attempts_survive_toml(tmp_path):
    scenario = sf.Scenario.paper(scheduler={"block_error_rate": [0.1, 0.001]})
    scenario.to_toml(tmp_path / "harq.toml")
    assert sf.Scenario.from_toml(tmp_path / "harq.toml") == scenario
    assert scenario.scheduler.block_error_rate == (0.1, 0.001)


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        (1.0, "block_error_rate: got 1"),
        ((1.0, 1.0), "retransmission_error_rate: got 1 in every attempt"),
        ((0.1, 1.5), "retransmission_error_rate: attempt 0 has 1.5"),
        ((), "block_error_rate: got no value"),
    ],
)
def test_refusals(rates, message):
    with pytest.raises(ValueError, match=message):
        scheduling.Scheduler(1, 1, 1, block_error_rate=rates)


def test_a_scenario_refuses_by_name():
    with pytest.raises(ScenarioError, match=r"scheduler\.block_error_rate"):
        sf.Scenario.paper(scheduler={"block_error_rate": [0.1, 1.5]})
    with pytest.raises(ScenarioError, match=r"scheduler\.block_error_rate"):
        sf.Scenario.paper(scheduler={"block_error_rate": []})
