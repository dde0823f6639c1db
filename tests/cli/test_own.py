"""What users bring of their own: policies, rewards, and what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from slicefast import Scenario, progress, rewards, runs
from slicefast.cli import app
from slicefast.cli.own import load_function, load_reward

runner = CliRunner()


def test_own_policy_is_played_beside_the_others(tmp_path: Path, tiny: Path) -> None:
    run, own = tmp_path / "run", tmp_path / "own.py"
    own.write_text("import numpy as np\ndef mine(simulator, observation):\n    return np.full((3, 4), 0.25)\n")
    arguments = ["train", "--scenario", str(tiny), "--out", str(run), "--exploration", "5"]
    assert runner.invoke(app, [*arguments, "--steps", "5"]).exit_code == 0
    found = runner.invoke(app, ["evaluate", str(run), "--steps", "5", "--policy", f"{own}:mine"])
    assert found.exit_code == 0, found.output
    rows = {line.split("  ")[0]: line.split()[-4:] for line in found.output.splitlines()}
    assert rows["mine"] == rows["equal split"]
    other = runner.invoke(app, ["evaluate", str(run), "--policy", f"{own}:yours"])
    assert other.exit_code == 2
    assert "defines no function yours" in other.stderr
    own.write_text("import numpy as np\ndef mine(simulator, observation):\n    return np.full((3, 4), 0.25 + 1j)\n")
    other = runner.invoke(app, ["evaluate", str(run), "--policy", f"{own}:mine"])
    assert other.exit_code == 2
    assert f"policy {own}:mine: got an array of complex128" in other.stderr


def test_own_reward_trains(tmp_path: Path, tiny: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text("def load(kpis, scenario):\n    return 1.0 - kpis.load.sum(axis=-1)\n")
    arguments = ["train", "--scenario", str(tiny), "--exploration", "5", "--steps", "5"]
    for number, reward in enumerate((f"{own}:load", "logarithmic")):
        found = runner.invoke(app, [*arguments, "--out", str(tmp_path / f"run{number}"), "--reward", reward])
        assert found.exit_code == 0, found.output
    for reward, message in (("fairness", "allowed: logarithmic, max_min"), (f"{own}:lode", "defines no function lode")):
        found = runner.invoke(app, [*arguments, "--out", str(tmp_path / "bad"), "--reward", reward])
        assert found.exit_code == 2
        assert message in found.stderr
    assert not (tmp_path / "bad").exists()


def test_training_for_an_own_reward_goes_on_only_where_the_user_names_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: Callable[[list[str], str], None],
    interrupt: Callable[..., runs.Run],
) -> None:
    own = tmp_path / "own.py"
    own.write_text("def load(kpis, scenario):\n    return 1.0 - kpis.load.sum(axis=-1)\n")
    monkeypatch.chdir(tmp_path)
    name = load_reward("own.py:load")
    assert name.startswith("own.py:load#")
    run = interrupt(tmp_path / "run", reward=name)
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
    refused(to, f"{run.folder} was trained for {name}, a reward that is not slicefast's: name the file that has it")
    refused([*to, "--reward", "max_min"], f"reward: got 'max_min' in the target, allowed: '{name}'")
    assert runner.invoke(app, [*to, "--reward", f"{other}:load"]).exit_code == 0


def test_nothing_in_a_run_folder_is_executed(tmp_path: Path, refused: Callable[[list[str], str], None]) -> None:
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


def test_whatever_is_wrong_with_a_users_own_files_is_one_line(
    tmp_path: Path, tiny: Path, refused: Callable[[list[str], str], None]
) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        "def short(simulator, observation):\n    return [[0.5, 0.5]]\n"
        "def fails(*_):\n    return 1 / 0\n"
        "def scalar(kpis, scenario):\n    return 1.0\n"
    )
    run = tmp_path / "run"
    arguments = ["train", "--scenario", str(tiny), "--exploration", "5", "--steps", "5"]
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
