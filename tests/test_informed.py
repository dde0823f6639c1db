"""The counterfactual policy: what it sees, how it learns, and what it earns."""

from pathlib import Path

import numpy as np
import pytest

from slicefast import Scenario, Simulator
from slicefast.learn.curve_policy import CurvePolicy
from slicefast.policies import informed
from slicefast.policies.curves import TRAINING_LEVELS, curves_from_nothing
from slicefast.rewards import satisfaction

pytestmark = pytest.mark.usefixtures("one_thread")


LEVELS = np.linspace(0.0, 1.0, 11)


def problem(count: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs x and curves of two slices that are satisfied by x and 1 - x: min over s of share_s / need_s."""
    need = np.random.default_rng(0).uniform(0.2, 0.8, count)
    needs = np.stack([need, 1.0 - need], axis=1)
    curves = np.minimum(LEVELS[None, :, None] / needs[:, None, :], 1.0)
    return needs[..., None], curves


@pytest.mark.parametrize("shared", [True, False])
def test_policy_finds_the_partition_that_satisfies_both(shared: bool) -> None:
    x, curves = problem()
    policy = CurvePolicy(1, 2, hidden=16, shared=shared, learning_rate=1e-2, batch_size=256)
    earned = policy.fit(x, curves, LEVELS, epochs=60)
    assert earned[-1] > 0.95
    assert earned[-1] > earned[0]
    np.testing.assert_allclose(policy.act([[[0.3], [0.7]], [[0.7], [0.3]]]), [[0.3, 0.7], [0.7, 0.3]], atol=0.08)
    np.testing.assert_allclose(policy.act(x).sum(axis=1), 1.0)


def test_same_seed_same_policy_and_saved_policies_act_alike(tmp_path: Path) -> None:
    x, curves = problem(64)
    policies = [CurvePolicy(1, 2, hidden=8) for _ in range(2)]
    for policy in policies:
        policy.fit(x, curves, LEVELS, epochs=2, seed=7)
    np.testing.assert_array_equal(policies[0].act(x), policies[1].act(x))
    policies[0].save(tmp_path / "policy.safetensors")
    np.testing.assert_array_equal(CurvePolicy.load(tmp_path / "policy.safetensors").act(x), policies[0].act(x))


@pytest.mark.parametrize(
    ("what", "shape"), [("observation", (5, 1)), ("observation", (5, 3, 1)), ("curves", (5, 10, 2))]
)
def test_wrong_shapes_are_refused(what: str, shape: tuple[int, ...]) -> None:
    arrays = {"observation": np.zeros((5, 2, 1)), "curves": np.zeros((5, 11, 2)), what: np.zeros(shape)}
    with pytest.raises(ValueError, match=what):
        CurvePolicy(1, 2).fit(arrays["observation"], arrays["curves"], LEVELS)


def tiny_simulator(seed: int = 0) -> Simulator:
    """Return a started network of three cells."""
    simulator = Simulator(Scenario.hexagonal(n_sites=1, window_ttis=50), seed=seed)
    simulator.reset()
    return simulator


def test_curves_rise_from_nothing_and_leave_the_network_as_it_was() -> None:
    simulator, twin = tiny_simulator(), tiny_simulator()
    shares = np.full(simulator.shares_shape, 0.25)
    curves = curves_from_nothing(simulator, TRAINING_LEVELS, shares)
    assert curves.shape == (3, len(TRAINING_LEVELS), 4)
    assert (np.diff(curves, axis=1) >= 0.0).all()
    assert ((curves >= 0.0) & (curves <= 1.0)).all()
    assert (curves[:, 0] == 0.0).all()
    kpis = simulator.probe(np.full((3, 4), TRAINING_LEVELS[9]), shares)
    np.testing.assert_array_less(np.minimum(*satisfaction(kpis, simulator.scenario)) - 1e-12, curves[:, 9])
    np.testing.assert_array_equal(
        curves[:, 1], np.minimum(*satisfaction(simulator.probe(np.full((3, 4), 0.02), shares), simulator.scenario))
    )
    np.testing.assert_array_equal(simulator.step(shares).delay_ms, twin.step(shares).delay_ms)


def test_shared_weights_follow_a_permutation_of_the_slices() -> None:
    policy = CurvePolicy(3, 4, hidden=8)
    policy.fit(*random_problem(3, 4), LEVELS, epochs=1)
    x, order = np.random.default_rng(1).normal(size=(5, 4, 3)), [2, 0, 3, 1]
    np.testing.assert_allclose(policy.act(x[:, order]), policy.act(x)[:, order], rtol=1e-5)


def random_problem(n_values: int, n_slices: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and rising curves without a pattern."""
    generator = np.random.default_rng(0)
    curves = np.sort(generator.uniform(size=(16, len(LEVELS), n_slices)), axis=1)
    return generator.normal(size=(16, n_slices, n_values)), curves


def test_margin_is_that_of_random_needs() -> None:
    """Slice 0 needs 0.3 or 0.5 at random, slice 1 always 0.5: the mean of the minimum asks for more than the mean need.

    With a the share of slice 0, the value is (min(a/0.3, (1-a)/0.5, 1) + min(a/0.5, (1-a)/0.5, 1))/2, at a = 1/2 the
    best there is, and 0.9 only at the mean need a = 0.4, where 0.8/1 comes half of the time.
    """
    needs = np.array([[0.3, 0.5], [0.5, 0.5]] * 64)
    curves = np.minimum(LEVELS[None, :, None] / needs[:, None, :], 1.0)
    policy = CurvePolicy(1, 2, hidden=8, learning_rate=1e-2, batch_size=128)
    policy.fit(np.ones((128, 2, 1)) * [[[0.0], [1.0]]], curves, LEVELS, epochs=300)
    np.testing.assert_allclose(policy.act([[[0.0], [1.0]]])[0, 0], 0.5, atol=0.02)


def test_rich_observation_is_finite_and_its_parts_can_be_left_out() -> None:
    simulator = tiny_simulator()
    player = informed.CounterfactualPolicy(lambda x: np.full(x.shape[:2], 0.25))
    for _ in range(3):
        simulator.step(player(simulator))
        assert np.isfinite(player.observed).all()
    assert player.observed.shape == (3, 4, len(informed.FEATURE_NAMES))
    assert informed.columns("full").size == player.observed.shape[-1]
    for part, left_out in (
        ("delay", ["delay"]),
        ("action", ["share", "load_over_share"]),
        ("radio", ["spectral_efficiency", "mean_cost", "largest_cost"]),
    ):
        seen = informed.columns(part)
        assert [name for k, name in enumerate(informed.FEATURE_NAMES) if k not in seen] == left_out
    for name in ("own_states", "shared_weights"):
        np.testing.assert_array_equal(informed.columns(name), np.arange(14))
    with pytest.raises(ValueError, match="ablation: got 'rounds', allowed: full, delay"):
        informed.columns("rounds")


def test_rich_observation_equals_a_loop_over_users() -> None:
    simulator = tiny_simulator()
    scenario = simulator.scenario
    player = informed.CounterfactualPolicy(lambda x: np.full(x.shape[:2], 0.25))
    shares = player(simulator)
    served, arrived = simulator.serving.copy(), set(simulator.arrivals.user.tolist())
    waited = simulator.backlog_bits.copy()
    simulator.step(shares)
    player(simulator)
    cost, largest = np.zeros((3, 4)), np.zeros((3, 4))
    waiting, waiting_users = np.zeros((3, 4)), np.zeros((3, 4))
    for user in range(scenario.n_users):
        s = scenario.slice_of[user]
        if user in arrived or waited[user] > 0:
            n, each = served[user], 1.0 / max(np.log2(1.0 + float(simulator.sinr[user])), 0.05)
            cost[n, s] += each / 32.0
            largest[n, s] = max(largest[n, s], each / 5.0)
        n = simulator.serving[user]
        waiting[n, s] += simulator.backlog_bits[user] / (0.05 * 100 * 180e3)
        waiting_users[n, s] += (simulator.backlog_bits[user] > 0) / 32.0
    expected = {"queued_bits": waiting, "queued_users": waiting_users, "mean_cost": cost, "largest_cost": largest}
    for name, value in expected.items():
        found = player.observed[..., informed.FEATURE_NAMES.index(name)]
        np.testing.assert_allclose(found, value, rtol=1e-9)
    assert cost.max() > 0.0


def test_what_the_cell_measured_itself_by_hand() -> None:
    simulator = tiny_simulator()
    scenario = simulator.scenario
    first = np.tile([0.7, 0.2, 0.1, 0.0], (3, 1))
    player = informed.CounterfactualPolicy(lambda x: first)
    simulator.step(player(simulator))
    kpis = simulator.kpis
    player(simulator)
    seen = dict(zip(informed.FEATURE_NAMES, np.moveaxis(player.observed, -1, 0), strict=True))
    for n in range(3):
        for s in range(4):
            wanted_bps, wanted_ms = scenario.throughput_requirement_bps[n, s], scenario.delay_requirement_ms[n, s]
            idle = kpis.delay_ms[n, s] == 0
            ratio = 1.0 if idle else max(kpis.throughput_bps[n, s], 1.0) / wanted_bps
            late = 1.0 if idle else kpis.delay_ms[n, s] / wanted_ms
            assert seen["throughput"][n, s] == pytest.approx(min(max(np.log(ratio), -3.0), 3.0))
            assert seen["delay"][n, s] == pytest.approx(min(max(np.log(late), -3.0), 3.0))
            assert seen["load"][n, s] == kpis.load[n, s]
            assert seen["users"][n, s] == kpis.users[n, s] / 32.0
            heard = np.mean([kpis.load[m, s] for m in scenario.neighbours[n]])
            assert seen["neighbour_load"][n, s] == pytest.approx(heard)
            assert seen["share"][n, s] == first[n, s]
            assert seen["load_over_share"][n, s] == pytest.approx(kpis.load[n, s] / max(first[n, s], 1e-3))
            assert seen["required_throughput"][n, s] == pytest.approx(np.log(wanted_bps / 1e6))
            assert seen["required_delay"][n, s] == pytest.approx(np.log(wanted_ms))
            assert seen["spectral_efficiency"][n, s] == kpis.spectral_efficiency[n, s] / 4.0


def test_training_sees_the_networks_asked_for_and_every_step_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random around the equal split on the first network, around its own policy on the others."""
    scenario = tiny_simulator().scenario
    played: list[tuple[int, np.ndarray]] = []
    step = Simulator.step

    def watched(self: Simulator, shares: np.ndarray) -> object:
        played.append((self.seed, np.array(shares)))
        return step(self, shares)

    monkeypatch.setattr(Simulator, "step", watched)
    fits: list[tuple[str, int]] = []
    policies: list[CurvePolicy] = []
    fit = informed._fitted

    def watched_fit(observed: np.ndarray, curves: np.ndarray, ablation: informed.Ablation, *rest: int) -> CurvePolicy:
        fits.append((ablation, len(curves)))
        policies.append(fit(observed, curves, ablation, *rest))
        return policies[-1]

    monkeypatch.setattr(informed, "_fitted", watched_fit)
    ticks: list[int] = []
    trained = informed.train(scenario, [5, 8, 9], seed=0, steps=12, tick=ticks.append, epochs=1)
    assert ticks == [1] * 12
    assert [seed for seed, _ in played] == [5] * 5 + [8] * 5 + [9] * 5  # with the warm-up step of reset
    spread = [np.std([np.log(shares) for _, shares in played[rows]]) for rows in (slice(1, 5), slice(6, 10))]
    assert spread[0] > 2.0 * spread[1]
    three = 3 * 4  # cells and steps of a network
    assert fits[:3] == [("full", three), ("full", 2 * three), ("full", 3 * three)]
    assert trained["own_states"] is policies[0]
    assert trained["full"] is policies[2]
    assert {name for name, _ in fits[3:]} == set(informed.ABLATIONS) - {"full", "own_states"}
    assert {count for _, count in fits[3:]} == {3 * three}


def test_partition_does_not_depend_on_packets_to_come() -> None:
    """Two networks whose coming packets differ, all else equal, are partitioned alike."""
    simulator = tiny_simulator()
    policies = [informed.CounterfactualPolicy(lambda x: np.exp(x[..., 9:].sum(axis=-1))) for _ in range(2)]
    simulator.step(np.full(simulator.shares_shape, 0.25))
    first = policies[0](simulator)
    replica = simulator._replicas[0]
    replica.arrivals = type(replica.arrivals)(*(part[:3].copy() for part in replica.arrivals))
    np.testing.assert_array_equal(policies[1](simulator), first)


def test_trained_policy_plays_the_simplex() -> None:
    scenario = tiny_simulator().scenario
    found = informed.train(scenario, [0, 2], seed=0, steps=8, tick=lambda steps: None, epochs=2)
    assert set(found) == set(informed.ABLATIONS)
    other = tiny_simulator(1)
    for variant, policy in found.items():
        shares = informed.player(policy, variant)(other)
        np.testing.assert_allclose(shares.sum(axis=1), 1.0)
        other.step(shares)
