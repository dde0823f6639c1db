"""Print the table of speeds from what `pytest benchmarks --benchmark-only --benchmark-json=FILE` wrote.

`python benchmarks/speed_table.py FILE [--into benchmarks/README.md README.md]`: minima, ratios within one run; with
--into the tables replace what stands between the marks of those pages, "speed" for all rows, "speed short" for few. A
row has a reference, which does the same otherwise, or a limit, the least time that its work could take; a row with
neither ends the program with 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import tables

from slicefast import files

FULL, SHORT = "speed", "speed short"
#: The rows of the short table: the benchmark, and what its work is called there.
SHORT_ROWS = {
    "test_positions_to_sinr[300 cells, 38400 users-slicefast]": "positions to SINR, 300 cells, 38,400 users",
    "test_full_buffers_against_numpy[slicefast]": "PRB scheduling, 12 cells, 1,536 users",
    "test_slicefast_whole_step": "a step, 12 cells, 1,536 users, 200 TTIs",
    "test_update[12-native]": "TD3 update of 12 agents",
    "test_kl_factorised[12-200]": "all-pairs KL, 12 agents x 200 samples",
}


@dataclass(frozen=True)
class Row:
    """One line: what is timed, by which benchmark, beside which reference, and the target of the ratio or rate."""

    work: str
    ours: str
    reference: str = ""
    reference_name: str = ""
    target: float | None = None
    rate: str = ""  # of extra_info, in place of a ratio
    unit: str = ""


def _radio() -> list[Row]:
    rows = []
    sizes = (("12 cells, 1536 users", 5, None), ("57 cells, 7296 users", None, None), ("300 cells, 38400 users", 8, 60))
    for size, numpy_target, crrm_target in sizes:
        name = f"test_positions_to_sinr[{size}-{{}}]"
        work = f"positions to SINR, shadowing per link, {size}"
        rows.append(
            Row(work, name.format("slicefast"), name.format("numpy"), "NumPy, chunked, same physics", numpy_target)
        )
        lean = "NumPy, no torus, no line of sight, shadowing drawn before"
        rows.append(Row("the same", name.format("slicefast"), name.format("numpy lean"), lean))
        rows.append(Row("the same", name.format("slicefast"), name.format("crrm"), "CRRM, no shadowing", crrm_target))
        if size.startswith("300"):
            rows.append(
                Row(
                    "the same, two threads", name.format("slicefast, 2 threads"), name.format("slicefast"), "one thread"
                )
            )
            folded = name.format("slicefast, folded")
            rows.append(Row("the same, far cells folded", folded, name.format("numpy"), "NumPy, same physics"))
    for cells in ("300 cells, 38,400 users", "972 cells, 124,416 users", "3,072 cells, 393,216 users"):
        name = f"test_time_per_user[{cells}]"
        rows.append(Row(f"the same, {cells}", name, rate="ns_per_user", unit="ns per user"))
    for size, target in (("12 cells, 1536 users", 1), ("57 cells, 7296 users", None), ("300 cells, 38400 users", 8)):
        name = f"test_load_coupling[{size}-{{}}]"
        cold = f"load coupling to 1e-6, no start given, {size}"
        rows.append(Row(cold, name.format("slicefast"), name.format("numpy"), "NumPy, plain iteration", target))
        warm = name.format("slicefast, warm start")
        rows.append(Row("the same from loads 5 % off", warm, name.format("numpy"), "NumPy, plain iteration"))
        if size.startswith("300"):
            for kind, work in (("folded", "no start given"), ("folded, warm start", "from loads 5 % off")):
                ours = name.format(f"slicefast, {kind}")
                rows.append(
                    Row(f"far cells folded, {work}", ours, name.format("numpy"), "NumPy, plain iteration", target)
                )
            two = name.format("slicefast, 2 threads")
            rows.append(Row("two threads, no start given", two, name.format("slicefast"), "one thread"))
    return rows


def _two_threads(kind: str) -> Row:
    name = f"test_large_network[{{}}-{kind}]"
    return Row("the same, two threads", name.format(2), name.format(1), "one thread", 1.7)


def _network() -> list[Row]:
    million = {"rate": "million_user_ttis_per_s", "unit": "million user-TTI/s"}
    steps = {"rate": "steps_per_s", "unit": "steps/s"}
    return [
        Row(
            "PRB scheduling, 12 cells, 1,536 users, all backlogged, PF",
            "test_full_buffers_against_numpy[slicefast]",
            "test_full_buffers_against_numpy[numpy_per_prb]",
            "NumPy per-PRB loop",
        ),
        Row(
            "PRB scheduling with queues, 1 cell, 128 users, load 0.4",
            "test_against_plain_python[slicefast]",
            "test_against_plain_python[plain_python]",
            "plain-Python event loop",
        ),
        Row(
            "300 cells, 38,400 users, 200 TTIs, load 0.4, PF",
            "test_large_network_at_load_0_4[proportional_fair]",
            target=500,
            **million,
        ),
        Row(
            "the same, every user backlogged",
            "test_large_network_all_backlogged[proportional_fair]",
            target=100,
            **million,
        ),
        Row(
            "whole step, 12 cells, 1,536 users, 200 TTIs, mean of 200 steps",
            "test_slicefast_whole_step",
            target=2000,
            **steps,
        ),
        Row("the same, 300 cells, 38,400 users", "test_large_network[1-tti]", **steps),
        _two_threads("tti"),
        Row("the same at flow level", "test_large_network[1-flow]", target=100, **steps),
        _two_threads("flow"),
        Row(
            "the same, links kept for 10 m of a user's way",
            "test_large_network[1-flow, 10 m]",
            "test_large_network[1-flow]",
            "all links anew",
            **steps,
        ),
    ]


def _learning() -> list[Row]:
    rows = []
    for agents, native, torch in ((12, 75, 18), (300, 60, 18)):
        sb3 = (f"test_update_stable_baselines3[{agents}]", "stable-baselines3")
        rows.append(Row(f"TD3 update of {agents} agents, native", f"test_update[{agents}-native]", *sb3, native))
        rows.append(Row("the same, torch engine", f"test_update[{agents}-torch]", *sb3, torch))
    for agents in (12, 300):
        name = f"replay of 32 per agent, {agents} agents, Numba"
        rows.append(Row(name, f"test_replay_numba[{agents}]", f"test_replay_cpprb[{agents}]", "cpprb"))
    rows.append(
        Row(
            "all-pairs KL, 12 agents x 200 samples",
            "test_kl_factorised[12-200]",
            "test_kl_torch_distributions",
            "torch.distributions",
        )
    )
    rows.append(Row("all-pairs KL, 300 agents x 1,000 samples", "test_kl_factorised[300-1000]"))
    loop = "training loop of the default scenario, 8,750 steps, 12 agents"
    rows.append(Row(loop, "test_training_loop[native]", "test_training_loop[torch]", "torch engine"))
    return rows


def show_time(seconds: float) -> str:
    """Return a time to three digits in the unit that suits it."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale or unit == "us":
            return f"{seconds / scale:.3g} {unit}"
    raise AssertionError


def table(benchmarks: dict[str, dict]) -> str:
    """Return the rows whose benchmarks ran, as Markdown."""
    lines = [
        "| work | slicefast | reference or limit in the same run | ratio or rate | target |",
        "|---|---|---|---:|---:|",
    ]
    for row in _rows(benchmarks):
        lines.append(f"| {row.work} | {' | '.join(_measured(row, benchmarks))} | {_target(row, benchmarks)} |")
    return "\n".join(lines)


def short_table(benchmarks: dict[str, dict]) -> str:
    """Return the rows of the front page, without targets."""
    lines = ["| work | slicefast | reference or limit in the same run | ratio or rate |", "|---|---|---|---:|"]
    rows = {row.ours: row for row in reversed(_rows(benchmarks))}  # the first of several with one benchmark
    for name, work in SHORT_ROWS.items():
        if name in rows:
            lines.append(f"| {work} | {' | '.join(_measured(rows[name], benchmarks))} |")
    return "\n".join(lines)


def _rows(benchmarks: dict[str, dict]) -> list[Row]:
    """Return the rows whose benchmarks ran."""
    everything = (*_radio(), *_network(), *_learning())
    return [row for row in everything if row.ours in benchmarks and (row.reference or row.ours) in benchmarks]


def _seconds(benchmark: dict) -> float:
    """Return the least time of what a benchmark's row speaks of: of a round, or of a part of it."""
    extra = benchmark["extra_info"]
    if "us_per_step" in extra:
        return float(extra["us_per_step"] * 1e-6)
    return float(benchmark["stats"]["min"] / extra.get("updates_per_round", 1))


def _measured(row: Row, benchmarks: dict[str, dict]) -> tuple[str, str, str]:
    """Return our time; the reference's, or the limit; and their ratio, our rate, or how far above the limit we are."""
    ours = benchmarks[row.ours]
    extra, seconds = ours["extra_info"], _seconds(ours)
    beside, figures = "", [f"{extra[row.rate]:,.0f} {row.unit}"] if row.rate else []
    if row.reference:
        slower = _seconds(benchmarks[row.reference])
        beside, ratio = f"{row.reference_name} {show_time(slower)}", slower / seconds
        figures.append(f"{ratio:,.0f}x" if ratio >= 1000 else f"{ratio:,.3g}x")
    elif "limit" in extra:
        beside = f"limit: {extra['limit']} {show_time(extra['limit_s'])}"
        figures.append(f"{seconds / extra['limit_s']:.3g} times the limit")
    return show_time(seconds), beside, ", ".join(figures)


def _target(row: Row, benchmarks: dict[str, dict]) -> str:
    if row.target is None:
        return ""
    ours = benchmarks[row.ours]
    if row.rate:
        return tables.asked(row.target, ours["extra_info"][row.rate] >= row.target)
    return tables.asked(row.target, _seconds(benchmarks[row.reference]) / _seconds(ours) >= row.target, "x")


def alone(benchmarks: dict[str, dict]) -> list[str]:
    """Return the rows beside nothing, and of the other benchmarks those without limit that are alone in their group."""
    rows = _rows(benchmarks)
    in_rows = {name for row in rows for name in (row.ours, row.reference)}
    groups = Counter(item.get("group") for item in benchmarks.values())
    others = [
        name
        for name, item in benchmarks.items()
        if name not in in_rows and "limit" not in item["extra_info"] and groups[item.get("group")] == 1
    ]
    return [row.work for row in rows if not _measured(row, benchmarks)[1]] + others


def main() -> None:
    """Read, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", help="of pytest-benchmark; the last one counts")
    parser.add_argument("--into", type=Path, nargs="+", default=[], metavar="PAGE.md", help="pages with marks")
    arguments = parser.parse_args()
    runs = [json.loads(file.read_text()) for file in arguments.files]
    benchmarks = {item["name"]: item for run in runs for item in run["benchmarks"]}
    made = {FULL: table(benchmarks), SHORT: short_table(benchmarks)}
    print(made[FULL])
    for page in arguments.into:
        files.replace_sections(page, {name: made[name] for name in files.section_names(page) if name in made})
    if lonely := alone(benchmarks):
        sys.exit(f"beside nothing: {', '.join(lonely)}")


if __name__ == "__main__":
    main()
