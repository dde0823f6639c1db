"""The command line: what it prints, what it refuses, and what it leaves behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from slicefast import Scenario
from slicefast.cli import app
from slicefast.study import runs
from slicefast.study.runner import StudyError

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
    assert "n_slices = 3 in the target, 4 in the source" in refused.stderr
    renamed = tmp_path / "renamed.toml"
    renamed.write_text(scenario.read_text().replace('"slice2"', '"video"'))
    arguments += ["--target", str(renamed), "--out", str(tmp_path / "other")]
    refused = runner.invoke(app, arguments)
    assert refused.exit_code == 2
    assert "slices = slice1, video, slice3, slice4 in the target" in refused.stderr
    assert "--by-position" in refused.stderr
    assert not (tmp_path / "other").exists()
    assert runner.invoke(app, [*arguments, "--by-position"]).exit_code == 0


def test_comparing_cells_by_no_samples_is_refused(tmp_path: Path) -> None:
    scenario = Scenario.from_toml(tiny_file(tmp_path))
    source = runs.new_run(tmp_path / "source", scenario, exploration_steps=5, train_steps=5)
    runs.train(source)
    target = runs.new_run(tmp_path / "target", scenario, exploration_steps=0, train_steps=5)
    with pytest.raises(StudyError, match="sample_steps = 0"):
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
    for reward, message in (("fairness", "registered are"), (f"{own}:lode", "defines no function lode")):
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


def test_ctrl_c_leaves_a_readable_report_and_resuming_is_offered(tmp_path: Path) -> None:
    """Interrupt a real run after its first finished part, as a terminal does: the whole process group gets SIGINT."""
    out = tmp_path / "out"
    arguments = ["reproduce", "--quick", "--scenario", str(tiny_file(tmp_path)), "--out", str(out), "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "slicefast.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    give_up = time.monotonic() + 90.0
    while not list(out.glob("parts/*/*.npz")) and process.poll() is None and time.monotonic() < give_up:
        time.sleep(0.02)
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
