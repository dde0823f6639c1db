"""The commands of a run: train, transfer and evaluate."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from slicefast import Scenario, files, rewards, runs
from slicefast.cli import app
from slicefast.learn import PRESETS, TD3Config
from slicefast.training import collect_samples

runner = CliRunner()


def test_trained_agents_are_kept_and_evaluated(tmp_path: Path, tiny: Path, twelve_cells: Path) -> None:
    run = tmp_path / "run"
    trained = runner.invoke(
        app,
        [
            *("train", "--scenario", str(tiny), "--out", str(run), "--exploration", "10", "--steps", "30"),
            *("--csv", str(tmp_path / "run.csv")),
        ],
    )
    assert trained.exit_code == 0, trained.output
    assert f"train to {run}  40/40 steps  100 %" in trained.stderr
    assert len((tmp_path / "run.csv").read_text().splitlines()) == 3  # names, then means of 25 and of 15 steps
    found = runner.invoke(app, ["evaluate", str(run), "--steps", "10"])
    assert found.exit_code == 0, found.output
    assert "evaluating the agents and 3 policies  40/40 steps" in found.stderr
    assert f"cell-steps below {rewards.MET} [%]" in " ".join(found.stdout.split())
    assert "trained agents" in found.output
    assert "traffic-aware" in found.output
    assert "[ms]" in found.output
    again = runner.invoke(app, ["train", "--scenario", str(tiny), "--out", str(run)])
    assert again.exit_code == 2
    assert "not empty" in again.stderr
    printed = runner.invoke(app, ["evaluate", str(run), "--steps", "10", "--json"])
    scores = json.loads(printed.stdout)["trained agents"]
    assert scores == asdict(runs.evaluate(runs.load_run(run), steps=10)["trained agents"])
    assert f"{scores['mean_reward']:.3f}" in found.output
    other = runner.invoke(app, ["evaluate", str(run), "--scenario", str(twelve_cells)])
    assert other.exit_code == 2
    assert "n_cells" in other.stderr


def test_agents_are_handed_to_another_network(tmp_path: Path, tiny: Path) -> None:
    scenario, source, target = tiny, tmp_path / "source", tmp_path / "target"
    steps = ["--exploration", "10", "--steps", "30"]
    assert runner.invoke(app, ["train", "--scenario", str(scenario), "--out", str(source), *steps]).exit_code == 0
    larger = tmp_path / "larger.toml"
    Scenario.hexagonal(n_sites=3, window_ttis=20).to_toml(larger)
    arguments = ["transfer", "--source", str(source), "--steps", "20", "--samples", "20"]
    found = runner.invoke(app, [*arguments, "--target", str(larger), "--out", str(target)])
    assert found.exit_code == 0, found.output
    assert f"transfer to {target}, 40 steps of samples first  60/60 steps" in found.stderr
    assert runner.invoke(app, ["evaluate", str(target), "--steps", "5"]).exit_code == 0
    three = tmp_path / "three_slices.toml"
    slices = [{"name": name, "rate_bps": 1e5} for name in "abc"]
    group = {"cells": "all", "throughput_bps": [1e6] * 3, "delay_ms": [3.0] * 3}
    Scenario.hexagonal(n_sites=1, slices=slices, requirements=[group]).to_toml(three)
    other = runner.invoke(app, [*arguments, "--target", str(three), "--out", str(tmp_path / "other")])
    assert other.exit_code == 2
    assert "n_slices: got 3 in the target, allowed: 4" in other.stderr
    renamed = tmp_path / "renamed.toml"
    renamed.write_text(scenario.read_text().replace('"slice2"', '"video"'))
    arguments += ["--target", str(renamed), "--out", str(tmp_path / "other")]
    other = runner.invoke(app, arguments)
    assert other.exit_code == 2
    assert "slices: got slice1, video, slice3, slice4 in the target" in other.stderr
    assert "--by-position" in other.stderr
    assert not (tmp_path / "other").exists()
    assert runner.invoke(app, [*arguments, "--by-position"]).exit_code == 0


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--seed", "9"], "seed: got 9, allowed: 3"),
        (["--steps", "70"], "train_steps: got 70, allowed: 60"),
        (["--exploration", "6"], "exploration_steps: got 6, allowed: 5"),
        (["--set", "actor_lr=0.1"], "actor_lr: got 0.1"),
        (["--features", "load"], "features"),
        (["--coordination", "none"], "coordination: got 'none', allowed: 'mean'"),
        (["--reward", "logarithmic"], "reward"),
    ],
)
def test_training_goes_on_only_as_it_was_begun(
    tmp_path: Path,
    options: list[str],
    named: str,
    tiny: Path,
    twelve_cells: Path,
    refused: Callable[[list[str], str], None],
    interrupt: Callable[..., runs.Run],
) -> None:
    run = interrupt(tmp_path / "run")
    refused(["train", "--out", str(run.folder)], "in the shell --resume")
    arguments = ["train", "--resume", "--out", str(run.folder)]
    refused([*arguments, *options], named)
    refused([*arguments, "--scenario", str(twelve_cells)], "scenario")
    found = runner.invoke(app, [*arguments, "--seed", "3", "--scenario", str(tiny)])
    assert found.exit_code == 0, found.output


def test_a_learner_in_hindsight_takes_no_exploration(tmp_path: Path, refused: Callable[[list[str], str], None]) -> None:
    arguments = ["train", "--learner", "hindsight", "--out", str(tmp_path / "run")]
    refused([*arguments, "--exploration", "50"], "the hindsight learner does not explore")


def test_settings_are_ours_unless_the_papers_are_asked_for(tmp_path: Path, tiny: Path) -> None:
    for options, preset in (([], "ours"), (["--settings", "ours"], "ours"), (["--settings", "published"], "published")):
        out = tmp_path / "-".join(["run", *options])
        arguments = ["train", "--scenario", str(tiny), "--exploration", "3", "--steps", "4"]
        found = runner.invoke(app, [*arguments, *options, "--out", str(out)])
        assert found.exit_code == 0, (found.output, found.exception)
        assert runs.load_run(out).config == TD3Config.preset(preset, exploration_steps=3)


def test_every_number_of_the_learner_is_an_option(
    tmp_path: Path, tiny: Path, refused: Callable[[list[str], str], None]
) -> None:
    changed = {
        "actor_hidden": (8, 4), "critic_hidden": (8,), "actor_lr": 1e-4, "critic_lr": 2e-4, "beta1": 0.8, "beta2": 0.99,
        "epsilon": 1e-7, "batch_size": 4, "gamma": 0.2, "tau": 0.01, "policy_delay": 1, "exploration_steps": 3,
        "learning_starts": 2, "exploration_noise": 0.3, "target_noise": 0.1, "noise_clip": 0.4, "logit_penalty": 0.0,
        "capacity": 50, "transferred_fraction": 0.5, "exploration_noise_end": 0.1, "exploration_decay_steps": 7,
        "updates_per_step": 3,
    }  # fmt: skip
    assert changed.keys() == {item.name for item in fields(TD3Config)}
    options = [part for name, value in changed.items() for part in ("--set", f"{name}={value}".replace("(", "["))]
    options = [option.replace(",)", "]").replace(")", "]") for option in options]
    arguments = ["train", "--scenario", str(tiny), "--steps", "5", *options]
    found = runner.invoke(app, [*arguments, "--out", str(tmp_path / "run")])
    assert found.exit_code == 0, (found.output, found.exception)
    assert runs.load_run(tmp_path / "run").config == TD3Config(**changed)
    assert runs.load_agents(runs.load_run(tmp_path / "run")).config == TD3Config(**changed)
    arguments = ["transfer", "--source", str(tmp_path / "run"), "--steps", "5", "--samples", "5", "--set", "gamma=0.3"]
    found = runner.invoke(app, [*arguments, "--out", str(tmp_path / "new")])
    assert found.exit_code == 0, (found.output, found.exception)
    expected = TD3Config(**{**changed, **PRESETS["ours_transfer"], "gamma": 0.3})
    assert runs.load_run(tmp_path / "new").config == expected
    arguments += ["--settings", "published", "--out", str(tmp_path / "published")]
    found = runner.invoke(app, arguments)
    assert found.exit_code == 0, (found.output, found.exception)
    expected = TD3Config(**{**changed, **PRESETS["published_transfer"], "gamma": 0.3})
    assert runs.load_run(tmp_path / "published").config == expected
    for option, named in (
        ("actor_rate=1", "actor_rate: got 1, allowed: numbers of TD3Config: actor_hidden, critic_hidden"),
        ("gamma=1.5", "gamma: got 1.5"),
        ("seed=1", "seed: got 1, allowed: numbers of TD3Config"),
        ("batch_size=2.5", "batch_size: got 2.5"),
        ("tau=[1]", "tau: got [1]"),
    ):
        refused(["train", "--set", option, "--out", str(tmp_path / "bad")], named)
    assert runner.invoke(app, ["train", "--set", "gamma", "--out", str(tmp_path / "bad")]).exit_code == 2
    assert not (tmp_path / "bad").exists()


@pytest.mark.usefixtures("ctrl_c_works")
def test_interrupted_commands_say_how_to_continue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Path) -> None:
    @contextmanager
    def interrupting(title: str, total: int) -> Iterator[Callable[[int], None]]:
        yield lambda steps: os.kill(os.getpid(), signal.SIGINT)

    scenario = str(tiny)
    learning = ["--exploration", "5", "--steps", "60"]
    assert runner.invoke(app, ["train", "--scenario", scenario, *learning, "--out", str(tmp_path / "a")]).exit_code == 0
    transferring = ["transfer", "--source", str(tmp_path / "a"), "--steps", "60", "--samples", "5"]
    for arguments in (["train", "--scenario", scenario, *learning], transferring):
        out = tmp_path / f"{arguments[0]}-stopped"
        with monkeypatch.context() as patch:
            patch.setattr("slicefast.cli.runs.step_bar", interrupting)
            patch.setattr("slicefast.runs.learning.collect_samples", lambda *arguments: collect_samples(*arguments[:3]))
            found = runner.invoke(app, [*arguments, "--out", str(out)])
        assert found.exit_code == 130, (found.output, found.exception)
        *_, last = found.stderr.strip().splitlines()
        assert "steps are kept" in last
        command = last.partition("Go on with: slicefast ")[2].split()
        assert command == [arguments[0], "--resume", "--out", str(out)]
        assert runner.invoke(app, command).exit_code == 0
        assert (out / runs.RUN_FILE).is_file()


@pytest.mark.parametrize("command", ["train", "transfer"])
def test_of_two_commands_in_one_folder_the_first_goes_on(
    tmp_path: Path, refused: Callable[[list[str], str], None], command: str
) -> None:
    """The first has the folder before anything else is looked at, and leaves no folder where nothing was written."""
    out = tmp_path / "new" / "run"
    with files.claim(out, files.COMMAND):
        refused([command, "--out", str(out), "--scenario" if command == "train" else "--source", "none"], "is in use")
    assert list(tmp_path.iterdir()) == []
    refused([command, "--out", str(out), "--scenario" if command == "train" else "--source", "none"], "none")
    assert list(tmp_path.iterdir()) == []


def test_whoever_wants_to_be_first_leaves_what_another_writes_alone(tmp_path: Path) -> None:
    half = tmp_path / ".agents.safetensors.x.partial"
    half.touch()
    with files.claim(tmp_path, files.COMMAND):
        assert half.exists()
    with files.claim(tmp_path):
        assert not half.exists()
