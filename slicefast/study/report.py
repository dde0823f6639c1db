"""The report of a result file: one self-contained page, and the same tables and verdicts as Markdown."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import xarray as xr

from slicefast.study import dataset as results
from slicefast.study import ordering
from slicefast.study.claims import over, show, verdicts
from slicefast.study.figures import Drawing
from slicefast.study.jobs import write_text
from slicefast.study.protocol import ARMS
from slicefast.study.scores import improvement

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.2rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.86rem; }
th, td { padding: 0.35rem 0.5rem; border-bottom: 1px solid #ddd; text-align: right; vertical-align: top; }
th:first-child, td:first-child, .text td, .text th { text-align: left; }
td span { display: block; color: #666; font-size: 0.76rem; white-space: nowrap; }
figure { margin: 1.2rem 0; } img { max-width: 100%; } figcaption { color: #444; font-size: 0.9rem; }
.confirmed { color: #00694d; } .refuted { color: #a83e00; } .undecided { color: #555; } .note { color: #444; }
.warning { border-left: 4px solid #D55E00; padding-left: 0.8rem; }
code { font-size: 0.85rem; }
"""
FEW_SEEDS = 5  # a bootstrap over fewer seeds has too few distinct resamples to cover 95 %
NOTE = """Each number is an interquartile mean over seeds, averaged over the requirement groups, with its 95 %
stratified bootstrap interval (seeds resampled within each group; none with a single seed). Satisfaction is the
smallest over the slices of throughput over requirement, at most 1; a cell-step fails below 0.95; the largest delay is
over the slices. Early gain: mean reward over the first {early_steps} steps against DRL from scratch at the same steps;
final gain: the same over the evaluation steps. P(better than DRL): the share of cells and seeds whose mean evaluation
reward is higher, ties counting one half. Below the oracle: what the mean reward lacks to that of a clairvoyant max-min
partition; the oracle knows each step's packets before they arrive and is a bound, not a competitor."""
ORDERING_NOTE = """All ordered pairs of different cells, gains in mean reward over the 250 steps before each step. A
useful distance has negative correlations: the nearer source gains more. The mean KL divergence is the paper's and the
one the claim is judged by; the others are remedies that were tried, and the last row orders sources by what they earned
themselves. Intervals are 95 % bootstraps over seeds, and not corrected for how many distances at how many steps were
tried: about one in twenty misses the truth by chance, so a single one clear of zero says little."""
COLUMNS = (
    ("reward", "mean reward", 3, False),
    ("satisfaction", "mean satisfaction", 3, False),
    ("failing_percent", "cell-steps below 0.95 [%]", 1, False),
    ("delay_ms", "mean largest delay [ms]", 2, False),
    ("oracle_gap", "below the oracle", 3, False),
    ("early_gain_percent", "early gain [%]", 1, True),
    ("final_gain_percent", "final gain [%]", 1, True),
)


def table(dataset: xr.Dataset) -> list[list[str]]:
    """Return the rows of the comparison: the policy's label, then one estimate as text per column."""
    rows = []
    groups = dataset.requirement_group.values
    for name in map(str, dataset.policy.values):
        if not results.has(dataset, name):
            continue
        found = results.scores(dataset, name)
        cells = [show(over(dataset, found[key]), digits, "", sign) for key, _, digits, sign in COLUMNS]
        better = "-"
        if name != "drl" and results.has(dataset, "drl"):
            reference = results.final_reward(dataset, "drl")
            better = show(improvement(found["reward"], reference, groups), 2)
        rows.append([results.label(name), *cells, better])
    return rows


@dataclass(frozen=True)
class TitledTable:
    """A table of text, the first column its rows' names."""

    title: str
    headings: list[str]
    rows: list[list[str]]


def ablation_table(dataset: xr.Dataset) -> list[TitledTable]:
    """Return what each part of the best policy is worth; empty where it or its ablations were not played."""
    rows = []
    for name in map(str, dataset.policy.values):
        ablated = name in ARMS and ARMS[name].kind == "best" and name != "best"
        if not (ablated and results.has(dataset, name) and results.has(dataset, "best")):
            continue
        full, without = (results.final_reward(dataset, arm) for arm in ("best", name))
        better = improvement(full, without, dataset.requirement_group.values)
        rows.append([results.label(name), show(over(dataset, full - without), 4, sign=True), show(better, 2)])
    head = ["left out", "loss in mean reward", "P(better with it)"]
    return (
        [TitledTable("What each part of the best policy is worth, one left out at a time", head, rows)] if rows else []
    )


def ordering_tables(dataset: xr.Dataset) -> list[TitledTable]:
    """Return the tables on whether a more similar source helps more; empty unless all pairs were transferred."""
    found = ordering.orderings(dataset)
    if not found:
        return []
    head = ["sources ordered by", *(f"step {step}" for step in dataset.gain_step.values)]
    titles = {
        "within": "Rank correlation of gain and distance within each target, mean over targets",
        "every": "Rank correlation over all pairs of a seed, in which targets that gain more or less are mixed",
        "chosen": "Reward with the nearest source, less the mean over all sources",
    }
    tables = []
    for key, title in titles.items():
        digits = 3 if key == "chosen" else 2
        rows = [[item.label, *(show(value, digits, sign=True) for value in getattr(item, key))] for item in found]
        tables.append(TitledTable(title, head, rows))
    return tables


def headings() -> list[str]:
    """Return the table's column headings."""
    return ["policy", *(title for _, title, _, _ in COLUMNS), "P(better than DRL)"]


def render(dataset: xr.Dataset, drawings: Sequence[tuple[Drawing, Path]]) -> str:
    """Return the page; figures are embedded, so that the file stands alone."""
    protocol = results.protocol_of(dataset)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><title>slicefast: transfer study</title>',
        f"<style>{STYLE}</style></head><body>",
        "<h1>Network slicing by transfer learning</h1>",
        f"<p>{escape(summary(dataset))}</p>",
    ]
    if not dataset.attrs["complete"]:
        done, everything = dataset.attrs["parts_finished"], dataset.attrs["parts"]
        parts.append(
            f'<p class="warning">This study is not finished: {done} of {everything} parts. What follows rests on '
            "those; continue it with <code>--resume</code>.</p>"
        )
    parts += [*_verdict_section(dataset), *_table_section(dataset, protocol["early_steps"])]
    parts += _ordering_section(dataset)
    parts.append("<h2>Figures</h2>")
    for drawing, path in drawings:
        image = base64.b64encode(path.read_bytes()).decode()
        parts.append(
            f'<figure><h3>{escape(drawing.title)}</h3><img alt="{escape(drawing.title)}" '
            f'src="data:image/png;base64,{image}"><figcaption>{escape(drawing.caption)}</figcaption></figure>'
        )
    parts += _provenance_section(dataset)
    parts.append("</body></html>")
    return "\n".join(parts)


def summary(dataset: xr.Dataset) -> str:
    """Return what was studied, in a few sentences."""
    protocol = results.protocol_of(dataset)
    scenario = json.loads(dataset.attrs["scenario"])
    traffic = (
        f"traffic from {Path(scenario['traffic_trace']).name}" if scenario["traffic_trace"] else "generated traffic"
    )
    return (
        f"Scenario “{scenario['name']}”: {dataset.sizes['cell']} cells, {dataset.sizes['slice']} slices, {traffic}. "
        f"{protocol['n_seeds']} seeds. DRL from scratch explores for {protocol['exploration_steps']} steps and trains "
        f"for {protocol['train_steps']}; transfer trains for {protocol['transfer_steps']} steps. Every policy is "
        f"evaluated over the same last {protocol['evaluation_steps']} steps of the target network, which no source "
        "agent has seen."
    )


def _verdict_section(dataset: xr.Dataset) -> list[str]:
    found = verdicts(dataset)
    if not found:
        return []
    rows = [
        f'<tr><td>{escape(item.claim)}</td><td class="{item.verdict}"><b>{item.verdict}</b></td>'
        f"<td>{escape(_sentence(item.evidence))}</td></tr>"
        for item in found
    ]
    return [
        "<h2>Claims</h2>",
        '<table class="text"><tr><th>claim</th><th>verdict</th><th>evidence</th></tr>',
        *rows,
        "</table>",
    ]


def _table_section(dataset: xr.Dataset, early_steps: int) -> list[str]:
    head = "".join(f"<th>{escape(title)}</th>" for title in headings())
    body = []
    for name, *cells in table(dataset):
        shown = "".join(f"<td>{_two_lines(cell)}</td>" for cell in cells)
        body.append(f"<tr><td>{escape(name)}</td>{shown}</tr>")
    return [
        "<h2>Comparison</h2>",
        f"<table><tr>{head}</tr>",
        *body,
        "</table>",
        f'<p class="note">{NOTE.format(early_steps=early_steps)}</p>',
        *([f'<p class="warning">{warning}</p>'] if (warning := few_seeds(dataset.sizes["seed"])) else []),
        *(line for item in ablation_table(dataset) for line in _titled(item)),
    ]


def _ordering_section(dataset: xr.Dataset) -> list[str]:
    tables = ordering_tables(dataset)
    if not tables:
        return []
    parts = ["<h2>Does a more similar source help more?</h2>", f'<p class="note">{escape(ORDERING_NOTE)}</p>']
    for item in tables:
        parts += _titled(item)
    return [*parts, *(f"<p>{escape(sentence)}</p>" for sentence in ordering.explanation(dataset))]


def _titled(item: TitledTable) -> list[str]:
    head = "".join(f"<th>{escape(title)}</th>" for title in item.headings)
    parts = [f"<h3>{escape(item.title)}</h3>", f"<table><tr>{head}</tr>"]
    for name, *cells in item.rows:
        shown = "".join(f"<td>{_two_lines(cell)}</td>" for cell in cells)
        parts.append(f"<tr><td>{escape(name)}</td>{shown}</tr>")
    return [*parts, "</table>"]


def few_seeds(count: int) -> str:
    """Return a warning that too few seeds were run, or nothing."""
    if count >= FEW_SEEDS:
        return ""
    return (
        f"With {count} seed{'s' if count > 1 else ''} the intervals, if any, are narrower than 95 %: take them and the "
        "verdicts as a first impression."
    )


def _two_lines(cell: str) -> str:
    value, bracket, interval = cell.partition(" [")
    return f"{escape(value)}<span>{escape(bracket.strip() + interval)}</span>" if bracket else escape(value)


def _provenance_section(dataset: xr.Dataset) -> list[str]:
    return [
        "<h2>How it was made</h2>",
        f'<p class="note">{escape(provenance(dataset))} The numbers behind this page are '
        f"in <code>{results.RESULT_FILE}</code> beside it.</p>",
        f"<details><summary>protocol and scenario</summary><pre>{escape(_indented(dataset.attrs['protocol']))}\n"
        f"{escape(_indented(dataset.attrs['scenario']))}</pre></details>",
    ]


def provenance(dataset: xr.Dataset) -> str:
    """Return versions, build and seeds in one line."""
    versions, build = (json.loads(dataset.attrs[name]) for name in ("versions", "build"))
    listed = ", ".join(f"{name} {value}" for name, value in {**versions, **build}.items())
    note = dataset.attrs["versions_note"]
    return f"{listed}. Seeds {dataset.attrs['seeds']}.{f' {note}.' if note else ''}"


def _indented(text: str) -> str:
    return json.dumps(json.loads(text), indent=1)


SECTION_BEGINS, SECTION_ENDS = "<!-- study begins -->", "<!-- study ends -->"


def markdown(dataset: xr.Dataset, drawings: Sequence[tuple[Drawing, Path]]) -> str:
    """Return the report as Markdown; figures are linked where they lie beside it."""
    parts = [section(dataset, heading="##", everything=True)]
    if drawings:
        parts.append("## Figures")
    parts += [f"![{drawing.title}](figures/{path.name})\n\n{drawing.caption}" for drawing, path in drawings]
    return "\n\n".join(parts) + "\n"


def section(dataset: xr.Dataset, heading: str = "###", everything: bool = False) -> str:
    """Return verdicts and tables as Markdown; unless `everything` is asked for, only the first table on similarity."""
    parts = [summary(dataset)]
    if not dataset.attrs["complete"]:
        parts.append(f"Not finished: {dataset.attrs['parts_finished']} of {dataset.attrs['parts']} parts.")
    found = verdicts(dataset)
    if found:
        claims = (f"- **{item.verdict}**: {item.claim} {_sentence(item.evidence)}" for item in found)
        parts += [f"{heading} Claims", "\n".join(claims)]
    note = NOTE.format(early_steps=results.protocol_of(dataset)["early_steps"])
    parts += [f"{heading} Comparison", _markdown_table(headings(), table(dataset)), " ".join(note.split())]
    if warning := few_seeds(dataset.sizes["seed"]):
        parts.append(warning)
    for item in ablation_table(dataset):
        parts += [f"{item.title}:", _markdown_table(item.headings, item.rows)]
    tables = ordering_tables(dataset)
    if tables:
        parts += [f"{heading} Does a more similar source help more?", " ".join(ORDERING_NOTE.split())]
        for item in tables if everything else tables[:1]:
            parts += [f"{item.title}:", _markdown_table(item.headings, item.rows)]
        parts.append("\n".join(f"- {sentence}" for sentence in ordering.explanation(dataset)))
    parts.append(f"Made with {provenance(dataset)}")
    return "\n\n".join(parts)


def put_section(dataset: xr.Dataset, path: Path) -> None:
    """Replace what stands between the two marks of a Markdown file by this study's verdicts and tables.

    Raises ValueError, and leaves the file as it was, unless it holds SECTION_BEGINS and then SECTION_ENDS, once each.
    """
    text = path.read_text(encoding="utf-8")
    before, begins, rest = text.partition(SECTION_BEGINS)
    _, ends, after = rest.partition(SECTION_ENDS)
    if not (begins and ends) or SECTION_BEGINS in rest or SECTION_ENDS in after:
        raise ValueError(f"{path}: needs the lines {SECTION_BEGINS} and {SECTION_ENDS}, once each, in this order")
    write_text(path, f"{before}{begins}\n\n{section(dataset)}\n\n{ends}{after}")


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _markdown_table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def write(dataset: xr.Dataset, drawings: Sequence[tuple[Drawing, Path]], path: Path) -> None:
    """Write the page, and `.md` beside it, so that each appears whole or not at all."""
    write_text(path, render(dataset, drawings))
    write_text(path.with_suffix(".md"), markdown(dataset, drawings))
