"""Every example runs where it is copied to, and says or draws what it promises."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

from slicefast import examples

#: What each program must print, and what it leaves: a picture, or a folder.
PROMISED = {
    "kernel_in_your_loop": ("200 m from the site: load", None),
    "mlflow_offline": ("mlruns: mean reward", "mlruns"),
    "network_from_csv": ("tilt 12 degrees: median SINR", "network_from_csv.png"),
    "stable_baselines": ("PPO", None),
    "ten_seeds": ("10 seeds", "ten_seeds.png"),
    "watch_a_training": ("agents-400.safetensors", None),
    "your_study": ("proportional_to_load", None),
    "your_traffic": ("step 20:", None),
}


def test_they_are_all_known():
    assert examples.names() == sorted(PROMISED)
    assert all(":" in examples.summary(name) for name in PROMISED)
    with pytest.raises(ValueError, match="example: got 'ten', allowed: kernel_in_your_loop, "):
        examples.text("ten")


def test_the_map_is_called_by_the_tilts_that_are_drawn(tmp_path):
    program = examples.text("network_from_csv")
    assert "TILT_DEG, OTHER_TILT_DEG = 6, 12" in program
    (tmp_path / "mine.py").write_text(program.replace("= 6, 12", "= 3, 9"), encoding="utf-8")
    said = subprocess.run([sys.executable, "mine.py"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert [line.split(":")[0] for line in said.splitlines()] == ["tilt 3 degrees", "tilt 9 degrees"]


#: The library that an example is about, where slicefast does without it.
NEEDED = {"mlflow_offline": "mlflow", "stable_baselines": "stable_baselines3"}


@pytest.mark.parametrize("name", PROMISED)
def test_it_runs(name, tmp_path):
    if name in NEEDED and not importlib.util.find_spec(NEEDED[name]):
        pytest.skip(f"{NEEDED[name]} is not installed")
    said, left = PROMISED[name]
    (tmp_path / f"{name}.py").write_text(examples.text(name), encoding="utf-8")
    command = [sys.executable, "-W", "error::DeprecationWarning:slicefast", f"{name}.py"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=300, env=environment, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert said in ran.stdout
    if left and left.endswith(".png"):
        assert (tmp_path / left).read_bytes().startswith(b"\x89PNG")
    elif left:
        assert any((tmp_path / left).rglob("metrics/reward"))
