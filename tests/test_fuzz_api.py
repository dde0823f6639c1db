"""A short run of the fuzzer of public functions; `tests/README.md` says what the long ones found."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="module")
def fuzzer(program: Callable[[str], ModuleType]) -> ModuleType:
    """Return tests/fuzz/api.py."""
    return program("tests/fuzz/api.py")


def test_no_argument_that_is_no_good_gets_past_its_function(fuzzer: ModuleType) -> None:
    counts, findings = fuzzer.fuzz(300, seed=1)
    assert not findings
    assert counts.total() == 300
    assert counts["refused"] >= 150  # most of what is drawn is no good


def _raise(error: BaseException) -> Callable[..., Any]:
    def call(**arguments: object) -> None:
        raise error

    return call


@pytest.mark.parametrize(
    ("call", "outcome", "problem"),
    [
        (lambda seed: None, "finding", "NaN taken for seed"),
        (_raise(ValueError("object too deep")), "finding", "unnamed: ValueError"),
        (_raise(ValueError("seed: got 1,\nallowed: 2")), "finding", "message of"),
        (_raise(ValueError("seed: " + "x" * 1000)), "finding", "message of 1006"),
        (_raise(IndexError("seed")), "finding", "IndexError"),
        (_raise(OSError("seed")), "finding", "OSError"),
        (_raise(ValueError("seed: got nan, allowed: an integer")), "refused", "seed: got nan"),
    ],
)
def test_the_fuzzer_finds_what_it_looks_for(
    call: Callable[..., Any], outcome: str, problem: str, fuzzer: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzzer.targets, "call_of", lambda name: call)
    found, said = fuzzer.try_call("Simulator.reset", {"seed": np.float64("nan")}, ["seed"])
    assert (found, problem in said) == (outcome, True), said
