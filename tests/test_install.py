"""slicefast can be imported where people stand, installed and in a clone beside it; its source is packed alone."""

import shutil
import subprocess
import sys
import tarfile
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


def pack(folder: Path, out: Path) -> Path:
    """Return the source distribution of what lies in ``folder``, unpacked below ``out``."""
    out.mkdir()
    code = "import sys; from scikit_build_core.build import build_sdist; build_sdist(sys.argv[1])"
    packed = run("-c", code, str(out), cwd=folder)
    assert packed.returncode == 0, packed.stderr
    (archive,) = out.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(out, filter="data")
    return out / archive.name.removesuffix(".tar.gz")


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_its_source_is_packed_whole_and_without_what_lies_beside_it(tmp_path: Path) -> None:
    source = pack(ROOT, tmp_path / "first")
    files = files_below(source)
    if (ROOT / ".git").exists():
        command = ["git", "-c", "safe.directory=*", "ls-files"]  # whoever owns the clone
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
        tracked = {name for name in listed if (ROOT / name).is_file() and not name.startswith(".ci/")}
        assert tracked - files == set()
        assert {name.split("/")[0] for name in files} == {"PKG-INFO", *(name.split("/")[0] for name in tracked)}

    strays = ("RUN/agents.safetensors", "any/name.py", "mine.toml", "ten_seeds.png", ".venv/bin/python",
              "slicefast/_core.cpython-311-x86_64-linux-gnu.so", "tests/__pycache__/conftest.pyc")  # fmt: skip
    for name in strays:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    assert files_below(pack(source, tmp_path / "second")) == files
