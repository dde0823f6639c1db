"""The report of a result file: one document, written as a page that stands alone and as Markdown."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from slicefast import files
from slicefast.errors import SlicefastError
from slicefast.rewards import MET
from slicefast.study import dataset as results
from slicefast.study import explanation, online_tables
from slicefast.study.claims import not_judged, verdicts
from slicefast.study.comparison import DISTANCES, Comparison
from slicefast.study.document import (
    Block,
    Document,
    Figure,
    Heading,
    Listing,
    Number,
    Table,
    Text,
    Verdict,
    Verdicts,
    number,
    text,
    to_html,
    to_markdown,
)
from slicefast.study.evidence import BASELINES, to_decide
from slicefast.study.intervals import (
    ANYWHERE,
    ENOUGH_SEEDS,
    NOT_NEGATIVE,
    PERCENT,
    SHARE,
    SIGNED,
    Estimate,
    Limits,
)
from slicefast.study.ordering import Ordering
from slicefast.study.scores import improvement
from slicefast.study.setting import SETTINGS
from slicefast.units import Float64

TITLE = "Network slicing by transfer learning"
READING = """How to read the numbers below: “less” is minus, “over them” is over the steps named before it, and “it” is
the baseline that the claim is judged against."""
#: What the whole report adds of tables of enough seeds.
TOGETHER = """These intervals take the requirement groups of a seed for independent, though they share its network:
where groups go together they hold the truth less often than 95 %, however many seeds there are (benchmarks/README.md
has how often). The claims' rest on whole seeds."""
#: What the numbers of tables are: of enough seeds, and of fewer.
MIDDLES = (
    """Each number is an interquartile mean over seeds, averaged over the requirement groups, with its 95 % stratified
    bootstrap interval (seeds resampled within each group; none with a single seed).""",
    f"""Each number is a mean over seeds, averaged over the requirement groups, with Student's 95 % interval over whole
    seeds, as the claims' are (none with a single seed, or where seeds do not differ): of fewer than {ENOUGH_SEEDS}
    seeds a bootstrap within groups promises more than it keeps.""",
)
NOTE = """{middle} Satisfaction is the smallest over the slices of throughput over requirement, at most 1; a cell-step
fails below {met}; the largest delay is over the slices. Early gain: mean reward over the first {early_steps} steps
against DRL from scratch at the same steps; final gain: the same over the evaluation steps. P(better than DRL): the
share of cells and seeds whose mean evaluation reward is higher, ties counting one half. Below the oracle: what the mean
reward lacks to that of a clairvoyant max-min partition; the oracle knows each step's packets before they arrive and is
a bound, not a competitor."""
ORDERING_NOTE = """All ordered pairs of different cells, {setting}, gains in mean reward over the {window} steps
before each step. A useful distance has negative correlations: the nearer source gains more. The mean KL divergence is
the paper's and the one the claim is judged by; the others are remedies that were tried, and the last row orders
sources by what they earned themselves. Intervals are {interval} over seeds, and not corrected for how many
distances at how many steps were tried: about one in twenty misses the truth by chance, so a single one clear of zero
says little."""
#: Heading, digits, whether signed, where the number can lie, and how it follows from a comparison and a policy.
COLUMNS: tuple[tuple[str, int, bool, Limits, Callable[[Comparison, str], Float64]], ...] = (
    ("mean reward", 3, False, SHARE, lambda comparison, policy: comparison.scores(policy).reward),
    ("mean satisfaction", 3, False, SHARE, lambda comparison, policy: comparison.scores(policy).satisfaction),
    (
        f"cell-steps below {MET} [%]",
        1,
        False,
        PERCENT,
        lambda comparison, policy: comparison.scores(policy).failing_percent,
    ),
    ("mean largest delay [ms]", 2, False, NOT_NEGATIVE, lambda comparison, policy: comparison.scores(policy).delay_ms),
    ("below the oracle", 3, False, SIGNED, Comparison.oracle_gap),
    ("early gain [%]", 1, True, ANYWHERE, Comparison.early_gain_percent),
    ("final gain [%]", 1, True, ANYWHERE, Comparison.final_gain_percent),
)
ORDERING_TABLES: tuple[tuple[str, int, Callable[[Ordering], list[Estimate]]], ...] = (
    ("Rank correlation of gain and distance within each target, mean over targets", 2, lambda item: item.within),
    (
        "Rank correlation over all pairs of a seed, in which targets that gain more or less are mixed",
        2,
        lambda item: item.every,
    ),
    ("Reward with the nearest source, less the mean over all sources", 3, lambda item: item.chosen),
)
#: Marks in Markdown files: verdicts and all tables but those of the remedies; the rewards of few policies alone; what
#: each of them pays, in one sentence.
SECTION, SHORT_SECTION, FACTS_SECTION = "study", "study short", "study facts"
_SETTINGS = {"published": "learning as published", "ours": "learning in our setting"}
_SHORT_POLICIES = (
    "traffic_aware",
    "max_min_rule",
    "drl",
    "drl_ours",
    "transfer_most",
    "transfer_most_ours",
)
_SHORT_LAST = ("hindsight_on_rule", "oracle")
#: What the fact says, each with its policies: as published and ours, or one alone.
_FACTS = (
    ("DRL", ("drl", "drl_ours")),
    ("transfer", ("transfer_most", "transfer_most_ours")),
    ("traffic-aware", ("traffic_aware",)),
    ("the max-min rule", ("max_min_rule",)),
    ("hindsight on it", ("hindsight_on_rule",)),
)


def comparison_table(comparison: Comparison) -> Table:
    """Return the scores of every policy, one estimate per column."""
    rows: list[tuple[str | Number, ...]] = []
    for policy in comparison.policies:
        cells = [
            number(comparison.estimate(column(comparison, policy), limits), digits, sign=sign)
            for _, digits, sign, limits, column in COLUMNS
        ]
        rows.append((comparison.label(policy), *cells, _better_than_drl(comparison, policy)))
    return Table(("policy", *(heading for heading, *_ in COLUMNS), "P(better than DRL)"), tuple(rows))


def _better_than_drl(comparison: Comparison, policy: str) -> Number:
    if policy == "drl" or not comparison.has("drl"):
        return Number("-")
    own, drl = (comparison.scores(name).reward for name in (policy, "drl"))
    return number(improvement(own, drl, comparison.groups), 2)


def short_table(comparison: Comparison) -> Table:
    """Return the mean reward of the policies that a first reader looks for, with its interval."""
    chosen = [policy for policy in (*_SHORT_POLICIES, *_SHORT_LAST) if comparison.has(policy)]
    early, until = int(comparison.protocol["early_steps"]), comparison.learned[1]
    rows = []
    for policy in chosen:
        online = number(comparison.estimate(comparison.scores(policy).early_reward, SHARE))
        regret = number(comparison.estimate(comparison.regret(policy, until), (-until, until)), 0)
        final = number(comparison.estimate(comparison.scores(policy).reward, SHARE))
        rows.append((comparison.label(policy), online, regret, final))
    headings = (f"reward, first {early} steps", f"regret to {until} [steps]", "reward at the end")
    return Table(("policy", *headings), tuple(rows))


def ablation_tables(comparison: Comparison) -> list[Table]:
    """Return what each part of the informed policy is worth; empty where it or its ablations were not played."""
    rows: list[tuple[str | Number, ...]] = []
    for full in comparison.of_family("informed")[:1]:
        with_it = comparison.scores(full).reward
        for policy in comparison.of_family("ablation"):
            without = comparison.scores(policy).reward
            loss = number(comparison.estimate(with_it - without, SIGNED), 4, sign=True)
            better = number(improvement(with_it, without, comparison.groups), 2)
            rows.append((comparison.label(policy), loss, better))
    headings = ("left out", "loss in mean reward", "P(better with it)")
    title = "What each part of the counterfactual policy is worth, one left out at a time"
    return [Table(headings, tuple(rows), title)] if rows else []


def ordering_tables(comparison: Comparison) -> list[Table]:
    """Return the tables on whether a more similar source helps more; empty unless all pairs were transferred."""
    if not comparison.orderings:
        return []
    headings = ("sources ordered by", *(f"step {step}" for step in comparison.gain_steps))
    return [
        Table(
            headings,
            tuple(
                (DISTANCES[name][1], *(number(estimate, digits, sign=True) for estimate in column(item)))
                for name, item in comparison.orderings.items()
            ),
            title,
        )
        for title, digits, column in ORDERING_TABLES
    ]


def build(comparison: Comparison, figures: Sequence[Figure] = ()) -> Document:
    """Return the whole report."""
    blocks: list[Block] = [text(summary(comparison)), *_warnings(comparison), *figures[:1]]
    blocks += [
        *_claims(comparison, READING),
        *_online(comparison),
        *_comparison(comparison, TOGETHER),
        *_ordering(comparison),
    ]
    if figures[1:]:
        blocks += [Heading("Figures"), *figures[1:]]
    listed = "\n".join(_indented(comparison.dataset.attrs[name]) for name in ("protocol", "scenario"))
    blocks += [
        Heading("How it was made"),
        text(f"{provenance(comparison)} The numbers behind this report are in {results.RESULT_FILE} beside it."),
        Listing("protocol and scenario", listed),
    ]
    return Document(TITLE, tuple(blocks))


def section(comparison: Comparison) -> Document:
    """Return verdicts and tables for a page of a reader's own; of the tables on similarity only the first."""
    blocks = [text(summary(comparison)), *_warnings(comparison), *_claims(comparison)]
    blocks += [*_online(comparison), *_comparison(comparison), *_ordering(comparison, n_tables=1)]
    return Document(TITLE, (*blocks, text(f"Made with {provenance(comparison)}")))


def short_section(comparison: Comparison) -> Document:
    """Return the short table."""
    return Document(TITLE, (short_table(comparison), *_warnings(comparison)))


def summary(comparison: Comparison) -> str:
    """Return what was studied, in a few sentences."""
    protocol, dataset = comparison.protocol, comparison.dataset
    scenario = json.loads(dataset.attrs["scenario"])
    trace = scenario["traffic_trace"]
    traffic = f"traffic from {Path(trace).name}" if trace else "generated traffic"
    return (
        f"Scenario “{scenario['name']}”: {dataset.sizes['cell']} cells, {dataset.sizes['slice']} slices, {traffic}. "
        f"{_seeds(protocol['n_seeds'])}. DRL from scratch explores for {protocol['exploration_steps']} steps and "
        f"trains for {protocol['train_steps']}; transfer trains for {protocol['transfer_steps']} steps. Every policy "
        f"is evaluated over the same last {protocol['evaluation_steps']} steps of the target network, which no source "
        "agent has seen. Policies called “ours” explore and learn in our setting, the others as published."
    )


def _warnings(comparison: Comparison) -> list[Text]:
    attributes = comparison.dataset.attrs
    words = [f"Left out is {policy}: {reason}." for policy, reason in json.loads(attributes["left_out"]).items()]
    if not attributes["complete"]:
        words.append(
            f"This study is not finished: {attributes['parts_finished']} of {attributes['parts']} parts. What follows "
            "rests on those; continue it with --resume."
        )
    return [text(*words, kind="warning")] if words else []


def _claims(comparison: Comparison, reading: str = "") -> list[Block]:
    judged = verdicts(comparison)
    if not judged:
        return []
    needed, missing = to_decide(comparison.dataset.sizes["seed"]), not_judged(judged)
    warnings = [text(needed, kind="warning")] if needed else []
    notes = [text(words, kind="note") for words in (missing, reading) if words]
    return [Heading("Claims"), *warnings, verdict_table(judged), *notes, Verdicts(tuple(judged))]


def verdict_table(judged: Sequence[Verdict]) -> Table:
    """Return the verdicts at a glance: a row per claim, a column per setting and baseline."""
    columns = [(setting, baseline) for setting in SETTINGS for baseline in BASELINES]
    rows: dict[str, dict[tuple[str, str], str]] = {}
    for item in judged:
        setting, baseline = item.where
        for column in columns:
            if setting in ("", column[0]) and baseline in ("", column[1]):
                rows.setdefault(item.claim, {})[column] = item.verdict
    names = {"traffic_aware": "traffic-aware", "max_min_rule": "the rule"}
    said = {"published": "as published", "ours": "ours"}
    headings = ("claim", *(f"{said[setting]}, against {names[baseline]}" for setting, baseline in columns))
    return Table(
        headings, tuple((claim, *(found.get(column, "-") for column in columns)) for claim, found in rows.items())
    )


def _online(comparison: Comparison) -> list[Block]:
    found = online_tables.tables(comparison)
    if not found:
        return []
    said = [text(sentence) for sentence in (online_tables.order(comparison),) if sentence]
    notes = text(online_tables.note(comparison), kind="note")
    return [Heading("What it costs while agents learn"), *said, *found, notes]


def _comparison(comparison: Comparison, more: str = "") -> list[Block]:
    blocks: list[Block] = [Heading("Comparison"), comparison_table(comparison)]
    early, middle = comparison.protocol["early_steps"], MIDDLES[_few(comparison)]
    blocks.append(text(NOTE.format(middle=middle, early_steps=early, met=MET), kind="note"))
    if more and not _few(comparison):
        blocks.append(text(more, kind="note"))
    return [*blocks, *ablation_tables(comparison)]


def _ordering(comparison: Comparison, n_tables: int | None = None) -> list[Block]:
    tables = ordering_tables(comparison)
    if not tables:
        return []
    window, setting = comparison.pair_window, _SETTINGS[comparison.pair_setting]
    interval = "Student's 95 %" if _few(comparison) else "95 % bootstraps"
    note = ORDERING_NOTE.format(window=window, setting=setting, interval=interval)
    blocks: list[Block] = [Heading("Does a more similar source help more?")]
    blocks += [text(note, kind="note"), *tables[:n_tables]]
    reasons = explanation.explain(comparison)
    return [*blocks, *([text(*explanation.say(reasons))] if reasons is not None else [])]


def _few(comparison: Comparison) -> bool:
    """Whether tables and figures take whole seeds for want of enough."""
    return bool(comparison.dataset.sizes["seed"] < ENOUGH_SEEDS)


def _seeds(count: int) -> str:
    return f"{count} seed{'s' if count > 1 else ''}"


def provenance(comparison: Comparison) -> str:
    """Return versions, build and seeds in one line."""
    attributes = comparison.dataset.attrs
    versions, build_facts = (json.loads(attributes[name]) for name in ("versions", "build"))
    listed = ", ".join(f"{name} {value}" for name, value in {**versions, **build_facts}.items())
    note = attributes["versions_note"]
    return f"{listed}. Seeds {attributes['seeds']}.{f' {note}.' if note else ''}"


def _indented(document: str) -> str:
    return json.dumps(json.loads(document), indent=1)


def write(comparison: Comparison, figures: Sequence[Figure], path: Path) -> None:
    """Write the page, and `.md` beside it, so that each appears whole or not at all.

    Parameters
    ----------
    comparison : Comparison
        The results.
    figures : sequence of Figure
        To be shown.
    path : Path
        Of the HTML page.
    """
    document = build(comparison, figures)
    files.write_text(path, to_html(document))
    files.write_text(path.with_suffix(".md"), to_markdown(document))


def put_section(comparison: Comparison, path: Path) -> None:
    """Replace what stands between marks of a Markdown file: `SECTION`, `SHORT_SECTION`, `FACTS_SECTION`, or several.

    Parameters
    ----------
    comparison : Comparison
        The results.
    path : Path
        The Markdown file.

    Raises
    ------
    SlicefastError
        The file has no pair of these marks, or one of them not once each; it is unchanged then.
    """
    made: dict[str, Callable[[Comparison], str]] = {
        SECTION: lambda item: to_markdown(section(item), title=False, lower=1),
        SHORT_SECTION: lambda item: to_markdown(short_section(item), title=False, lower=1),
        FACTS_SECTION: facts,
    }
    marked = [name for name in made if name in files.section_names(path)]
    if not marked:
        needs = " or ".join(f"<!-- {name} begins --> and <!-- {name} ends -->" for name in made)
        raise SlicefastError(f"{path}: needs the lines {needs}")
    files.replace_sections(path, {name: made[name](comparison) for name in marked})


def facts(comparison: Comparison) -> str:
    """Return what the study found as one item of a list, in lines of at most 118 characters."""
    until, seeds = comparison.learned[1], _seeds(comparison.dataset.sizes["seed"])
    paid = {name: comparison.estimate(comparison.regret(name, until)).value for name in comparison.policies}
    said = [
        f"{words} {' as published, '.join(f'{paid[name]:,.0f}' for name in names)}{' ours' if len(names) > 1 else ''}"
        for words, names in _FACTS
        if comparison.has(*names) and all(np.isfinite(paid[name]) for name in names)
    ]
    words = (
        f"- **Measured**: reward lost to a clairvoyant oracle in the first {until:,} steps, {seeds}: {'; '.join(said)}."
    )
    return "\n".join(textwrap.wrap(words, 118, subsequent_indent="  ", break_on_hyphens=False)) + "\n"
