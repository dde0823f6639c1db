"""What objects show of themselves in notebooks: small HTML tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape


def facts_html(title: str, facts: Mapping[str, object]) -> str:
    """Return a titled table of names and values.

    Parameters
    ----------
    title : str
        Plain text, as all other words: what HTML means by signs is escaped.
    facts : mapping of str to object
        Shown as `str` gives them.
    """
    return rows_html(title, (), [(name, str(value)) for name, value in facts.items()])


def rows_html(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a titled table whose rows begin with their names.

    Parameters
    ----------
    title : str
        Plain text.
    headings : sequence of str
        One per column, or none.
    rows : sequence of sequence of str
        The cells.
    """
    head = "<tr>" + "".join(f"<th>{escape(text)}</th>" for text in headings) + "</tr>" if headings else ""
    body = "".join(
        f"<tr><th>{escape(first)}</th>" + "".join(f"<td>{escape(text)}</td>" for text in rest) + "</tr>"
        for first, *rest in rows
    )
    return f"<strong>{escape(title)}</strong><table>{head}{body}</table>"
