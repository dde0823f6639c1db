"""The oldest versions that pyproject.toml allows, one line each as pip reads them.

    pip install -r <(python tests/minimums.py) && pip install --no-deps . && pytest tests/test_envs.py ...
    python tests/minimums.py torch mypy ruff            # without these

Of the tests' own tools too, since older ones are promised to do, and of what two small extras add.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

EXTRAS = ("test", "parquet", "tensorboard")


def minimums(without: set[str]) -> list[str]:
    """Return ``name==version`` for every requirement of the package and ``EXTRAS`` but some."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = sum((project["optional-dependencies"][extra] for extra in EXTRAS), project["dependencies"])
    pairs = [requirement.split(">=") for requirement in required]
    return [f"{name}=={version}" for name, version in pairs if name not in without]


if __name__ == "__main__":
    print(*minimums(set(sys.argv[1:])), sep="\n")
