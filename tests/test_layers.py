"""Imports only point down, and importing the package stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "slicefast"
# A module may import what has a smaller number; names are those after `slicefast.`, the longest match counts.
LAYERS = {
    "cli": 8,
    "study": 7,
    "transfer": 6,
    "envs": 6,
    "policies": 6,
    "rewards": 5,
    "kpis": 4,
    "simulator": 5,
    "learn": 4,
    "arrivals": 3,
    "traffic_mask": 3,
    "scenario": 2,
    "rng": 2,
    "kernels": 2,
    "radio": 2,
    "load_coupling": 2,
    "scheduling": 2,
    "_core": 1,
    "_traffic": 1,
}
HEAVY = ("torch", "numba", "matplotlib", "xarray", "scipy", "pettingzoo", "gymnasium", "typer", "rich")
# What is imported inside `if TYPE_CHECKING` is for readers and mypy only.


def room(module: str) -> str:
    return module.split(".")[1] if module.count(".") else ""


def imports(path: Path) -> set[str]:
    """Return the slicefast modules a file imports, at any depth, `if TYPE_CHECKING` left out."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            found.update(f"slicefast.{alias.name}" if module == "slicefast" else module for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text()))
    return {name for name in found if name.startswith("slicefast.")}


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = room("slicefast." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts))
    assert own in LAYERS, f"{own} has no layer: add it to LAYERS"
    for name in imports(path):
        other = room(name)
        if other in LAYERS and other != own:
            assert LAYERS[other] < LAYERS[own], f"{path.name} ({own}) imports {name}"


def test_learning_knows_no_simulator_and_only_learning_imports_torch() -> None:
    for path in FILES:
        relative = path.relative_to(PACKAGE)
        nodes = list(ast.walk(ast.parse(path.read_text())))
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        roots = {name.split(".")[0] for name in names}
        # The runner sets torch's thread count, which belongs to processes and not to agents.
        assert relative.parts[0] == "learn" or relative.as_posix() == "study/runner.py" or "torch" not in roots, path


def test_figures_never_simulate() -> None:
    for name in ("figures.py", "report.py", "verdicts.py", "statistics.py"):
        allowed = ("slicefast.study",)
        assert all(module.startswith(allowed) for module in imports(PACKAGE / "study" / name))


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
