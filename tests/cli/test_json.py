"""What `--json` prints is JSON and nothing else, of every command that prints a table; and completion completes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.testing import CliRunner

from slicefast import Scenario
from slicefast.cli import app
from slicefast.study.folder import open_study
from slicefast.study.protocol import Protocol

#: What prints no table: a scenario's file, a picture.
WITHOUT_TABLES = {"scenario", "animate"}


def told(*arguments: str | Path) -> Any:
    """Return what a command says with --json, read by a reader that takes no NaN."""
    found = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert found.exit_code == 0, found.output

    def refuse(name: str) -> NoReturn:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(found.stdout, parse_constant=refuse)


def test_every_command_with_a_table_takes_it() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    without = {name for name, item in commands.items() if not any("--json" in one.opts for one in item.params)}
    assert without == WITHOUT_TABLES


def test_of_the_build_and_of_examples(tmp_path: Path) -> None:
    assert {"slicefast", "python", "numpy", "instruction_set"} <= told("info").keys()
    assert all(isinstance(summary, str) for summary in told("examples").values())
    copied = tmp_path / "mine.py"
    assert told("examples", "ten_seeds", "--out", copied) == {"file": str(copied)}
    assert copied.is_file()


def test_of_runs(tmp_path: Path, tiny: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    trained = told("train", "--scenario", tiny, "--out", source, "--exploration", 5, "--steps", 10)
    handed = told("transfer", "--source", source, "--out", target, "--steps", 10, "--samples", 5)
    for item, folder in ((trained, source), (handed, target)):
        assert item.keys() == {"run", "steps", "averaged_steps", "first_reward", "last_reward"}
        assert item["averaged_steps"] == item["steps"] // 4
        assert item["run"] == str(folder)
        assert 0.0 < item["last_reward"] <= 1.0
    scores = told("evaluate", target, "--steps", 5, "--policy", "equal_split")
    assert {"trained agents", "equal_split", "max-min rule"} <= scores.keys()
    assert scores["equal_split"] == scores["equal split"]


def test_of_a_study_of_which_next_to_nothing_is_finished(tmp_path: Path) -> None:
    study = open_study(tmp_path / "study", Scenario.hexagonal(n_sites=1), Protocol.quick(n_seeds=2))
    assert told("report", study.folder)["table"] == []


def completion(**asked: str) -> str:
    """Return what the program says where a shell asks it to complete."""
    command = [sys.executable, "-P", "-c", "from slicefast.cli import app; app(prog_name='slicefast')"]
    environment = {**os.environ, **asked}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60).stdout


def test_completion_completes_commands_and_options() -> None:
    for shell in ("bash", "zsh", "fish"):
        assert f"_SLICEFAST_COMPLETE=complete_{shell}" in completion(_SLICEFAST_COMPLETE=f"source_{shell}")
    for line, words in (("slicefast tr", ["train", "transfer"]), ("slicefast train --lea", ["--learner"])):
        asked = {"_SLICEFAST_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        assert completion(**asked).split() == words
