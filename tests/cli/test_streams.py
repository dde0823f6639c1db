"""What is printed: a full, closed or narrow stream, or a notebook's settings, neither stop a run nor spoil it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from slicefast import Scenario, runs
from slicefast.study.execute import run_study
from slicefast.study.folder import open_study
from slicefast.study.protocol import Protocol


def shell(arguments: Sequence[str], redirection: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command through a shell, which can close and redirect as Python's own Popen cannot."""
    command = f'"$0" -P -m slicefast "$@" {redirection}'
    return subprocess.run(
        ["bash", "-c", command, sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        encoding="latin-1",
        env={**os.environ, **environment},
    )


full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")


@full
@pytest.mark.parametrize("arguments", [["info"], ["scenario"], ["--help"], ["--version"]])
def test_what_is_only_printed_and_cannot_be_is_told_in_one_line(arguments: list[str]) -> None:
    found = shell(arguments, "> /dev/full")
    assert found.returncode == 2
    assert found.stderr == "slicefast: what was to be printed could not be: No space left on device\n"


@pytest.mark.parametrize("redirection", ["", "2>&-"])
def test_a_warning_is_one_line_without_code(tmp_path: Path, redirection: str) -> None:
    (tmp_path / "sites.csv").write_text("x_m,y_m,azimuth_deg\n0,0,0\n", encoding="utf-8")
    scenario = tmp_path / "network.toml"
    scenario.write_text('[layout]\nkind = "csv"\nsites_csv = "sites.csv"\n', encoding="utf-8")
    found = shell(["scenario", "--check", str(scenario)], redirection)
    assert found.returncode == 0
    (told,) = found.stderr.splitlines() if not redirection else ["slicefast: warning: "]
    assert told.startswith("slicefast: warning: ")
    assert ".py" not in told


@pytest.mark.parametrize("redirection", [pytest.param("> /dev/full", marks=full), ">&-", ">&- 2>&-", "| true"])
def test_a_run_does_not_end_with_its_output(tmp_path: Path, tiny: Path, redirection: str) -> None:
    arguments = ["train", "--scenario", str(tiny), "--exploration", "5", "--steps", "5", "--out", str(tmp_path / "run")]
    found = shell(arguments, redirection)
    assert found.returncode == 0
    assert "Traceback" not in found.stderr
    assert runs.load_run(tmp_path / "run").train_steps == 5


@full
def test_a_result_that_is_printed_is_one_whatever_the_bar_lost(tmp_path: Path, tiny: Path) -> None:
    arguments = ["train", "--scenario", str(tiny), "--exploration", "5", "--steps", "5", "--out", str(tmp_path / "run")]
    assert shell(arguments).returncode == 0
    found = shell(["evaluate", str(tmp_path / "run"), "--steps", "2"], "2> /dev/full")
    assert found.returncode == 0
    assert "trained agents" in found.stdout


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a finished study, whose slices are named in many alphabets."""
    slices = [{"name": name, "rate_bps": 1e5} for name in ("µ [ms]", "片", "<b>", "\x1b[31m")]
    scenario = Scenario.hexagonal(n_sites=1, window_ttis=20, name="网", slices=slices)
    small = dict.fromkeys(
        ("train_steps", "transfer_steps", "evaluation_steps", "sample_steps", "vae_epochs", "early_steps"), 20
    )
    protocol = Protocol(n_seeds=1, exploration_steps=20, arms=("equal_split", "drl"), pairs=False, **small)
    folder = tmp_path_factory.mktemp("study")
    assert run_study(open_study(folder, scenario, protocol), workers=1)
    return folder


def test_a_report_depends_on_no_terminal_and_no_notebook(study: Path) -> None:
    bare = {"LC_ALL": "C", "PYTHONUTF8": "0", "MPLBACKEND": "module://not_installed.here"}
    found = shell(["report", str(study), "--json"], **bare)
    assert (found.returncode, "Traceback" in found.stderr) == (0, False), found.stderr
    told = json.loads(found.stdout)
    rewards = [row["mean reward"]["value"] for row in told["table"]]
    assert len(rewards) == 2
    assert all(0.0 < reward <= 1.0 for reward in rewards)
    assert [Path(path).is_file() for path in told["files"]] == [True, True]
    assert {"results.nc", "report.html", "report.md"} <= {path.name for path in study.iterdir()}


def test_names_are_printed_on_one_line(tmp_path: Path) -> None:
    Scenario.paper(name="a\nb\x1b[31m").to_toml(tmp_path / "s.toml")
    found = shell(["scenario", "--check", str(tmp_path / "s.toml")])
    assert found.stdout.count("\n") == 1
    assert ": a?b?[31m, 12 cells" in found.stdout


def test_characters_that_a_terminal_does_not_have_are_replaced(tmp_path: Path) -> None:
    Scenario.paper(name="µ网").to_toml(tmp_path / "s.toml")
    found = shell(["scenario", "--check", str(tmp_path / "s.toml")], PYTHONIOENCODING="latin-1")
    assert (found.returncode, found.stderr) == (0, "")
    assert ": µ?, 12 cells" in found.stdout
