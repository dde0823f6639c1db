"""What watches a training: bars, tables, TensorBoard and checkpoints."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from slicefast import Scenario, Simulator, SlicefastError, Task, policies, runs
from slicefast.callbacks import Bar, Checkpoints, Csv, Recorder, TensorBoard, measures
from slicefast.learn import TD3, TD3Config
from slicefast.training import Step, play, train


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """Three cells, four slices."""
    return Scenario.hexagonal(n_sites=1, window_ttis=20)


@pytest.fixture(scope="module")
def two_groups() -> Scenario:
    """Six cells of two groups of requirements, as the paper's."""
    return Scenario.paper(window_ttis=20)


class Kept(Recorder):
    """Keeps what it is told."""

    told: list[tuple[int, dict[str, float]]]

    def write(self, step, values):
        """Keep them."""
        self.told = [*getattr(self, "told", []), (step, values)]


def played(scenario: Scenario, steps: int, *callbacks) -> tuple[Simulator, Task]:
    simulator, task = Simulator(scenario, seed=2), Task(scenario)
    simulator.reset()
    play(simulator, policies.get("equal_split"), task, steps, callbacks=callbacks)
    return simulator, task


def some_step(index: int, reward: float = 0.5) -> Step:
    return Step(index, (), np.full(3, reward, np.float32), learning=False)


def test_a_recorder_hands_on_means_of_what_the_steps_measured(two_groups):
    task, steps = Task(two_groups), []
    with Kept(task, every=2) as kept:
        played(two_groups, 5, kept, steps.append)
    assert [step for step, _ in kept.told] == [2, 4, 5]
    groups = two_groups.requirement_groups
    for (_, values), window in zip(kept.told, (steps[:2], steps[2:4], steps[4:]), strict=True):
        rewards = np.stack([step.reward for step in window])
        assert values["reward"] == pytest.approx(rewards.mean(), rel=1e-6)
        for group in (0, 1):
            mean = rewards[:, groups == group].mean()
            assert values[f"reward/group_{group + 1}"] == pytest.approx(mean, rel=1e-6)
            assert values[f"regret/group_{group + 1}"] == pytest.approx(1.0 - mean, rel=1e-6)
        for row, kind in enumerate(("throughput", "delay")):
            satisfied = np.mean([task.satisfaction(step.kpis[0])[row] for step in window], axis=(0, 1))
            for item, value in zip(two_groups.slices, satisfied, strict=True):
                assert values[f"satisfaction/{kind}/{item.name}"] == pytest.approx(value, rel=1e-12)
        assert "noise" not in values


def test_regret_is_counted_from_the_papers_best_reward_only(scenario):
    def names(**options):
        with Kept(Task(scenario, reward=options.pop("reward", "max_min")), every=1, **options) as kept:
            played(scenario, 1, kept)
        return kept.told[0][1]

    assert "regret/group_1" not in names(reward="logarithmic")
    assert "reward/group_1" not in names()
    assert names(best_reward=0.9)["regret/group_1"] == pytest.approx(0.9 - names()["reward"], rel=1e-6)


def test_a_training_tells_its_losses_and_noise(scenario):
    task, steps = Task(scenario), []
    config = TD3Config(
        exploration_steps=3, batch_size=4, exploration_noise=0.5, exploration_noise_end=0.1, exploration_decay_steps=4
    )
    agents = TD3(3, task.observation_size, 4, config, seed=0)
    simulator = Simulator(scenario)
    simulator.reset()
    train(simulator, agents, task, 8, learn_steps=7, callbacks=[steps.append])
    assert np.isnan(steps[2].noise)
    assert [step.noise for step in steps[3:7]] == [config.noise_at(index) for index in range(3, 7)]
    assert steps[7].noise == 0.0
    assert not steps[7].losses
    last = max((step for step in steps if "critic_loss" in step.losses), key=lambda step: step.index)
    assert last.losses["critic_loss"].shape == (3,)
    found = measures(last, task)
    assert found["loss/critic"] == pytest.approx(float(last.losses["critic_loss"].mean()))
    assert found["noise"] == last.noise


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_resumed_trainings_table_is_that_of_an_undisturbed_one(scenario, tmp_path, monkeypatch):
    monkeypatch.setattr("slicefast.progress.KEEP_STEPS", 10)
    options = {"exploration_steps": 6, "train_steps": 34, "batch_size": 4}

    def new(name):
        return runs.new_run(tmp_path / name, scenario, seed=1, **options)

    with Csv(tmp_path / "whole.csv", Task(scenario), every=5) as table:
        runs.train(new("whole"), callbacks=[table])

    def kill(step):
        if step.index == 27:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Csv(tmp_path / "two.csv", Task(scenario), every=5) as table:
        runs.train(new("two"), callbacks=[table, kill])
    assert rows(tmp_path / "two.csv")[-1]["step"] == "28"
    run, reached = runs.load_interrupted(tmp_path / "two")
    assert reached == 20
    with Csv(tmp_path / "two.csv", Task(scenario), every=5) as table:
        runs.resume(run, callbacks=[table])
    assert (tmp_path / "two.csv").read_text() == (tmp_path / "whole.csv").read_text()
    assert [row["step"] for row in rows(tmp_path / "whole.csv")] == [str(step) for step in range(5, 41, 5)]
    assert rows(tmp_path / "whole.csv")[-1]["loss/critic"]


def test_a_table_of_something_else_is_left_alone(scenario, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(SlicefastError, match="columns"):
        played(scenario, 1, Csv(path, Task(scenario)))
    assert path.read_text() == "a,b\n1,2\n"


def test_tensorboard_has_a_scalar_per_name(scenario, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    with TensorBoard(tmp_path, Task(scenario), every=2) as board, Kept(Task(scenario), every=2) as kept:
        played(scenario, 4, board, kept)
    (path,) = tmp_path.iterdir()
    found = {
        (event.step, value.tag): value.tensor.float_val[0]
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
    }
    expected = {(step, name): value for step, values in kept.told for name, value in values.items()}
    assert found == pytest.approx(expected, rel=1e-6)


def test_without_tensorboard_the_extra_is_named(scenario, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.summary", None)
    with pytest.raises(SlicefastError, match=r"pip install 'slicefast\[tensorboard\]'"):
        TensorBoard(tmp_path, Task(scenario))


def test_checkpoints_are_what_a_learner_loads_and_the_oldest_go(scenario, tmp_path):
    task = Task(scenario)
    agents = TD3(3, task.observation_size, 4, TD3Config(exploration_steps=2, batch_size=2), seed=0)
    simulator = Simulator(scenario)
    simulator.reset()
    train(simulator, agents, task, 9, callbacks=[Checkpoints(tmp_path / "new", agents, every=2, kept=2)])
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "agents-6.safetensors",
        "agents-8.safetensors",
    ]
    assert TD3.load(tmp_path / "new" / "agents-8.safetensors").step == 8


@pytest.mark.parametrize(
    "make", [lambda task: Kept(task, every=0), lambda task: Checkpoints("x", TD3(3, 4, 4), kept=0)]
)
def test_numbers_below_one_are_refused(scenario, make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SlicefastError, match="at least 1"):
        make(Task(scenario))


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        """Return that it is."""
        return True


def test_a_bar_is_a_line_a_minute_where_there_is_no_terminal():
    now, shown = SimpleNamespace(s=0.0), io.StringIO()
    with Bar("training RUN", 300, shown, lambda: now.s) as bar:
        assert not shown.getvalue()
        for index in range(300):
            now.s += 0.5
            bar(some_step(index))
    assert shown.getvalue().splitlines() == [
        "training RUN  1/300 steps  0 %  reward 0.500",  # the first steps take what is loaded with them
        "training RUN  121/300 steps  40 %  reward 0.500  1:30 left",
        "training RUN  241/300 steps  80 %  reward 0.500  0:30 left",
        "training RUN  300/300 steps  100 %  reward 0.500  in 2:30",
    ]


def test_a_bar_is_redrawn_in_a_terminal_and_in_a_notebook(monkeypatch):
    now, shown = SimpleNamespace(s=0.0), Terminal()
    with Bar("a", 2000, shown, lambda: now.s) as bar:
        for _ in range(4):
            now.s += 0.04
            bar.advance(500)
    assert shown.getvalue().split("\r")[1:] == [
        "a  500/2,000 steps  25 %",
        "a  2,000/2,000 steps  100 %  in 0:00\n",
    ]
    Shell = type("ZMQInteractiveShell", (), {})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: Shell()))
    shown = io.StringIO()
    with Bar("a", 2, shown, lambda: now.s) as bar:
        bar.advance(1)
        now.s += 4000.0
        bar.advance(1)
    assert shown.getvalue() == "\ra  1/2 steps  50 %\ra  2/2 steps  100 %  in 1:06:40\n"


@pytest.mark.parametrize("rest", ["4", "x,y\n", ",,,\n", "\0\0\0", "5" * 5000, '"unclosed\n', "1e0,1\n", "-1,2\n"])
def test_what_a_killed_run_left_of_a_row_is_dropped(scenario, tmp_path, rest):
    path, whole = tmp_path / "cut.csv", tmp_path / "whole.csv"
    for file in (path, whole):
        played(scenario, 4, Csv(file, Task(scenario), every=2))
    path.write_text(path.read_text() + rest)
    Csv(path, Task(scenario), every=2)._begin(4)
    assert path.read_bytes() == whole.read_bytes()
