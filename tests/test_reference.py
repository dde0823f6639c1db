"""The README's command builds the reference: a page per public module, and not one warning."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import slicefast as sf

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
#: One that the package imports when it is first used, one from the core, one of an extra, one of a page of its own.
DESCRIBED = {
    "slicefast.html": ("Simulator.step", "Task.observe", "NotConverged", "compare"),
    "slicefast/envs.html": ("to_sb3", "VectorEnv.step"),
    "slicefast/envs/sb3.html": ("policy_of", "PPO_SETTINGS"),
    "slicefast/scheduling.html": ("WindowResult.throughput_bps", "schedule_window"),
    "slicefast/study.html": ("run_study", "Protocol"),
}


def test_it_is_whole_and_nothing_is_warned_of(tmp_path):
    pytest.importorskip("pdoc", reason="the extra docs is not installed")
    pytest.importorskip("stable_baselines3", reason="the extra docs is not installed")
    [command] = re.findall(r"`pip install \"\.\[docs\]\" && EAGER_IMPORT=1 pdoc (.+?)`", README)
    ran = subprocess.run(
        [sys.executable, "-m", "pdoc", *command.split()],
        cwd=tmp_path,
        env={**os.environ, "EAGER_IMPORT": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    site = tmp_path / "site"
    for name in sf.__all__:
        if getattr(sf, name).__class__.__name__ == "module":
            assert (site / "slicefast" / f"{name}.html").is_file(), name
    for page, names in DESCRIBED.items():
        text = (site / page).read_text(encoding="utf-8")
        for name in names:
            assert f'id="{name}"' in text, (page, name)


@pytest.mark.parametrize("package", ["slicefast", "slicefast.envs", "slicefast.study"])
def test_names_come_when_they_are_used_or_at_once(package):
    code = f"import {package} as package; print(*set(package.__all__) - set(vars(package)))"
    for eager, expected in (("", True), ("1", False)):
        if package == "slicefast.envs" and eager:
            pytest.importorskip("stable_baselines3")
        environment = {**os.environ, "EAGER_IMPORT": eager}
        ran = subprocess.run(
            [sys.executable, "-P", "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=120
        )
        assert bool(ran.stdout.strip()) is expected
