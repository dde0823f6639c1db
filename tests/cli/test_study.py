"""The commands of the study: what they take, and how they stop and go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from slicefast import Scenario
from slicefast.cli import app
from slicefast.cli.display import progress_bars
from slicefast.study.arms import ARMS, QUICK_ARMS
from slicefast.study.folder import load_study, open_study
from slicefast.study.map_folder import load_map
from slicefast.study.protocol import Protocol

runner = CliRunner()


@pytest.mark.usefixtures("ctrl_c_works")
def test_ctrl_c_leaves_a_readable_report_and_resuming_is_offered(tmp_path: Path, tiny: Path) -> None:
    """Interrupt a real run after its first finished part, as a terminal does: the whole process group gets SIGINT."""
    out = tmp_path / "out"
    arguments = ["reproduce", "--quick", "--scenario", str(tiny), "--out", str(out), "--workers", "2"]
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
    other = runner.invoke(app, arguments)
    assert other.exit_code == 2
    assert "--resume" in other.stderr


def test_resuming_keeps_the_number_of_seeds_and_refuses_fewer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Path, refused: Callable[[list[str], str], None]
) -> None:
    scenario, out = tiny, tmp_path / "out"
    open_study(out, Scenario.from_toml(scenario), Protocol.quick(n_seeds=3))
    monkeypatch.setattr("slicefast.study.execute.run_study", lambda *_: True)
    monkeypatch.setattr("slicefast.cli.study.write_outcome", lambda study, as_json: None)
    arguments = ["reproduce", "--quick", "--scenario", str(scenario), "--out", str(out), "--resume"]
    refused([*arguments, "--seeds", "2"], "n_seeds = 2")
    for seeds, expected in ((None, 3), (4, 4), (None, 4)):
        found = runner.invoke(app, arguments if seeds is None else [*arguments, "--seeds", str(seeds)])
        assert found.exit_code == 0, found.output
        assert load_study(out).protocol.n_seeds == expected


def test_study_takes_every_number_of_the_learner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Path, refused: Callable[[list[str], str], None]
) -> None:
    scenario, out = tiny, tmp_path / "out"
    monkeypatch.setattr("slicefast.study.execute.run_study", lambda *_: True)
    monkeypatch.setattr("slicefast.cli.study.write_outcome", lambda study, as_json: None)
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


def test_a_study_goes_on_with_its_arms_and_can_take_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Path
) -> None:
    out = tmp_path / "out"
    open_study(out, Scenario.from_toml(tiny), Protocol.quick().replace(arms=("drl", "transfer_fast")))
    monkeypatch.setattr("slicefast.study.execute.run_study", lambda *_: True)
    monkeypatch.setattr("slicefast.cli.study.write_outcome", lambda study, as_json: None)
    arguments = ["reproduce", "--quick", "--scenario", str(tiny), "--out", str(out), "--resume"]
    for more, expected in (([], {*QUICK_ARMS, "transfer_fast"}), (["--all-arms"], set(ARMS)), ([], set(ARMS))):
        found = runner.invoke(app, [*arguments, *more])
        assert found.exit_code == 0, (found.output, found.exception)
        assert set(load_study(out).protocol.arms) == expected


def test_in_a_terminal_the_folder_is_said_and_leaves_the_bar_its_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORCE_COLOR", "1")  # is taken for a terminal then
    monkeypatch.setenv("COLUMNS", "80")
    folder = Path("mine[red]", "of" * 60)
    with progress_bars(open_study(folder, Scenario.paper(), Protocol.quick())):
        pass
    told, *bars = capsys.readouterr().err.splitlines()
    assert told == f"study in {folder}"
    assert any("0%" in line for line in bars)


@pytest.mark.parametrize("kind", [[], ["--map"]])
def test_engine_and_resources_reach_the_study_and_every_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Path, kind: list[str]
) -> None:
    asked = []
    monkeypatch.setattr("slicefast.study.execute.run_study", lambda *given: asked.append((given[2], given[4])) or True)
    monkeypatch.setattr("slicefast.cli.study.write_outcome", lambda study, as_json: None)
    monkeypatch.setattr("slicefast.cli.map.write_map", lambda found, as_json: None)
    arguments = ["reproduce", *kind, "--quick", "--scenario", str(tiny), "--out", str(tmp_path / "out")]
    found = runner.invoke(app, [*arguments, "--engine", "ray", "--resource", "num_cpus=2", "--resource", "memory=4e9"])
    assert found.exit_code == 0, (found.output, found.exception)
    assert asked == [("ray", {"num_cpus": 2, "memory": 4e9})] * (3 if kind else 1)


def test_a_map_goes_on_with_its_seeds_and_is_reported_by_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Path, refused: Callable[[list[str], str], None]
) -> None:
    out, ran, told = tmp_path / "map", [], []
    monkeypatch.setattr("slicefast.study.execute.run_study", lambda point, *_: ran.append(point.name) or True)
    monkeypatch.setattr("slicefast.cli.map.write_map", lambda found, into=None, **_: told.append((found, into)))
    arguments = ["reproduce", "--map", "--quick", "--scenario", str(tiny), "--out", str(out)]
    found = runner.invoke(app, [*arguments, "--seeds", "3"])
    assert found.exit_code == 0, (found.output, found.exception)
    assert ran == ["alike", "mix-1", "both-1"]
    assert load_map(out).protocol.n_seeds == 3
    refused(arguments, "--resume")
    refused([*arguments, "--resume", "--seeds", "2"], "n_seeds = 2")
    refused([*arguments, "--set", "actor_lr=1e-3"], "--map: takes neither --set nor --all-arms")
    refused([*arguments, "--all-arms"], "--map: takes neither --set nor --all-arms")
    for seeds, expected in (([], 3), (["--seeds", "4"], 4)):
        assert runner.invoke(app, [*arguments, "--resume", *seeds]).exit_code == 0
        assert load_map(out).protocol.n_seeds == expected
    told.clear()
    assert runner.invoke(app, ["report", str(out), "--into", str(tmp_path / "x.md")]).exit_code == 0
    assert told == [(load_map(out), tmp_path / "x.md")]
