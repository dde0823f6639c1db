"""The files that a scenario names: found again, kept by runs and studies, told apart by what they hold."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slicefast import Scenario, files, runs
from slicefast.errors import RunError, ScenarioError
from slicefast.scenario import inputs
from slicefast.study.folder import load_study, open_study
from slicefast.study.protocol import Protocol

ROWS = "time,volume\n" + "".join(f"{3600 * hour},{100 + hour % 24}\n" for hour in range(48))
SITE = "x_m,y_m,height_m,angle_deg,tilt_deg,power_dbm\n0,0,25,0,6,46\n500,0,25,120,6,46\n"
PACKETS = "time,bytes\n0,100\n0.5,200\n"


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return a scenario's fields that name three files by relative names, which are there."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for name, text in (("t.csv", ROWS), ("sites.csv", SITE), ("p.csv", PACKETS)):
        Path(name).write_text(text)
    slices: list[dict[str, Any]] = [{"name": f"s{k}", "rate_bps": 1e5, "users_per_cell": 2} for k in range(4)]
    slices[1] = {"name": "s1", "users_per_cell": 2, "traffic": {"kind": "trace", "path": "p.csv"}}
    return {"traffic_trace": "t.csv", "layout": {"sites_csv": "sites.csv"}, "slices": slices, "window_ttis": 20}


@pytest.mark.parametrize("where", [".", "..", "sub"])
def test_a_scenario_is_read_back_equal_from_any_folder(named: dict[str, Any], where: str) -> None:
    Path("sub").mkdir()
    scenario = Scenario.paper(**named)
    path = Path(where) / "s.toml"
    scenario.to_toml(path)
    assert Scenario.from_toml(path) == scenario


def test_a_scenario_moves_with_the_files_below_it(named: dict[str, Any], tmp_path: Path) -> None:
    Scenario.paper(**named).to_toml("s.toml")
    shutil.move(tmp_path / "work", tmp_path / "elsewhere")
    moved = Scenario.from_toml(tmp_path / "elsewhere" / "s.toml")
    assert moved.traffic_trace == str(tmp_path / "elsewhere" / "t.csv")
    assert moved.slices[1].traffic.path == str(tmp_path / "elsewhere" / "p.csv")  # type: ignore[attr-defined]


def test_a_scenario_is_the_same_wherever_its_files_lie(named: dict[str, Any], tmp_path: Path) -> None:
    here = inputs.digest(Scenario.paper(**named))
    shutil.copy("t.csv", "another.csv")
    assert inputs.digest(Scenario.paper(**{**named, "traffic_trace": "another.csv"})) == here
    Path("another.csv").write_text(ROWS.replace("100", "101"))
    assert inputs.digest(Scenario.paper(**{**named, "traffic_trace": "another.csv"})) != here


def test_a_file_that_is_gone_is_named(named: dict[str, Any]) -> None:
    scenario = Scenario.paper(**named)
    Path("t.csv").unlink()
    with pytest.raises(ScenarioError, match=r"t\.csv: .*No such file"):
        inputs.identity(scenario)


def test_an_interrupted_run_goes_on_elsewhere_without_the_files_it_was_given(
    named: dict[str, Any], tmp_path: Path
) -> None:
    scenario = Scenario.paper(**named)
    settings: dict[str, Any] = {"seed": 3, "exploration_steps": 5, "train_steps": 20}
    whole = runs.train(runs.new_run("whole", scenario, **settings)).reward

    def stop(steps: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.train(runs.new_run("run", scenario, **settings), stop)
    shutil.move(tmp_path / "work" / "run", tmp_path / "run")
    for name in ("t.csv", "sites.csv", "p.csv"):
        Path(name).write_text("")
    run, _ = runs.load_interrupted(tmp_path / "run")
    assert np.array_equal(runs.resume(run).reward, whole)
    document = json.loads((tmp_path / "run" / "run.json").read_text())
    assert sorted(document["inputs"]) == sorted(f"inputs/{path.name}" for path in (tmp_path / "run/inputs").iterdir())
    assert len(document["inputs"]) == 3
    assert runs.evaluate(runs.load_run(tmp_path / "run"), steps=2)


def test_a_kept_file_that_was_changed_is_refused(named: dict[str, Any], tmp_path: Path) -> None:
    run = runs.new_run("run", Scenario.paper(**named), exploration_steps=2, train_steps=2)
    runs.train(run)
    (kept,) = Path("run/inputs").glob("*-t.csv")
    kept.write_text(ROWS.replace("100", "101"))
    with pytest.raises(RunError, match=r"run\.json cannot be read: .*-t\.csv: is damaged"):
        runs.load_run("run")
    kept.unlink()
    with pytest.raises(RunError, match=r"run\.json cannot be read: .*-t\.csv: No such file"):
        runs.load_run("run")


def test_a_study_is_continued_elsewhere_and_not_with_another_file(named: dict[str, Any], tmp_path: Path) -> None:
    protocol = Protocol.quick(1)
    study = open_study(Path("study"), Scenario.paper(**named), protocol)
    assert Path(study.scenario.traffic_trace or "").parent == tmp_path / "work" / "study" / "inputs"
    shutil.move("study", tmp_path / "study")
    assert load_study(tmp_path / "study").scenario.n_cells == 2
    open_study(tmp_path / "study", Scenario.paper(**named), protocol, resume=True)
    Path("t.csv").write_text(ROWS.replace("100", "101"))
    with pytest.raises(RunError, match=r"another scenario .*traffic_trace was"):
        open_study(tmp_path / "study", Scenario.paper(**named), protocol, resume=True)


@pytest.mark.parametrize("said", ["text", 7, [1], {"t.csv": 7}, None])
def test_what_is_no_list_of_kept_files_is_refused(tmp_path: Path, said: Any) -> None:
    open_study(tmp_path / "study", Scenario.hexagonal(n_sites=1), Protocol.quick(1))
    manifest = tmp_path / "study" / "study.json"
    document = {**json.loads(manifest.read_text()), "inputs": said}
    del document["checksum"]
    files.write_json(manifest, document)
    with pytest.raises(RunError, match=r"inputs: got .*, allowed: checksums by the names of files"):
        load_study(tmp_path / "study")
