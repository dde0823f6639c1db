"""The command line as a whole: what it prints, what it refuses, and what it leaves behind."""

from __future__ import annotations

import errno
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

import slicefast
from slicefast import Scenario, runs, training
from slicefast.cli import app
from slicefast.cli.networks import Preset

runner = CliRunner()


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
    assert json.loads(runner.invoke(app, ["info", "--json"]).stdout)["folder"] == str(Path(slicefast.__file__).parent)


def test_printed_scenario_loads_again(tmp_path: Path) -> None:
    printed = runner.invoke(app, ["scenario", "paper"])
    (tmp_path / "mine.toml").write_text(printed.output)
    assert Scenario.from_toml(tmp_path / "mine.toml") == Scenario.paper()
    written = runner.invoke(app, ["scenario", "hexagonal", "--sites", "7", "--out", str(tmp_path / "seven.toml")])
    assert written.exit_code == 0
    assert Scenario.from_toml(tmp_path / "seven.toml").n_cells == 21
    apart = tmp_path / "apart.toml"
    options = ["--heterogeneity", "0.5", "--kind", "mix", "--seed", "3", "--out", str(apart)]
    assert runner.invoke(app, ["scenario", "heterogeneous", *options]).exit_code == 0
    assert Scenario.from_toml(apart) == Scenario.heterogeneous(0.5, "mix", seed=3)
    for preset in get_args(Preset):
        assert runner.invoke(app, ["scenario", preset]).exit_code == 0, preset
    checked = runner.invoke(app, ["scenario", "--check", str(tmp_path / "seven.toml")])
    assert "21 cells" in checked.output


@pytest.mark.parametrize(
    ("preset", "option", "value", "of"),
    [
        ("paper", "--sites", "3", "hexagonal"),
        ("heterogeneous", "--sites", "3", "hexagonal"),
        ("hexagonal", "--heterogeneity", "0", "heterogeneous"),
        ("paper", "--kind", "mix", "heterogeneous"),
        ("nr_3500_100mhz", "--seed", "0", "heterogeneous"),
    ],
)
def test_what_a_preset_does_not_take_is_refused(preset: str, option: str, value: str, of: str) -> None:
    found = runner.invoke(app, ["scenario", preset, option, value])
    assert found.exit_code == 2
    assert found.stderr.startswith(f"slicefast: {option}: got ")
    assert found.stderr.endswith(f", allowed: with the preset {of} only; this is {preset}\n")
    assert not found.stdout


def test_a_scenario_named_as_to_other_commands_is_told_how_it_is_checked(tiny: Path) -> None:
    found = runner.invoke(app, ["scenario", "--scenario", str(tiny)])
    assert (found.exit_code, found.stdout) == (2, "")
    assert f"a file is checked by --check {tiny}" in found.stderr


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


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    for command in ("evaluate", "report"):
        found = runner.invoke(app, [command, str(tmp_path)])
        assert found.exit_code == 2
        assert str(tmp_path) in found.stderr.replace("\n", "")


def test_choices_are_listed_and_are_the_packages_own() -> None:
    from typing import get_args

    from slicefast import task, transfer
    from slicefast.cli import options as commands

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


@pytest.mark.parametrize(
    ("command", "taken", "numbers"),
    [
        ("train", runs.new_run, ("seed", "train_steps")),
        ("transfer", None, (1, training.TRANSFER_STEPS)),
        ("evaluate", runs.evaluate, ("seed",)),
    ],
)
def test_help_says_the_numbers_that_are_taken_unless_given(
    command: str, taken: Callable[..., object] | None, numbers: tuple[int | str, ...]
) -> None:
    shown = " ".join(runner.invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output.split())
    for number in numbers:
        usual = number if taken is None else inspect.signature(taken).parameters[str(number)].default
        assert re.search(rf"; {usual}(, the paper's,)? unless given", shown), (number, shown)


def test_version_and_module() -> None:
    assert runner.invoke(app, ["--version"]).output == f"slicefast {slicefast.__version__}\n"
    command = [sys.executable, "-P", "-m", "slicefast", "--version"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout == f"slicefast {slicefast.__version__}\n"
    assert json.loads(runner.invoke(app, ["info", "--json"]).output)["slicefast"] == slicefast.__version__
    assert "ten_seeds" in json.loads(runner.invoke(app, ["examples", "--json"]).output)
    assert "--install-completion" in runner.invoke(app, ["--help"], env={"COLUMNS": "200"}).output


def test_files_that_cannot_be_used_are_one_line(
    tmp_path: Path, tiny: Path, refused: Callable[[list[str], str], None]
) -> None:
    tiny = tiny
    refused(["train", "--scenario", str(tiny), "--out", str(tiny / "x")], "Not a directory")
    refused(["train", "--scenario", str(tmp_path), "--out", str(tmp_path / "x")], str(tmp_path))
    before = tiny.read_text()
    refused(["scenario", "--out", str(tiny)], "nothing is overwritten")
    assert tiny.read_text() == before
    assert runner.invoke(app, ["train", "--seed", str(2**64), "--out", str(tmp_path / "x")]).exit_code == 2
    assert not (tmp_path / "x").exists()


def test_an_example_that_does_not_fit_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    path = tmp_path / "mine.py"
    found = CliRunner().invoke(app, ["examples", "ten_seeds", "--out", str(path)])
    assert (found.exit_code, found.stderr) == (2, f"slicefast: {path}: No space left on device\n")
    assert not list(tmp_path.iterdir())
