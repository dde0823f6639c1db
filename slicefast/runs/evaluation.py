"""Trained agents beside other policies on a network that they have not seen: numbers with names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slicefast import policies
from slicefast.arguments import checked
from slicefast.callbacks.bar import Ticker
from slicefast.callbacks.recorders import KpiRecorder
from slicefast.errors import RunError, refuse
from slicefast.learn import Hindsight
from slicefast.learn.threads import one_thread
from slicefast.policies.hindsight import HindsightPlayer, sight_size
from slicefast.rewards import MET
from slicefast.runs.checks import check_integer, check_slices
from slicefast.runs.folder import MOST_SEED, RUN_FILE, Run, load_agents
from slicefast.runs.learning import started
from slicefast.training import History, play
from slicefast.units import Bool
from slicefast.usual import EVALUATION_SEED

if TYPE_CHECKING:
    from slicefast.policies import Policy
    from slicefast.scenario import Scenario
    from slicefast.training import Tick


@dataclass(frozen=True)
class Scores:
    """What a policy reached, over all cells that count (`Scenario.counted`) and the steps it was evaluated for.

    Attributes
    ----------
    mean_reward : float
        The paper's reward, whatever the agents were trained for.
    mean_satisfaction : float
        Of the smallest throughput over requirement among a cell's slices, at most 1.
    failing_share : float
        Of the cell-steps in which that was below `slicefast.rewards.MET`.
    mean_largest_delay_ms : float
        Of the largest mean packet delay among a cell's slices.
    """

    mean_reward: float
    mean_satisfaction: float
    failing_share: float
    mean_largest_delay_ms: float

    @classmethod
    def of(cls, history: History, recorder: KpiRecorder, counted: Bool) -> Scores:
        """Compute the scores of a run that was recorded from its first step to its last, over the cells `counted`.

        Parameters
        ----------
        history : History
            Rewards (T, N).
        recorder : KpiRecorder
            KPIs (T, N, S) of the same steps.
        counted : ndarray, (N,) bool
            The cells that count.
        """
        worst = recorder.arrays["throughput_satisfaction"].min(axis=-1)[..., counted]
        delay = recorder.arrays["delay_ms"].max(axis=-1)[..., counted]
        reward = history.reward[..., counted]
        return cls(float(reward.mean()), float(worst.mean()), float((worst < MET).mean()), float(delay.mean()))


@checked
def baselines() -> dict[str, Policy]:
    """Return the policies that trained agents are held against.

    Examples
    --------
    >>> sorted(sf.runs.baselines())
    ['equal split', 'max-min rule', 'traffic-aware']
    """
    return {
        "equal split": policies.equal_split,
        "traffic-aware": policies.traffic_aware,
        "max-min rule": policies.MaxMinRule(),
    }


@checked
def evaluate(
    run: Run,
    scenario: Scenario | None = None,
    seed: int = EVALUATION_SEED,
    steps: int = 250,
    others: Mapping[str, Policy] | None = None,
    tick: Tick = lambda steps: None,
    by_position: bool = False,
) -> dict[str, Scores]:
    """Play the run's agents without noise, and other policies, over the same steps of a network they have not seen.

    Parameters
    ----------
    run : Run
        Trained agents.
    scenario : Scenario, optional
        What to play; the run's own unless given. A shared agent plays any number of cells.
    seed : int
        Of the network.
    steps : int
        How long to play.
    others : mapping of str to policy, optional
        Policies (simulator, observation) -> shares by name; `baselines` unless given.
    tick : callable
        Called with how many steps were played since it was called last.
    by_position : bool
        Whether agents may play slices of other names, in their order.

    Returns
    -------
    dict of Scores
        "trained agents", then the others, by name.

    Raises
    ------
    RunError
        The scenario has other cells (unless they share an agent) or slices than the run's, there are no steps to play,
        the agents' file is damaged, or a policy's shares are no partition.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> history = sf.runs.train(sf.runs.new_run("RUN", scenario, exploration_steps=5, train_steps=5))
    >>> scores = sf.runs.evaluate(sf.runs.load_run("RUN"), seed=7, steps=5)
    >>> sorted(scores), 0.0 <= scores["trained agents"].mean_reward <= 1.0
    (['equal split', 'max-min rule', 'traffic-aware', 'trained agents'], True)
    """
    check_integer("steps", steps, 1)
    check_integer("seed", seed, 0, MOST_SEED)
    played = run.scenario if scenario is None else scenario
    if not run.shared and played.n_cells != run.scenario.n_cells:
        refuse("n_cells of the scenario", played.n_cells, f"{run.scenario.n_cells}, as the agents learned", RunError)
    check_slices(run.scenario, played, by_position, "scenario")
    task = run.task(played, reward="max_min")
    agents = load_agents(run)
    size = sight_size(agents.config, task) if isinstance(agents, Hindsight) else task.observation_size
    if (agents.n_agents, agents.obs_dim, agents.action_dim) != (run.n_agents, size, task.action_size):
        raise RunError(f"{run.agents_path}: holds agents of other sizes than {run.folder / RUN_FILE} says")
    scores = {}
    own: Policy = HindsightPlayer(agents) if isinstance(agents, Hindsight) else policies.greedy(agents)
    with one_thread():
        for name, policy in {"trained agents": own, **(others or baselines())}.items():
            recorder = KpiRecorder(task, steps, steps)
            callbacks = (recorder, Ticker(tick, steps - 1))
            try:
                history = play(started(played, seed), policy, task, steps, callbacks=callbacks)
            except ValueError as error:
                raise RunError(f"policy {name!r}: {error}") from error
            scores[name] = Scores.of(history, recorder, played.counted)
    return scores
