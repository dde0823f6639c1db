"""Training a run's agents, from scratch or from what another run's learned, and going on with what was interrupted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np

from slicefast import files, progress, provenance, training
from slicefast import transfer as _transfer
from slicefast.arguments import checked
from slicefast.callbacks.bar import Ticker
from slicefast.errors import RunError, refuse
from slicefast.learn import Hindsight, HindsightConfig
from slicefast.learn.threads import one_thread
from slicefast.policies.hindsight import OnlineHindsight, new_hindsight
from slicefast.runs.checks import check_integer, check_slices
from slicefast.runs.folder import (
    AGENTS_FILE,
    LOG_FILE,
    RUN_FILE,
    Run,
    claimed,
    fault,
    load_agents,
    load_run,
    settings_of,
)
from slicefast.runs.resuming import reached_progress, resume_network
from slicefast.signals import StopSignals, as_ctrl_c
from slicefast.simulator import Simulator
from slicefast.training import History, collect_samples, new_agents
from slicefast.transfer.handover import check_hindsight_strategy
from slicefast.units import Arrays, Float64

if TYPE_CHECKING:
    from slicefast.learn import TD3, TD3Config
    from slicefast.scenario import Scenario
    from slicefast.task import Task
    from slicefast.training import Callback, Tick

#: How a target cell's source is chosen, see `slicefast.transfer.choose_sources`; "other" needs cells that are numbered
#: alike in both networks, which those of a user's runs need not be.
Choice = Literal["most", "least", "fast", "corrected", "configuration", "probe", "random"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
#: Of each network, to measure how alike two cells are: more would fill the memory before they would tell more.
MOST_SAMPLE_STEPS = 1_000_000


@checked
def train(run: Run, tick: Tick = lambda steps: None, n_threads: int = 1, callbacks: Sequence[Callback] = ()) -> History:
    """Train a run's agents from scratch and write its folder.

    Every 500 steps, and on Ctrl-C, SIGTERM or SIGHUP, the progress is kept; see `resume`.

    Parameters
    ----------
    run : Run
        From `new_run`; its folder is made, and claimed, before anything else happens.
    tick : callable
        Called with how many steps were played since it was called last.
    n_threads : int
        Over which the run's networks are shared; results do not depend on it.
    callbacks : sequence of callable
        Called with every `slicefast.training.Step`, such as those of `slicefast.callbacks`.

    Returns
    -------
    History
        The reward of every step and cell; of several networks N cells after N cells.

    Raises
    ------
    RunError
        The folder is not empty, which is never overwritten, or another process works in it.
    SlicefastError
        The reward gives anything but a finite number per cell.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> run = sf.runs.new_run("RUN", scenario, exploration_steps=5, train_steps=10)
    >>> sf.runs.train(run).reward.shape  # steps, cells
    (15, 3)
    """
    task = run.task()
    with claimed(run):
        return _begin(run, task, None, tick, n_threads=n_threads, callbacks=callbacks)


@checked
def transfer(
    source: Run,
    target: Run,
    strategy: _transfer.Strategy | None = None,
    choice: Choice = "most",
    sample_steps: int = 500,
    tick: Tick = lambda steps: None,
    by_position: bool = False,
    callbacks: Sequence[Callback] = (),
) -> History:
    """Train a target run's agents that start with what a source run's learned; keeps progress as `train` does.

    Both networks are sampled for `sample_steps` under the default action, scored by the runs' reward; every target cell
    takes the source cell that `choice` names. "configuration" needs no samples, "probe" those of the target alone.

    Parameters
    ----------
    source : Run
        A trained run.
    target : Run
        From `new_run`.
    strategy, choice
        See `slicefast.transfer.transfer` and `slicefast.transfer.choose_sources`. The strategy is "integrated" of TD3
        and "model" of learning in hindsight unless given.
    sample_steps : int
        At least 2.
    tick : callable
        As for `train`; it also counts the samples of both networks.
    by_position : bool
        Whether agents may take slices of other names, in their order.
    callbacks : sequence of callable
        As for `train`.

    Returns
    -------
    History
        The reward of every step and cell.

    Raises
    ------
    RunError
        The two runs differ in slices, features, reward or coordination: what was learned for one means nothing under
        another (they may have any number of cells). `sample_steps` leaves nothing to compare. Or the target's folder
        is not empty, or another process works in it.
    SlicefastError
        Strategy or choice are unknown.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> history = sf.runs.train(sf.runs.new_run("RUN", scenario, exploration_steps=5, train_steps=10))
    >>> target = sf.runs.new_run("NEW", scenario, seed=1, preset="ours_transfer", train_steps=5)
    >>> sf.runs.transfer(sf.runs.load_run("RUN"), target, sample_steps=10).reward.shape
    (5, 3)
    """
    strategy = _transfer.USUAL_STRATEGY[target.learner] if strategy is None else strategy
    if strategy not in _transfer.STRATEGIES:
        refuse("strategy", strategy, ", ".join(_transfer.STRATEGIES))
    if choice not in CHOICES:
        refuse("choice", choice, ", ".join(CHOICES))
    check_integer("sample_steps", sample_steps, 2, MOST_SAMPLE_STEPS)
    _check_alike(source, target, by_position)
    _check_own_agents(source, target, strategy)
    task = target.task()
    agents_of_source = load_agents(source)
    _check_handover(agents_of_source, target, task, strategy, choice)
    with claimed(target):
        return _begin(
            target, task, _Handover(source, agents_of_source, strategy, choice, sample_steps), tick, callbacks=callbacks
        )


@checked
def resume(
    run: Run, tick: Tick = lambda steps: None, n_threads: int = 1, callbacks: Sequence[Callback] = ()
) -> History:
    """Go on with a run of `load_interrupted`; it ends bit-identical to an undisturbed one.

    Parameters
    ----------
    run : Run
        The interrupted run.
    tick, n_threads, callbacks
        As for `train`.

    Returns
    -------
    History
        The reward of every step and cell, those before the interruption too.

    Raises
    ------
    RunError
        The progress is damaged, another process works in the folder, or the run's reward is not registered.

    Examples
    --------
    >>> import contextlib
    >>> def press_ctrl_c(step):
    ...     raise KeyboardInterrupt
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> run = sf.runs.new_run("RUN", scenario, exploration_steps=5, train_steps=10)
    >>> with contextlib.suppress(KeyboardInterrupt):
    ...     sf.runs.train(run, callbacks=[press_ctrl_c])
    >>> run, steps = sf.runs.load_interrupted("RUN")
    >>> sf.runs.resume(run).reward.shape  # all of them, those before the interruption too
    (15, 3)
    """
    task = run.task()
    with files.claim(run.folder):
        try:
            if progress.is_begun_only(run.folder):
                settings = progress.read_settings(run.folder)[1]
                origin, entries = _Handover.of(settings["origin"]), settings[provenance.KEY]
                return _begin(run, task, origin, tick, entries, n_threads, callbacks)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise RunError(f"{run.folder} cannot be resumed: {fault(error)}") from None
        reached = reached_progress(run)
        origin_of = reached.settings.get("origin", {})
        return _train(run, task, reached.agents, tick, reached.log, origin_of, reached, n_threads, callbacks)


@dataclass(frozen=True)
class _Handover:
    """What a transfer hands over, and how its sources are chosen."""

    source: Run
    agents: TD3 | Hindsight
    strategy: _transfer.Strategy
    choice: Choice
    sample_steps: int

    @classmethod
    def of(cls, origin: Mapping[str, Any]) -> Self | None:
        """Return what a transfer was begun with, or None for a training from scratch."""
        if not origin:
            return None
        source = load_run(origin["source_run"])
        if files.checksum(source.agents_path) != origin["source_checksum"]:
            raise RunError(f"{source.agents_path} is not what the transfer was begun with: name a new folder")
        numbers = (origin["strategy"], origin["choice"], origin["sample_steps"])
        return cls(source, load_agents(source), *numbers)

    def origin(self) -> dict[str, Any]:
        """Return what a run's settings say of it."""
        return {
            "source_run": str(self.source.folder.resolve()),
            "source_checksum": files.checksum(self.source.agents_path),
            "strategy": self.strategy,
            "choice": self.choice,
            "sample_steps": self.sample_steps,
        }

    def agents_of(self, target: Run, task: Task, tick: Tick) -> tuple[TD3 | Hindsight, Arrays]:
        """Return a target's agents as they start, and what the finished run keeps of how they came about."""
        with one_thread():
            distance = _measure_distance(self.source, target, self.choice, self.sample_steps, tick)
            groups = target.scenario.requirement_groups
            chosen = _transfer.choose_sources(distance, self.choice, groups, target.seed, exclude_same=False)
            n_own = int(self.agents.replay.n_own.max()) if self.strategy in ("instance", "integrated") else 0
            config = replace(target.config, capacity=target.config.capacity + n_own)
            agents = _new_learner(task, config, target.seed)
            hand_over: Any = _transfer.transfer if target.learner == "td3" else _transfer.transfer_hindsight
            hand_over(self.agents, chosen, agents, range(target.scenario.n_cells), self.strategy)
        return agents, {"distance": distance, "source": chosen}


def _begin(
    run: Run,
    task: Task,
    handover: _Handover | None,
    tick: Tick,
    entries: Sequence[provenance.Entry | None] = (),
    n_threads: int = 1,
    callbacks: Sequence[Callback] = (),
) -> History:
    """Begin a run in a folder that is claimed; from its first moment on it can be resumed."""
    origin = {} if handover is None else handover.origin()
    settings = {**settings_of(run), "origin": origin, provenance.KEY: provenance.extended(entries)}
    progress.begin(run.folder, settings)
    if handover is None:
        agents = _new_learner(task, run.learner_config, run.seed, run.n_agents)
        return _train(run, task, agents, tick, {}, origin, n_threads=n_threads, callbacks=callbacks)
    with as_ctrl_c():
        agents, log = handover.agents_of(run, task, tick)
    return _train(run, task, agents, tick, log, origin, callbacks=callbacks)


def _train(
    run: Run,
    task: Task,
    agents: TD3 | Hindsight | OnlineHindsight,
    tick: Tick,
    log: Arrays,
    origin: Mapping[str, Any],
    reached: progress.Progress | None = None,
    n_threads: int = 1,
    callbacks: Sequence[Callback] = (),
) -> History:
    """Train agents in a folder that is claimed, and write it."""
    simulator = started(run.scenario, run.seed, run.n_networks, n_threads)
    history = History.empty(run.total_steps, run.n_networks * task.n_agents)
    entries: Sequence[provenance.Entry | None] = []
    if reached is not None:
        resume_network(simulator, run, reached)
        history.reward[...] = reached.reward
        entries = reached.settings[provenance.KEY]
    first_step = 0 if reached is None else reached.step
    learner = OnlineHindsight(agents, simulator) if isinstance(agents, Hindsight) else agents
    settings = {**settings_of(run), "origin": dict(origin), provenance.KEY: provenance.extended(entries)}
    with StopSignals() as signals, one_thread():
        keeper = progress.Keeper(run.folder, learner, simulator, history.reward, log, settings, signals)
        if reached is None:
            keeper.save(0)  # whatever happens from here on can be resumed
        training.train(
            simulator,
            learner,
            task,
            run.total_steps,
            first_step=first_step,
            history=history,
            callbacks=(keeper, Ticker(tick, run.total_steps - 1), *callbacks),
            restarts=run.restarts,
        )
        learner.save(run.agents_path)
        files.save_arrays(run.folder / LOG_FILE, {"reward": history.reward, **log})
        # Last, so that a folder which has it is whole.
        checksums = {AGENTS_FILE: files.checksum(run.agents_path)}
        files.write_json(run.folder / RUN_FILE, {**settings, "checksums": checksums})
        progress.clear(run.folder)
    return history


def _new_learner(
    task: Task, config: TD3Config | HindsightConfig, seed: int, n_agents: int | None = None
) -> TD3 | Hindsight:
    """Return an untrained learner of the kind that its numbers are of."""
    if isinstance(config, HindsightConfig):
        return new_hindsight(task, config, seed)
    return new_agents(task, config, seed, n_agents)


def started(scenario: Scenario, seed: int, n_replicas: int = 1, n_threads: int = 1) -> Simulator:
    """Return a network after its warm-up step; see `Simulator`."""
    simulator = Simulator(scenario, seed, n_replicas, n_threads)
    simulator.reset()
    return simulator


def _check_alike(source: Run, target: Run, by_position: bool) -> None:
    """Raise RunError unless what was learned in one run means the same in the other."""
    check_slices(source.scenario, target.scenario, by_position, "target")
    for name in ("learner", "features", "coordination", "reward"):
        mine, theirs = getattr(source, name), getattr(target, name)
        if mine != theirs:
            raise RunError(
                f"{name}: got {theirs!r} in the target, allowed: {mine!r}, as in the source; what was learned for one "
                "is not handed over to another"
            )


def _check_own_agents(source: Run, target: Run, strategy: _transfer.Strategy) -> None:
    """Raise RunError unless the target has an agent per cell, and a shared source hands over its networks alone."""
    if target.shared or target.n_networks > 1 or target.restart_steps:
        raise RunError("shared, n_networks, restart_steps: a transfer's target has an agent per cell on one network")
    if source.shared and strategy in ("instance", "integrated"):
        allowed = "'model' or 'feature': a shared agent's transitions are those of all cells"
        refuse("strategy", strategy, allowed, RunError)


def _check_handover(
    agents: TD3 | Hindsight, target: Run, task: Task, strategy: _transfer.Strategy, choice: Choice
) -> None:
    """Refuse before a step is played what cannot be handed over, or not be chosen so, after all samples."""
    if target.learner == "hindsight":
        check_hindsight_strategy(strategy)
    if choice == "probe" and agents.obs_dim != task.observation_size:
        refuse("choice", choice, "another one, as the source's agents see more than the task's observation", RunError)
    like: Any = _new_learner(task, target.config, target.seed, 1)
    if target.learner == "hindsight":
        like.check_compatible(agents)
    else:
        _transfer.check_compatible(agents, like)  # type: ignore[arg-type]  # a TD3, as the runs' learners are the same


def _measure_distance(source: Run, target: Run, choice: Choice, sample_steps: int, tick: Tick) -> Float64:
    """Return how far every source agent is from every target cell, (sources, targets); a lone one is the nearest."""
    if source.shared:
        return np.zeros((1, target.scenario.n_cells))
    if choice == "configuration":
        return _transfer.configuration_distance(source.scenario, target.scenario)
    if choice == "probe":
        network = started(target.scenario, target.seed)
        return -_transfer.hindsight_rewards(load_agents(source), network, target.task(), sample_steps, tick)
    samples = [
        collect_samples(started(run.scenario, run.seed), run.task(), sample_steps, tick) for run in (source, target)
    ]
    kind: _transfer.Distance = "fast" if choice == "fast" else "kl"
    similarity = _transfer.similarity_matrix([*samples[0], *samples[1]], seed=target.seed, distance=kind)
    distance = _transfer.without_spread(similarity.distance) if choice == "corrected" else similarity.distance
    n_sources = source.scenario.n_cells
    return distance[:n_sources, n_sources:]
