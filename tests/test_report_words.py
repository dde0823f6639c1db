"""What the report says, sentence by sentence, and in which order its blocks stand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from slicefast.study import explanation, report
from slicefast.study.comparison import Comparison
from slicefast.study.document import Document, Figure, Heading, Listing, Table, Text, Verdicts, to_markdown
from slicefast.study.evidence import Measure
from slicefast.study.explanation import Explanation, Spread
from slicefast.study.intervals import UNKNOWN, Estimate
from slicefast.study.ordering import Decomposition

SUMMARY = (
    "Scenario “two towers”: 2 cells, 2 slices, generated traffic. 2 seeds. DRL from scratch explores for 2 steps and "
    "trains for 5; transfer trains for 4 steps. Every policy is evaluated over the same last 3 steps of the target "
    "network, which no source agent has seen. Policies called “ours” explore and learn in our setting, the others as "
    "published."
)
MADE = "slicefast 0.1.0, numpy 2.0, instruction_set avx2. Seeds [0, 1]."


@pytest.fixture
def comparison(reference: Callable[[str], ModuleType]) -> Comparison:
    """Return two seeds of two cells whose pairs were all transferred, with an ablation."""
    generator = np.random.default_rng(0)
    names = ("equal_split", "drl", "transfer_most", "counterfactual", "counterfactual_no_queue")
    rewards = {name: generator.uniform(0.2, 0.8, (2, 10, 2)) for name in names}
    dataset = reference("result_file").build(
        rewards,
        [0, 1],
        distance=(("seed", "source", "target"), generator.uniform(1.0, 2.0, (2, 2, 2))),
        pair_reward=(("seed", "gain_step", "source", "target"), generator.random((2, 2, 2, 2))),
        gain_step=(("gain_step",), [2, 4]),
    )
    return Comparison(dataset.set_coords("gain_step"))


def outline(document: Document) -> list[tuple[str, Any]]:
    """Return the kind of every block with what tells it from others of its kind."""
    kinds: dict[type, Callable[[Any], Any]] = {
        Heading: lambda block: (block.text, block.level),
        Text: lambda block: (block.kind, len(block.items)),
        Table: lambda block: block.headings[0],
        Verdicts: lambda block: len(block.items),
        Figure: lambda block: block.title,
        Listing: lambda block: block.title,
    }
    return [(type(block).__name__, kinds[type(block)](block)) for block in document.blocks]


SUMMED = [("Text", ("plain", 1))]
NEEDED, TABLED = [("Heading", ("Claims", 2)), ("Text", ("warning", 1)), ("Table", "claim")], ("Verdicts", 3)
CLAIMS = [*NEEDED, ("Text", ("note", 1)), TABLED]
READ = [*NEEDED, *[("Text", ("note", 1))] * 2, TABLED]
ONLINE = [("Heading", ("What it costs while agents learn", 2)), *[("Table", "policy")] * 2, ("Text", ("note", 1))]
COMPARISON = [
    ("Heading", ("Comparison", 2)), ("Table", "policy"), ("Text", ("note", 1)), ("Table", "left out"),
]  # fmt: skip
ORDERING = [("Heading", ("Does a more similar source help more?", 2)), ("Text", ("note", 1))]


def test_the_report_goes_from_claims_to_how_it_was_made(comparison: Comparison, tmp_path: Any) -> None:
    figure = Figure("Learning", "How it went.", tmp_path / "x.png", "figures/x.png")
    another = Figure("Another", "It went.", tmp_path / "y.png", "figures/y.png")
    document = report.build(comparison, [figure, another])
    assert document.title == "Network slicing by transfer learning"
    ends = [("Heading", ("How it was made", 2)), ("Text", ("plain", 1)), ("Listing", "protocol and scenario")]
    tables = [("Table", "sources ordered by")] * 3
    first, drawn = [("Figure", "Learning")], [("Heading", ("Figures", 2)), ("Figure", "Another")]
    reasons = [("Text", ("plain", len(explanation.say(explanation.explain(comparison)))))]
    middle = READ + ONLINE + COMPARISON + ORDERING + tables + reasons
    assert outline(document) == SUMMED + first + middle + drawn + ends
    assert outline(report.build(comparison)) == SUMMED + middle + ends
    assert document.blocks[0].items == (SUMMARY,)
    made = f"{MADE} The numbers behind this report are in results.nc beside it."
    assert document.blocks[-2].items == (made,)
    listed = document.blocks[-1].text
    decoder = json.JSONDecoder()
    protocol, end = decoder.raw_decode(listed)
    assert protocol == comparison.protocol
    assert decoder.raw_decode(listed[end + 1 :])[0] == {"name": "two towers", "traffic_trace": None}
    assert listed.startswith('{\n "n_seeds": 2,\n')


def test_a_section_has_the_first_table_on_similarity_alone(comparison: Comparison) -> None:
    document = report.section(comparison)
    reasons = [("Text", ("plain", len(explanation.say(explanation.explain(comparison)))))]
    end = [("Text", ("plain", 1))]
    similarity = [*ORDERING, ("Table", "sources ordered by"), *reasons]
    assert outline(document) == SUMMED + CLAIMS + ONLINE + COMPARISON + similarity + end
    assert document.blocks[-1].items == (f"Made with {MADE}",)
    assert document.title == "Network slicing by transfer learning"


def test_a_short_section_is_a_table(comparison: Comparison) -> None:
    document = report.short_section(comparison)
    assert outline(document) == [("Table", "policy")]
    assert document.title == "Network slicing by transfer learning"


def test_notes_name_the_studys_numbers(comparison: Comparison) -> None:
    notes = [block for block in report.build(comparison).blocks if isinstance(block, Text) and block.kind == "note"]
    missing, reading, online, scores, ordering = (" ".join(note.items) for note in notes)
    assert missing.startswith("Claims (a), (d), ")
    assert "“less” is minus" in reading
    assert "over steps 2 to 4, as is the worst tenth" in online
    assert "earn less than it over the first 2 steps" in online
    assert "a cell-step fails below 0.95; the largest delay is over the slices" in scores
    assert "mean reward over the first 2 steps against DRL from scratch" in scores
    assert "learning as published, gains in mean reward over the 250 steps before each step" in ordering
    assert scores.startswith(
        "Each number is a mean over seeds, averaged over the requirement groups, with Student's 95 %"
    )
    assert "Intervals are Student's 95 % over seeds" in ordering


def test_tables_of_enough_seeds_are_explained_as_what_they_are(reference: Callable[[str], ModuleType]) -> None:
    """Their words on a page of a reader's own stay what they were; the whole report adds what their intervals lack."""
    rewards = {"drl": np.random.default_rng(0).uniform(0.2, 0.8, (10, 10, 2))}
    known = Comparison(reference("result_file").build(rewards, [0, 1]))
    for document, added in ((report.build(known), 1), (report.section(known), 0)):
        words = to_markdown(document)
        assert (
            "Each number is an interquartile mean over seeds, averaged over the requirement groups, with its" in words
        )
        assert words.count("take the requirement groups of a seed for independent") == added
        assert "Student" not in words


def test_warnings_stand_after_the_summary_one_an_item(comparison: Comparison) -> None:
    attributes = comparison.dataset.attrs
    attributes.update(complete=0, parts_finished=3, left_out=json.dumps({"a": "no room", "b": "one cell"}))
    attributes["versions_note"] = "seed 1 ran with another version"
    for document in (report.build(comparison), report.section(comparison), report.short_section(comparison)):
        assert outline(document)[1] == ("Text", ("warning", 3))
        assert document.blocks[1].items == (
            "Left out is a: no room.",
            "Left out is b: one cell.",
            "This study is not finished: 3 of 12 parts. What follows rests on those; continue it with --resume.",
        )
    assert report.provenance(comparison) == f"{MADE} seed 1 ran with another version."


def test_titles_and_headings_of_tables(comparison: Comparison) -> None:
    (ablations,) = report.ablation_tables(comparison)
    assert ablations.headings == ("left out", "loss in mean reward", "P(better with it)")
    assert ablations.title == "What each part of the counterfactual policy is worth, one left out at a time"
    assert [table.title for table in report.ordering_tables(comparison)] == [
        "Rank correlation of gain and distance within each target, mean over targets",
        "Rank correlation over all pairs of a seed, in which targets that gain more or less are mixed",
        "Reward with the nearest source, less the mean over all sources",
    ]


@pytest.mark.parametrize(("groups", "compared"), [([0, 1, 1], True), ([0, 0, 0], False), ([0, 1, 2], False)])
def test_groups_are_compared_where_there_are_pairs_of_either_kind(
    reference: Callable[[str], ModuleType], groups: list[int], compared: bool
) -> None:
    generator = np.random.default_rng(0)
    dataset = reference("result_file").build(
        {"drl": np.full((2, 10, 3), 0.5)},
        groups,
        pair_reward=(("seed", "gain_step", "source", "target"), generator.random((2, 1, 3, 3))),
        gain_step=(("gain_step",), [2]),
    )
    found = explanation.explain(Comparison(dataset.set_coords("gain_step")))
    assert (found.same_group is not None) == compared
    assert (found.n_cells, found.targets_of_one_source, found.spread) == (3, {}, None)
    if compared:  # pairs 2-3 and 3-2, less the four with cell 1
        first = dataset.pair_reward.values[:, 0]
        other = (first[:, 0, 1] + first[:, 0, 2] + first[:, 1, 0] + first[:, 2, 0]) / 4
        advantage = (first[:, 1, 2] + first[:, 2, 1]) / 2 - other
        assert found.same_group.value == pytest.approx(advantage.mean())


def at(value: float) -> Estimate:
    """Return an estimate with an interval of 0.1 to either side."""
    return Estimate(value, value - 0.1, value + 0.1)


PARTS = Decomposition(
    target=[at(50.0), at(40.0)], source=[at(30.0), at(25.0)], pair=[at(20.0), at(35.0)], repeated=[at(0.5)]
)
EXPLANATION = Explanation(
    [250, 4000], PARTS, Estimate(0.02, -0.01, 0.05), 12, {"distance": 7.25}, Spread(0.001, 0.25, 12345.0, 6.5)
)
SAID = [
    "What a transfer earns depends on the target for 50 % of the variance over the pairs at step 250 and 40 % at step "
    "4000, on which source it took, whatever the target, for 30 % and 25 %, and on how source and target go together, "
    "chance included, for 20 % and 35 %: that last part is all that similarity could explain besides the sources' own "
    "quality.",
    "The order of a target's sources lasts from one gain step to the next with a rank correlation of +0.50 at first "
    "and +0.50 at the end.",
    "Sources of the target's own requirement group earn +0.020 more at step 250 than those of another group (an "
    "interval that holds zero: -0.010 to +0.050), the difference between cells that their agents were trained for.",
    "Ordered by “mean KL divergence (the paper's)”, one and the same source is the nearest for 7.2 of the 12 targets "
    "of a network, mean over seeds.",
    "The smallest latent variance is 1.0e-03 where the median is 2.5e-01, and the largest mean divergence 1.23e+04 nat "
    "where the median is 6.5: the mean KL divergence divides by the target's variances.",
]


def test_the_explanation_in_full() -> None:
    assert explanation.say(EXPLANATION) == SAID


def test_the_explanation_says_no_more_than_it_has() -> None:
    one = replace(PARTS, repeated=[])
    assert explanation.say(replace(EXPLANATION, parts=one)) == [SAID[0], *SAID[2:]]
    assert explanation.say(replace(EXPLANATION, same_group=None, spread=None)) == [*SAID[:2], SAID[3]]
    assert explanation.say(replace(EXPLANATION, targets_of_one_source={})) == [*SAID[:3], SAID[4]]
    clear = explanation.say(replace(EXPLANATION, same_group=Estimate(0.02, 0.0001, 0.05)))[2]
    assert "(an interval that is clear of zero: +0.000 to +0.050)" in clear
    for low, high in ((0.0, 0.1), (-0.1, 0.0)):
        assert "holds zero" in explanation.say(replace(EXPLANATION, same_group=Estimate(0.0, low, high)))[2]
    alone = explanation.say(replace(EXPLANATION, same_group=Estimate(0.02, np.nan, np.nan)))[2]
    assert "of another group, the difference" in alone
    nothing = "At some gain step all pairs earn the same: there is nothing that source or target could explain."
    for flat in (replace(PARTS, target=[UNKNOWN, at(1.0)]), replace(PARTS, repeated=[UNKNOWN])):
        assert explanation.say(replace(EXPLANATION, parts=flat))[0] == nothing
        assert explanation.say(replace(EXPLANATION, parts=flat))[1] == SAID[2]


def test_verdicts_in_words() -> None:
    seeds = np.array([0.4, 0.5, 0.6])  # t = 4.303 with two degrees of freedom, a standard error of 0.0577
    assert Measure("gain", seeds).words == "gain +0.500 [+0.252, +0.748]"
    assert Measure("gain", 10 * seeds, 2.0, 1, " %").words == "gain +5.0 % [+2.5, +7.5]"
    assert Measure("step", 100 * seeds, None, 0, sign=False).words == "step 50 [25, 75]"
    assert Measure("gain", seeds[:1]).words == "gain +0.400"
    assert Measure("gain", np.array([np.nan])).words == "gain not defined"
