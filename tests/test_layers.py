"""Imports only point down, and importing the package stays light."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "slicefast"
MOST_LINES = 400
LONGEST_FUNCTION = 60
# The floors of the house, from the ground up, and the rooms on each: an import only points down, or stays on its floor.
FLOORS = {
    "ground": ("_core", "_compiled", "_generator", "_gymnasium", "_lazy", "_mobility", "_moved", "_traffic",
               "arguments", "arrays", "colours", "errors", "field_texts", "files", "granted", "hdf5", "notebooks",
               "plausible", "provenance", "registry", "settings", "signals", "student", "tables", "threads", "units",
               "usual", "wording"),
    "network": ("energy", "features", "flow", "kernels", "kpis", "kpm", "labelled", "link_adaptation", "load_coupling",
                "maps", "network", "packets", "radio", "replica", "rewards", "rng", "scenario", "scheduling",
                "simulator", "step_arrays", "task", "traffic", "world"),
    "agents": ("callbacks", "envs", "learn", "pairing", "plot", "policies", "progress", "runs", "training", "transfer"),
    "study": ("study",),
    "beside": ("__main__", "cli", "examples", "validation"),
}  # fmt: skip
HEAVY = ("torch", "numba", "matplotlib", "xarray", "scipy", "pettingzoo", "gymnasium", "typer", "rich")
# What is imported inside `if TYPE_CHECKING` is for readers and mypy only.


def room(module: str) -> str:
    return module.split(".")[1]


def floor(module: str) -> int:
    found = [number for number, rooms in enumerate(FLOORS.values()) if room(module) in rooms]
    assert found, f"{room(module)} is on no floor: add it to FLOORS"
    return found[0]


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"}


def imports(path: Path) -> set[str]:
    """Return the modules a file imports, at any depth, `if TYPE_CHECKING` left out: that is for readers and mypy."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in MODULES or node.module == "slicefast" else str(node.module))
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text()))
    return found


GRAPH = {name: imports(path) for name, path in MODULES.items()}


def own(modules: set[str]) -> set[str]:
    return {name for name in modules if name.startswith("slicefast.")}


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_down(name: str) -> None:
    for imported in own(GRAPH[name]) - {"slicefast.__version__"}:
        assert floor(imported) <= floor(name), f"{name} imports {imported}"


def test_no_circle() -> None:
    graph = {name: own(imported) - {name} for name, imported in GRAPH.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_what_has_moved_is_asked_for_by_nobody() -> None:
    for name, imported in GRAPH.items():
        assert "slicefast._moved" not in imported, name


def test_validation_is_imported_by_nobody() -> None:
    for name, imported in GRAPH.items():
        assert room(name) == "validation" or "validation" not in map(room, own(imported)), name


def test_learning_takes_arrays_and_only_learning_imports_torch() -> None:
    for name, imported in GRAPH.items():
        if room(name) == "learn":
            allowed = {"_core", "arguments", "errors", "files", "granted", "kernels", "learn", "notebooks"}
            allowed |= {"registry", "threads", "units"}
            assert {room(item) for item in own(imported)} <= allowed, name
        elif room(name) != "examples":  # users' programs
            assert "torch" not in {item.split(".")[0] for item in imported}, name


def roots(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in names}


def test_the_slow_twins_share_nothing_with_the_package() -> None:
    twins = sorted((ROOT / "tests" / "reference").glob("*.py"))
    assert twins
    for path in twins:
        assert "slicefast" not in roots(path), path


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


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
SOURCES = sorted(path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".pyx", ".pxd"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_is_no_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines, its docstring left out: a reference is not read like code."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_function_fits_a_screen(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert code_lines(node) <= LONGEST_FUNCTION, f"{path.name}: {node.name} has {code_lines(node)} lines"
