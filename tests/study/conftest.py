"""Shared by the tests of the study: a tiny study on the real simulator, and a toy network whose every number is known.

The toy has three cells and two slices. Its simulator and its learners are fakes that record what they are given, so
that a test can say who learned what, from which reward, with or without noise, from which seed and which source.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

import slicefast.learn
from slicefast import Scenario
from slicefast.kpis import CELL_KPIS, Kpis
from slicefast.study import dataset as results
from slicefast.study import preparations, work
from slicefast.study.arms import ARMS, learning
from slicefast.study.budget import Budget
from slicefast.study.collect import collect
from slicefast.study.execute import run_study
from slicefast.study.folder import Study, open_study
from slicefast.study.jobs import Job
from slicefast.study.protocol import Protocol
from slicefast.task import Task

TINY = Protocol(
    n_seeds=2,
    exploration_steps=20,
    train_steps=40,
    transfer_steps=40,
    pair_steps=40,
    hindsight_steps=40,
    evaluation_steps=10,
    sample_steps=20,
    vae_epochs=2,
    early_steps=20,
    mask_steps=12,
    counterfactual_steps=8,
    shared_steps=40,
    arms=tuple(ARMS),
)


def scenario_of(**overrides: Any) -> Scenario:
    """Return one site, three cells, few TTIs."""
    return Scenario.hexagonal(n_sites=1, window_ttis=20, **overrides)


@pytest.fixture(scope="session")
def assert_same() -> Callable[[Study, Study], None]:
    """Return the check that what a first study made, a second made too, bit for bit: arrays and weights."""

    def check(first: Study, second: Study) -> None:
        for job in first.jobs:
            ours, theirs = first.load(job), second.load(job)
            assert ours.keys() == theirs.keys()
            for name, values in ours.items():
                np.testing.assert_array_equal(values, theirs[name], err_msg=f"{job}: {name}")
            for one, other in zip(first.files(job)[:-1], second.files(job)[:-1], strict=True):
                assert one.read_bytes() == other.read_bytes(), one

    return check


@pytest.fixture(scope="session")
def tiny() -> Protocol:
    """Return a protocol of few steps."""
    return TINY


@pytest.fixture(scope="session")
def tiny_scenario() -> Callable[..., Scenario]:
    """Return the maker of a small scenario."""
    return scenario_of


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Return a finished study, run in this process."""
    study = open_study(tmp_path_factory.mktemp("study") / "run", scenario_of(), TINY)
    assert run_study(study, workers=1)
    return study


@pytest.fixture(scope="session")
def dataset(finished: Study) -> xr.Dataset:
    """Return its result file, written and read back."""
    path = finished.folder / results.RESULT_FILE
    results.write(collect(finished), path)
    return results.read(path)


CELLS, SLICES = 3, 2
REQUIRED_BPS = np.array([[4e6, 2e6], [4e6, 2e6], [3e6, 1e6]])  # cells 0 and 1 are one requirement group


class ToyScenario(SimpleNamespace):
    """What agents and jobs ask of a scenario."""

    name = "toy"
    n_cells, n_slices = CELLS, SLICES
    requirement_groups = np.array([0, 0, 1], np.int32)
    throughput_requirement_bps = REQUIRED_BPS
    delay_requirement_ms = np.full((CELLS, SLICES), 50.0)
    neighbours = np.array([[1, 2], [0, 2], [0, 1]])
    slices: ClassVar[list[SimpleNamespace]] = [SimpleNamespace(name=name, users_per_cell=4) for name in ("a", "b")]
    slice_users = np.full(SLICES, 4 * CELLS)
    slice_rate_bps = np.array([1e5, 3e5])


def toy_kpis(network_seed: int, step: int, copy: int = 0) -> Kpis:
    """Return what the toy measures: cells, slices, steps, networks and copies of one network all differ."""
    n, s = np.indices((CELLS, SLICES))
    pattern = (3 * step + 5 * n + 7 * s + network_seed % 15) % 15
    # Of the requirement, below 1; it rises with the steps, so that no two windows have one mean.
    share = 0.2 + 0.04 * pattern + 0.01 * copy + 0.0013 * n + 0.0001 * step
    base = 100.0 * step + 10.0 * n + s
    return Kpis(
        throughput_bps=share * REQUIRED_BPS,
        delay_ms=1.0 + 0.01 * (base % 1000.0),
        load=np.asarray((network_seed % 97) / 100.0 + 0.001 * (base % 7)),
        users=1.0 + n + s,
        dropped_bits=base + 1.0,
        spectral_efficiency=base + 2.0,
        throughput_p5_bps=base + 3.0,
    )


def toy_reward(network_seed: int, step: int, copy: int = 0) -> NDArray[np.float32]:
    """Return what each cell earns, (N,): delays meet their requirement, so the least throughput over its own."""
    return (toy_kpis(network_seed, step, copy).throughput_bps / REQUIRED_BPS).min(axis=1).astype(np.float32)


class Toy:
    """Runs a job of a study on the toy network, and keeps what its fakes were given.

    Attributes
    ----------
    networks : list of FakeSimulator
        In the order in which they were made.
    learners : list of FakeTD3
        New ones and those that were loaded.
    """

    seed = 3

    def __init__(self, folder: Path) -> None:
        self.budget = Budget(
            exploration_steps=3,
            train_steps=4,
            transfer_steps=5,
            pair_steps=5,
            hindsight_steps=5,
            evaluation_steps=2,
            sample_steps=4,
            vae_epochs=9,
            early_steps=2,
            mask_steps=6,
            counterfactual_steps=5,
            shared_steps=6,
            td3={"batch_size": 6, "gamma": 0.3},
        )
        self.scenario = ToyScenario()
        self.folder = folder
        self.networks: list[Any] = []
        self.learners: list[Any] = []
        self.ticks = 0

    def run(self, name: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of a job."""
        unit = Job(name, self.seed).work
        budget = self.budget.only(unit.reads)
        arrays = unit.run(work.Context(unit, self.scenario, budget, self.seed, self.folder, self._tick))
        assert self.ticks == unit.steps(self.budget, CELLS)
        return arrays

    def _tick(self, steps: int) -> None:
        self.ticks += steps

    def trained(self, name: str, n_agents: int = CELLS) -> None:
        """Leave the agents that a needed job trained."""
        task = Task(self.scenario)
        FakeTD3(n_agents, task.observation_size, task.action_size).save(self.folder / f"{name}.safetensors")
        self.learners.clear()

    def measured(self, name: str, **arrays: NDArray[Any]) -> None:
        """Leave the arrays that a needed job made."""
        work.save_result(self.folder / f"{name}.npz", arrays, "")

    def observed(self, network_seed: int, step: int, copy: int = 0, coordination: Any = "mean") -> NDArray[np.float32]:
        """Return what the cells saw after a step; step 0 is the warm-up."""
        return Task(self.scenario, coordination=coordination).observe(toy_kpis(network_seed, step, copy))

    def earned(self, network_seed: int, step: int, copy: int = 0) -> NDArray[np.float32]:
        """Return what each cell earned in a step, (N,), from 1."""
        return toy_reward(network_seed, step, copy)


class FakeTD3:
    """Acts by a pattern that no two calls share, learns nothing, and keeps what it was given."""

    toy: ClassVar[Toy]

    def __init__(self, n_agents: int, obs_dim: int, action_dim: int, config: Any = None, seed: int = 0) -> None:
        self.n_agents, self.obs_dim, self.action_dim = n_agents, obs_dim, action_dim
        self.config, self.seed = config or slicefast.learn.TD3Config(), seed
        self.origin = "new"
        self.acts: list[tuple[NDArray[Any], bool, NDArray[Any]]] = []
        self.stores: list[tuple[NDArray[Any], ...]] = []
        self.updates: list[int] = []  # how many were stored before each
        self.received: list[tuple[Any, ...]] = []
        self.toy.learners.append(self)

    def act(self, observation: NDArray[Any], explore: bool = False) -> NDArray[np.float32]:
        """Return points of the simplex, of agents that are shared in several calls."""
        assert observation.shape[1:] == (self.obs_dim,)
        return np.concatenate([self._act(rows, explore) for rows in self._networks(observation)])

    def _networks(self, rows: NDArray[Any]) -> list[NDArray[Any]]:
        assert len(rows) % self.n_agents == 0
        return np.split(np.asarray(rows), len(rows) // self.n_agents)

    def _act(self, observation: NDArray[Any], explore: bool) -> NDArray[np.float32]:
        raw = 1.0 + np.arange(self.n_agents * self.action_dim).reshape(self.n_agents, -1) + len(self.acts) % 5
        shares = (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)
        self.acts.append((observation.copy(), explore, shares))
        return shares

    def store(self, *transition: NDArray[Any]) -> None:
        """Keep a transition of every agent, one network after the other."""
        self.stores += [tuple(map(np.array, parts)) for parts in zip(*map(self._networks, transition), strict=True)]

    def update(self) -> None:
        """Count."""
        self.updates.append(len(self.stores))

    def save(self, path: Path) -> None:
        """Write what `load` needs."""
        path.write_text(json.dumps([path.stem, self.n_agents, self.obs_dim, self.action_dim]))

    @classmethod
    def load(cls, path: Path) -> FakeTD3:
        """Return agents that know which file they come from."""
        origin, *sizes = json.loads(path.read_text())
        agents = cls(*sizes)
        agents.origin = origin
        return agents


class FakeSimulator:
    """Measures `toy_kpis` whatever it is given, and keeps that."""

    toy: ClassVar[Toy]

    def __init__(self, scenario: Any, seed: int = 0, place_seed: int | None = None) -> None:
        self.scenario, self.seed, self.place_seed = scenario, seed, place_seed
        self.copy = sum(other.seed == seed for other in self.toy.networks)
        self.played: list[NDArray[np.float64]] = []
        self.shares_shape = (CELLS, SLICES)
        self.was_reset = False
        self.toy.networks.append(self)

    def reset(self, seed: int | None = None) -> Kpis:
        """Play the warm-up step, of another network where a seed is given."""
        self.was_reset = True
        if seed is not None:
            self.seed, self.played = seed, []
        return self.kpis

    @property
    def kpis(self) -> Kpis:
        """What the last step measured."""
        assert self.was_reset
        return toy_kpis(self.seed, len(self.played), self.copy)

    @property
    def demand_bps(self) -> NDArray[np.float64]:
        """What arrives in the coming step."""
        return 1.0 + np.indices((CELLS, SLICES)).sum(axis=0) + len(self.played)

    def step(self, shares: NDArray[Any]) -> Kpis:
        """Play a step."""
        assert self.was_reset
        assert np.shape(shares) == self.shares_shape
        self.played.append(np.array(shares, dtype=np.float64))
        return self.kpis

    def traffic_mask(self, steps: int = 3) -> NDArray[np.float64]:
        """Return three steps of a mask that says whose it is; the first slice's falls with steps, rises with cells."""
        mask = np.full((steps, CELLS, SLICES), self.seed / 10.0)
        mask[:, :, 0] -= 0.01 * np.arange(steps)[:, None] - 0.1 * np.arange(CELLS)
        return mask


def fake_transfer(source: FakeTD3, sources: Any, target: FakeTD3, targets: Any, strategy: str = "integrated") -> None:
    """Note who was handed what by whom; what each strategy hands over is held by the tests of transfer."""
    handed = zip(np.atleast_1d(sources).tolist(), list(targets), strict=True)
    target.received += [(strategy, source.origin, i, j) for i, j in handed]


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toy]:
    """Return the toy network, in place of the simulator and the learners."""
    toy = Toy(tmp_path)
    FakeTD3.toy = FakeSimulator.toy = toy
    monkeypatch.setattr(work, "Simulator", FakeSimulator)
    monkeypatch.setattr(slicefast.learn, "TD3", FakeTD3)
    monkeypatch.setattr(learning, "transfer", fake_transfer)
    monkeypatch.setattr(preparations, "transfer", fake_transfer)
    yield toy
    assert all(network.was_reset for network in toy.networks)


@pytest.fixture
def check_evaluated() -> Callable[..., None]:
    """Return the check that an arm recorded its target network, the last steps with all KPIs."""

    def check(toy: Toy, arrays: dict[str, NDArray[Any]], first_recorded: int = 0) -> None:
        (network,) = toy.networks
        target, horizon, kept = 2 * toy.seed + 1, toy.budget.horizon, toy.budget.evaluation_steps
        assert (network.seed, network.place_seed, len(network.played)) == (target, None, horizon)
        expected = np.stack([toy_reward(target, step) for step in range(1, horizon + 1)])
        np.testing.assert_array_equal(arrays["reward"][first_recorded:], expected[first_recorded:])
        assert np.isnan(arrays["reward"][:first_recorded]).all()
        for name in CELL_KPIS:
            measured = [getattr(toy_kpis(target, step), name) for step in range(horizon - kept + 1, horizon + 1)]
            np.testing.assert_array_equal(arrays[name], np.asarray(measured, np.float32), err_msg=name)
        ratio = arrays["throughput_bps"] / REQUIRED_BPS
        np.testing.assert_allclose(arrays["throughput_satisfaction"], ratio, rtol=1e-6)
        assert (arrays["delay_satisfaction"] == 1.0).all()

    return check
