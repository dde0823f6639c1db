"""A user's own runs: agents trained on one scenario, kept in a folder, evaluated or handed on to another scenario.

run = runs.new_run(Path("mine"), Scenario.from_toml("mine.toml"), seed=0)
runs.train(run)
target = runs.new_run(Path("new"), Scenario.from_toml("new.toml"), seed=1, exploration_steps=0, train_steps=4000)
runs.transfer(runs.load_run(Path("mine")), target)
rows = runs.evaluate(runs.load_run(Path("new")), seed=7)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slicefast import policies, progress, provenance, rewards
from slicefast.errors import RunError
from slicefast.scenario import Scenario
from slicefast.study.arms import requirement_groups
from slicefast.study.dataset import MET
from slicefast.study.execute import one_thread
from slicefast.study.jobs import collect_samples, save_arrays, write_text
from slicefast.study.play import CAPACITY, Recorder, Reward, Tick, frozen, learn, new_agents, play, started

if TYPE_CHECKING:
    from slicefast.kpis import Kpis
    from slicefast.learn import TD3
    from slicefast.simulator import Simulator

CHOICES = ("most", "least", "fast", "random")
RUN_FILE, AGENTS_FILE, LOG_FILE = "run.json", "agents.safetensors", "training.npz"
SUMMARY = ("mean reward", "mean satisfaction", "cell-steps below 0.95 [%]", "mean largest delay [ms]")


@dataclass(frozen=True)
class Run:
    """Agents trained on a scenario and where they are kept; `reward` is a name from `slicefast.rewards`."""

    folder: Path
    scenario: Scenario
    seed: int = 0
    exploration_steps: int = 3000
    train_steps: int = 5500
    reward: str = "max_min"

    def __post_init__(self) -> None:
        """Raise RunError where a number is out of range."""
        for name, least in (("seed", 0), ("exploration_steps", 0), ("train_steps", 1)):
            _at_least(name, getattr(self, name), least)

    @property
    def agents_path(self) -> Path:
        """The file with the agents."""
        return self.folder / AGENTS_FILE

    @property
    def total_steps(self) -> int:
        """Exploration and training."""
        return self.exploration_steps + self.train_steps


def new_run(folder: Path, scenario: Scenario, **settings: Any) -> Run:
    """Return a run to be trained; nothing is written yet.

    Raises
    ------
    RunError
        The folder has files already, the reward is not registered, or a number of steps or the seed is out of range.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder} is not empty: name a new folder (--out)")
    run = Run(folder, scenario, **settings)
    try:
        rewards.get(run.reward)
    except ValueError as error:
        raise RunError(str(error)) from None
    return run


def _at_least(name: str, value: Any, least: int) -> None:
    if not isinstance(value, int | np.integer) or value < least:
        raise RunError(f"{name} = {value!r}: must be an integer of at least {least}")


def _refuse_finished(run: Run) -> None:
    if (run.folder / RUN_FILE).is_file():
        raise RunError(f"{run.folder} holds a finished run, which is never overwritten: name a new folder (--out)")


def _ignore(steps: int) -> None:
    """Report to nobody."""


def load_run(folder: Path) -> Run:
    """Return a trained run, or raise RunError."""
    path = folder / RUN_FILE
    if not path.is_file():
        raise RunError(f"{folder} holds no trained run ({RUN_FILE} is missing)")
    try:
        return _run_of(folder, json.loads(path.read_text()))
    except (ValueError, TypeError, KeyError) as error:
        raise RunError(f"{path} cannot be read: {error}") from None


def interrupted(folder: Path) -> tuple[Run, progress.Progress]:
    """Return a training that was interrupted and how far it came, for `train`; RunError if there is none."""
    if not (folder / progress.PROGRESS_FILE).is_file():
        raise RunError(f"{folder} holds no interrupted training ({progress.PROGRESS_FILE} is missing)")
    try:
        reached = progress.load(folder)
        return _run_of(folder, reached.settings), reached
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(f"{folder} cannot be resumed: {error}") from None


def _run_of(folder: Path, kept: Mapping[str, Any]) -> Run:
    scenario = Scenario.model_validate(kept["scenario"])
    names = [field.name for field in fields(Run) if field.name not in ("folder", "scenario")]
    return Run(folder, scenario, **{name: kept[name] for name in names})


def _settings_of(run: Run) -> dict[str, Any]:
    kept = {**asdict(run), "scenario": run.scenario.model_dump(mode="json")}
    del kept["folder"]
    return kept


def load_agents(run: Run) -> TD3:
    """Return a run's trained agents, or raise RunError where their file is missing or damaged."""
    from slicefast.learn import TD3

    try:
        return TD3.load(run.agents_path)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(f"{run.agents_path} cannot be read: {error}") from error


def train(run: Run, tick: Tick = _ignore, reached: progress.Progress | None = None) -> NDArray[np.float32]:
    """Train a run's agents from scratch, write its folder, and return the reward of every step, (T, N).

    Every 500 steps the progress is kept. With `reached` from `interrupted` the run goes on from there and ends
    bit-identical to an undisturbed one. A finished run is refused with RunError, and so is a reward that fails.
    """
    _refuse_finished(run)
    agents = new_agents(run.scenario, run.exploration_steps, run.seed) if reached is None else reached.agents
    return _train(run, agents, tick, {}, {}, keeps=True, reached=reached)


def transfer(
    source: Run,
    target: Run,
    strategy: str = "integrated",
    choice: str = "most",
    sample_steps: int = 500,
    tick: Tick = _ignore,
    by_position: bool = False,
) -> NDArray[np.float32]:
    """Train a target run's agents that start with what a source run's learned; return the reward of every step, (T, N).

    Both networks are sampled for `sample_steps` under the default action, scored by the runs' reward; every target cell
    takes the source cell that `choice` names ("most", "least", "fast", "random"; see `choose_sources`).

    Raises
    ------
    RunError
        The two scenarios have other slices; with `by_position` only their number must agree, and agents take slices of
        other names in their order. They may have any number of cells. Or their rewards differ (values and transitions
        of one mean nothing under another), `sample_steps` leaves nothing to compare, strategy or choice are unknown,
        or the target is a finished run, which is never overwritten.
    """
    from slicefast import transfer as handing

    _refuse_finished(target)
    if source.scenario.n_slices != target.scenario.n_slices:
        mine, theirs = source.scenario.n_slices, target.scenario.n_slices
        raise RunError(f"n_slices = {theirs} in the target, {mine} in the source: agents cannot be handed over")
    known, wanted = ([item.name for item in run.scenario.slices] for run in (source, target))
    if known != wanted and not by_position:
        raise RunError(
            f"slices = {', '.join(wanted)} in the target, {', '.join(known)} in the source: name them alike, or match "
            "them by their order (--by-position)"
        )
    if source.reward != target.reward:
        raise RunError(
            f"reward = {target.reward!r} in the target, {source.reward!r} in the source: what was learned for one "
            "reward is not handed over to another"
        )
    if choice not in CHOICES:
        raise RunError(f"choice = {choice!r}: allowed are {', '.join(CHOICES)}")
    if sample_steps < 2:
        raise RunError(f"sample_steps = {sample_steps}: cells are compared by at least 2 samples each")
    if strategy not in handing.STRATEGIES:
        raise RunError(f"strategy = {strategy!r}: allowed are {', '.join(handing.STRATEGIES)}")
    agents_of_source = load_agents(source)
    networks = ((source.scenario, source.seed), (target.scenario, target.seed))
    score = _score(target)
    samples = [collect_samples(scenario, seed, sample_steps, tick, score) for scenario, seed in networks]
    kind = "fast" if choice == "fast" else "kl"
    found = handing.similarity_matrix([*samples[0], *samples[1]], seed=target.seed, distance=kind)
    cells = source.scenario.n_cells
    distance = found.distance[:cells, cells:]
    chosen = handing.choose_sources(
        distance, choice, requirement_groups(target.scenario), target.seed, exclude_same=False
    )
    kept = len(agents_of_source.replay) if strategy in ("instance", "integrated") else 0
    agents = new_agents(target.scenario, target.exploration_steps, target.seed, CAPACITY + kept)
    handing.transfer(agents_of_source, chosen, agents, range(target.scenario.n_cells), strategy)  # type: ignore[arg-type]
    log = {"distance": distance, "source": chosen}
    return _train(target, agents, tick, log, {"source_run": str(source.folder.resolve()), "strategy": strategy})


def _train(
    run: Run,
    agents: TD3,
    tick: Tick,
    log: Mapping[str, NDArray[Any]],
    note: Mapping[str, str],
    keeps: bool = False,
    reached: progress.Progress | None = None,
) -> NDArray[np.float32]:
    one_thread()
    score = _score(run)
    simulator = started(run.scenario, run.seed)
    recorder = Recorder(run.scenario, run.total_steps, 1)
    if reached is not None:
        simulator.restore(reached.simulator)
        recorder.reward[...] = reached.reward

    before = [] if reached is None else reached.settings.get(provenance.KEY, [None])
    settings = {**_settings_of(run), provenance.KEY: provenance.gone_on(before)}

    def keep(done: int) -> None:
        if keeps and done % progress.KEEP_STEPS == 0 and done < run.total_steps:
            progress.save(run.folder, done, agents, simulator, recorder.reward, settings)

    learn(
        simulator,
        agents,
        recorder,
        run.total_steps,
        run.total_steps,
        tick,
        score=score,
        first_step=0 if reached is None else reached.step,
        after_step=keep,
    )
    run.folder.mkdir(parents=True, exist_ok=True)
    agents.save(run.agents_path)
    save_arrays(run.folder / LOG_FILE, {"reward": recorder.reward, **log})
    # Last, so that a folder which has it is whole.
    write_text(run.folder / RUN_FILE, json.dumps(settings | dict(note), indent=1))
    progress.clear(run.folder)
    return recorder.reward


def _score(run: Run) -> Reward:
    """Return a run's reward, which raises RunError where it fails or gives anything but a finite number per cell."""
    try:
        chosen = rewards.get(run.reward)
    except ValueError as error:
        raise RunError(str(error)) from None

    def score(kpis: Kpis, scenario: Scenario) -> NDArray[Any]:
        try:
            found = np.asarray(chosen(kpis, scenario), dtype=np.float32)
        except Exception as error:
            raise RunError(f"reward {run.reward!r} failed: {type(error).__name__}: {error}") from error
        if found.shape != (scenario.n_cells,) or not np.isfinite(found).all():
            raise RunError(
                f"reward {run.reward!r} returned shape {found.shape}: must be one finite number per cell, "
                f"({scenario.n_cells},)"
            )
        return found

    return score


def _checked(name: str, policy: Any) -> Any:
    """Return a policy that raises RunError, naming it, where it fails or its shares have another shape."""

    def act(simulator: Simulator, observation: NDArray[np.float32]) -> NDArray[Any]:
        try:
            shares = np.asarray(policy(simulator, observation), dtype=np.float64)
        except Exception as error:
            raise RunError(f"policy {name!r} failed: {type(error).__name__}: {error}") from error
        if shares.shape != simulator.shares_shape:
            raise RunError(f"policy {name!r} returned shape {shares.shape}: must be {simulator.shares_shape}")
        if not (np.isfinite(shares).all() and (shares >= 0.0).all() and np.allclose(shares.sum(-1), 1.0, atol=1e-4)):
            raise RunError(f"policy {name!r} returned shares that are no partition: at least 0, rows summing to 1")
        return shares

    return act


def evaluate(
    run: Run,
    scenario: Scenario | None = None,
    seed: int = 1_000_003,
    steps: int = 250,
    others: Mapping[str, Any] | None = None,
    tick: Tick = _ignore,
) -> list[list[str]]:
    """Play the run's agents without noise, and other policies, over the same steps of a network they have not seen.

    Parameters
    ----------
    run
        Trained agents.
    scenario
        What to play; the run's own unless given.
    seed, steps
        The network's seed and how long to play.
    others
        Policies (simulator, observation) -> shares by name; the baselines unless given.

    Returns
    -------
    One table row of text per policy: its name, then the numbers of `SUMMARY`, all with the paper's reward.

    Raises
    ------
    RunError
        The scenario has another number of cells or slices than the run's, there are no steps to play, the agents' file
        is damaged, or a policy fails.
    """
    _at_least("steps", steps, 1)
    _at_least("seed", seed, 0)
    played = run.scenario if scenario is None else scenario
    for name in ("n_cells", "n_slices"):
        mine, theirs = getattr(run.scenario, name), getattr(played, name)
        if mine != theirs:
            raise RunError(f"{name} = {theirs} in the scenario, {mine} in the run: they must be equal")
    one_thread()
    baselines = {"equal split": policies.equal_split, "traffic-aware": policies.traffic_aware}
    rows = []
    for name, policy in {
        "trained agents": frozen(load_agents(run)),
        **(baselines if others is None else others),
    }.items():
        recorder = Recorder(played, steps, steps)
        play(started(played, seed), _checked(name, policy), recorder, range(steps), tick)
        rows.append([name, *_summary(recorder)])
    return rows


def _summary(recorder: Recorder) -> list[str]:
    worst = recorder.kpis["throughput_satisfaction"].min(axis=-1)
    delay = recorder.kpis["delay_ms"].max(axis=-1)
    failing = 100.0 * float((worst < MET).mean())
    return [f"{recorder.reward.mean():.3f}", f"{worst.mean():.3f}", f"{failing:.1f}", f"{delay.mean():.2f}"]
