"""A short run of the fuzzer of files; `tests/README.md` says what the long ones found."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from slicefast import Scenario, files
from slicefast.errors import CheckpointError, RunError, ScenarioError


@pytest.fixture(scope="module")
def fuzzer(program: Callable[[str], ModuleType]) -> ModuleType:
    """Return tests/fuzz/files.py."""
    return program("tests/fuzz/files.py")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of h5netcdf, on files that are none
def test_no_damaged_file_gets_past_its_reader(fuzzer: ModuleType) -> None:
    counts = fuzzer.fuzz(25, seed=1)
    assert len(counts) >= 14
    for name, count in counts.items():
        assert count.total() == 25, name
        assert not count["finding"], name


def test_the_fuzzer_finds_what_it_looks_for(fuzzer: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "x"
    outcomes = {
        "taken": lambda: None,
        "ValueError": lambda: int("x"),
        "characters": lambda: (_ for _ in ()).throw(RunError("x" * 10_000)),
        "not what was written": lambda: 2,
    }
    for named, read in outcomes.items():
        assert named in " ".join(fuzzer.try_input(fuzzer.Kind(path, read), 1, b"data"))


def archive(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return stream.getvalue()


def npy(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


HUGE = npy(np.zeros(3)).replace(b"(3,), }" + b" " * 10, b"(3000000000000,), }")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "damaged"),
        (b"PK\x03\x04 no archive", "damaged"),
        (archive({}), "it holds nothing"),
        (archive({"a.npy": HUGE}), "no array of numbers and text of the size it says"),
        (archive({"a.npy": npy(np.zeros(3))[:-1]}), "of the size it says"),
        (archive({"a.npy": b"\x93NUMPY\x01\x00"}), "damaged"),
        (archive({"checksum.npy": npy(np.array("0")), "a.npy": npy(np.zeros(3))}), "its checksum differs"),
    ],
)
def test_arrays_that_are_damaged_are_refused_before_memory_is_asked_for(
    tmp_path: Path, data: bytes, problem: str
) -> None:
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(CheckpointError, match=rf"a\.npz: is (damaged.*)?{problem}"):
        files.load_arrays(tmp_path / "a.npz")


def test_a_reason_is_short_whatever_an_archive_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    files.save_arrays(path, {"a": np.arange(500.0)})
    data = bytearray(path.read_bytes())
    data[26:28] = (400).to_bytes(2, "little")  # how long the name of the first member is
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"a\.npz: is damaged \(BadZipFile") as caught:
        files.load_arrays(path)
    assert len(str(caught.value)) < 300 + len(str(path))


@pytest.mark.parametrize(
    "damage", [lambda data: data + b"x", lambda data: data[:-9] + b"zz" + data[-9:], lambda data: data[:-1]]
)
def test_a_checksum_that_has_moved_still_counts(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "a.nc"
    files.write_sealed(path, b"whole")
    files.check_seal(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError, match="its checksum differs"):
        files.check_seal(path)


def test_arrays_are_read_as_they_were_written(tmp_path: Path) -> None:
    turned = np.asfortranarray(np.eye(3, 2))
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array("text"), "c": turned, "d": np.empty(0)}
    files.save_arrays(tmp_path / "a.npz", arrays)
    found = files.load_arrays(tmp_path / "a.npz")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_a_document_of_the_wrong_kind_is_one_line(tmp_path: Path) -> None:
    for text in ("", "[1]", "{" * 9, "[" * 100_000, '{"a": 1' + "0" * 5000, "\x00"):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(CheckpointError, match=r"a\.json: is damaged") as caught:
            files.read_json(tmp_path / "a.json")
        assert "\n" not in str(caught.value)


def test_a_scenario_of_a_document_is_refused_in_one_line() -> None:
    fields = Scenario.paper().model_dump(mode="json")
    with pytest.raises(ScenarioError, match=r"^radio\.colour: got 1, unknown field") as caught:
        Scenario.model_validate({**fields, "radio": {"colour": 1}})
    assert "\n" not in str(caught.value)
    with pytest.raises(ScenarioError) as caught:
        Scenario.model_validate({**fields, "x" * 5000: 1})
    assert len(str(caught.value)) < 600
