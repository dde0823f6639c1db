"""What source agents hand over to target agents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from slicefast.arguments import checked
from slicefast.arrays import to_rows
from slicefast.errors import refuse
from slicefast.units import Int64

if TYPE_CHECKING:
    from slicefast.learn import TD3, Hindsight

Indices = int | Sequence[int] | Int64
#: What is handed over, see `transfer`.
Strategy = Literal["model", "feature", "instance", "integrated"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
#: What is handed over unless told otherwise: of TD3 the paper's proposal, of learning in hindsight what pays wherever
#: cells differ, see `slicefast.learn.Hindsight.copy_agent`.
USUAL_STRATEGY: dict[str, Strategy] = {"td3": "integrated", "hindsight": "model"}
#: What a learner in hindsight can hand over.
HINDSIGHT_STRATEGIES: tuple[Strategy, ...] = ("model", "integrated")


@checked
def transfer(
    source: TD3,
    source_index: Indices,
    target: TD3,
    target_index: Indices,
    strategy: Strategy = "integrated",
) -> None:
    """Hand what source agents learned to target agents, in place.

    "model": all layers of actor and critics. "feature": all layers but the last, which are then frozen. "instance": the
    source's own transitions into the target's replay; those that were handed to it stay behind, so that a chain of
    transfers keeps a bounded replay. "integrated": model and instance, the paper's proposal. Optimiser state stays
    behind.

    Parameters
    ----------
    source, target : TD3
        Agents with the same observation, action and layer sizes.
    source_index, target_index : int or sequence of int
        Which agent goes where; sequences of one length, or two integers.
    strategy : {"integrated", "model", "feature", "instance"}
        What is handed over.

    Raises
    ------
    SlicefastError
        An unknown strategy, unequal lengths, or agents whose slices or sizes differ; the target is unchanged.

    Examples
    --------
    >>> source, target = sf.learn.TD3(2, 3, 4), sf.learn.TD3(1, 3, 4, seed=1)
    >>> sf.transfer.transfer(source, 1, target, 0, strategy="model")
    >>> bool(np.allclose(target.act(np.ones((1, 3)))[0], source.act(np.ones((2, 3)))[1]))
    True
    """
    if strategy not in STRATEGIES:
        refuse("strategy", strategy, ", ".join(STRATEGIES))
    sources = to_rows("source_index", source_index, source.n_agents)
    targets = to_rows("target_index", target_index, target.n_agents)
    if sources.shape != targets.shape:
        refuse("source_index", f"{sources.size} entries", f"as many as target_index, {targets.size}")
    check_compatible(source, target)
    hands_over_rows = strategy in ("instance", "integrated")
    rows = source.replay.n_own[sources]
    if hands_over_rows and rows.max() >= target.replay.capacity:
        refuse("capacity of the target", target.replay.capacity, f"more than the {rows.max()} transitions handed over")
    for i, j in zip(sources.tolist(), targets.tolist(), strict=True):
        if strategy in ("model", "integrated"):
            target.copy_agent(source, i, j, layers="all")
        if strategy == "feature":
            target.copy_agent(source, i, j, layers="lower")
        if hands_over_rows:
            target.replay.load(j, source.replay.export(i, own_only=True))
    if strategy == "feature":
        frozen = target.frozen.copy()
        frozen[targets] = True
        target.freeze_lower(frozen)


@checked
def check_compatible(source: TD3, target: TD3) -> None:
    """Refuse two sets of agents that do not observe and act alike.

    Parameters
    ----------
    source, target : TD3
        Any numbers of agents.

    Raises
    ------
    SlicefastError
        Their observations, actions or layers differ in size.

    Examples
    --------
    >>> agents = sf.learn.TD3(2, obs_dim=3, action_dim=4)
    >>> sf.transfer.check_compatible(agents, sf.learn.TD3(5, obs_dim=3, action_dim=4))  # any number of agents
    """
    for name in ("obs_dim", "action_dim"):
        mine, theirs = getattr(source, name), getattr(target, name)
        if mine != theirs:
            refuse(f"{name} of the source", mine, f"the target's, {theirs}")
    for name in ("actor_hidden", "critic_hidden"):
        mine, theirs = getattr(source.config, name), getattr(target.config, name)
        if mine != theirs:
            refuse(f"{name} of the source", mine, f"the target's, {theirs}")


def check_hindsight_strategy(strategy: Strategy) -> None:
    """Refuse what a learner in hindsight cannot hand over."""
    if strategy not in HINDSIGHT_STRATEGIES:
        refuse("strategy", strategy, f"{', '.join(HINDSIGHT_STRATEGIES)} of a hindsight learner")


@checked
def transfer_hindsight(
    source: Hindsight, source_index: Int64, target: Hindsight, target_index: Sequence[int], strategy: Strategy
) -> None:
    """Hand what hindsight learners learned to others, in place: "model", or "integrated" with what they remember.

    Parameters
    ----------
    source, target : Hindsight
        Learners that see and act alike.
    source_index, target_index : sequence of int
        Which cell goes where, of one length.
    strategy : {"integrated", "model"}
        What is handed over.

    Raises
    ------
    SlicefastError
        Another strategy, or learners that differ; the target is unchanged.

    Examples
    --------
    >>> source, target = sf.learn.Hindsight(2, 3, 4), sf.learn.Hindsight(1, 3, 4, seed=1)
    >>> sf.transfer.transfer_hindsight(source, np.array([1]), target, [0], strategy="model")
    """
    check_hindsight_strategy(strategy)
    sources = to_rows("source_index", source_index, source.n_agents)
    targets = to_rows("target_index", np.asarray(list(target_index)), target.n_agents)
    if sources.shape != targets.shape:
        refuse("source_index", f"{sources.size} entries", f"as many as target_index, {targets.size}")
    target.check_compatible(source)
    for i, j in zip(sources.tolist(), targets.tolist(), strict=True):
        target.copy_agent(source, i, j, memory=strategy == "integrated")
