"""What reads results loads no simulator and no learner, however deep one follows its imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

READERS = (
    "dataset", "intervals", "scores", "comparison", "evidence", "claims", "ordering", "explanation", "document",
    "style", "figures", "similarity_figures", "report",
)  # fmt: skip
#: Rooms that play or learn; a reader that loads one of them could make the numbers that it shows.
NEVER = ("simulator", "network", "training", "task", "policies", "envs", "learn", "runs", "_traffic")


@pytest.mark.parametrize("reader", READERS)
def test_readers_load_nothing_that_plays_or_learns(reader: str) -> None:
    code = f"import slicefast.study.{reader}, sys\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=120)
    loaded = set(run.stdout.split())
    assert f"slicefast.study.{reader}" in loaded
    rooms = {name.split(".")[1] for name in loaded if name.startswith("slicefast.")}
    assert not rooms & set(NEVER)
    assert "torch" not in loaded
