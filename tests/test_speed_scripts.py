"""What the programs that measure speeds compute from the times they took."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest


def test_an_exponent_is_that_of_the_power_law(program: Callable[[str], ModuleType]) -> None:
    exponent = program("benchmarks/scaling_table.py").exponent
    assert exponent({1: 3.0, 2: 12.0, 4: 48.0}) == pytest.approx(2.0)
    assert exponent({10: 7.0, 100: 7.0}) == pytest.approx(0.0)


def test_a_ratio_of_pairs_is_their_median_within_its_interval(program: Callable[[str], ModuleType]) -> None:
    interval = program("benchmarks/paired_step.py").interval
    ratios = np.array([0.5, 1.9, 2.0, 2.1, 40.0])
    middle, low, high = interval(ratios)
    assert middle == 2.0
    assert 0.5 <= low < middle < high <= 40.0
    assert interval(np.full(4, 1.5)) == (1.5, 1.5, 1.5)


def test_a_second_thread_pays_where_no_larger_network_loses(program: Callable[[str], ModuleType]) -> None:
    least_links = program("benchmarks/threads_table.py").least_links
    assert least_links({10: 0.8, 20: 1.3, 40: 0.9, 80: 1.2, 160: 1.7}) == 80
    assert least_links({10: 1.1, 20: 1.3}) == 10
    assert least_links({10: 1.1, 20: 1.0}) is None


def test_a_roof_is_memory_below_the_ridge_and_arithmetic_above(program: Callable[[str], ModuleType]) -> None:
    roofline = program("benchmarks/roofline.py")
    machine = roofline.Machine(memory_bytes_s=10.0, cache_bytes_s=40.0, operations_s=100.0)
    moves = roofline.Kernel("moves", operations=8.0, n_bytes=4.0, seconds=0.5)
    assert (moves.intensity, moves.rate, moves.roof(machine)) == (2.0, 16.0, 20.0)
    assert roofline.Kernel("computes", 80.0, 4.0, 0.5).roof(machine) == 100.0
    assert roofline.weights((16, 48, 24, 4)) == 16 * 48 + 48 * 24 + 24 * 4


def test_what_was_asked_for_says_where_it_is_missed(program: Callable[[str], ModuleType]) -> None:
    asked = program("benchmarks/tables.py").asked
    assert (asked(2000.0, True), asked(8.0, False, "x")) == ("2,000", "8x, missed")


def test_one_command_runs_every_program_that_fills_a_page(program: Callable[[str], ModuleType]) -> None:
    measure = program("benchmarks/measure.py")
    results = Path("somewhere") / "speed.json"
    made = measure.commands("other/python", quick=False, measured=results)
    assert list(made) == ["paired", "scaling", "folding", "threads", "overhead", "roofline", "speed"]
    for name, commands in made.items():
        *_, last = commands
        assert Path(last[1]).is_file()
        assert str(measure.PAGE) in last[last.index("--into") :], name
        assert f"<!-- {name} begins -->" in measure.PAGE.read_text(encoding="utf-8")
    assert made["paired"][0][2] == "other/python"
    assert str(measure.FRONT) in made["speed"][-1]
    quick = measure.commands(None, quick=True, measured=results)
    assert "paired" not in quick
    assert not any("--into" in command for commands in quick.values() for command in commands)


def test_a_program_that_fails_keeps_none_from_running(
    program: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measure = program("benchmarks/measure.py")
    ran: list[str] = []

    def run(command: list[str], **_: object) -> SimpleNamespace:
        ran.append(Path(command[1]).name)
        return SimpleNamespace(returncode=int(command[1].endswith("folding_table.py")))

    monkeypatch.setattr(measure.subprocess, "run", run)
    assert measure.main(["--quick", "--only", "folding", "overhead"]) == 1
    assert ran == ["folding_table.py", "overhead_table.py"]
    assert capsys.readouterr().out.endswith("failed: folding\n")


@pytest.mark.parametrize(("of_before", "status"), [(0.5, 0), (1.049, 0), (1.051, 1)])
def test_instructions_may_rise_by_their_margin_and_no_more(
    of_before: float, status: int, program: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of both counts, the other as before; starting costs nothing, however much it is."""
    guard = program("cpp/tests/counted/instructions.py")
    before = {"step": 5_000_000, "update": 4_000_000}
    now = {"step": 5_000_000, "update": round(4_000_000 * of_before)}
    kept = SimpleNamespace(name="instructions.json", read_text=lambda: json.dumps({"a compiler": before}))
    monkeypatch.setattr(guard, "KNOWN", kept)
    monkeypatch.setattr(guard, "compiler", lambda: "a compiler")
    monkeypatch.setattr(guard, "counted", lambda _, what, n: 123_456_789 + n * now[what])
    monkeypatch.setattr(guard.shutil, "which", lambda _: "/usr/bin/valgrind")
    monkeypatch.setattr("sys.argv", ["instructions.py", "slicefast_counted"])
    assert guard.MARGIN == 0.05
    assert guard.main() == status
    monkeypatch.setattr(guard, "compiler", lambda: "another, of which nothing is known")
    assert guard.main() == 0
