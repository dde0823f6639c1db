"""What is paid while agents learn: regret, busy and bad hours, first steps, against loops and hand-made arrays."""

from __future__ import annotations

import numpy as np
import pytest

from slicefast.study import online

SEEDS, STEPS, CELLS = 3, 40, 4


@pytest.fixture
def rewards() -> tuple[np.ndarray, np.ndarray]:
    """Return rewards of a policy and of an oracle, of which the latter was played for the first 7 steps only."""
    generator = np.random.default_rng(3)
    own, oracle = generator.random((2, SEEDS, STEPS, CELLS))
    oracle[:, 7:] = np.nan
    return own, oracle


@pytest.mark.parametrize("until", [1, 6, 7, 8, 40])
def test_regret_is_what_every_step_lacks_to_its_phase_of_the_cycle(
    rewards: tuple[np.ndarray, np.ndarray], until: int
) -> None:
    own, oracle = rewards
    found = online.regret(own, oracle, 7, until)
    for seed in range(SEEDS):
        for cell in range(CELLS):
            lost = 0.0
            for step in range(until):
                phase = step
                while phase >= 7:
                    phase -= 7
                lost += oracle[seed, phase, cell] - own[seed, step, cell]
            assert found[seed, cell] == pytest.approx(lost)


def test_regret_by_hand() -> None:
    """A cycle of two steps, 1.0 and 0.8; the policy earns 0.5 throughout: 0.5 + 0.3 + 0.5 in three steps."""
    oracle = np.full((1, 6, 1), np.nan)
    oracle[0, :2, 0] = [1.0, 0.8]
    own = np.full((1, 6, 1), 0.5)
    assert online.regret(own, oracle, 2, 3)[0, 0] == pytest.approx(1.3)
    assert online.regret(own, oracle, 2, 6)[0, 0] == pytest.approx(2.4)
    assert np.isnan(online.regret(own, np.full((1, 6, 1), np.nan), 2, 3)).all()
    np.testing.assert_allclose(online.oracle_levels(oracle, 2, 5)[0, :, 0], [1.0, 0.8, 1.0, 0.8, 1.0])


def test_busy_is_where_own_and_neighbours_traffic_are_in_their_top_quarters() -> None:
    """Eight steps: own traffic rises, so the last two are busy; the neighbours' is high in steps 1 and 7."""
    own = np.arange(8.0)[None, :, None]
    near = np.array([0.0, 9.0, 1.0, 1.0, 2.0, 2.0, 3.0, 8.0])[None, :, None]
    busy = online.busy_steps(own, near)
    assert busy[0, :, 0].tolist() == [False] * 7 + [True]
    reward = np.arange(8.0)[None, :, None] / 10
    assert online.mean_where(reward, busy)[0, 0] == pytest.approx(0.7)
    assert online.mean_where(reward, ~busy)[0, 0] == pytest.approx(0.3)
    assert np.isnan(online.mean_where(reward, np.zeros_like(busy))).all()


def test_busy_steps_are_those_of_a_loop() -> None:
    generator = np.random.default_rng(4)
    own, near = generator.random((2, SEEDS, STEPS, CELLS))
    busy = online.busy_steps(own, near)
    for seed in range(SEEDS):
        for cell in range(CELLS):
            for step in range(STEPS):
                # In the top quarter: fewer than a quarter of the 40 steps are higher.
                high = [np.sum(item[seed, :, cell] > item[seed, step, cell]) < STEPS / 4 for item in (own, near)]
                assert busy[seed, step, cell] == all(high)


def test_the_worst_tenth_is_of_each_cell() -> None:
    reward = np.random.default_rng(5).random((SEEDS, STEPS, CELLS))
    found = online.worst_tenth(reward)
    for seed in range(SEEDS):
        for cell in range(CELLS):
            assert found[seed, cell] == pytest.approx(np.mean(sorted(reward[seed, :, cell])[:4]))
    assert online.worst_tenth(reward[:, :11])[0, 0] == pytest.approx(np.mean(sorted(reward[0, :11, 0])[:2]))
    reward[1, 0, 2] = np.nan
    assert np.isnan(online.worst_tenth(reward))[1].tolist() == [False, False, True, False]


def test_the_first_step_above_is_that_from_which_it_stays() -> None:
    """Windows of two steps: the means of the first row are -, +, 0, +, +; the second ends below, the third is there."""
    rows = [[-1.0, -1.0, 3.0, -3.0, 4.0, 1.0], [5.0, 5.0, 5.0, 5.0, 5.0, -6.0], [1.0] * 6]
    found = online.first_step_above(np.array(rows), 2)
    assert found[0] == 5.0
    assert np.isnan(found[1])
    assert found[2] == 2.0
    assert np.isnan(online.first_step_above(np.full((1, 6), np.nan), 2)).all()


def test_windows_leave_their_end_out() -> None:
    reward = np.arange(10.0)[None, :, None]
    assert online.window_mean(reward, 2, 4)[0, 0] == 2.5
