"""Libraries' learners learn in the lines of benchmarks/library_learners.py, and the table says what was measured."""

from __future__ import annotations

import json
from types import ModuleType

import pytest

NEEDED = {"sb3": "stable_baselines3", "torchrl": "torchrl", "rllib": "ray.rllib"}


@pytest.fixture(scope="module")
def table(one_thread, program) -> ModuleType:
    """Return the program."""
    return program("benchmarks/library_table.py")


@pytest.mark.filterwarnings("ignore")  # the libraries' own
@pytest.mark.parametrize(
    ("learner", "steps"),
    [
        ("sb3_ppo", 6_144), ("sb3_sac", 3_000), ("sb3_td3", 3_000), ("own_loop", 6_144), ("torchrl_ppo", 7_680),
        ("rllib_ppo", 3_840), ("our_td3", 3_000),
    ],
)  # fmt: skip
def test_it_learns_to_divide_the_cells(table, learner, steps):
    if needed := NEEDED.get(learner.split("_")[0]):
        pytest.importorskip(needed)
    equal = table.reached(table.sf.policies.equal_split)
    try:
        learned = table.reached(getattr(table.library_learners, learner)(table.SCENARIO, 0, steps))
    finally:
        table.stop_ray()
    assert learned > equal + 0.1, (learned, equal)


def test_hindsight_keeps_what_the_rule_reaches(table):
    rule = table.reached(table.sf.policies.get("max_min_rule"))
    assert table.reached(table.library_learners.our_hindsight(table.SCENARIO, 0, 1_500)) > rule


def test_lines_are_those_that_a_user_writes(table):
    assert table.lines_needed(table.library_learners.sb3_ppo) == 4
    assert table.lines_needed(table.library_learners.our_td3) == 6


def test_what_is_kept_is_not_measured_again_and_every_row_says_of_what(table, tmp_path, monkeypatch):
    asked = []

    def measure(name, seed, steps):
        asked.append((name, seed, steps))
        if name == "TorchRL PPO":
            raise ImportError("No module named 'torchrl'")
        return 0.5 + 0.1 * seed, 10.0

    monkeypatch.setattr(table, "measure", measure)
    kept, (first, *others) = tmp_path / "kept", table.LEARNERS
    kept.write_text(json.dumps({"name": first, "seed": 0, "steps": 60_000, "reached": 0.9, "taken": 5.0}) + "\n")
    table.measured(range(1), 20_000, kept)
    assert asked == [(name, 0, 20_000) for name in others]  # the first has had more steps
    asked.clear()
    found = table.measured(range(2), 20_000, kept)
    assert asked == [("TorchRL PPO", 0, 20_000), *((name, 1, 20_000) for name in (first, *others))]
    assert table.measured(range(0), 60_000, kept) == found
    rows = {line.split(" | ")[0].strip("| "): line for line in table.table(found)}
    equal = table.reached(table.sf.policies.equal_split)
    assert rows["equal split"].endswith(f"| {equal:.3f} | +0.000 |  |  |  |")
    assert rows["stable-baselines3 PPO"].endswith(f"| 0.550 [0.500, 0.600] | {0.5 - equal:+.3f} | 10 | 20,000 | 2 |")
    assert rows[first].endswith(f"| 0.900 | {0.9 - equal:+.3f} | 5 | 60,000 | 1 |")
    assert "| not measured |" in rows["TorchRL PPO"]
    assert "fewer" not in table.told({first: {60_000: {0: (0.9, 5.0)}}})
    said = table.told({first: {60_000: {0: (0.9, 5.0)}, 12_000: {0: (0.5, 1.0), 1: (0.7, 1.0)}}})
    assert " ".join(said.split()).endswith(f" Of fewer agent steps: {first} 0.600 after 12,000.")
