"""Names of release 0.1.0 that have moved since: they still import, each use with a warning that names the new place.

Nothing in the package uses them.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_DROPPED_IN = "0.3.0"
#: Where a module's names are now, in the order in which they are looked for; of modules that are still there too.
PLACES: dict[str, tuple[str, ...]] = {
    "slicefast.arrivals": ("slicefast.traffic.arrivals",),
    "slicefast.kpis": ("slicefast.task", "slicefast.rewards"),
    "slicefast.learn.counterfactual": ("slicefast.learn.curve_policy",),
    "slicefast.radio.models": ("slicefast.errors",),
    "slicefast.scenario.errors": ("slicefast.errors", "slicefast.settings"),
    "slicefast.scenario.packets": ("slicefast.traffic.trace", "slicefast.units"),
    "slicefast.scenario.sources": ("slicefast.traffic.models",),
    "slicefast.scenario.tables": ("slicefast.tables",),
    "slicefast.simulator": ("slicefast.task",),
    "slicefast.study.arms": ("slicefast.transfer",),
    "slicefast.study.best": ("slicefast.policies.informed", "slicefast.policies.curves"),
    "slicefast.study.parts": ("slicefast.study.folder", "slicefast.files", "slicefast.training"),
    "slicefast.study.play": ("slicefast.training", "slicefast.callbacks.bar"),
    "slicefast.study.progress": ("slicefast.progress",),
    "slicefast.study.protocol": ("slicefast.study.jobs", "slicefast.study.seeds"),
    "slicefast.study.provenance": ("slicefast.provenance",),
    "slicefast.study.radio_figures": ("slicefast.validation.radio",),
    "slicefast.study.results": ("slicefast.study.dataset", "slicefast.study.collect", "slicefast.study.scores"),
    "slicefast.study.runner": ("slicefast.study.folder", "slicefast.study.execute"),
    "slicefast.study.runs": ("slicefast.runs",),
    "slicefast.study.scheduling_figures": ("slicefast.validation.figures",),
    "slicefast.study.slicing_run": ("slicefast.validation.replay",),
    "slicefast.study.statistics": ("slicefast.study.scores", "slicefast.study.intervals"),
    "slicefast.study.validity": ("slicefast.validation.scheduler",),
    "slicefast.study.verdicts": ("slicefast.study.claims", "slicefast.study.document", "slicefast.study.evidence"),
    "slicefast.traffic_mask": ("slicefast.traffic.mask",),
}


class _Finder(MetaPathFinder, Loader):
    """Makes the modules of `PLACES` that are gone, and lets those that are there find what left them."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in PLACES:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None:
            return ModuleSpec(name, self)
        run = spec.loader.exec_module  # type: ignore[union-attr]  # a module of ours has a loader

        def run_and_look(module: ModuleType) -> None:
            run(module)
            module.__dict__.setdefault("__getattr__", partial(_look_up, name))

        spec.loader.exec_module = run_and_look  # type: ignore[union-attr,method-assign]
        return spec

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__getattr__"] = partial(_look_up, module.__name__)


def _look_up(module: str, name: str) -> Any:
    if not name.startswith("_"):
        for place in PLACES[module]:
            found = getattr(import_module(place), name, None)
            if found is not None:
                told = f"{module}.{name} is {place}.{name} now; the old name goes in {_DROPPED_IN}"
                warnings.warn(told, DeprecationWarning, stacklevel=2)
                return found
    raise AttributeError(f"module {module!r} has no attribute {name!r}")


def install() -> None:
    """Let `import` find what has moved."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
