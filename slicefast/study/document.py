"""One model of a report, rendered to a page that stands alone and to Markdown by the templates beside this file.

A document is a list of blocks. Words are plain text whatever characters they hold: the templates escape them.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import jinja2
import numpy as np

from slicefast.study.intervals import Estimate

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Number:
    """A number as a table shows it: the value and, below or behind it, its interval."""

    value: str
    interval: str = ""

    def __str__(self) -> str:
        return f"{self.value} {self.interval}".rstrip()


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the document's title."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph, or, where there are several items, a list of them."""

    items: tuple[str, ...]
    kind: Literal["plain", "note", "warning"] = "plain"


@dataclass(frozen=True)
class Table:
    """A table whose rows begin with their names.

    Attributes
    ----------
    headings : tuple of str
        One per column.
    rows : tuple
        Each a name and then numbers, as many as headings.
    title : str
        What stands above; nothing unless given.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str | Number, ...], ...]
    title: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture with a title and a caption.

    Attributes
    ----------
    title, caption : str
        The words above and below.
    path : Path
        The PNG or GIF: its bytes go into the page.
    link : str
        Where Markdown finds it.
    """

    title: str
    caption: str
    path: Path
    link: str

    @property
    def data_uri(self) -> str:
        """The picture itself as an address."""
        return f"data:image/{self.path.suffix[1:]};base64,{base64.b64encode(self.path.read_bytes()).decode()}"


@dataclass(frozen=True)
class Verdict:
    """A claim, whether it holds, and the numbers behind it as words.

    Attributes
    ----------
    claim : str
        A sentence.
    verdict : str
        "confirmed", "refuted" or "undecided".
    evidence : str
        A sentence without its capital letter and its full stop.
    case : str
        In which setting and against what, "" where there is but one case.
    paper : str
        What the paper says, "" for a claim of ours.
    where : tuple of str
        The case's setting and baseline, "" each where it makes no difference.
    """

    claim: str
    verdict: Literal["confirmed", "refuted", "undecided"]
    evidence: str
    case: str = ""
    paper: str = ""
    where: tuple[str, str] = ("", "")

    @property
    def sentence(self) -> str:
        """The evidence as a whole sentence."""
        return f"{self.evidence[0].upper()}{self.evidence[1:]}."


@dataclass(frozen=True)
class Verdicts:
    """The verdicts on several claims."""

    items: tuple[Verdict, ...]

    @property
    def claims(self) -> list[tuple[Verdict, list[Verdict]]]:
        """The first verdict on every claim, and all of them."""
        found: dict[str, list[Verdict]] = {}
        for item in self.items:
            found.setdefault(item.claim, []).append(item)
        return [(verdicts[0], verdicts) for verdicts in found.values()]


@dataclass(frozen=True)
class Listing:
    """Text as it is, line by line, folded away in the page and left out of Markdown."""

    title: str
    text: str


Block = Heading | Text | Table | Figure | Verdicts | Listing


@dataclass(frozen=True)
class Document:
    """A title and what stands below it."""

    title: str
    blocks: tuple[Block, ...]


def text(*items: str, kind: Literal["plain", "note", "warning"] = "plain") -> Text:
    """Return a paragraph of one sentence or a list of several, line breaks in them as blanks."""
    return Text(tuple(" ".join(item.split()) for item in items), kind)


def number(estimate: Estimate, digits: int = 3, unit: str = "", sign: bool = False) -> Number:
    """Return an estimate as a table shows it; a dash where it has no value.

    Parameters
    ----------
    estimate : Estimate
        What is shown.
    digits : int
        After the point.
    unit : str
        Behind the value, blank included.
    sign : bool
        Whether positive numbers carry a plus.
    """
    if not np.isfinite(estimate.value):
        return Number("-")
    form = f"{'+' if sign else ''}.{digits}f"
    interval = f"[{estimate.low:{form}}, {estimate.high:{form}}]" if estimate.known else ""
    return Number(f"{estimate.value:{form}}{unit}", interval)


def show(estimate: Estimate, digits: int = 3, unit: str = "", sign: bool = False) -> str:
    """Return an estimate as words: value [low, high]; parameters as of `number`."""
    return str(number(estimate, digits, unit, sign))


def to_html(document: Document) -> str:
    """Return the page; figures are embedded, so that the file stands alone."""
    return _environment().get_template("report.html.j2").render(document=document)


def to_markdown(document: Document, title: bool = True, lower: int = 0) -> str:
    """Return the document as Markdown.

    Parameters
    ----------
    document : Document
        What is rendered; figures become links.
    title : bool
        Whether the document's title leads.
    lower : int
        By how many levels headings sink, for a section of a longer page.
    """
    blocks = tuple(
        replace(block, level=block.level + lower) if isinstance(block, Heading) else block for block in document.blocks
    )
    shown = replace(document, blocks=blocks)
    rendered = _environment().get_template("report.md.j2").render(document=shown, with_title=title)
    return re.sub(r"\n{3,}", "\n\n", rendered).strip() + "\n"


def escape_markdown(words: str) -> str:
    r"""Return words that Markdown shows as they are, on one line: what begins markup gets a backslash.

    That is emphasis, code, tags, entities, struck text, formulas and the border of a cell, each wherever it stands, and
    brackets where some of them would make a link: numbers with intervals stay legible in the source.
    """
    brackets = re.search(r"\][(:\[]", " ".join(words.split())) is not None
    return _escape(words, brackets)


def escape_label(words: str) -> str:
    """Return `escape_markdown` of words that stand between brackets themselves."""
    return _escape(words, brackets=True)


def _escape(words: str, brackets: bool) -> str:
    marks = r"[\\`*<>|~$&\[\]]" if brackets else r"[\\`*<>|~$&]"
    return re.sub(rf"({marks}|(?<!\w)_|_(?!\w))", r"\\\1", " ".join(words.split()))


def escape_paragraph(words: str) -> str:
    """Return `escape_markdown` of words that stand first on a line, where they must not begin a heading or a list."""
    line = re.sub(r"^([-+=#])", r"\\\1", escape_markdown(words))
    return re.sub(r"^(\d+)([.)])", r"\1\\\2", line)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["md"] = escape_markdown
    environment.filters["md_line"] = escape_paragraph
    environment.filters["md_label"] = escape_label
    environment.tests["number"] = lambda cell: isinstance(cell, Number)
    environment.filters["kind"] = lambda block: type(block).__name__
    return environment
