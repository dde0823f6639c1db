"""Cells that have fewer PRBs than the carrier: their shares, loads and interference."""

from __future__ import annotations

import numpy as np
import pytest

import slicefast as sf
from slicefast import kpm
from slicefast.errors import ScenarioError

NARROW = (25, 50, 100, 75)  # PRBs of 100, in turn
SHARES = (0.4, 0.3, 0.2, 0.1)


def with_bandwidths(**options):
    own = [{"cells": list(range(k + 1, 13, 4)), "n_prb": n_prb} for k, n_prb in enumerate(NARROW)]
    return sf.Scenario.paper(cell_settings=own, **options)


def played(scenario, steps=3, seed=0):
    simulator = sf.Simulator(scenario, seed=seed)
    simulator.reset()
    shares = np.tile(SHARES, (scenario.n_cells, 1))
    return [simulator.step(shares) for _ in range(steps)], simulator


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scheduler": {"rbg_prb": 8}},
        {"scheduler": {"rbg_prb": 8, "share_as": "guarantee", "dedicated_part": [0.5] * 4, "max_ratio": [0.6] * 4}},
        {"scheduler": {"block_error_rate": 0.1, "share_as": "guarantee"}},
        {"fidelity": "flow"},
    ],
    ids=str,
)
def test_a_narrow_cell_alone_is_a_narrow_carrier(tmp_path, options):
    """Half the PRBs at the same power per PRB are a carrier of half the width and half the power."""
    (tmp_path / "one.csv").write_text("x_m,y_m,angle_deg,height_m,tilt_deg,power_dbm\n0,0,30,25,6,46\n")
    common = {"layout": {"sites_csv": str(tmp_path / "one.csv")}, **options}
    radio = {"efficiency": "shannon"}
    half = sf.Scenario.paper(cell_settings=[{"cells": [1], "n_prb": 50}], radio=radio, **common)
    less_dbm = 46.0 + 10.0 * np.log10(0.5)
    carrier = sf.Scenario.paper(
        cell_settings=[{"cells": [1], "power_dbm": less_dbm}], radio=radio | {"n_prb": 50}, **common
    )
    for ours, theirs in zip(played(half)[0], played(carrier)[0], strict=True):
        assert 0.1 < ours.load[0].sum() <= 1.0
        for name in ("load", "throughput_bps", "delay_ms"):
            # Power in dB and back: the last bits of the SINR; whole PRBs hide them but where a packet ends.
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-3, err_msg=name)


@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        ({}, 0.03),
        ({"scheduler": {"rbg_prb": 4, "block_error_rate": 0.1}}, 0.03),
        ({"fidelity": "flow"}, 1e-4),
        ({"scheduler": {"share_as": "guarantee"}}, 0.03),
        ({"scheduler": {"share_as": "guarantee", "dedicated_part": [0.5] * 4, "max_ratio": [0.6] * 4}}, 0.03),
    ],
    ids=str,
)
def test_what_interferes_is_the_used_part_of_the_carrier(reference, options, tolerance):
    scenario = with_bandwidths(**options)
    twin, pairs = reference("load_coupling"), []
    simulator = sf.Simulator(scenario, seed=1)
    simulator.reset()
    for _ in range(30):
        gain, reach, serving = simulator.gain.astype(float), simulator.reach.astype(float), simulator.serving
        users = np.arange(len(serving))
        own = reach[users, serving] - gain[users, serving]
        load = simulator.step(np.tile(SHARES, (12, 1))).load.sum(axis=1)
        power, noise = scenario.power_w_per_prb, scenario.noise_w_per_prb
        activity = twin.recovered_activity(reach, power, noise, simulator.sinr.astype(float), serving, own)
        pairs.append((activity, load * scenario.cell_prb / 100.0))
    activity, used = np.mean(pairs[10:], axis=0)
    moderate = used < 0.7 * scenario.cell_prb / 100.0  # beyond, what a window leaves queued decides (3 %: README)
    assert moderate.sum() >= 6
    np.testing.assert_allclose(activity[moderate], used[moderate], rtol=tolerance)


def test_a_narrow_cell_never_uses_more_than_it_has():
    scenario = with_bandwidths(
        slices=[{"name": "all", "traffic": {"kind": "full_buffer"}}],
        requirements=[{"cells": "all", "throughput_bps": [1e6], "delay_ms": [10.0]}],
    )
    simulator = sf.Simulator(scenario, seed=0)
    simulator.reset()
    kpis = simulator.step(np.ones((12, 1)))
    np.testing.assert_allclose(kpis.load, 1.0)
    # Fewer PRBs at like interference carry less: four times the PRBs, about four times the bits.
    carried = (kpis.throughput_bps * kpis.users)[:, 0] / scenario.cell_prb
    assert carried.max() < 3.0 * carried.min()
    records = {(r.name, r.cell): r.value for r in kpm.records(kpis, scenario)}
    assert [records["RRU.PrbAvailDl", n + 1] for n in range(4)] == list(NARROW)
    assert records["RRU.PrbUsedDl", 1] == pytest.approx(25.0)


def test_the_oracle_and_the_rule_know_the_bandwidth():
    """Where the traffic fits into all cells but the narrow ones, who divides by need gives them no idle PRBs."""
    scenario = with_bandwidths()
    np.testing.assert_array_equal(scenario.cell_downlink_hz, np.tile(NARROW, 3) * 180e3)
    simulator = sf.Simulator(scenario, seed=0)
    simulator.reset()
    rule = sf.policies.MaxMinRule()
    for _ in range(4):
        shares = rule(simulator)
        simulator.step(shares)
    twin = sf.Simulator(sf.Scenario.paper(), seed=0)
    twin.reset()
    wide = sf.policies.MaxMinRule()
    for _ in range(4):
        wide_shares = wide(twin)
        twin.step(wide_shares)
    assert np.abs(shares[::4] - wide_shares[::4]).max() > 0.01  # the cells of 25 PRBs
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)


@pytest.mark.parametrize(
    ("n_prb", "told"),
    [
        (101, r"cell_settings\[0\].n_prb: got 101, .*4 to 100"),
        (3, r"cell_settings\[0\].n_prb: got 3, .*4 to 100"),
        (0, r"cell_settings\[0\].n_prb: got 0"),
        (2.5, r"cell_settings\[0\].n_prb: got 2.5"),
    ],
)
def test_a_bandwidth_that_cannot_be_is_refused(n_prb, told):
    with pytest.raises(ScenarioError, match=told):
        sf.Scenario.paper(cell_settings=[{"cells": [1], "n_prb": n_prb}], scheduler={"rbg_prb": 4})


def test_all_prbs_named_are_the_default():
    named = sf.Scenario.paper(cell_settings=[{"cells": list(range(1, 13)), "n_prb": 100}])
    for ours, theirs in zip(played(named)[0], played(sf.Scenario.paper())[0], strict=True):
        np.testing.assert_array_equal(ours.load, theirs.load)


def test_state_and_toml_carry_it(tmp_path):
    scenario = with_bandwidths()
    scenario.to_toml(tmp_path / "s.toml")
    assert sf.Scenario.from_toml(tmp_path / "s.toml") == scenario
    _, simulator = played(scenario)
    snapshot = simulator.snapshot()
    shares = np.tile(SHARES, (12, 1))
    first = simulator.step(shares)
    simulator.restore(snapshot)
    np.testing.assert_array_equal(simulator.step(shares).load, first.load)
    far = sf.transfer.configuration_distance(scenario)
    assert far[0, 2] > sf.transfer.configuration_distance(sf.Scenario.paper())[0, 2]
