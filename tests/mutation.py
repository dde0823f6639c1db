"""Tries mutants of mutmut and counts the dead: see "Mutants" in README.md.

Not a test. mutmut writes the mutants, we try them: pytest collects once, then every mutant is a fork of that process
which runs the tests that reach the mutated function, quick ones first, until one fails. mutmut's own runner starts
pytest anew for each, and counts what a shared fixture calls to the first test alone that asks for it.

    python tests/mutation.py try 40            # 40 of each room, more of a large one; goes on where it was stopped
    python tests/mutation.py try 40 --seed 7   # others
    python tests/mutation.py table
    mutmut show NAME                           # what a survivor changes
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import random
import resource
import shutil
import signal
import tempfile
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator
from math import ceil, sqrt
from pathlib import Path

import pytest

LARGE = 1000  # of a room's mutants n are drawn for every so many
KILLED, TIMED_OUT, SURVIVED, NO_TEST = "killed", "timed out", "survived", "no test"
RESULTS = Path("mutants/tried.json").resolve()
QUICK_S = 0.05  # tests below run first, by their time; slower ones module by module, for the sake of their fixtures
TESTS_S = 4.0  # tests beyond this sum are left out, which can only lower the share of the dead
EXTRA_S = 10.0


def rooms() -> dict[str, list[str]]:
    """Return the mutants of every room: a package or a module of its own."""
    by_room: dict[str, list[str]] = defaultdict(list)
    for path in sorted(Path("mutants/slicefast").rglob("*.meta")):
        parts = path.relative_to("mutants/slicefast").parts
        room = "/".join(parts) if parts[0] == "learn" or len(parts) == 1 else parts[0]
        by_room[room.removesuffix(".meta")] += json.loads(path.read_text())["exit_code_by_key"]
    return by_room


def draw(n: int, seed: int) -> list[str]:
    """Return n mutants for every started 1,000 of a room, mixed, the same for one seed."""
    generator = random.Random(seed)
    drawn = []
    for _, mutants in sorted(rooms().items()):
        drawn += generator.sample(sorted(mutants), min(n * ceil(len(mutants) / LARGE), len(mutants)))
    generator.shuffle(drawn)
    return drawn


def make_mutants() -> None:
    """Let mutmut write the package with its mutants and the tests to mutants/, and put that before the package."""
    from mutmut import __main__ as mutmut

    Path("mutants").mkdir(exist_ok=True)
    mutmut.set_mutant_under_test("mutant_generation")
    mutmut.copy_src_dir()
    mutmut.copy_also_copy_files()
    mutmut.setup_source_paths()
    mutmut.create_mutants(2)


class Trials:
    """A plugin of pytest that runs the tests once to see what each reaches, and then under every mutant drawn."""

    def __init__(self, mutants: list[str], workers: int) -> None:
        from mutmut.state import state

        self.mutants, self.workers = mutants, workers
        self.hits: set[str] = state()._stats  # mutated functions called, added by mutmut's mutants
        self.fixture_hits: dict[object, set[str]] = defaultdict(set)
        self.fixture_s: dict[object, float] = defaultdict(float)
        self.is_trial = False
        self.failures: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: object) -> Generator[None, object, object]:
        """Keep what the fixture calls and takes, for all tests that use it."""
        outside, started = set(self.hits), time.process_time()
        self.hits.clear()
        try:
            return (yield)
        finally:
            self.fixture_hits[fixturedef] |= self.hits
            self.fixture_s[fixturedef] += time.process_time() - started
            self.hits |= outside

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Leave at the first failure of a mutant."""
        if report.failed and self.is_trial:
            os._exit(1)
        if report.failed:
            self.failures.append(report.nodeid)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run all tests, then the mutants' children."""
        self._reach(session.items)
        if self.failures:
            raise SystemExit(f"tests fail without a mutant: {self.failures}")
        results: dict[str, str] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        running: dict[int, str] = {}
        gc.freeze()  # or every child's collector would copy the parent's memory
        for i, mutant in enumerate(self.mutants):
            if mutant in results:
                continue
            function = mutant.partition("__mutmut_")[0]
            tests = [item for item in session.items if function in self.reached[item]]
            if not tests:
                results[mutant] = NO_TEST
                continue
            if len(running) == self.workers:
                self._wait(running, results)
            running[self._start(mutant, tests)] = mutant
            if i % 10 == 0:
                print(f"{i} of {len(self.mutants)}", dict(Counter(results.values())), flush=True)
                RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True))
        while running:
            self._wait(running, results)
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True))
        return True

    def _reach(self, items: list[pytest.Item]) -> None:
        from mutmut.mutation.trampoline import set_mutant_under_test

        set_mutant_under_test("stats")
        self.reached: dict[pytest.Item, set[str]] = {}
        self.seconds: dict[pytest.Item, float] = {}
        own: dict[pytest.Item, float] = {}
        for item, following in itertools.zip_longest(items, items[1:]):
            self.hits.clear()
            fixtures, started = sum(self.fixture_s.values()), time.process_time()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            own[item] = time.process_time() - started - (sum(self.fixture_s.values()) - fixtures)
            self.reached[item] = set(self.hits)
        for item in items:
            used = [definitions[-1] for definitions in item._fixtureinfo.name2fixturedefs.values()]  # type: ignore[attr-defined]
            self.reached[item].update(*(self.fixture_hits[definition] for definition in used))
            self.seconds[item] = own[item] + sum(self.fixture_s[definition] for definition in used)
        set_mutant_under_test("")
        os.nice(10)  # from here on it is long
        print(f"{len(items)} tests, {sum(own.values()) + sum(self.fixture_s.values()):.0f} s", flush=True)

    def _ordered(self, tests: list[pytest.Item]) -> Iterator[pytest.Item]:
        quick = [item for item in tests if self.seconds[item] < QUICK_S]
        yield from sorted(quick, key=self.seconds.__getitem__)
        by_module = defaultdict(list)
        for item in sorted(set(tests) - set(quick), key=self.seconds.__getitem__):
            by_module[item.nodeid.partition("::")[0]].append(item)
        left = TESTS_S
        for module in by_module.values():
            for item in module:
                left -= self.seconds[item]
                if left > 0:
                    yield item

    def _start(self, mutant: str, tests: list[pytest.Item]) -> int:
        """Return the process that tries a mutant; it dies of its own when its time is over."""
        from mutmut.mutation.trampoline import set_mutant_under_test

        ordered = list(self._ordered(tests))
        process = os.fork()
        if process:
            return process
        try:
            self.is_trial = True
            quiet = os.open(os.devnull, os.O_RDWR)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            gc.disable()
            limit = EXTRA_S + 3 * sum(self.seconds[item] for item in ordered)
            spent = ceil(time.process_time() + limit)
            resource.setrlimit(resource.RLIMIT_CPU, (spent, spent + 1))
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(ceil(60 * limit))  # for one that waits and takes no time; a busy machine is slow, too
            ordered[0].config._tmp_path_factory._basetemp = Path(tempfile.mkdtemp(prefix=f"trial-{os.getpid()}-"))  # type: ignore[attr-defined]
            set_mutant_under_test(mutant)
            for item, following in itertools.zip_longest(ordered, ordered[1:]):
                item._initrequest()  # type: ignore[attr-defined]
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            os._exit(0)
        except BaseException:
            os._exit(1)

    @staticmethod
    def _wait(running: dict[int, str], results: dict[str, str]) -> None:
        process, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        results[running.pop(process)] = {0: SURVIVED, 1: KILLED}.get(code, TIMED_OUT)
        for folder in Path(tempfile.gettempdir()).glob(f"trial-{process}-*"):
            shutil.rmtree(folder, ignore_errors=True)


def try_mutants(n: int, seed: int, workers: int, names: list[str]) -> None:
    """Try n of each room, or those named."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"  # a pool of threads does not survive a fork
    make_mutants()
    options = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["mutmut"]
    trials = Trials(names or draw(n, seed), workers)
    os.chdir("mutants")
    tests = options["pytest_add_cli_args_test_selection"]
    raise SystemExit(pytest.main(["-q", "--rootdir=.", "-p", "no:cacheprovider", *tests], plugins=[trials]))


def interval(killed: int, tried: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927), in percent."""
    z, share = 1.96, killed / tried
    centre, spread = share + z**2 / (2 * tried), z * sqrt(share * (1 - share) / tried + z**2 / (4 * tried**2))
    low, high = (100 * (centre + sign * spread) / (1 + z**2 / tried) for sign in (-1, 1))
    return low, high


def table() -> str:
    """Return the rooms as a Markdown table; only what a failing test killed counts as dead."""
    lines = [
        "| room | mutants | tried | killed | timed out | survived | no test reaches it | dead | 95 % |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    results = json.loads(RESULTS.read_text())
    total: Counter[str] = Counter()
    weighted = variance = 0.0
    for room, mutants in sorted(rooms().items()):
        count = Counter(results[mutant] for mutant in mutants if mutant in results)
        tried = sum(count.values())
        if not tried:
            continue
        share = count[KILLED] / tried
        weighted += len(mutants) * share
        likely = (count[KILLED] + 2) / (tried + 4)  # Agresti and Coull 1998: few that all die leave doubt, too
        variance += len(mutants) ** 2 * likely * (1 - likely) / tried * (1 - tried / len(mutants))
        lines.append(_row(room, len(mutants), tried, count, share, interval(count[KILLED], tried)))
        total += Counter(count, mutants=len(mutants), tried=tried)
    share, error = weighted / total["mutants"], 1.96 * sqrt(variance) / total["mutants"]
    bounds = (max(100 * (share - error), 0), min(100 * (share + error), 100))
    lines.append(_row("all, by their mutants", total["mutants"], total["tried"], total, share, bounds))
    return "\n".join(lines)


def _row(room: str, n: int, tried: int, count: Counter[str], share: float, bounds: tuple[float, float]) -> str:
    # The whole room was tried: nothing is estimated.
    between = "all tried" if n == tried else f"{bounds[0]:.0f} to {bounds[1]:.0f} %"
    cells = [room, n, tried, count[KILLED], count[TIMED_OUT], count[SURVIVED], count[NO_TEST], f"{100 * share:.0f} %"]
    return f"| {' | '.join(map(str, [*cells, between]))} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    trying = commands.add_parser("try")
    trying.add_argument("n", type=int)
    trying.add_argument("--seed", type=int, default=0)
    trying.add_argument("--workers", type=int, default=2)
    trying.add_argument("--names", nargs="*", default=[], help="these instead")
    commands.add_parser("table")
    given = parser.parse_args()
    if given.command == "table":
        print(table())
    else:
        try_mutants(given.n, given.seed, given.workers, given.names)
