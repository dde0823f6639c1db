"""What docstrings show is what happens."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = (
    "callbacks.recorders", "envs.parallel", "envs.vector", "features", "learn.config", "link_adaptation",
    "load_coupling", "maps", "pairing", "plot.curves", "plot.estimates", "policies.base", "policies.learned",
    "radio.models", "rewards", "scenario.models", "simulator", "task",
)  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name):
    failed, attempted = doctest.testmod(importlib.import_module(f"slicefast.{name}"))
    assert attempted > 0
    assert failed == 0
