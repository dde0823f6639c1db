"""Makes the environments known to Gymnasium: ``gymnasium.make("slicefast/Cell-v0")`` after ``import slicefast``.

Gymnasium has no entry point for environments, and importing it would make ``import slicefast`` several times slower. So
they are registered as soon as both are imported, in whichever order.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


def register() -> None:
    """Register the environments now, or when Gymnasium is imported."""
    if "gymnasium" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _WhenImported())


def _register() -> None:
    import gymnasium

    gymnasium.register(
        "slicefast/Cell-v0",
        entry_point="slicefast.envs.cell:CellEnv",
        vector_entry_point="slicefast.envs.cell:cell_vector_env",
    )


class _WhenImported(MetaPathFinder):
    """Lets the others find Gymnasium, and registers once it has been loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "gymnasium":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Registering(spec.loader)
        return spec


class _Registering(Loader):
    """Gymnasium's own loader, and then the registration."""

    def __init__(self, own: Loader) -> None:
        self._own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._own
        self._own.exec_module(module)
        _register()
