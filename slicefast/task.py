"""The agents' problem on a scenario: what they see, what they earn, and what their actions mean."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Literal, NoReturn, TypedDict, Unpack, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slicefast import features as _features
from slicefast import rewards as _rewards
from slicefast.arguments import bare, checked, hold_numbers
from slicefast.errors import SlicefastError, described, refuse
from slicefast.kpis import Kpis
from slicefast.scenario import Scenario
from slicefast.units import Float32, Float64

#: What agents hear of their neighbours: the mean of their loads, or nothing (an ablation).
Coordination = Literal["mean", "none"]
#: What an action of another library's agent stands for: see `Task.to_shares`.
Actions = Literal["simplex", "symmetric"]
#: Logits per unit of a symmetric action (ours): at 1 for one slice and -1 for three others it has 99 % of the cell.
SYMMETRIC_SCALE = 3.0
#: Features that cannot return what no agent can see.
_OURS = frozenset(_features.FEATURES.entries)


class TaskOptions(TypedDict, total=False):
    """What `Task` takes beside the scenario."""

    features: str | _features.Feature | Sequence[str | _features.Feature]
    reward: str | _rewards.Reward
    coordination: Coordination
    actions: Actions


@checked
class Task:
    """One agent per cell divides the cell's resource among the slices.

    Environments, runs, studies and the learners' sizes all come from a task.

    Parameters
    ----------
    scenario : Scenario
        The network, N cells and S slices.
    features : str or callable, or a sequence of them
        What an agent sees of its own cell: "paper" (throughput, load, users), names of `slicefast.features`, or
        functions (kpis, scenario) -> (..., N, S); `slicefast.features.register` gives them bounds.
    reward : str or callable
        A name of `slicefast.rewards`, or a function (kpis, scenario) -> (..., N).
    coordination : {"mean", "none"}
        "mean" adds the neighbours' mean load per slice to what an agent sees.
    actions : {"simplex", "symmetric"}, optional
        Where the environments' actions lie and what they stand for: "simplex" the box [0, 1]^S, divided by its sum;
        "symmetric" the box [-1, 1]^S, scaled logits. The second is for learners that draw Gaussians around 0 and clip
        them: see `to_shares`. Unless given, "simplex", but in environments made for such learners (`CellEnv`, `to_sb3`,
        RLlib's) "symmetric". Our own learners act on the simplex and do not look at it.

    Attributes
    ----------
    agent_names : tuple of str
        "cell_1" to "cell_N".
    feature_names : tuple of str
        The features in the order of the observation, S values each.
    n_agents, observation_size, action_size : int
        N, the length n_o of an observation (4S for the paper's), and S.

    Raises
    ------
    SlicefastError
        A feature or reward is not registered, a feature is named twice, or coordination or actions are unknown.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> task, kpis = sf.Task(scenario, actions="symmetric"), sf.Simulator(scenario, seed=0).reset()
    >>> task.observe(kpis).shape, task.reward(kpis).shape  # what each cell's agent sees and earns
    ((3, 16), (3,))
    >>> task.to_shares([[1.0, 0.0, 0.0, -1.0]] * 3)[0].round(3)
    array([0.907, 0.045, 0.045, 0.002])
    >>> throughput, delay = task.satisfaction(kpis)
    >>> throughput.shape, bool((throughput <= 1.0).all())
    ((3, 4), True)
    >>> low, high = task.observation_bounds()
    >>> bool(((low <= task.observe(kpis)) & (task.observe(kpis) <= high)).all())
    True
    """

    def __init__(
        self,
        scenario: Scenario,
        features: str | _features.Feature | Sequence[str | _features.Feature] = "paper",
        reward: str | _rewards.Reward = "max_min",
        coordination: Coordination = "mean",
        actions: Actions | None = None,
    ) -> None:
        if coordination not in get_args(Coordination):
            refuse("coordination", coordination, "'mean', 'none'")
        if actions not in (None, *get_args(Actions)):
            refuse("actions", actions, "'simplex', 'symmetric'")
        self.scenario = scenario
        self.coordination: Coordination = coordination
        self.actions: Actions = actions or "simplex"
        self._actions_given = actions is not None
        seen = _features.resolve(features)
        if coordination == "mean":
            if "neighbour_load" in seen:
                refuse("features", tuple(seen), "each feature once: coordination 'mean' adds neighbour_load")
            seen |= _features.resolve("neighbour_load")
        self.feature_names = tuple(seen)
        self.reward_name = reward if isinstance(reward, str) else getattr(reward, "__name__", repr(reward))
        self._checked_reward = _rewards.get(reward) if isinstance(reward, str) else reward
        self._checked_features = list(seen.items())
        self._bare()
        self.n_agents = scenario.n_cells
        self.action_size = scenario.n_slices
        self.observation_size = len(self.feature_names) * scenario.n_slices
        self.agent_names = tuple(f"cell_{number}" for number in range(1, scenario.n_cells + 1))

    def _bare(self) -> None:
        """Take the functions themselves: the task's own methods check the KPIs that they hand on."""
        self._reward = bare(self._checked_reward)
        self._features = [(name, bare(feature)) for name, feature in self._checked_features]

    def __getstate__(self) -> dict[str, Any]:
        # Only what is checked has its place in a module, where a pickle finds it.
        return {name: value for name, value in vars(self).items() if name not in ("_reward", "_features")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._bare()

    @classmethod
    def of(cls, scenario: Scenario | Task, **options: Unpack[TaskOptions]) -> Task:
        """Return a task as it is, or the task of a scenario with these options.

        Raises
        ------
        SlicefastError
            A task came with options, which would change it.

        Examples
        --------
        >>> sf.Task.of(sf.Scenario.hexagonal(n_sites=1), reward="logarithmic")
        Task('hexagonal-1', throughput+load+users+neighbour_load, reward='logarithmic')
        """
        if isinstance(scenario, Task):
            if options:
                refuse("options", dict(options), "none beside a task, which has its own")
            return scenario
        return cls(scenario, **options)

    def for_gaussians(self) -> Task:
        """Return the task for learners that draw Gaussians around 0: with "symmetric" actions unless it was given any.

        Examples
        --------
        >>> task = sf.Task(sf.Scenario.hexagonal(n_sites=1))
        >>> task.actions, task.for_gaussians().actions
        ('simplex', 'symmetric')
        """
        if self._actions_given:
            return self
        symmetric = copy.copy(self)
        symmetric.actions = "symmetric"
        return symmetric

    def __repr__(self) -> str:
        return f"Task({self.scenario.name!r}, {'+'.join(self.feature_names)}, reward={self.reward_name!r})"

    def observation_bounds(self) -> tuple[Float32, Float32]:
        """Return the least and the largest values that an agent can see, (n_o,) each and finite."""
        pairs = np.array([_features.bounds_of(name, self.scenario) for name in self.feature_names], np.float32)
        low, high = np.repeat(pairs, self.action_size, axis=0).T
        return low, high

    def observe(self, kpis: Kpis) -> Float32:
        """Return what the agent of each cell sees after a step, its features one after the other, S values each.

        Parameters
        ----------
        kpis : Kpis
            Arrays (N, S) or (R, N, S).

        Returns
        -------
        ndarray of float32, (N, n_o) or (R, N, n_o)
            One row per agent.

        Raises
        ------
        SlicefastError
            A feature has another shape than the KPIs, or a value that is no finite number.
        """
        parts = []
        for name, feature in self._features:
            part = feature(kpis, self.scenario)
            if name not in _OURS:
                hold_numbers(f"feature {name}", part)
            if np.shape(part) != kpis.load.shape:
                got = described(f"shape {np.shape(part)}")
                refuse(f"feature {name}", got, f"one value per cell and slice, {kpis.load.shape}")
            if name not in _OURS:
                self._hold_finite(name, np.asarray(part))
            parts.append(part)
        observation: Float32 = np.concatenate(parts, axis=-1, dtype=np.float32, casting="unsafe")
        return observation

    def _hold_finite(self, name: str, values: NDArray[Any]) -> None:
        wrong = np.argwhere(~(np.abs(values) <= np.finfo(np.float32).max))
        if wrong.size:
            agent = self.agent_names[wrong[0, -2]]
            refuse(f"feature {name} of {agent}", values[tuple(wrong[0])].item(), "finite numbers of float32")

    def reward(self, kpis: Kpis) -> Float32:
        """Return what the agent of each cell earned in a step.

        Parameters
        ----------
        kpis : Kpis
            Arrays (N, S) or (R, N, S).

        Returns
        -------
        ndarray of float32, (N,) or (R, N)
            One number per agent.

        Raises
        ------
        SlicefastError
            The reward function failed, or returned anything but one finite number per cell.
        """
        try:
            returned = self._reward(kpis, self.scenario)
        except Exception as error:
            raise SlicefastError(f"reward {self.reward_name!r} failed: {type(error).__name__}: {error}") from error
        hold_numbers(f"reward {self.reward_name!r}", returned)
        earned = np.asarray(returned, dtype=np.float32)
        if earned.shape != kpis.load.shape[:-1]:
            self._refuse_reward(described(f"shape {earned.shape}"), kpis)
        if not np.isfinite(earned).all():
            self._refuse_reward(float(earned[~np.isfinite(earned)][0]), kpis)
        return earned

    def _refuse_reward(self, got: object, kpis: Kpis) -> NoReturn:
        allowed = f"one finite number per cell, shape {kpis.load.shape[:-1]}"
        refuse(f"reward {self.reward_name!r}", got, allowed)

    def satisfaction(self, kpis: Kpis) -> tuple[Float64, Float64]:
        """Return min(phi/phi*, 1) and min(d*/d, 1), each (N, S) or (R, N, S); see `slicefast.rewards.satisfaction`."""
        return _rewards.satisfaction(kpis, self.scenario)

    def to_shares(self, action: ArrayLike, agents: Sequence[str] | None = None) -> Float64:
        """Return the shares that actions stand for.

        With ``actions = "simplex"`` rows are clipped at 0 and divided by their sum: the direction of an action in the
        box [0, 1]^S divides the cell, and a row of zeros is the equal split. With "symmetric" they are softmax(3 x) of
        rows clipped to [-1, 1]: 0 is the equal split and what is alike for all slices does not count, so a learner
        whose actions drift together beyond the box is back at the equal split: let its Gaussians start narrow, as
        `slicefast.envs.sb3.PPO_SETTINGS` do.

        Parameters
        ----------
        action : ndarray, (..., A, S)
            One row per agent; (R A, S) with the agents of every replica one after the other.
        agents : sequence of str, optional
            Whose actions they are, as messages name them; all A = N unless given.

        Returns
        -------
        ndarray of float64, like `action`
            Rows on the simplex.

        Raises
        ------
        SlicefastError
            An action has another length than S or a value that is not finite; the first such agent is named.
        """
        rows = np.asarray(action, np.float64)
        if rows.ndim == 0 or rows.shape[-1] != self.action_size:
            refuse("action", described(f"shape {rows.shape}"), f"shape (..., {self.action_size})")
        finite = np.isfinite(rows).all(axis=-1).ravel()
        if not finite.all():
            names = self.agent_names if agents is None else agents
            row = int(np.argmin(finite))
            replica, agent = divmod(row, len(names))
            where = names[agent] + (f" in replica {replica}" if finite.size > len(names) else "")
            refuse(f"action of {where}", rows.reshape(-1, self.action_size)[row].tolist(), "finite numbers")
        return to_simplex(rows) if self.actions == "simplex" else _softmax(SYMMETRIC_SCALE * np.clip(rows, -1.0, 1.0))


def to_simplex(action: NDArray[Any]) -> Float64:
    """Return non-negative ``action`` (..., S) divided by its sum; all zeros becomes the equal split.

    Examples
    --------
    >>> from slicefast.task import to_simplex
    >>> to_simplex([[3.0, 1.0], [0.0, -1.0]])
    array([[0.75, 0.25],
           [0.5 , 0.5 ]])
    """
    positive = np.maximum(np.asarray(action, np.float64), 0.0)
    total = positive.sum(axis=-1, keepdims=True)
    return np.where(total > 0, positive / np.where(total > 0, total, 1.0), 1.0 / positive.shape[-1])


def _softmax(logits: Float64) -> Float64:
    weight: Float64 = np.exp(logits - logits.max(axis=-1, keepdims=True))
    weight /= weight.sum(axis=-1, keepdims=True)
    return weight


@checked
def observe(kpis: Kpis, scenario: Scenario, coordination: Coordination = "mean") -> Float32:
    """Return what the paper's agents see, `Task(scenario, coordination=coordination).observe(kpis)`: (..., N, 4S).

    In this order, S values each: phi_ns/phi*_ns capped at 4, load l_ns, active users over the slice's users per cell,
    and the neighbours' mean load, which coordination "none" leaves out.

    Parameters
    ----------
    kpis : Kpis
        What a step measured.
    scenario : Scenario
        Requirements, users and neighbours.
    coordination : {"mean", "none"}
        Whether agents see their neighbours' load.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> sf.observe(sf.Simulator(scenario, seed=0).reset(), scenario).shape  # cells, 4 features of 4 slices
    (3, 16)
    """
    return Task(scenario, coordination=coordination).observe(kpis)


@checked
def reward(kpis: Kpis, scenario: Scenario) -> Float32:
    """Return the paper's reward r_n = min over s of min(phi_ns/phi*_ns, d*_ns/d_ns, 1): (N,) or (R, N) float32.

    Parameters
    ----------
    kpis : Kpis
        What a step measured.
    scenario : Scenario
        The requirements phi* [bit/s] and d* [ms].

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> sf.reward(sf.Simulator(scenario, seed=0).reset(), scenario).shape  # cells
    (3,)
    """
    return _rewards.max_min(kpis, scenario)
