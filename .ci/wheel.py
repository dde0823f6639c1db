"""Try an installed slicefast from a folder that is not its source: what a wheel must hold, and that it plays."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

HELD = ("py.typed", "CHANGES.md", "_core.pyi", "study/templates/report.html.j2", "examples/ten_seeds.py")

with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    import slicefast as sf

    package = Path(sf.__file__).parent
    assert "site-packages" in package.parts, package
    assert sf.__version__ == metadata.version("slicefast")
    for name in HELD:
        assert (package / name).is_file(), name
    assert not [path for path in package.rglob("*") if path.suffix in (".pyx", ".pxd", ".cpp", ".hpp")]
    reward = sf.Task(sf.Scenario.paper()).reward(sf.Simulator(sf.Scenario.paper(), seed=0).reset())
    assert reward.shape == (12,)
    command = [sys.executable, "-m", "slicefast"]
    subprocess.run([*command, "scenario", "--out", "s.toml"], check=True)
    subprocess.run(
        [*command, "train", "--scenario", "s.toml", "--exploration", "5", "--steps", "5", "--out", "RUN"], check=True
    )
    print(f"{package}: whole, and plays")
