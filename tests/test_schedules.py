"""Exploration schedules, updates per step and the named settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slicefast.learn import PRESETS, TD3, TD3Config

OBS, ACT = 5, 3
FALLING = {
    "exploration_steps": 4,
    "exploration_noise": 0.8,
    "exploration_noise_end": 0.2,
    "exploration_decay_steps": 10,
}


def test_noise_falls_linearly_after_the_exploration_phase_and_stays() -> None:
    config = TD3Config(**FALLING)
    # 0.8 - 0.06 a step, by hand.
    for step, noise in [(0, 0.8), (4, 0.8), (5, 0.74), (9, 0.5), (14, 0.2), (15, 0.2), (10**9, 0.2)]:
        assert config.noise_at(step) == pytest.approx(noise, rel=1e-12)
    assert {TD3Config(exploration_noise=0.3).noise_at(step) for step in (0, 5000, 10**9)} == {0.3}


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_agents_act_with_the_noise_of_their_step(engine: str) -> None:
    agents = TD3(2, OBS, ACT, TD3Config(**FALLING, capacity=50), seed=3, engine=engine)
    observation = np.full((2, OBS), 0.3, np.float32)
    mean = np.log(agents.act(observation))
    scales = []
    for step in range(20):
        action = agents.act(observation, explore=True)
        # The same draw with unit noise: the counter-based stream depends on the number of acts alone.
        reference = TD3(2, OBS, ACT, TD3Config(exploration_steps=0, exploration_noise=1.0), seed=3, engine=engine)
        reference.state.actor.bank.copy_(agents.state.actor.bank)
        reference.n_acts = agents.n_acts - 1
        unit = np.log(reference.act(observation, explore=True)) - mean
        noise = np.log(action) - mean
        if step >= 4:
            # Logits are known up to a constant per row: compare what is left of the mean.
            noise, unit = (values - values.mean(axis=1, keepdims=True) for values in (noise, unit))
            scales.append((noise * unit).sum() / (unit * unit).sum())
        agents.store(observation, action, np.zeros(2, np.float32), observation)
    # Single precision through exp and log of moderate numbers: five digits.
    np.testing.assert_allclose(scales, [max(0.8 - 0.06 * (step - 4), 0.2) for step in range(4, 20)], rtol=1e-5)


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_a_schedule_goes_on_bit_for_bit_after_loading(engine: str, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    config = TD3Config(**FALLING, capacity=50, batch_size=4, updates_per_step=2)
    agents = TD3(2, OBS, ACT, config, seed=1, engine=engine)

    def play(stack: TD3, steps: int, rows: np.ndarray) -> list[np.ndarray]:
        acted = []
        for row in rows[:steps]:
            acted.append(stack.act(row, explore=True))
            stack.store(row, acted[-1], row[:, 0], row)
            stack.update()
        return acted

    rows = generator.random((24, 2, OBS), np.float32)
    play(agents, 9, rows)
    agents.save(tmp_path / "agents.safetensors")
    loaded = TD3.load(tmp_path / "agents.safetensors", engine=engine)
    assert loaded.config == config
    np.testing.assert_array_equal(play(loaded, 12, rows[9:]), play(agents, 12, rows[9:]))


def test_updates_per_step_are_updates_one_after_the_other() -> None:
    rows = np.random.default_rng(0).random((30, 2, OBS), np.float32)
    stacks = [
        TD3(2, OBS, ACT, TD3Config(exploration_steps=0, batch_size=8, updates_per_step=n), seed=2) for n in (1, 3)
    ]
    for row in rows:
        for stack in stacks:
            stack.store(row, np.full((2, ACT), 1 / ACT, np.float32), row[:, 0], row)
    for _ in range(3):
        for _ in range(3):
            last = stacks[0].update()
        losses = stacks[1].update()
        np.testing.assert_array_equal(losses["critic_loss"], last["critic_loss"])
    assert stacks[0].n_updates == stacks[1].n_updates == 9
    np.testing.assert_array_equal(stacks[0].state.actor.bank.numpy(), stacks[1].state.actor.bank.numpy())


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"exploration_noise_end": 0.5}, r"exploration_noise_end: got 0.5, allowed: .* noise never grows"),
        ({"exploration_noise_end": float("nan")}, "exploration_noise_end: got nan"),
        ({"exploration_noise_end": -0.1}, "exploration_noise_end: got -0.1"),
        ({"exploration_noise_end": 0.1}, "exploration_decay_steps: got 0, allowed: at least 1"),
        ({"exploration_decay_steps": 5}, "exploration_decay_steps: got 5, allowed: 0 without exploration_noise_end"),
        ({"exploration_noise_end": 0.1, "exploration_decay_steps": 10**30}, "exploration_decay_steps: got 10"),
        ({"exploration_steps": 10**13}, "exploration_steps: got 10.*: a schedule ends"),
        ({"learning_starts": 10**13}, "learning_starts: got 10.*: a schedule ends"),
        ({"epsilon": float("inf")}, "epsilon: got inf, allowed: finite"),
        ({"updates_per_step": 0}, "updates_per_step: got 0, allowed: 1 to 1,000,000"),
    ],
)
def test_schedules_that_grow_or_never_end_are_refused(numbers: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TD3Config(**numbers)


def test_presets_are_settings_by_name() -> None:
    assert TD3Config.preset("published") == TD3Config()
    assert TD3Config.preset("published_transfer") == TD3Config(exploration_steps=0)
    ours = TD3Config.preset("ours", actor_lr=1e-3)
    assert (ours.exploration_steps, ours.actor_lr) == (250, 1e-3)
    assert (ours.noise_at(0), ours.noise_at(3250)) == (0.4, pytest.approx(0.05))
    assert TD3Config.preset("ours_transfer").noise_at(0) == 0.05
    # A target's numbers are its source's with the preset's on top: nothing of the source's schedule may stay.
    for kind in ("published_transfer", "ours_transfer"):
        target = TD3Config(**{**ours.to_dict(), **PRESETS[kind]})
        assert (target.exploration_steps, target.exploration_noise_end, target.exploration_decay_steps) == (0, None, 0)
    with pytest.raises(ValueError, match="name: got 'best', allowed: published, published_transfer, ours"):
        TD3Config.preset("best")
