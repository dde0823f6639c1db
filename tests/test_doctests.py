"""What docstrings show is what happens, and every public function shows something."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import slicefast as sf
from slicefast import features, policies, rewards
from slicefast.traffic import models

PACKAGE = Path(sf.__file__).parent
#: What users type first; the package's own docstring says so.
ASSUMED = {"np": np, "sf": sf}
#: Modules of public functions beside the names of `slicefast`.
BESIDE = (
    "callbacks.bar", "callbacks.recorders", "energy", "kpm", "labelled", "maps", "packets", "pairing", "rng",
    "traffic.arrivals", "traffic.mask", "traffic.models", "traffic.series", "traffic.trace",
)  # fmt: skip
#: What has no example, and why none would say more.
WITHOUT = {
    "VectorEnv.close_extras": "Gymnasium's close calls it",
    "Simulator.close": "does nothing since 0.2.0",
    "study.run_study": "minutes at least, and processes of its own",
    **{
        f"study.Study.{name}": "an arm or an engine calls it with the part of a study that it plays"
        for name in ("begin", "context", "fault", "files", "finished", "load", "path", "read", "save")
    },
    **{
        f"radio.{kind}.{name}": "the simulator asks it for what the core reads"
        for kind in ("GainMap", "GainSeries")
        for name in ("check", "places", "source")
    },
    "callbacks.Recorder.close": "leaving the `with` of the class's example calls it",
    "callbacks.Bar.close": "leaving the `with` of the class's example calls it",
    "callbacks.Csv.write": "a step calls it",
    "callbacks.recorders.TensorBoard": "of the extra tensorboard; used as Csv is",
    "packets.packet_arrays": "room for what the core writes",
    "traffic.series.TraceSeries": "what `read_series` returns",
    "traffic.trace.PacketTrace": "what `read_packets` returns",
}


def docstrings() -> Iterator[tuple[str, str, int]]:
    """Yield the name, text and first line of every docstring with an example."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        yield from _of(ast.parse(path.read_text(encoding="utf-8")), module)


def _of(owner: Any, name: str) -> Iterator[tuple[str, str, int]]:
    text = ast.get_docstring(owner)
    if text is not None and ">>> " in text:
        yield name, text, owner.body[0].lineno
    for item in owner.body:
        if isinstance(item, ast.FunctionDef | ast.ClassDef):
            yield from _of(item, f"{name}.{item.name}")


FOUND = list(docstrings())


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave no files, figures and registered names behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    for registry in (features.FEATURES, policies.POLICIES, rewards.REWARDS):
        monkeypatch.setattr(registry, "entries", dict(registry.entries))
    monkeypatch.setattr(models, "MODELS", dict(models.MODELS))
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.mark.parametrize(("name", "text", "line"), FOUND, ids=[name for name, _, _ in FOUND])
def test_examples_give_what_they_say(name: str, text: str, line: int) -> None:
    if ".sb3." in name:
        pytest.importorskip("stable_baselines3", reason="the extra rl is not installed")
    example = doctest.DocTestParser().get_doctest(text, dict(ASSUMED), name, name, line)
    said: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(example, out=said.append)
    assert result.failed == 0, "".join(said)
    assert result.attempted > 0


def test_every_public_function_shows_an_example(program: Callable[[str], ModuleType]) -> None:
    found = dict(program("tests/fuzz/targets.py").public())
    for name in BESIDE:
        module = import_module(f"slicefast.{name}")
        own = [item for item in vars(module).values() if inspect.isfunction(item) or inspect.isclass(item)]
        found |= {f"{name}.{item.__name__}": item for item in own if item.__module__ == module.__name__}
    missing = {name for name in found if "._" not in name and not _is_shown(name, found)}
    assert missing - set(WITHOUT) == set()
    assert set(WITHOUT) - missing == set()  # has one by now


def _is_shown(name: str, found: dict[str, Any]) -> bool:
    """Whether a function, class or method has an example, or its class's example calls the method."""
    owner, _, method = name.rpartition(".")
    of_class = inspect.getdoc(found[owner]) or "" if owner in found else ""
    return ">>> " in (inspect.getdoc(found[name]) or "") or re.search(rf"\b{method}\(", of_class) is not None
