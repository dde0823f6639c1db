"""The simulator as its users see it: shapes, determinism, refusals, snapshots, conservation of meaning."""

import copy

import numpy as np
import pytest

import slicefast as sf
import slicefast.simulator


@pytest.fixture(scope="module")
def scenario():
    return sf.Scenario.paper(window_ttis=50)


def run(simulator, n_steps=4, seed=0):
    rng = np.random.default_rng(seed)
    history = [simulator.reset()]
    for _ in range(n_steps):
        history.append(simulator.step(rng.dirichlet(np.ones(simulator.shares_shape[-1]), simulator.shares_shape[:-1])))
    return history


def assert_same(left, right):
    for a, b in zip(left, right, strict=True):
        for name in ("throughput_bps", "delay_ms", "load", "users"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_what_a_step_measures_is_not_there_before_one(scenario):
    simulator = sf.Simulator(scenario, seed=0)
    for name in ("kpis", "sinr"):
        with pytest.raises(RuntimeError, match=f"^{name}: no step was played yet, call reset"):
            getattr(simulator, name)


def test_same_seed_same_run_another_seed_another(scenario):
    assert_same(run(sf.Simulator(scenario, seed=3)), run(sf.Simulator(scenario, seed=3)))
    other = run(sf.Simulator(scenario, seed=4))[-1]
    assert not np.array_equal(other.load, run(sf.Simulator(scenario, seed=3))[-1].load)


def test_place_seed_keeps_the_place_and_changes_only_that(scenario):
    assert_same(run(sf.Simulator(scenario, seed=3, place_seed=3)), run(sf.Simulator(scenario, seed=3)))
    here, there = sf.Simulator(scenario, seed=3), sf.Simulator(scenario, seed=3, place_seed=4)
    np.testing.assert_array_equal(there.positions_m, here.positions_m)
    np.testing.assert_array_equal(there.traffic_mask(5), here.traffic_mask(5))
    assert not np.array_equal(there.gain, here.gain)
    # At the same positions the place alone decides the gains.
    elsewhere = sf.Simulator(scenario, seed=4)
    for simulator in (there, elsewhere):
        replica = simulator._replicas[0]
        replica.network.attach(here._replicas[0].x_m, here._replicas[0].y_m, replica.serving)
    np.testing.assert_array_equal(there.gain, elsewhere.gain)


def test_kpis_are_plausible(scenario):
    for kpis in run(sf.Simulator(scenario, seed=0), n_steps=6):
        assert kpis.load.shape == (12, 4)
        assert (kpis.load >= 0).all()
        assert (kpis.load.sum(axis=1) <= 1 + 1e-12).all()
        assert (kpis.throughput_bps >= 0).all()
        # Nobody is faster than the whole cell at LTE's highest rate on one layer, TS 36.213 Table 7.1.7.2.1-1; 1e-7:
        # bits per PRB are float32.
        assert (kpis.throughput_bps <= 75.376e6 * (1 + 1e-7)).all()
        assert ((kpis.delay_ms == 0) | (kpis.delay_ms >= 1)).all()
        assert kpis.users.sum() <= scenario.n_users
        assert (kpis.users == kpis.users.astype(int)).all()


def test_replicas_differ_and_do_not_depend_on_their_number_or_threads(scenario):
    def batch(n_replicas, n_threads):
        simulator = sf.Simulator(scenario, seed=5, n_replicas=n_replicas, n_threads=n_threads)
        simulator.reset()
        uniform = np.full(simulator.shares_shape, 0.25)
        return [simulator.step(uniform).throughput_bps for _ in range(3)]

    three = batch(3, 1)
    np.testing.assert_array_equal(np.stack(three), np.stack(batch(3, 2)))
    np.testing.assert_array_equal(np.stack(batch(1, 1)), np.stack(three)[:, 0])
    assert not np.array_equal(three[-1][0], three[-1][1])


def test_restored_snapshot_continues_bit_identically(scenario):
    simulator = sf.Simulator(scenario, seed=1)
    run(simulator, n_steps=2)
    snapshot = simulator.snapshot()
    uniform = np.full((12, 4), 0.25)
    first = [simulator.step(uniform) for _ in range(3)]
    simulator.restore(snapshot)
    assert_same(first, [simulator.step(uniform) for _ in range(3)])
    fresh = sf.Simulator(scenario, seed=77)
    fresh.restore(snapshot)
    assert_same(first, [fresh.step(uniform) for _ in range(3)])


def test_snapshot_of_another_scenario_is_refused(scenario):
    snapshot = sf.Simulator(sf.Scenario.paper(window_ttis=60)).snapshot()
    with pytest.raises(ValueError, match="snapshot: got one of another scenario"):
        sf.Simulator(scenario).restore(snapshot)


def damage(snapshot, path, value):
    """Return a copy of ``snapshot`` with one part replaced."""
    damaged = copy.deepcopy(snapshot)
    part = damaged["replicas"][-1]
    for key in path[:-1]:
        if isinstance(part[key], tuple):
            part[key] = list(part[key])
        part = part[key]
    part[path[-1]] = value(part[path[-1]]) if callable(value) else value
    return damaged


# The fields of a network's state by their place: load, timers, scheduler, ..., the links' positions, ..., SINR.
DAMAGES = {
    "too few parts": (("network",), lambda parts: parts[:3]),
    "timers where nothing waits": (("network", 1), lambda cells: np.zeros(8, np.int32)),
    "steps of timers where nothing waits": (("network", 2), lambda steps: np.zeros(8, np.int32)),
    "negative load": (("network", 0), lambda load: load - 1),
    "load that is not a number": (("network", 0), lambda load: load * np.nan),
    "carry": (("network", 3, "carry"), lambda carry: carry * np.nan),
    "average": (("network", 3, "average"), lambda average: average * 0),
    "arrival in the future": (("network", 3, "packet_tti"), lambda tti: tti + 10**6),
    "links' positions": (("network", 5), lambda x_m: x_m + np.inf),
    "fewer links": (("network", 5), lambda x_m: x_m[1:]),
    "places": (("network", 7), lambda places: np.zeros(5, np.int32)),
    "activity where nothing folds": (("network", 8), lambda activity: np.ones(12)),
    "sinr": (("network", 9), lambda sinr: -sinr - 1),
    "no network": (("network",), None),
    "positions": (("x_m",), lambda x_m: x_m[:-1]),
    "serving": (("serving",), lambda serving: serving.astype(np.float64)),
    "streams": (("streams",), {}),
    "arrivals": (("arrivals",), lambda arrivals: arrivals[:2]),
}


@pytest.mark.parametrize("what", DAMAGES)
@pytest.mark.parametrize("other_seed", [False, True])
def test_a_refused_restore_leaves_everything_as_it_was(what, other_seed):
    scenario = sf.Scenario.paper(window_ttis=20)
    simulator, twin = (sf.Simulator(scenario, seed=0, n_replicas=2) for _ in range(2))
    shares = np.full(simulator.shares_shape, 0.25)
    other = sf.Simulator(scenario, seed=5 if other_seed else 0, n_replicas=2)
    for _ in range(3):
        other.step(shares)
    for each in (simulator, twin):
        each.reset()
        each.step(shares)
    kpis = simulator.kpis
    with pytest.raises((ValueError, KeyError, TypeError)):
        simulator.restore(damage(other.snapshot(), *DAMAGES[what]))
    assert simulator.kpis is kpis
    assert simulator.seed == 0
    np.testing.assert_equal(simulator.snapshot(), twin.snapshot())
    for _ in range(2):
        np.testing.assert_array_equal(simulator.step(shares).delay_ms, twin.step(shares).delay_ms)
    simulator.restore(other.snapshot())
    np.testing.assert_array_equal(simulator.step(shares).load, other.step(shares).load)


def test_a_snapshot_knows_its_place(scenario):
    simulator = sf.Simulator(scenario, seed=3, place_seed=4)
    simulator.reset()
    snapshot = simulator.snapshot()
    uniform = np.full((12, 4), 0.25)
    expected = [simulator.step(uniform) for _ in range(2)]
    elsewhere = sf.Simulator(scenario, seed=3)
    elsewhere.restore(snapshot)
    assert elsewhere.place_seed == 4
    assert elsewhere.step_index == 0
    assert_same(expected, [elsewhere.step(uniform) for _ in range(2)])
    assert_same([elsewhere.reset()], [sf.Simulator(scenario, seed=3, place_seed=4).reset()])


def damage_network(replica):
    parts = list(replica["network"])
    parts[0] = np.zeros(3, np.int32)
    replica["network"] = tuple(parts)


@pytest.mark.parametrize(
    "damage",
    [
        damage_network,
        lambda replica: replica.pop("serving"),
        lambda replica: replica["streams"].pop("mask"),
        lambda replica: replica["streams"].update(mask={"bit_generator": "MT19937"}),
        lambda replica: replica["sources"].update(next_tti=np.zeros(3)),
        lambda replica: replica.update(x_m=np.zeros(3)),
    ],
)
def test_a_refused_snapshot_leaves_everything_as_it_was(scenario, damage):
    simulator, untouched = (sf.Simulator(scenario, seed=1, n_replicas=2) for _ in range(2))
    uniform = np.full(simulator.shares_shape, 0.25)
    simulator.reset()
    snapshot = simulator.snapshot()
    for one in (simulator, untouched):
        one.reset()
        one.step(uniform)
    # The first replica is restored before the second is found to be damaged.
    damage(snapshot["replicas"][1])
    with pytest.raises(sf.SlicefastError):
        simulator.restore(snapshot)
    assert simulator.step_index == 1
    assert_same([simulator.kpis], [untouched.kpis])
    assert_same([simulator.step(uniform) for _ in range(2)], [untouched.step(uniform) for _ in range(2)])


def test_what_a_user_is_handed_is_a_copy_or_read_only(scenario):
    simulator, untouched = (sf.Simulator(scenario, seed=2, per_user=True) for _ in range(2))
    uniform = np.full((12, 4), 0.25)
    for one in (simulator, untouched):
        one.reset()
    snapshot = simulator.snapshot()
    before = simulator.kpis.load.copy()
    for values in (simulator.kpis.load, simulator.kpis.user_busy_ttis):
        with pytest.raises(ValueError, match="read-only"):
            values[...] = -1.0
    snapshot["kpis"]["load"][...] = -1.0
    np.testing.assert_array_equal(simulator.kpis.load, before)
    simulator.restore(snapshot)
    snapshot["kpis"]["load"][...] = -2.0
    assert (simulator.kpis.load == -1.0).all()
    for name in ("demand_bps", "sinr", "gain", "backlog_bits", "positions_m", "indoor", "serving"):
        getattr(simulator, name)[...] = 0
    for part in simulator.arrivals:
        part[...] = 1
    assert_same([simulator.step(uniform) for _ in range(2)], [untouched.step(uniform) for _ in range(2)])


def test_steps_are_counted_from_the_start_or_the_last_reset(scenario):
    simulator = sf.Simulator(scenario, seed=1)
    uniform = np.full((12, 4), 0.25)
    assert simulator.step_index == 0
    simulator.step(uniform)
    assert simulator.step_index == 1
    simulator.reset()
    assert simulator.step_index == 0
    simulator.step(uniform)
    snapshot = simulator.snapshot()
    simulator.step(uniform)
    assert simulator.step_index == 2
    simulator.restore(snapshot)
    assert simulator.step_index == 1


def test_a_network_is_built_once_where_nothing_was_played(scenario, monkeypatch):
    built = []
    make = sf.simulator.Replica
    monkeypatch.setattr(sf.simulator, "Replica", lambda *args: built.append(args) or make(*args))
    simulator = sf.Simulator(scenario, seed=1)
    simulator.reset()
    assert len(built) == 1
    assert_same([simulator.reset()], [sf.Simulator(scenario, seed=1).reset()])
    assert len(built) == 3


@pytest.mark.parametrize("seed", [True, -1, 1.5, "0"])
def test_a_seed_is_an_integer(scenario, seed):
    with pytest.raises(sf.SlicefastError, match=r"seed: got .*, allowed: an integer"):
        sf.Simulator(scenario, seed=seed)


def test_probe_changes_nothing_and_predicts_the_step(scenario):
    simulator, untouched = sf.Simulator(scenario, seed=2), sf.Simulator(scenario, seed=2)
    run(simulator)
    run(untouched)
    shares = np.full((12, 4), 0.25)
    predicted = simulator.probe(shares, shares)
    for level in (0.0, 0.3, 1.0):
        simulator.probe(np.full((12, 4), level), shares)
    assert_same([simulator.step(shares)], [untouched.step(shares)])
    assert_same([predicted], [untouched.kpis])


def test_more_share_serves_a_slice_better(scenario):
    simulator = sf.Simulator(scenario, seed=2)
    simulator.reset()
    uniform = np.full((12, 4), 0.25)
    delays = [simulator.probe(np.full((12, 4), level), uniform).delay_ms.mean() for level in (0.05, 0.2, 0.5, 1.0)]
    assert (np.diff(delays) < 0).all()


def test_demand_is_what_arrives_when_nothing_is_queued(scenario):
    demand = sf.Simulator(scenario, seed=6).demand_bps
    packets = demand * scenario.window_ttis * 1e-3 / scenario.slice_packet_bits
    np.testing.assert_allclose(packets, packets.round(), atol=1e-9)
    assert packets.sum() > 100


def test_demand_includes_what_is_queued(scenario):
    simulator = sf.Simulator(scenario, seed=6)
    simulator.reset()
    starved = np.tile([0.0, 0.3, 0.3, 0.4], (12, 1))
    before = simulator.demand_bps[:, 0].sum()
    for _ in range(3):
        simulator.step(starved)
    # Three windows of packets wait, give or take what the mask did meanwhile.
    assert simulator.demand_bps[:, 0].sum() > 2 * before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s[:, :3], r"shares: got shape \(12, 3\), allowed: shape \(12, 4\)"),
        (lambda s: s * 1.1, "shares of cell 0: got .* summing to 1"),
        (lambda s: np.where(np.arange(12)[:, None] == 7, np.nan, s), "shares of cell 7: got"),
        (lambda s: s + np.array([0.5, -0.5, 0, 0]), "shares of cell 0: got"),
    ],
)
def test_bad_shares_are_refused_and_change_nothing(scenario, change, message):
    simulator, untouched = sf.Simulator(scenario, seed=8), sf.Simulator(scenario, seed=8)
    uniform = np.full((12, 4), 0.25)
    simulator.reset()
    untouched.reset()
    with pytest.raises(ValueError, match=message):
        simulator.step(change(uniform))
    assert_same([simulator.step(uniform)], [untouched.step(uniform)])


def test_impossible_sizes_are_refused(scenario):
    with pytest.raises(ValueError, match="n_replicas: got 0, allowed: at least 1"):
        sf.Simulator(scenario, n_replicas=0)
    with pytest.raises(ValueError, match="n_threads: got 0"):
        sf.Simulator(scenario, n_threads=0)


def test_handover_waits_for_its_time_to_trigger():
    """Serving cells as a slow twin finds them: a cell must be better for two seconds, at three steps in a row."""
    settings = {"handover_margin_db": 1.0, "time_to_trigger_s": 2.0}
    scenario = sf.Scenario.paper(window_ttis=5, radio=settings, mobility={"speed_mps": 20.0})
    simulator, other = sf.Simulator(scenario, seed=2), sf.Simulator(scenario, seed=8)
    share = np.full((12, 4), 0.25)
    serving, since = simulator.gain.argmax(axis=1), np.zeros((scenario.n_users, 12), int)
    np.testing.assert_array_equal(simulator.serving, serving)
    waited, moved, few = 0, 0, np.ones(scenario.n_users, bool)
    for step in range(12):
        simulator.step(share)
        gain = simulator.gain
        users = np.arange(scenario.n_users)
        better = gain > np.float32(10**0.1) * gain[users, serving][:, None]
        few &= better.sum(axis=1) <= 8  # of more the strongest eight are timed, and sectors of a site may be alike
        since = np.where(better, since + 1, 0)
        triggered = (since == 3).any(axis=1)
        target = np.where(since == 3, gain, 0).argmax(axis=1)
        serving, since = np.where(triggered, target, serving), np.where(triggered[:, None], 0, since)
        waited, moved = waited + (better.any(axis=1) & ~triggered).sum(), moved + triggered.sum()
        np.testing.assert_array_equal(simulator.serving[few], serving[few])
        if step == 5:  # a snapshot holds how long each user has waited
            assert (since > 0).any()
            other.restore(simulator.snapshot())
        if step > 5:
            other.step(share)
            np.testing.assert_array_equal(other.serving, simulator.serving)
    assert few.mean() > 0.9
    assert moved > 50
    assert waited > 2 * moved


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"radio": {"time_to_trigger_s": 0.5}},
            r"radio\.time_to_trigger_s: got 0\.5, must be a multiple of step_s = 1",
        ),
        (
            {"radio": {"time_to_trigger_s": -1.0}},
            r"radio\.time_to_trigger_s: got -1\.0, must be greater",
        ),
        ({"radio": {"frequency_hz": 28e9}}, r"radio\.frequency_hz: got 2.*, winner_plus_c2 allows 4\.5e\+08 to 6e\+09"),
        (
            {"radio": {"ue_height_m": 15.0}},
            r"radio\.ue_height_m: got 15\.0, must be from 1\.01 to 10 with winner_plus_c2",
        ),
        ({"radio": {"bs_height_m": 1.2}}, r"height_m: got 1\.2, site 1 must be above radio\.ue_height_m = 1\.5"),
        ({"radio": {"antenna_elements": 4}}, r"radio\.antenna_elements: got 4, columns of 2 and more need antenna"),
    ],
)
def test_a_radio_that_cannot_be_is_refused_when_the_scenario_is_made(changes, message):
    with pytest.raises(sf.scenario.ScenarioError, match=message):
        sf.Scenario.paper(**changes)


def test_time_to_trigger_counts_steps():
    assert sf.Scenario.paper().time_to_trigger_steps == 0
    scenario = sf.Scenario.paper(step_s=0.1, radio={"time_to_trigger_s": 0.3})
    assert scenario.time_to_trigger_steps == 4  # three intervals lie between four steps


def test_links_beyond_a_models_reach_are_told():
    street_level = {"path_loss_model": "winner_plus_b1", "bs_height_m": 10.0}
    links = pytest.warns(sf.radio.RangeWarning, match="winner_plus_b1: links up to .* m, made for up to 2000 m")
    fields = pytest.warns(
        sf.radio.RangeWarning, match="winner_plus_b1: shadowing and line of sight repeat every 2048 m"
    )
    with links, fields:
        sf.Simulator(sf.Scenario.hexagonal(7, 1500.0, wrap_around=False, radio=street_level))
