"""slicefast can be imported where people stand: installed, and in a clone beside an installed one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import slicefast

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the package's Python files and no compiled module."""
    folder = tmp_path_factory.mktemp("clone")
    ignored = shutil.ignore_patterns("*.so", "*.pyx", "__pycache__")
    shutil.copytree(Path(slicefast.__path__[0]), folder / "slicefast", ignore=ignored)
    return folder


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120)


def test_clone_takes_the_installed_core(clone: Path) -> None:
    code = "import slicefast, slicefast._core as core; print(slicefast.__file__, core.__file__)"
    found = run("-c", code, cwd=clone)
    assert found.returncode == 0, found.stderr
    package, core = map(Path, found.stdout.split())
    assert package == clone / "slicefast" / "__init__.py"
    assert clone not in core.parents


def test_clone_is_the_command_too(clone: Path) -> None:
    found = run("-m", "slicefast", "--version", cwd=clone)
    assert found.stdout == f"slicefast {slicefast.__version__}\n", found.stderr


def test_clone_without_an_installed_package_says_what_to_type(clone: Path) -> None:
    found = run("-S", "-c", "import slicefast", cwd=clone)  # -S: no site-packages
    assert found.returncode == 1
    *_, last = found.stderr.strip().splitlines()
    assert last == (
        f"ImportError: slicefast is not built: {clone / 'slicefast'} is its source. "
        f"Type: pip install torch==2.13.0 {clone}"
    )


def test_pytest_runs_as_a_module_in_the_clone() -> None:
    found = run("-m", "pytest", "-q", "tests/test_rng.py", "-p", "no:cacheprovider", cwd=ROOT)
    assert found.returncode == 0, found.stdout + found.stderr
