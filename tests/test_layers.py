"""The three floors: imports only point down and run in no circle, importing stays light, files and functions short."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "slicefast"
# A module may import what has a smaller number; names are those after `slicefast.`, the longest match counts. Within
# one number, modules import each other only where they are parts of the same entry.
LAYERS = {
    # the ground
    "_core": 0,
    "errors": 1,
    "units": 0,
    "files": 2,
    "settings": 2,
    "tables": 2,
    "arrays": 2,
    "_generator": 0,
    "_mobility": 2,
    "_traffic": 2,
    # network: what happens
    "rng": 3,
    "kernels": 3,
    "radio": 3,
    "load_coupling": 3,
    "flow": 3,
    "link_adaptation": 3,
    "scheduling": 4,
    "traffic": 3,
    "kpis": 3,
    "scenario": 4,
    "network": 5,
    "replica": 6,
    "simulator": 7,
    # agents: what is seen, decided and learned
    "learn": 4,
    "features": 8,
    "rewards": 8,
    "task": 9,
    "training": 10,
    "envs": 10,
    "transfer": 10,
    "policies": 11,
    "progress": 11,
    "runs": 12,
    # study: what is run and concluded
    "provenance": 3,
    "study": 13,
    "validation": 14,
    "cli": 15,
}
HEAVY = ("torch", "numba", "matplotlib", "xarray", "scipy", "pettingzoo", "gymnasium", "typer", "rich")
#: Readers of results: whatever they import, in a fresh interpreter no simulator may be loaded.
READERS = ("dataset", "scores", "claims", "ordering", "document", "figures", "report", "style")
MOST_LINES = 400
LONGEST_FUNCTION = 60
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def module_of(path: Path) -> str:
    parts = list(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def entry_of(module: str) -> str:
    """Return the entry of LAYERS that a module falls under; the longest match counts."""
    parts = module.split(".")[1:]
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in LAYERS:
            return name
    return ""


def imports(path: Path) -> set[str]:
    """Return the slicefast modules a file imports, at any depth; `if TYPE_CHECKING` is for readers and mypy only."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for child in node.orelse:
                visit(child)
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            for alias in node.names:
                inner = PACKAGE.parent.joinpath(*module.split("."), alias.name)
                is_module = inner.with_suffix(".py").is_file() or inner.is_dir() or module == "slicefast"
                found.add(f"{module}.{alias.name}" if is_module else module)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return {name for name in found if name.startswith("slicefast.")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = entry_of(module_of(path))
    assert own, f"{path} has no layer: add it to LAYERS"
    for name in imports(path):
        other = entry_of(name)
        if other and other != own:
            assert LAYERS[other] < LAYERS[own], f"{path.name} ({own}) imports {name} ({other})"


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module_of(path): imports(path) for path in FILES}
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, f"circle: {' -> '.join([*way[way.index(module) :], module])}"
        if module in done or module not in graph:
            return
        for other in graph[module]:
            visit(other, (*way, module))
        done.add(module)

    for module in graph:
        visit(module, ())


def test_the_search_for_imports_sees_what_it_must(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text(
        "from typing import TYPE_CHECKING\nfrom slicefast import kpis\nif TYPE_CHECKING:\n    import slicefast.envs\n"
        "else:\n    import slicefast.task\ndef f():\n    from slicefast.traffic.models import Events\n"
        "    from slicefast.study import report\n"
    )
    expected = {"slicefast.kpis", "slicefast.task", "slicefast.traffic.models", "slicefast.study.report"}
    assert imports(file) == expected
    file.write_text("from . import kpis\n")
    with pytest.raises(AssertionError, match="relative import"):
        imports(file)


def roots(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in names}


def test_only_learning_imports_torch() -> None:
    for path in FILES:
        relative = path.relative_to(PACKAGE)
        # Who starts processes sets torch's thread count, which belongs to processes and not to agents.
        allowed = relative.parts[0] == "learn" or relative.as_posix() in ("study/execute.py", "runs.py")
        assert allowed or "torch" not in roots(path), path


def test_the_slow_twins_share_nothing_with_the_package() -> None:
    twins = sorted((ROOT / "tests" / "reference").glob("*.py"))
    assert twins
    for path in twins:
        assert "slicefast" not in roots(path), path


def loaded_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return set(printed.stdout.split())


def test_learning_knows_no_simulator() -> None:
    assert "slicefast.simulator" not in loaded_after("import slicefast.learn; slicefast.learn.TD3")


@pytest.mark.parametrize("reader", READERS)
def test_readers_of_results_never_simulate(reader: str) -> None:
    loaded = loaded_after(f"import slicefast.study.{reader}")
    assert f"slicefast.study.{reader}" in loaded
    assert "slicefast.simulator" not in loaded


def test_importing_the_package_is_light() -> None:
    assert not loaded_after("import slicefast") & set(HEAVY)


def test_the_command_line_imports_heavy_things_only_when_a_command_runs() -> None:
    heavy = set(HEAVY) - {"typer", "rich"} | {"numpy"}
    loaded = loaded_after("import slicefast.cli")
    assert not loaded & (heavy - loaded_after("import slicefast"))


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
