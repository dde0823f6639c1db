"""Names that are imported when they are first used.

With ``EAGER_IMPORT`` in the environment, all are imported at once, as Scientific Python's SPEC 1 has it: for programs
that list what there is, such as pdoc.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any


def import_when_used(package: str, module_of: Mapping[str, str]) -> None:
    """Give a package names that it takes from its modules when they are asked for; called in its last line.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    module_of : mapping of str to str
        The module of each name; a name that is its module's stands for the module itself.
    """

    def find(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f"{package}.{module_of[name]}")
        return module if name == module_of[name] else getattr(module, name)

    own = vars(sys.modules[package])
    own["__getattr__"] = find
    own["__dir__"] = lambda: own["__all__"]  # what editors and notebooks complete
    if os.environ.get("EAGER_IMPORT"):
        own.update({name: find(name) for name in module_of if name in own["__all__"]})
