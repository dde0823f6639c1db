"""What a study ends in, made from a real result file: pictures, a page, Markdown, sections."""

from __future__ import annotations

import base64
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from slicefast.study import figures, report
from slicefast.study.arms import ARMS
from slicefast.study.claims import verdicts
from slicefast.study.collect import collect
from slicefast.study.comparison import Comparison
from slicefast.study.document import Figure, Table, to_html, to_markdown
from slicefast.study.folder import open_study
from slicefast.study.protocol import Protocol


@pytest.fixture(scope="module")
def comparison(dataset: xr.Dataset) -> Comparison:
    """Return the tiny study's policies beside each other."""
    return Comparison(dataset)


@pytest.fixture(scope="module")
def drawn(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> list[Figure]:
    """Return its figures."""
    return figures.write_all(comparison, tmp_path_factory.mktemp("outcome") / "figures")


def test_figures_are_pictures(drawn: list[Figure]) -> None:
    assert {figure.path.stem for figure in drawn} >= {drawing.name for drawing in figures.DRAWINGS[:6]}
    for figure in drawn:
        assert figure.path.read_bytes().startswith(b"\x89PNG")
        assert figure.path.stat().st_size > 5_000
    assert not list(drawn[0].path.parent.glob("*.partial*"))


class Page(HTMLParser):
    """Collects what the report is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[str] = []
        self.links: list[str] = []
        self.rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep images, links and table rows."""
        values = dict(attrs)
        if tag == "img":
            self.images.append(values["src"] or "")
        self.links += [values[name] or "" for name in ("href", "src") if name in values]
        self.rows += tag == "tr"


def test_report_stands_alone_with_every_figure_arm_and_claim(
    comparison: Comparison, drawn: list[Figure], tiny: Protocol, tmp_path: Path
) -> None:
    report.write(comparison, drawn, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert len(page.images) == len(drawn)
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert base64.b64decode(page.images[0].split(",")[1]) == drawn[0].path.read_bytes()
    for name in tiny.arms:
        assert ARMS[name].label in unescape(text)
    judged = verdicts(comparison)
    assert list(dict.fromkeys(item.claim[:3] for item in judged)) == [f"({letter})" for letter in "abcdefghijklm"]
    assert len(re.findall(r"<b>(confirmed|refuted|undecided)</b>", text)) == len(judged)
    assert {item.verdict for item in judged} == {"undecided"}  # by two seeds
    assert "of fewer than" in text  # what its intervals are
    assert "2 seeds decide no claim" in text
    assert "not finished" not in text


def test_report_is_markdown_too_and_goes_into_a_file_with_marks(
    comparison: Comparison, drawn: list[Figure], tiny: Protocol, tmp_path: Path
) -> None:
    text = to_markdown(report.build(comparison, drawn))
    for figure in drawn:
        assert f"![{figure.title}](figures/{figure.path.name})" in text
    for name in tiny.arms:
        assert f"| {ARMS[name].label} |" in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith("| ")}
    tables = [block for block in report.section(comparison).blocks if isinstance(block, Table)]
    assert widths == {len(table.headings) + 1 for table in tables}
    assert len(tables) == 7  # verdicts, three of what it costs, comparison, ablations, ordering
    ablated = [name for name in tiny.arms if ARMS[name].family == "ablation"]
    assert [len(item.rows) for item in report.ablation_tables(comparison)] == [len(ablated)]
    assert text.count("- **") == len(verdicts(comparison))
    page = tmp_path / "README.md"
    begins, ends = (f"<!-- {report.SECTION} {word} -->" for word in ("begins", "ends"))
    page.write_text(f"mine\n{begins}\nold\n{ends}\nalso mine\n")
    for _ in range(2):
        report.put_section(comparison, page)
    lines = page.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("mine", "also mine")
    assert "old" not in lines
    assert sum(line.startswith("| DRL from scratch |") for line in lines) == 4  # three tables of what it costs
    page.write_text("no marks")
    with pytest.raises(ValueError, match="study begins"):
        report.put_section(comparison, page)
    assert page.read_text() == "no marks"


def test_table_has_one_estimate_per_column_and_drl_gains_nothing_over_itself(comparison: Comparison) -> None:
    table = report.comparison_table(comparison)
    rows = {row[0]: [str(cell) for cell in row] for row in table.rows}
    assert all(len(row) == len(table.headings) for row in rows.values())
    own = rows["DRL from scratch"]
    assert own[6].startswith("+0.0")
    assert own[8] == "-"


def test_an_unfinished_study_is_reported_as_such(dataset: xr.Dataset, tmp_path: Path) -> None:
    unfinished = dataset.copy()
    unfinished.attrs["complete"] = 0
    unfinished["reward"] = dataset.reward.where(dataset.seed == 0)
    comparison = Comparison(unfinished)
    drawings = figures.write_all(comparison, tmp_path / "figures")
    assert "not finished" in to_html(report.build(comparison, drawings))


def test_a_study_of_which_nothing_is_finished_is_still_readable(tmp_path: Path, tiny: Protocol, tiny_scenario) -> None:
    study = open_study(tmp_path / "run", tiny_scenario(), tiny)
    dataset = collect(study)
    assert not np.isfinite(dataset.get("reward", np.nan)).any()
    assert "not finished" in to_html(report.build(Comparison(dataset)))
