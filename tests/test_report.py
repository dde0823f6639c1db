"""The report: every cell of its tables by hand; `test_report_page.py` holds its words."""

from __future__ import annotations

import base64
import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from slicefast.errors import SlicefastError
from slicefast.study import online_tables, report
from slicefast.study.comparison import Comparison
from slicefast.study.document import (
    Figure,
    Number,
    Table,
    Verdicts,
    number,
    show,
    to_html,
    to_markdown,
)
from slicefast.study.intervals import Estimate


@pytest.fixture
def file(reference: Callable[[str], ModuleType]) -> Any:
    """Return the builder of result files."""
    return reference("result_file")


@pytest.fixture
def known(file: Any) -> Comparison:
    """Return two seeds of three cells, the third of another group, whose scores can be worked out by hand."""
    early = {
        "drl": [[0.2, 0.4, 0.3], [0.3, 0.5, 0.4]],
        "transfer_most": [[0.5, 0.7, 0.9], [0.6, 0.6, 0.8]],
    }
    final = {
        "oracle": [[0.9, 0.9, 0.9], [1.0, 1.0, 1.0]],
        "drl": [[0.6, 0.8, 0.7], [0.7, 0.7, 0.8]],
        "transfer_most": [[0.8, 0.8, 0.8], [0.6, 0.92, 0.9]],
        "counterfactual": [[0.8, 0.8, 0.8], [0.9, 0.9, 0.9]],
        "counterfactual_no_queue": [[0.7, 0.7, 0.9], [0.8, 0.8, 0.8]],
    }
    nothing = np.full((2, 3), 0.5)
    satisfaction = np.ones((2, 3, 3, 2))
    satisfaction[0, 0] = [[0.5, 1.0], [0.8, 0.7], [1.0, 0.2]]  # seed 0, step 0, per cell and slice
    satisfaction[1, :2, 0, 1] = 0.9
    delay = np.full((2, 3, 3, 2), 4.0)
    delay[0, :, :, 1] = [[10.0, 4.0, 4.0], [4.0, 4.0, 22.0], [4.0, 16.0, 1.0]]  # seed 0, per step and cell
    dataset = file.build(
        {name: file.windows(early.get(name, nothing), final[name]) for name in final},
        [0, 0, 1],
        satisfaction={"drl": satisfaction},
        delay_ms={"drl": delay},
        cycle_steps=(("seed",), [2, 2]),
    )
    return Comparison(dataset)


def rows_of(table: Table) -> dict[str, list[str]]:
    """Return a table's cells as words, by the first of each row."""
    return {str(first): [str(cell) for cell in cells] for first, *cells in table.rows}


def two(first: float, second: float, form: str = ".3f", least: float = -np.inf, most: float = np.inf) -> str:
    """Return a cell of two seeds: t = 12.706 with one degree of freedom, an error of half of what they differ by."""
    mean, half = 0.5 * (first + second), 12.7062 * 0.5 * abs(first - second)
    return f"{mean:{form}} [{max(mean - half, least):{form}}, {min(mean + half, most):{form}}]"


def test_every_cell_of_the_comparison_by_hand(known: Comparison) -> None:
    table = report.comparison_table(known)
    assert table.headings == (
        "policy", "mean reward", "mean satisfaction", "cell-steps below 0.95 [%]", "mean largest delay [ms]",
        "below the oracle", "early gain [%]", "final gain [%]", "P(better than DRL)",
    )  # fmt: skip
    rows = rows_of(table)
    assert list(rows) == [
        known.label(name) for name in ("oracle", "drl", "transfer_most", "counterfactual", "counterfactual_no_queue")
    ]
    # Groups {1, 2} and {3}: a seed's number is the mean over both.
    assert rows["DRL from scratch"] == [
        two(0.7, 0.75, least=0.0, most=1.0),  # groups (0.7, 0.7) and (0.7, 0.8)
        # worst per cell: seed 0 (2.5, 2.7, 2.2) / 3, seed 1 (2.8, 3, 3) / 3; groups (0.867, 0.733), (0.967, 1)
        two(0.8, 2.95 / 3, least=0.0, most=1.0),
        # failing: seed 0 (1/3, 1/3, 1/3), seed 1 (2/3, 0, 0); groups (33.3, 33.3), (33.3, 0)
        two(100 / 3, 50 / 3, ".1f", 0.0, 100.0),
        # largest: seed 0 (18, 24, 30) / 3, seed 1 4; groups (7, 10), (4, 4)
        two(8.5, 4.0, ".2f", 0.0),
        two(0.2, 0.25, least=-1.0, most=1.0),  # groups (0.2, 0.2), (0.3, 0.2)
        "+0.0",  # seeds that do not differ have no interval
        "+0.0",
        "-",
    ]
    transfer = rows["transfer, most similar source"]
    assert transfer[0] == two(0.8, 0.83, least=0.0, most=1.0)  # groups (0.8, 0.8), (0.76, 0.9)
    assert transfer[4] == two(0.1, 0.17, least=-1.0, most=1.0)  # groups (0.1, 0.1), (0.24, 0.1)
    # early, over the network's means 0.3 and 0.4: groups 0.3 and 0.6, 0.2 and 0.4
    assert transfer[5] == two(150.0, 75.0, "+.1f")
    # at the end, over 0.7 and 0.7333: groups 0.1 and 0.1, 0.06 and 0.1
    assert transfer[6] == two(100 * 0.1 / 0.7, 100 * 0.08 / 0.73333, "+.1f")
    # wins: seed 0 (1, 1/2, 1), seed 1 (0, 1, 1): groups (3/4, 1) and (1/2, 1)
    assert transfer[7] == two(0.875, 0.75, ".2f", 0.0, 1.0)
    assert rows["clairvoyant oracle"][4] == "0.000"


def test_short_table_has_the_reward_and_its_interval_alone(known: Comparison) -> None:
    table = report.short_table(known)
    assert table.headings == ("policy", "reward, first 2 steps", "regret to 4 [steps]", "reward at the end")
    # In a cycle of two steps the oracle earns 0.45 and 0.55, so 2 in four; in steps 3 and 4 the others earn 0.8: DRL
    # lacks 0.6 and 0.4 in both groups.
    assert rows_of(table) == {
        "DRL from scratch": [two(0.3, 0.4, least=0.0), two(0.6, 0.4, ".0f"), two(0.7, 0.75, most=1.0)],
        "transfer, most similar source": [two(0.75, 0.7, most=1.0), two(-0.3, -0.2, ".0f"), two(0.8, 0.83, most=1.0)],
        "clairvoyant oracle": ["0.500", "0", two(0.9, 1.0, most=1.0)],
    }


def test_ablations_are_the_whole_policy_less_what_lacks_a_part(known: Comparison) -> None:
    (table,) = report.ablation_tables(known)
    # losses: seed 0 (0.1, 0.1, -0.1), seed 1 0.1: groups (0.1, 0.1), (-0.1, 0.1)
    assert rows_of(table) == {"counterfactual without queues": [two(0.0, 0.1, "+.4f"), two(0.5, 1.0, ".2f", 0.0, 1.0)]}
    without = Comparison(known.dataset.drop_sel(policy="counterfactual"))
    assert report.ablation_tables(without) == []


def test_scores_without_drl_or_oracle_are_dashes(known: Comparison) -> None:
    rows = rows_of(report.comparison_table(Comparison(known.dataset.sel(policy=["counterfactual"]))))
    assert rows["counterfactual policy"][4:] == ["-", "-", "-", "-"]


def test_unfinished_policies_and_seeds_are_left_out(known: Comparison) -> None:
    dataset = known.dataset.copy(deep=True)
    dataset.reward.loc[{"policy": "counterfactual"}] = np.nan
    for name in ("reward", "throughput_satisfaction", "delay_ms"):
        dataset[name].loc[{"policy": "drl", "seed": 1}] = np.nan
    rows = rows_of(report.comparison_table(Comparison(dataset)))
    assert "counterfactual policy" not in rows
    assert rows["DRL from scratch"][:4] == ["0.700", "0.800", "33.3", "8.50"]  # seed 0 alone, without an interval


def test_scores_and_estimates_are_computed_once(known: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    assert known.scores("drl") is known.scores("drl")
    assert known.orderings is known.orderings
    first = report.comparison_table(known)
    monkeypatch.setattr("slicefast.study.intervals.estimate", None)
    assert report.comparison_table(known) == first
    with pytest.raises(TypeError):
        known.estimate(known.scores("drl").reward + 1.0)


def test_numbers_are_shown_with_digits_unit_and_sign() -> None:
    estimate = Estimate(1.2345, -0.5, 2.0)
    assert show(estimate) == "1.234 [-0.500, 2.000]"
    assert show(estimate, 1, " %", sign=True) == "+1.2 % [-0.5, +2.0]"
    assert number(Estimate(2.0, np.nan, np.nan), 1) == Number("2.0")
    assert number(Estimate(np.nan, np.nan, np.nan)) == Number("-")


def test_page_stands_alone_and_both_forms_hold_the_same(
    known: Comparison, tmp_path: Path, reference: Callable[[str], ModuleType]
) -> None:
    picture = tmp_path / "x.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n and so on")
    figures = [Figure("Learning", "How it went.", picture, "figures/x.png")]
    report.write(known, figures, tmp_path / "report.html")
    html, markdown = ((tmp_path / f"report.{ending}").read_text() for ending in ("html", "md"))
    page = reference("pages").Page(html)
    links = [attributes[name] or "" for _, attributes in page.tags for name in ("href", "src") if name in attributes]
    assert [base64.b64decode(link.removeprefix("data:image/png;base64,")) for link in links] == [picture.read_bytes()]
    assert {item["class"] for item in page.having("td") if "class" in item} <= {"confirmed", "refuted", "undecided"}
    verdict_words = [word for word in page.words if word in ("confirmed", "refuted", "undecided")]
    assert len(verdict_words) == markdown.count("- **") + 3 * 2  # three claims of one setting in the table too
    for heading in ("Claims", "What it costs while agents learn", "Comparison", "How it was made"):
        assert heading in page.words
        assert f"\n## {heading}\n" in markdown
    assert "![Learning](figures/x.png)\n\nHow it went.\n" in markdown
    for row in report.comparison_table(known).rows:
        assert f"| {' | '.join(str(cell) for cell in row)} |\n" in markdown
        for cell in row[1:]:
            assert isinstance(cell, Number)
            assert cell.value in page.words
            assert cell.interval in page.words or not cell.interval
    assert "Student's 95 % interval over whole seeds" in html.replace("&#39;", "'")
    assert "Student's 95 % interval over whole seeds" in markdown
    assert "Scenario “two towers”: 3 cells, 2 slices, generated traffic. 2 seeds." in markdown
    assert "slicefast 0.1.0, numpy 2.0, instruction_set avx2. Seeds [0, 1]." in markdown
    assert '"exploration_steps": 2' in " ".join(page.words)
    assert "continue it with --resume" not in html


def test_unfinished_study_says_so_in_every_form(known: Comparison) -> None:
    known.dataset.attrs.update(complete=0, parts_finished=3)
    for document in (report.build(known), report.section(known), report.short_section(known)):
        assert "This study is not finished: 3 of 12 parts." in to_html(document)
        assert "This study is not finished: 3 of 12 parts." in to_markdown(document)


def test_policies_that_the_network_does_not_allow_are_named_with_the_reason(known: Comparison) -> None:
    known.dataset.attrs["left_out"] = json.dumps({"transfer_other": "the network has one cell"})
    for document in (report.build(known), report.section(known), report.short_section(known)):
        assert "Left out is transfer_other: the network has one cell." in to_markdown(document)


def test_nothing_finished_is_still_a_report(known: Comparison) -> None:
    empty = Comparison(known.dataset.drop_vars(["reward"]))
    assert empty.policies == []
    assert "Claims" not in to_markdown(report.build(empty))
    assert report.comparison_table(empty).rows == ()


@pytest.mark.parametrize("what", ["no reward", "nothing to gain", "one seed", "one cell", "one seed without reward"])
def test_studies_with_nothing_to_tell_apart_are_reported_without_a_warning(file: Any, what: str) -> None:
    """Gains over nothing, a gap that is closed, intervals that do not exist: said as words or dashes, never as nan."""
    names = ("equal_split", "traffic_aware", "oracle", "drl", "transfer_most", "transfer_least", "counterfactual")
    seeds, cells = 1 if "one seed" in what else 3, 1 if what == "one cell" else 3
    level = 0.0 if "reward" in what else 0.7
    reward = np.full((seeds, 10, cells), level)
    if what in ("one seed", "one cell"):
        reward = reward + 0.01 * np.arange(seeds)[:, None, None]
    pairs = np.full((seeds, 2, cells, cells), level)
    dataset = file.build(
        dict.fromkeys(names, reward),
        [0, 0, 1][:cells],
        pair_reward=(("seed", "gain_step", "source", "target"), pairs),
        distance=(("seed", "source", "target"), np.ones((seeds, cells, cells))),
        gain_step=(("gain_step",), [2, 4]),
    )
    if what == "one cell":
        dataset = dataset.drop_vars(["pair_reward", "distance", "gain_step"])
    else:
        dataset = dataset.set_coords("gain_step")
    comparison = Comparison(dataset)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        documents = [report.build(comparison), report.section(comparison), report.short_section(comparison)]
        written = [to_html(document) + to_markdown(document) for document in documents]
    for words in written:
        assert not re.search(r"\b(nan|inf)\b", words)
    assert "confirmed" not in [verdict.verdict for block in documents[0].blocks if isinstance(block, Verdicts)
                               for verdict in block.items]  # fmt: skip


def test_traffic_of_a_trace_is_named_by_its_file_alone(known: Comparison) -> None:
    known.dataset.attrs["scenario"] = json.dumps({"name": "a|b", "traffic_trace": "/home/me/<cells>.csv"})
    assert "traffic from <cells>.csv." in report.summary(known)
    assert "traffic from \\<cells\\>.csv." in to_markdown(report.section(known))
    assert "traffic from &lt;cells&gt;.csv." in to_html(report.section(known))


def test_sections_go_between_their_marks_and_nowhere_else(known: Comparison, tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    marks = [f"<!-- {name} {end} -->" for name in ("study short", "study") for end in ("begins", "ends")]
    page.write_text("mine\n{}\nold\n{}\nhalf-way\n{}\nold\n{}\nalso mine\n".format(*marks))
    for _ in range(2):
        report.put_section(known, page)
    words = page.read_text()
    lines = words.splitlines()
    assert (lines[0], lines[-1], lines.count("half-way")) == ("mine", "also mine", 1)
    assert "old" not in lines
    short, whole = words.split("half-way")
    assert "### Comparison" in whole
    assert "### Claims" in whole
    assert "#" not in short
    assert sum(line.startswith("| DRL from scratch |") for line in short.splitlines()) == 1
    cells = " | ".join((two(0.3, 0.4, least=0.0), two(0.6, 0.4, ".0f"), two(0.7, 0.75, most=1.0)))
    assert f"| DRL from scratch | {cells} |" in short
    assert max(map(len, short.splitlines())) <= 120


@pytest.mark.parametrize("marks", ["", "<!-- study begins -->", "<!-- study ends -->\n<!-- study begins -->"])
def test_files_without_whole_marks_are_refused_and_unchanged(known: Comparison, tmp_path: Path, marks: str) -> None:
    page = tmp_path / "README.md"
    before = f"<!-- study short begins -->\n<!-- study short ends -->\n{marks}" if marks else "no marks"
    page.write_text(before)
    with pytest.raises(SlicefastError, match="study begins"):
        report.put_section(known, page)
    assert page.read_text() == before


def test_what_each_one_pays_is_one_fact_in_short_lines(file: Any, tmp_path: Path) -> None:
    """Of four steps the oracle earns all, the others all but what they are said to lose."""
    rewards = {"oracle": 1.0, "hindsight_on_rule": 0.7, "drl": 0.5}
    cycle = (("seed",), [2, 2])
    known, both = (
        Comparison(file.build({k: np.full((2, 10, 2), v) for k, v in played.items()}, [0, 1], cycle_steps=cycle))
        for played in (rewards, {**rewards, "drl_ours": 0.75})
    )
    page = tmp_path / "README.md"
    page.write_text("<!-- study facts begins -->\n<!-- study facts ends -->\n")
    report.put_section(known, page)
    lines = page.read_text().splitlines()
    assert max(map(len, lines)) <= 120
    words = " ".join(" ".join(lines[1:-1]).split())
    assert words == (
        "- **Measured**: reward lost to a clairvoyant oracle in the first 4 steps, 2 seeds: hindsight on it 1."
    )
    report.put_section(both, page)
    assert "DRL 2 as published, 1 ours; hindsight on it 1." in " ".join(page.read_text().split())


def test_the_order_is_said_and_where_it_fails(file: Any) -> None:
    def told(**rewards: float) -> str:
        played = {name: np.full((3, 10, 2), value) for name, value in rewards.items()}
        return online_tables.order(Comparison(file.build(played, [0, 1])))

    assert told(equal_split=0.5) == ""
    assert told(equal_split=0.5, traffic_aware=0.6, oracle=0.9) == (
        "Online over the first 2 steps, from whom one expects least: equal split 0.5000, traffic-aware baseline "
        "0.6000, clairvoyant oracle 0.9000; in the order one expects."
    )
    wrong = told(equal_split=0.7, traffic_aware=0.6, max_min_rule=0.6, oracle=0.9)
    assert wrong.endswith(
        "the order that one expects does not hold: traffic-aware baseline is not above equal split; max-min rule is "
        "not above traffic-aware baseline."
    )
