"""Runs of the hindsight learner: trained, resumed bit for bit, evaluated and handed on, from Python and the shell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import slicefast as sf
from slicefast import progress, runs
from slicefast.cli.app import app
from slicefast.errors import RunError
from slicefast.learn import Hindsight, HindsightConfig

SMALL: dict[str, Any] = {"sight": "rich", "basis": "rule", "hidden": [8, 6], "batch_size": 4, "n_levels": 6}


def scenario_of(**options: Any) -> sf.Scenario:
    return sf.Scenario.hexagonal(n_sites=1, window_ttis=20, **options)


def new_run(folder: Path, **changes: Any) -> runs.Run:
    numbers = {"train_steps": 12, "learner": "hindsight", **SMALL, **changes}
    return runs.new_run(folder, scenario_of(), **numbers)


def stop_after(steps: int) -> Callable[[int], None]:
    played: list[int] = []

    def tick(count: int) -> None:
        played.append(count)
        if sum(played) >= steps:
            raise KeyboardInterrupt

    return tick


def test_a_run_is_kept_and_evaluated(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    history = runs.train(run)
    assert history.reward.shape == (12, 3)
    again = runs.load_run(tmp_path / "run")
    assert again.learner == "hindsight"
    assert again.config == run.config
    assert again.total_steps == 12
    agents = runs.load_agents(again)
    assert isinstance(agents, Hindsight)
    assert agents.step == 12
    scores = runs.evaluate(again, steps=3)
    assert 0.0 < scores["trained agents"].mean_reward <= 1.0
    assert scores == runs.evaluate(again, steps=3)


def test_what_was_interrupted_ends_as_if_it_had_not_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "KEEP_STEPS", 4)
    monkeypatch.setattr("slicefast.callbacks.bar.TICK_STEPS", 1)
    whole = runs.train(new_run(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        runs.train(new_run(tmp_path / "stopped"), stop_after(6))
    run, reached = runs.load_interrupted(tmp_path / "stopped")
    assert reached == 4
    np.testing.assert_array_equal(runs.resume(run).reward, whole.reward)
    ends = [Hindsight.load(tmp_path / name / runs.AGENTS_FILE) for name in ("whole", "stopped")]
    np.testing.assert_array_equal(ends[0].network.bank, ends[1].network.bank)


@pytest.mark.parametrize("strategy", [None, "model", "integrated"])
def test_a_run_is_handed_on(tmp_path: Path, strategy: Any) -> None:
    source, target = new_run(tmp_path / "source"), new_run(tmp_path / "target", seed=1)
    runs.train(source)
    runs.transfer(source, target, strategy=strategy, sample_steps=3)
    agents = runs.load_agents(target)
    assert agents.replay.n_kept.tolist() == [12 if strategy == "integrated" else 0] * 3


def test_what_does_not_go_together_is_refused_and_nothing_written(tmp_path: Path) -> None:
    source = new_run(tmp_path / "source")
    runs.train(source)
    asked: dict[str, Any]
    for asked, changes, message in (
        ({"strategy": "feature"}, {}, "strategy: got 'feature', allowed: model, integrated"),
        ({"choice": "probe"}, {}, "choice: got 'probe', allowed: another one"),
        ({}, {"sight": "task"}, "sight of the source: got 'rich'"),
        ({}, {"hidden": [8, 5]}, "source: got 'layer sizes"),
    ):
        played: list[int] = []
        with pytest.raises(sf.SlicefastError, match=message):
            runs.transfer(source, new_run(tmp_path / "target", **changes), **asked, sample_steps=3, tick=played.append)
        assert not played
        assert not (tmp_path / "target").exists()
    other = replace(new_run(tmp_path / "td3"), config=runs.configure({"exploration_steps": 0}))
    with pytest.raises(RunError, match="learner: got 'td3'"):
        runs.transfer(source, other, sample_steps=3)
    for changes, message in (
        ({"reward": "logarithmic"}, "reward: got 'logarithmic'"),
        ({"n_networks": 2}, "n_networks: got 2"),
        ({"shared": True}, "shared: got True"),
        ({"learner": "oracle"}, "learner: got 'oracle', allowed: td3, hindsight"),
        ({"actor_lr": 1e-3}, "actor_lr: got 0.001, allowed: numbers of HindsightConfig"),
        ({"sight": "far"}, "sight"),
    ):
        with pytest.raises(sf.SlicefastError, match=message):
            new_run(tmp_path / "new", **changes)
    with pytest.raises(sf.SlicefastError, match="share_as = 'guarantee'"):
        runs.new_run(tmp_path / "new", scenario_of(scheduler={"share_as": "guarantee"}), learner="hindsight")
    assert not (tmp_path / "new").exists()


def test_the_shell_trains_resumes_and_hands_on(tmp_path: Path) -> None:
    path, out = tmp_path / "small.toml", tmp_path / "run"
    scenario_of().to_toml(path)
    given = ["--scenario", str(path), "--steps", "6", "--set", "n_levels=5", "--set", 'basis="rule"']
    result = CliRunner().invoke(app, ["train", "--learner", "hindsight", "--out", str(out), *given])
    assert result.exit_code == 0, result.output
    run = runs.load_run(out)
    assert run.config == HindsightConfig(n_levels=5, basis="rule")
    for name, strategy, kept in (("usual", [], 0), ("integrated", ["--strategy", "integrated"], 6)):
        handed = ["transfer", "--source", str(out), "--out", str(tmp_path / name), "--steps", "4", "--samples", "3"]
        result = CliRunner().invoke(app, [*handed, *strategy])
        assert result.exit_code == 0, result.output
        assert runs.load_agents(runs.load_run(tmp_path / name)).replay.n_kept.tolist() == [kept] * 3
    for command in (["train", "--learner", "hindsight"], ["transfer", "--source", str(out)]):
        result = CliRunner().invoke(app, [*command, "--settings", "ours", "--out", str(tmp_path / "last")])
        assert result.exit_code == 2
        assert "TD3 alone" in result.output
    assert not (tmp_path / "last").exists()


def test_the_shell_goes_on_without_numbers_that_the_learner_has_not(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        runs.train(new_run(tmp_path / "stopped"), stop_after(6))
    arguments = ["train", "--resume", "--out", str(tmp_path / "stopped")]
    for option in (["--exploration", "5"], ["--settings", "ours"]):
        result = CliRunner().invoke(app, [*arguments, *option])
        assert result.exit_code == 2
        assert "has no such number; leave it out" in result.output
    assert CliRunner().invoke(app, arguments).exit_code == 0
