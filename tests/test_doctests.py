"""What docstrings show is what happens."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = ("callbacks.recorders", "load_coupling", "pairing", "radio.models", "scenario.models", "task")


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name):
    failed, attempted = doctest.testmod(importlib.import_module(f"slicefast.{name}"))
    assert attempted > 0
    assert failed == 0
