"""`slicefast animate`: how far it is, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner

from slicefast.cli import app


def test_how_far_a_moving_picture_is_is_told_on_standard_error(tmp_path: Path, tiny: Path) -> None:
    out = tmp_path / "day.gif"
    found = CliRunner().invoke(app, ["animate", "--scenario", str(tiny), "--steps", "2", "--out", str(out)])
    assert (found.exit_code, found.stdout) == (0, ""), found.exception
    assert f"drawing {out}  2/2 steps  100 %" in found.stderr
    assert out.is_file()


def test_a_name_that_is_no_moving_picture_is_refused_before_anything_is_shown(
    tmp_path: Path, tiny: Path, refused: Callable[[list[str], str], None]
) -> None:
    out = tmp_path / "day.webm"
    arguments = ["animate", "--scenario", str(tiny), "--out", str(out)]
    refused(arguments, ", allowed: a name ending in .gif or .mp4")
    assert CliRunner().invoke(app, arguments).output.count("\n") == 1
