"""stable-baselines3 learns: its PPO, SAC and TD3 in the lines of benchmarks/library_table.py."""

from __future__ import annotations

from types import ModuleType

import pytest

pytest.importorskip("stable_baselines3")


@pytest.fixture(scope="module")
def table(one_thread, program) -> ModuleType:
    """Return the program."""
    return program("benchmarks/library_table.py")


@pytest.mark.parametrize(("learner", "steps"), [("sb3_ppo", 6_144), ("sb3_sac", 3_000), ("sb3_td3", 3_000)])
def test_it_learns_to_divide_the_cells(table, learner, steps):
    equal = table.reached(table.by_name("equal_split")(table.SCENARIO, 0, 0))
    learned = table.reached(getattr(table, learner)(table.SCENARIO, 0, steps))
    assert learned > equal + 0.1, (learned, equal)


def test_lines_are_those_that_a_user_writes(table):
    assert table.lines_needed(table.sb3_ppo) == "3"
    assert table.lines_needed(table.by_name("equal_split")) == ""
