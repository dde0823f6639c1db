"""Words as figures show them."""

from __future__ import annotations


def literal(words: str) -> str:
    """Return words that matplotlib takes as they are: a dollar sign begins no formula, a leading _ hides no label."""
    escaped = words.replace("$", r"\$")
    return f"\N{ZERO WIDTH SPACE}{escaped}" if escaped.startswith("_") else escaped
