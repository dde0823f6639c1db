"""The command line: what it prints, what it refuses, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import slicefast
from slicefast import Scenario, progress, rewards, runs
from slicefast.cli import app
from slicefast.cli.own import load_function, load_reward
from slicefast.errors import RunError, SlicefastError
from slicefast.learn import PRESETS, TD3Config
from slicefast.study.folder import load_study, open_study
from slicefast.study.protocol import Protocol
from slicefast.training import collect_samples

runner = CliRunner()


def tiny_file(folder: Path) -> Path:
    """Write a scenario of one site and few TTIs."""
    path = folder / "tiny.toml"
    Scenario.hexagonal(n_sites=1, window_ttis=20).to_toml(path)
    return path


def test_help_names_every_command() -> None:
    found = runner.invoke(app, ["--help"])
    assert found.exit_code == 0
    for name in ("reproduce", "report", "scenario", "train", "transfer", "evaluate", "info"):
        assert name in found.output


def test_info_names_versions_and_instruction_set() -> None:
    found = runner.invoke(app, ["info"])
    assert found.exit_code == 0
    for name in ("slicefast", "torch", "instruction_set"):
        assert name in found.output


def test_printed_scenario_loads_again(tmp_path: Path) -> None:
    printed = runner.invoke(app, ["scenario", "paper"])
    (tmp_path / "mine.toml").write_text(printed.output)
    assert Scenario.from_toml(tmp_path / "mine.toml") == Scenario.paper()
    written = runner.invoke(app, ["scenario", "hexagonal", "--sites", "7", "--out", str(tmp_path / "seven.toml")])
    assert written.exit_code == 0
    assert Scenario.from_toml(tmp_path / "seven.toml").n_cells == 21
    checked = runner.invoke(app, ["scenario", "--check", str(tmp_path / "seven.toml")])
    assert "21 cells" in checked.output


@pytest.mark.parametrize(
    ("text", "named"),
    [('name = "x"\nstep_s = -1.0\n', "step_s"), ("step_s = \n", "TOML"), ("colour = 3\n", "colour")],
)
def test_wrong_scenario_gets_one_message_and_nothing_is_written(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "wrong.toml").write_text(text)
    for command in (["reproduce", "--quick"], ["train"]):
        arguments = [*command, "--scenario", str(tmp_path / "wrong.toml"), "--out", str(tmp_path / "out")]
        found = runner.invoke(app, arguments)
        assert found.exit_code == 2
        assert found.stderr.count("\n") == 1
        assert named in found.stderr
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("option", "named"), [("--scenario", "nowhere"), ("--trace", "traffic_trace")])
def test_missing_file_is_refused(tmp_path: Path, option: str, named: str) -> None:
    arguments = ["reproduce", "--quick", option, str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]
    found = runner.invoke(app, arguments)
    assert found.exit_code == 2
    assert named in found.stderr
    assert not (tmp_path / "out").exists()


def test_trained_agents_are_kept_and_evaluated(tmp_path: Path) -> None:
    run = tmp_path / "run"
    trained = runner.invoke(
        app,
        ["train", "--scenario", str(tiny_file(tmp_path)), "--out", str(run), "--exploration", "10", "--steps", "30"],
    )
    assert trained.exit_code == 0, trained.output
    found = runner.invoke(app, ["evaluate", str(run), "--steps", "10"])
    assert found.exit_code == 0, found.output
    assert "trained agents" in found.output
    assert "traffic-aware" in found.output
    assert "[ms]" in found.output
    again = runner.invoke(app, ["train", "--scenario", str(tiny_file(tmp_path)), "--out", str(run)])
    assert again.exit_code == 2
    assert "not empty" in again.stderr
    printed = runner.invoke(app, ["evaluate", str(run), "--steps", "10", "--json"])
    scores = json.loads(printed.stdout)["trained agents"]
    assert scores == asdict(runs.evaluate(runs.load_run(run), steps=10)["trained agents"])
    assert f"{scores['mean_reward']:.3f}" in found.output
    other = runner.invoke(app, ["evaluate", str(run), "--scenario", str(_twelve_cells(tmp_path))])
    assert other.exit_code == 2
    assert "n_cells" in other.stderr


def test_agents_are_handed_to_another_network(tmp_path: Path) -> None:
    scenario, source, target = tiny_file(tmp_path), tmp_path / "source", tmp_path / "target"
    steps = ["--exploration", "10", "--steps", "30"]
    assert runner.invoke(app, ["train", "--scenario", str(scenario), "--out", str(source), *steps]).exit_code == 0
    larger = tmp_path / "larger.toml"
    Scenario.hexagonal(n_sites=3, window_ttis=20).to_toml(larger)
    arguments = ["transfer", "--source", str(source), "--steps", "20", "--samples", "20"]
    found = runner.invoke(app, [*arguments, "--target", str(larger), "--out", str(target)])
    assert found.exit_code == 0, found.output
    assert runner.invoke(app, ["evaluate", str(target), "--steps", "5"]).exit_code == 0
    three = tmp_path / "three_slices.toml"
    slices = [{"name": name, "rate_bps": 1e5} for name in "abc"]
    group = {"cells": "all", "throughput_bps": [1e6] * 3, "delay_ms": [3.0] * 3}
    Scenario.hexagonal(n_sites=1, slices=slices, requirements=[group]).to_toml(three)
    refused = runner.invoke(app, [*arguments, "--target", str(three), "--out", str(tmp_path / "other")])
    assert refused.exit_code == 2
    assert "n_slices: got 3 in the target, allowed: 4" in refused.stderr
    renamed = tmp_path / "renamed.toml"
    renamed.write_text(scenario.read_text().replace('"slice2"', '"video"'))
    arguments += ["--target", str(renamed), "--out", str(tmp_path / "other")]
    refused = runner.invoke(app, arguments)
    assert refused.exit_code == 2
    assert "slices: got slice1, video, slice3, slice4 in the target" in refused.stderr
    assert "--by-position" in refused.stderr
    assert not (tmp_path / "other").exists()
    assert runner.invoke(app, [*arguments, "--by-position"]).exit_code == 0


def test_comparing_cells_by_no_samples_is_refused(tmp_path: Path) -> None:
    scenario = Scenario.from_toml(tiny_file(tmp_path))
    source = runs.new_run(tmp_path / "source", scenario, exploration_steps=5, train_steps=5)
    runs.train(source)
    target = runs.new_run(tmp_path / "target", scenario, exploration_steps=0, train_steps=5)
    with pytest.raises(RunError, match="sample_steps: got 0"):
        runs.transfer(source, target, sample_steps=0)
    assert not target.folder.exists()


def test_own_policy_is_played_beside_the_others(tmp_path: Path) -> None:
    run, own = tmp_path / "run", tmp_path / "own.py"
    own.write_text("import numpy as np\ndef mine(simulator, observation):\n    return np.full((3, 4), 0.25)\n")
    arguments = ["train", "--scenario", str(tiny_file(tmp_path)), "--out", str(run), "--exploration", "5"]
    assert runner.invoke(app, [*arguments, "--steps", "5"]).exit_code == 0
    found = runner.invoke(app, ["evaluate", str(run), "--steps", "5", "--policy", f"{own}:mine"])
    assert found.exit_code == 0, found.output
    rows = {line.split("  ")[0]: line.split()[-4:] for line in found.output.splitlines()}
    assert rows["mine"] == rows["equal split"]
    refused = runner.invoke(app, ["evaluate", str(run), "--policy", f"{own}:yours"])
    assert refused.exit_code == 2
    assert "defines no function yours" in refused.stderr


def test_own_reward_trains(tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text("def load(kpis, scenario):\n    return 1.0 - kpis.load.sum(axis=-1)\n")
    arguments = ["train", "--scenario", str(tiny_file(tmp_path)), "--exploration", "5", "--steps", "5"]
    for number, reward in enumerate((f"{own}:load", "logarithmic")):
        found = runner.invoke(app, [*arguments, "--out", str(tmp_path / f"run{number}"), "--reward", reward])
        assert found.exit_code == 0, found.output
    for reward, message in (("fairness", "allowed: logarithmic, max_min"), (f"{own}:lode", "defines no function lode")):
        found = runner.invoke(app, [*arguments, "--out", str(tmp_path / "bad"), "--reward", reward])
        assert found.exit_code == 2
        assert message in found.stderr
    assert not (tmp_path / "bad").exists()


def _twelve_cells(folder: Path) -> Path:
    path = folder / "paper.toml"
    Scenario.paper().to_toml(path)
    return path


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    for command in ("evaluate", "report"):
        found = runner.invoke(app, [command, str(tmp_path)])
        assert found.exit_code == 2
        assert str(tmp_path) in found.stderr.replace("\n", "")


@pytest.fixture
def ctrl_c_works() -> Iterator[None]:
    """Take Ctrl-C as a terminal's foreground programs do; a suite that runs in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_works")
def test_ctrl_c_leaves_a_readable_report_and_resuming_is_offered(tmp_path: Path) -> None:
    """Interrupt a real run after its first finished part, as a terminal does: the whole process group gets SIGINT."""
    out = tmp_path / "out"
    arguments = ["reproduce", "--quick", "--scenario", str(tiny_file(tmp_path)), "--out", str(out), "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "slicefast", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    give_up = time.monotonic() + 90.0
    while not list(out.glob("parts/*/*.npz")) and process.poll() is None and time.monotonic() < give_up:
        time.sleep(0.02)
    assert list(out.glob("parts/*/*.npz")), "no part was finished in time"
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "--resume" in errors
    assert (out / "results.nc").is_file()
    assert "not finished" in (out / "report.html").read_text()
    assert not list(out.rglob("*.partial*"))
    refused = runner.invoke(app, arguments)
    assert refused.exit_code == 2
    assert "--resume" in refused.stderr


def refused(arguments: list[str], named: str) -> None:
    """Expect exit code 2 and one line that names what was wrong."""
    found = runner.invoke(app, arguments)
    assert found.exit_code == 2, (found.output, found.exception)
    assert "\n" not in found.stderr.strip(), found.stderr
    assert named in found.stderr


def interrupt(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> runs.Run:
    """Train a run until its first progress is kept, then stop it as Ctrl-C does."""
    monkeypatch.setattr(progress, "KEEP_STEPS", 10)
    scenario = Scenario.hexagonal(n_sites=1, window_ttis=20)
    run = runs.new_run(folder, scenario, seed=3, exploration_steps=5, train_steps=60, **settings)

    def stop(steps: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.train(run, stop)
    return run


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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], named: str
) -> None:
    run = interrupt(tmp_path / "run", monkeypatch)
    arguments = ["train", "--resume", "--out", str(run.folder)]
    refused([*arguments, *options], named)
    refused([*arguments, "--scenario", str(_twelve_cells(tmp_path))], "scenario")
    found = runner.invoke(app, [*arguments, "--seed", "3", "--scenario", str(tiny_file(tmp_path))])
    assert found.exit_code == 0, found.output


def test_training_for_an_own_reward_goes_on_only_where_the_user_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.py"
    own.write_text("def load(kpis, scenario):\n    return 1.0 - kpis.load.sum(axis=-1)\n")
    monkeypatch.chdir(tmp_path)
    name = load_reward("own.py:load")
    assert name.startswith("own.py:load#")
    run = interrupt(tmp_path / "run", monkeypatch, reward=name)
    monkeypatch.delitem(rewards.REWARDS.entries, name)
    arguments = ["train", "--resume", "--out", str(run.folder)]
    refused(arguments, "--reward FILE.py:FUNCTION")
    refused([*arguments, "--reward", "max_min"], "reward")
    other = tmp_path / "elsewhere" / "own.py"
    other.parent.mkdir()
    other.write_text(own.read_text() + "# changed\n")
    refused([*arguments, "--reward", f"{other}:load"], "reward")
    other.write_text(own.read_text())
    own.unlink()
    assert runner.invoke(app, [*arguments, "--reward", f"{other}:load"]).exit_code == 0
    to = ["transfer", "--source", str(run.folder), "--steps", "5", "--samples", "5", "--out", str(tmp_path / "to")]
    monkeypatch.delitem(rewards.REWARDS.entries, name)
    refused(to, "--reward FILE.py:FUNCTION")
    assert runner.invoke(app, [*to, "--reward", f"{other}:load"]).exit_code == 0


def test_nothing_in_a_run_folder_is_executed(tmp_path: Path) -> None:
    run = runs.new_run(tmp_path / "run", Scenario.hexagonal(n_sites=1, window_ttis=20), train_steps=5)
    evil = tmp_path / "run" / "evil.py"
    evil.parent.mkdir()
    evil.write_text(f"open({str(tmp_path / 'executed')!r}, 'w')\ndef reward(kpis, scenario): pass\n")
    document = {"seed": 0, "train_steps": 5, "features": ["load"], "coordination": "mean", "config": {}}
    document |= {"scenario": run.scenario.model_dump(mode="json"), "reward": f"{evil}:reward"}
    (run.folder / runs.RUN_FILE).write_text(json.dumps(document))
    (run.folder / progress.PROGRESS_FILE).write_text(json.dumps({"step": 1, "settings": document, "checksums": {}}))
    refused(["train", "--resume", "--out", str(run.folder)], "--reward FILE.py:FUNCTION")
    source = ["transfer", "--source", str(run.folder), "--out", str(tmp_path / "new")]
    refused(source, "--reward FILE.py:FUNCTION")
    refused(["evaluate", str(run.folder)], "cannot be read")
    assert not (tmp_path / "executed").exists()


def test_own_functions_import_their_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_own.py").write_text("SHARE = 0.25\n")
    (tmp_path / "own.py").write_text(
        "import numpy as np\nfrom neighbour_of_own import SHARE\n"
        "def mine(simulator, observation):\n    return np.full((3, 4), SHARE)\n"
    )
    mine = load_function("policy", f"{tmp_path / 'own.py'}:mine")
    assert (mine(None, None) == 0.25).all()


def test_settings_are_ours_unless_the_papers_are_asked_for(tmp_path: Path) -> None:
    for options, preset in (([], "ours"), (["--settings", "ours"], "ours"), (["--settings", "published"], "published")):
        out = tmp_path / "-".join(["run", *options])
        arguments = ["train", "--scenario", str(tiny_file(tmp_path)), "--exploration", "3", "--steps", "4"]
        found = runner.invoke(app, [*arguments, *options, "--out", str(out)])
        assert found.exit_code == 0, (found.output, found.exception)
        assert runs.load_run(out).config == TD3Config.preset(preset, exploration_steps=3)


def test_every_number_of_the_learner_is_an_option(tmp_path: Path) -> None:
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
    arguments = ["train", "--scenario", str(tiny_file(tmp_path)), "--steps", "5", *options]
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


def test_choices_are_listed_and_are_the_packages_own() -> None:
    from typing import get_args

    from slicefast import task, transfer
    from slicefast.cli import runs as commands

    assert get_args(commands.Strategy) == get_args(transfer.Strategy)
    assert get_args(commands.Choice) == get_args(runs.Choice)
    assert get_args(commands.Coordination) == get_args(task.Coordination)
    listed = "".join(runner.invoke(app, ["transfer", "--help"], env={"COLUMNS": "200"}).output.split())
    for word in (*transfer.STRATEGIES, *runs.CHOICES):
        assert word in listed
    for arguments in (["transfer", "--choice", "nearest"], ["reproduce", "--engine", "cloud"], ["scenario", "none"]):
        found = runner.invoke(app, [*arguments, *(["--out", "x"] if arguments[0] != "scenario" else [])])
        assert found.exit_code == 2
        assert arguments[-1] in found.stderr


def test_version_and_module() -> None:
    assert runner.invoke(app, ["--version"]).output == f"slicefast {slicefast.__version__}\n"
    command = [sys.executable, "-P", "-m", "slicefast", "--version"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout == f"slicefast {slicefast.__version__}\n"
    assert json.loads(runner.invoke(app, ["info", "--json"]).output)["slicefast"] == slicefast.__version__


def test_files_that_cannot_be_used_are_one_line(tmp_path: Path) -> None:
    tiny = tiny_file(tmp_path)
    refused(["train", "--scenario", str(tiny), "--out", str(tiny / "x")], "Not a directory")
    refused(["train", "--scenario", str(tmp_path), "--out", str(tmp_path / "x")], str(tmp_path))
    before = tiny.read_text()
    refused(["scenario", "--out", str(tiny)], "nothing is overwritten")
    assert tiny.read_text() == before
    assert runner.invoke(app, ["train", "--seed", str(2**64), "--out", str(tmp_path / "x")]).exit_code == 2
    assert not (tmp_path / "x").exists()


def test_two_trainings_cannot_share_a_folder(tmp_path: Path) -> None:
    scenario = Scenario.hexagonal(n_sites=1, window_ttis=20)
    first, second = (
        runs.new_run(tmp_path / "run", scenario, seed=seed, exploration_steps=5, train_steps=60) for seed in (1, 2)
    )

    def start_another(steps: int) -> None:
        with pytest.raises(RunError, match="in use by another process"):
            runs.train(second)
        with pytest.raises(RunError, match="in use by another process"):
            runs.resume(first)

    runs.train(first, start_another)
    with pytest.raises(RunError, match="is not empty"):
        runs.train(second)
    assert runs.load_run(tmp_path / "run") == first


@pytest.mark.usefixtures("ctrl_c_works")
def test_interrupted_commands_say_how_to_continue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def interrupting(title: str, total: int) -> Iterator[Callable[[int], None]]:
        yield lambda steps: os.kill(os.getpid(), signal.SIGINT)

    scenario = str(tiny_file(tmp_path))
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


def test_whatever_is_wrong_with_a_users_own_files_is_one_line(tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        "def short(simulator, observation):\n    return [[0.5, 0.5]]\n"
        "def fails(*_):\n    return 1 / 0\n"
        "def scalar(kpis, scenario):\n    return 1.0\n"
    )
    run = tmp_path / "run"
    arguments = ["train", "--scenario", str(tiny_file(tmp_path)), "--exploration", "5", "--steps", "5"]
    assert runner.invoke(app, [*arguments, "--out", str(run)]).exit_code == 0
    refused(["evaluate", str(run), "--policy", f"{own}:short"], "shape (1, 2)")
    refused(["evaluate", str(run), "--policy", f"{own}:fails"], "ZeroDivisionError")
    for number, (name, named) in enumerate((("fails", "ZeroDivisionError"), ("scalar", "one finite number per cell"))):
        refused([*arguments, "--out", str(tmp_path / f"bad{number}"), "--reward", f"{own}:{name}"], named)
    (tmp_path / "broken.py").write_text("import nothing_of_this_name\n")
    refused(["evaluate", str(run), "--policy", f"{tmp_path / 'broken.py'}:mine"], "ModuleNotFoundError")
    agents = run / runs.AGENTS_FILE
    agents.write_bytes(agents.read_bytes()[:500])
    refused(["evaluate", str(run)], "is damaged")


def test_resuming_keeps_the_number_of_seeds_and_refuses_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario, out = tiny_file(tmp_path), tmp_path / "out"
    open_study(out, Scenario.from_toml(scenario), Protocol.quick(n_seeds=3))
    monkeypatch.setattr("slicefast.study.execute.run_study", lambda *_: True)
    monkeypatch.setattr("slicefast.cli.study.write_outcome", lambda study: None)
    arguments = ["reproduce", "--quick", "--scenario", str(scenario), "--out", str(out), "--resume"]
    refused([*arguments, "--seeds", "2"], "n_seeds = 2")
    for seeds, expected in ((None, 3), (4, 4), (None, 4)):
        found = runner.invoke(app, arguments if seeds is None else [*arguments, "--seeds", str(seeds)])
        assert found.exit_code == 0, found.output
        assert load_study(out).protocol.n_seeds == expected


def test_study_takes_every_number_of_the_learner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario, out = tiny_file(tmp_path), tmp_path / "out"
    monkeypatch.setattr("slicefast.study.execute.run_study", lambda *_: True)
    monkeypatch.setattr("slicefast.cli.study.write_outcome", lambda study: None)
    arguments = ["reproduce", "--quick", "--scenario", str(scenario), "--out", str(out)]
    numbers = ["--set", "actor_lr=1e-4", "--set", "actor_hidden=[8,4]", "--set", "exploration_steps=700"]
    found = runner.invoke(app, [*arguments, *numbers])
    assert found.exit_code == 0, (found.output, found.exception)
    config = load_study(out).protocol.td3_config()
    assert (config.actor_lr, config.actor_hidden, config.exploration_steps) == (1e-4, (8, 4), 700)
    assert runner.invoke(app, [*arguments, "--resume"]).exit_code == 0
    refused([*arguments, "--resume", "--set", "actor_lr=1e-3"], "other settings")
    refused([*arguments[:-1], str(tmp_path / "bad"), "--set", "actor_rate=1"], "actor_rate")
    assert not (tmp_path / "bad").exists()


def test_run_says_what_trained_it(tmp_path: Path) -> None:
    scenario = Scenario.hexagonal(n_sites=1, window_ttis=20)
    run = runs.new_run(tmp_path / "run", scenario, exploration_steps=5, train_steps=5)
    runs.train(run)
    (entry,) = json.loads((run.folder / runs.RUN_FILE).read_text())["ran_with"]
    assert {"slicefast", "torch"} <= entry["versions"].keys()
    assert "instruction_set" in entry["build"]
    assert runs.load_run(run.folder) == run


@pytest.mark.parametrize("settings", [{"train_steps": -3}, {"train_steps": 0}, {"exploration_steps": -1}, {"seed": -1}])
def test_runs_without_steps_are_refused(tmp_path: Path, settings: dict[str, int]) -> None:
    (name, value), *_ = settings.items()
    with pytest.raises(RunError, match=f"{name}: got {value}"):
        runs.new_run(tmp_path / "run", Scenario.hexagonal(n_sites=1), **settings)


def test_what_cannot_be_handed_over_is_refused_and_nothing_overwritten(tmp_path: Path) -> None:
    scenario = Scenario.hexagonal(n_sites=1, window_ttis=20)
    source = runs.new_run(tmp_path / "source", scenario, exploration_steps=5, train_steps=5)
    runs.train(source)
    before = {path.name: path.read_bytes() for path in source.folder.iterdir()}
    target = runs.new_run(tmp_path / "target", scenario, exploration_steps=0, train_steps=5)
    other = runs.new_run(tmp_path / "target", scenario, train_steps=5, reward="logarithmic")
    with pytest.raises(RunError, match="reward: got 'logarithmic' in the target, allowed: 'max_min'"):
        runs.transfer(source, other)
    with pytest.raises(SlicefastError, match="choice: got 'nearest', allowed: most, least, fast, "):
        runs.transfer(source, target, choice="nearest")
    with pytest.raises(SlicefastError, match="strategy: got 'all', allowed: model, "):
        runs.transfer(source, target, strategy="all")
    for again in (lambda: runs.train(source), lambda: runs.transfer(source, source)):
        with pytest.raises(RunError, match="no run is ever overwritten"):
            again()
    with pytest.raises(RunError, match="steps: got 0"):
        runs.evaluate(source, steps=0)
    assert not target.folder.exists()
    assert {path.name: path.read_bytes() for path in source.folder.iterdir()} == before
