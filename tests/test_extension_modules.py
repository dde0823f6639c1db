"""What the compiled modules show to the world: read with binutils, on Linux."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slicefast import _core, _mobility, _traffic

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("nm") or not shutil.which("readelf"),
    reason="needs the binutils of Linux",
)
MODULES = pytest.mark.parametrize("path", [module.__file__ for module in (_core, _mobility, _traffic)])


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@MODULES
def test_nothing_but_the_entry_is_exported(path):
    names = [line.split()[-1] for line in _output("nm", "-D", "--defined-only", path).splitlines()]
    assert names == [f"PyInit_{Path(path).name.split('.')[0]}"]


@MODULES
def test_relocations_are_read_only_once_bound_at_the_start(path):
    assert "GNU_RELRO" in _output("readelf", "--program-headers", "--wide", path)
    assert "BIND_NOW" in _output("readelf", "--dynamic", path)


@MODULES
def test_the_stack_is_protected_and_sizes_are_checked(path):
    used = _output("nm", "-D", "--undefined-only", path)
    assert "__stack_chk_fail" in used
    assert "_chk@" in used.replace("__stack_chk_fail", "")
