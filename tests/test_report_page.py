"""Words of a report stay words whatever characters they hold, in HTML and in Markdown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from markdown_it import MarkdownIt

from slicefast.study.document import (
    Document,
    Figure,
    Heading,
    Listing,
    Number,
    Table,
    Verdict,
    Verdicts,
    text,
    to_html,
    to_markdown,
)

NAUGHTY = (
    "<script>alert('x')</script>",
    'a & b "quoted" &amp; &lt;',
    "pipe | in | name",
    "*stars* _underscores_ `code` ~~struck~~",
    "[link](http://example.com) ![picture](x.png) [a][b] [c]: d",
    "open [ bracket",
    "closing ] bracket, interval [0.1, 0.2]",
    "# heading",
    "- item",
    "1. item",
    "back\\slash \\* \\| \\[x] \\",
    "$x_1$ and snake_case_name",
    "{{ document.title }} {% if %}",
    "umlaut ü, 片, “quotes”",
)


@pytest.fixture
def make_page(reference: Callable[[str], ModuleType]) -> Callable[[str], Any]:
    """Return what takes a page apart."""
    maker: Callable[[str], Any] = reference("pages").Page
    return maker


def naughty_document(words: str, picture: Path) -> Document:
    """Return a document that holds the words in every place."""
    verdict = Verdict(words, "confirmed", f"on {words}")
    return Document(
        words,
        (
            Heading(words),
            text(words),
            text(words, f"and {words}", kind="note"),
            Table(("name", words), ((words, Number("1.0", "[0.5, 2.0]")), ("plain", words)), words),
            Verdicts((verdict,)),
            Figure(words, words, picture, "figures/x.png"),
            Listing(words, words),
        ),
    )


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Return a file for a picture."""
    path = tmp_path / "x.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n and so on")
    return path


@pytest.mark.parametrize("words", NAUGHTY)
def test_page_shows_words_as_they_are(words: str, picture: Path, make_page: Callable[[str], Any]) -> None:
    page = make_page(to_html(naughty_document(words, picture)))
    flat = " ".join(words.split())
    # title, h1, h2, p, li, th, two cells, table title, claim, figure's heading and caption, summary and listing
    assert page.words.count(flat) == 14
    assert page.words.count(f"and {flat}") == 1
    assert page.words.count(f"On {flat}.") == 1
    assert not page.having("script")
    assert [image["alt"] for image in page.having("img")] == [words]
    assert len(page.having("a")) == 0


@pytest.mark.parametrize("words", NAUGHTY)
def test_markdown_shows_words_as_they_are(words: str, picture: Path, make_page: Callable[[str], Any]) -> None:
    rendered = to_markdown(naughty_document(words, picture))
    html = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(rendered)
    page = make_page(html)
    flat = " ".join(words.split())
    assert page.words.count(flat) == 9  # h1, h2, p, li, th, two cells, claim, caption
    for before, after in (("", ":"), ("and ", ""), (": On ", ".")):  # table title, second item, evidence
        assert f"{before}{flat}{after}".strip() in page.words
    assert [tag for tag, _ in page.tags if tag in ("a", "em", "s", "code", "script", "strong")] == ["strong"] * 2
    assert [image["src"] for image in page.having("img")] == ["figures/x.png"]
    assert [image["alt"] for image in page.having("img")] == [flat]
    assert [len(page.having(tag)) for tag in ("tr", "th", "td", "h1", "h2", "li")] == [3, 2, 4, 1, 1, 3]


def test_headings_sink_in_a_section_and_the_title_can_be_left_out() -> None:
    document = Document("title", (Heading("one"), Heading("two", 3)))
    assert to_markdown(document) == "# title\n\n## one\n\n### two\n"
    assert to_markdown(document, title=False, lower=1) == "### one\n\n#### two\n"
