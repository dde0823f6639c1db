"""Three floors: imports only point down, none goes round in a circle, and importing the package stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "slicefast"
#: Rooms by floor, the lowest first: names right after `slicefast.`. A room imports its own floor and those below.
FLOORS = (
    {"_compiled", "_core", "_traffic", "errors", "files", "provenance", "registry", "settings", "tables", "units"},
    {"kernels", "kpis", "load_coupling", "network", "radio", "rng", "scenario", "scheduling", "simulator", "traffic"},
    {"envs", "features", "learn", "policies", "progress", "rewards", "runs", "task", "training", "transfer"},
    {"study"},
    {"__main__", "cli", "validation"},
)
FLOOR_OF = {name: number for number, floor in enumerate(FLOORS) for name in floor}
#: One room here: a scenario says which traffic models it has, and packets are drawn for a scenario.
TOGETHER = {"traffic": "scenario"}
HEAVY = ("torch", "numba", "matplotlib", "xarray", "scipy", "pettingzoo", "gymnasium", "typer", "rich")
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    return module.split(".")[1]


@cache
def imports(path: Path) -> set[str]:
    """Return the slicefast modules a file imports, at any depth, what is only for type checkers left out.

    A name that is no module stands for the module it is in.
    """
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names]
            found.update(name if is_module(name) else module for name in names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text()))
    return {name for name in found if name.startswith("slicefast.")}


def is_module(name: str) -> bool:
    path = PACKAGE.parent.joinpath(*name.split("."))
    beside = PACKAGE.parent.joinpath(*name.split(".")[:-1])
    return path.is_dir() or any(beside.glob(f"{path.name}.py*"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = room(module_of(path))
    assert own in FLOOR_OF, f"{own} has no floor: add it to FLOORS"
    for name in imports(path):
        assert room(name) in FLOOR_OF, f"{name} has no floor: add it to FLOORS"
        assert FLOOR_OF[room(name)] <= FLOOR_OF[own], f"{path.name} imports {name}, which is above it"


def test_no_import_goes_round_in_a_circle() -> None:
    """Neither among rooms nor among modules; a package is a module of its own beside those in it."""
    rooms: dict[str, set[str]] = {}
    modules: dict[str, set[str]] = {}
    for path in FILES:
        own = module_of(path)
        modules[own] = imports(path) - {own}
        first, *others = (TOGETHER.get(room(name), room(name)) for name in (own, *imports(path)))
        rooms.setdefault(first, set()).update(set(others) - {first})
    for graph in (rooms, modules):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_only_learning_imports_torch_and_it_knows_no_simulator() -> None:
    for path in FILES:
        own = room(module_of(path))
        nodes = list(ast.walk(ast.parse(path.read_text())))
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        # The study's processes set torch's thread count, which belongs to processes and not to agents.
        may = own == "learn" or path.relative_to(PACKAGE).as_posix() == "study/execute.py"
        assert may or "torch" not in {name.split(".")[0] for name in names}, path
        if own == "learn":
            known = {room(name) for name in imports(path)}
            assert known <= {"_core", "errors", "files", "kernels", "learn", "units"}, path


def loaded_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(found.stdout.split())


def test_importing_the_package_is_light() -> None:
    assert not loaded_after("import slicefast") & set(HEAVY)


def test_the_command_line_imports_heavy_things_only_when_a_command_runs() -> None:
    heavy = set(HEAVY) - {"typer", "rich"} | {"numpy"}
    loaded = loaded_after("import slicefast.cli")
    assert not loaded & (heavy - loaded_after("import slicefast"))
