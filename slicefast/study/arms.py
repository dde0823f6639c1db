"""How each kind of arm plays the target network, and the training of the generalist."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slicefast import policies
from slicefast.policies import informed as best
from slicefast.scenario import Scenario
from slicefast.study.jobs import Study
from slicefast.study.play import (
    CAPACITY,
    Arrays,
    Recorder,
    Tick,
    frozen,
    learn,
    new_agents,
    play,
    report,
    started,
)
from slicefast.study.protocol import (
    ARMS,
    BEST_TRAINING,
    GAIN_WINDOW,
    GENERALIST_TRAINING,
    KNOWN_PRETRAIN,
    ORACLE_WORK,
    PAIRS_WORK,
    PRETRAIN,
    PROBE_WORK,
    SIMILARITY,
    Arm,
    Part,
    source_network_seed,
    stream_seed,
    target_network_seed,
    training_network_seed,
)
from slicefast.task import observe, reward
from slicefast.transfer import choose_sources, transfer

if TYPE_CHECKING:
    from slicefast.learn import TD3


def run_arm(study: Study, part: Part, tick: Tick) -> Arrays:
    """Play one arm on the target network."""
    protocol, scenario, arm = study.protocol, study.scenario, ARMS[part.name]
    simulator = started(scenario, target_network_seed(part.seed))
    recorder = Recorder(scenario, protocol.horizon, protocol.evaluation_steps)
    seed = stream_seed(part.seed, part.name)
    extra: Arrays = {}
    everything = range(protocol.horizon)
    if arm.kind == "fixed":
        play(simulator, getattr(policies, arm.name), recorder, everything, tick)
    elif arm.kind == "oracle":
        # Its look ahead is slow; the traffic-aware baseline brings the queues to the evaluation.
        play(simulator, policies.traffic_aware, None, everything[: -protocol.evaluation_steps], tick)
        last = everything[-protocol.evaluation_steps :]
        play(simulator, policies.oracle, recorder, last, lambda steps: tick(ORACLE_WORK * steps))
    elif arm.kind == "drl":
        agents = new_agents(scenario, protocol.exploration_steps, seed, coordination=arm.coordination)
        learn(simulator, agents, recorder, protocol.learning_steps, protocol.horizon, tick, arm.coordination)
    elif arm.kind == "centralised":
        learn_centralised(study, simulator, recorder, seed, tick)
    elif arm.kind == "best":
        from slicefast.learn.curve_policy import CurvePolicy

        policy = CurvePolicy.load(_best_path(study, part.seed, arm.strategy))
        play(simulator, best.player(policy, arm.strategy), recorder, everything, tick)
    elif arm.kind == "generalist":
        play(simulator, _shared(_generalist(study, part.seed)), recorder, everything, tick)
    else:
        agents, extra = _started_agents(study, part.seed, arm, seed)
        learn(simulator, agents, recorder, protocol.transfer_steps, protocol.horizon, tick)
    return {**recorder.arrays(), **extra}


def _started_agents(study: Study, seed: int, arm: Arm, learner_seed: int) -> tuple[TD3, Arrays]:
    """Return agents that were handed what their arm's source knows, and which source each took."""
    from slicefast.learn import TD3

    protocol, scenario = study.protocol, study.scenario
    targets = range(scenario.n_cells)
    if arm.kind == "specialist":
        agents = new_agents(scenario, 0, learner_seed)
        transfer(_generalist(study, seed), [0] * len(targets), agents, targets, "model")
        return agents, {}
    known = arm.source == "itself"
    source = TD3.load(study.agents_path(Part(seed, KNOWN_PRETRAIN if known else PRETRAIN)))
    if known:
        chosen = np.asarray(targets, dtype=np.int64)
    else:
        measured = study.load(Part(seed, SIMILARITY))
        distance = measured[{"fast": "distance_fast", "corrected": "distance_corrected"}.get(arm.source, "distance")]
        chosen = choose_sources(distance, arm.source, requirement_groups(scenario), learner_seed)
    kept = protocol.learning_steps if arm.strategy in ("instance", "integrated") else 0
    agents = new_agents(scenario, 0, learner_seed, CAPACITY + kept)
    transfer(source, chosen, agents, targets, arm.strategy)  # type: ignore[arg-type]
    return agents, {"source": chosen}


def requirement_groups(scenario: Scenario) -> NDArray[np.int32]:
    """Return which requirement group each cell belongs to, (N,), from 0 in the order of the cells.

    Cells of equal requirements share a group.
    """
    rows = np.hstack([np.asarray(scenario.throughput_requirement_bps), np.asarray(scenario.delay_requirement_ms)])
    known: dict[bytes, int] = {}
    return np.array([known.setdefault(row.tobytes(), len(known)) for row in rows], dtype=np.int32)


def learn_centralised(study: Study, simulator: Any, recorder: Recorder, seed: int, tick: Tick) -> None:
    """Train one agent that observes all cells and partitions them all; its reward is the cells' mean.

    Its N S outputs share one softmax and are normalised per cell, which is a softmax per cell. Layers are four times as
    wide as a cell's agent (ours).
    """
    from slicefast.learn import TD3, TD3Config

    protocol, scenario = study.protocol, study.scenario
    cells, slices = scenario.n_cells, scenario.n_slices
    wide = TD3Config(
        actor_hidden=(192, 96),
        critic_hidden=(256, 96),
        exploration_steps=protocol.exploration_steps,
        capacity=CAPACITY,
    )
    agent = TD3(n_agents=1, obs_dim=4 * slices * cells, action_dim=slices * cells, config=wide, seed=seed)
    observation = observe(simulator.kpis, scenario).reshape(1, -1)
    steps = range(protocol.horizon)
    for step in steps:
        training = step < protocol.learning_steps
        action = agent.act(observation, explore=training)
        shares = action.reshape(cells, slices).astype(np.float64) + 1e-12
        kpis = simulator.step(shares / shares.sum(axis=1, keepdims=True))
        following, rewards = observe(kpis, scenario).reshape(1, -1), reward(kpis, scenario)
        if training:
            agent.store(observation, action, rewards.mean(keepdims=True), following)
            agent.update()
        observation = following
        recorder.add(step, kpis, rewards)
        report(step, steps, tick)


def train_generalist(study: Study, part: Part, tick: Tick) -> Arrays:
    """Train one agent on the experience of all cells of the source network (TL-DIRP's generalist).

    It learns once a step from a batch N times as large, so it sees as many transitions as the cells' agents together.
    """
    protocol, scenario = study.protocol, study.scenario
    cells = scenario.n_cells
    simulator = started(scenario, source_network_seed(part.seed))
    agent = new_agents(
        scenario,
        protocol.exploration_steps * cells,  # it counts transitions
        stream_seed(part.seed, part.name),
        capacity=CAPACITY * cells,
        n_agents=1,
        batch_size=32 * cells,
    )
    rewards = np.empty((protocol.learning_steps, cells), dtype=np.float32)
    observation = observe(simulator.kpis, scenario)
    steps = range(protocol.learning_steps)
    for step in steps:
        action = np.concatenate([agent.act(row[None], explore=True) for row in observation])
        kpis = simulator.step(action)
        following, rewards[step] = observe(kpis, scenario), reward(kpis, scenario)
        for cell in range(cells):
            one = slice(cell, cell + 1)
            agent.store(observation[one], action[one], rewards[step, one], following[one])
        agent.update()
        observation = following
        report(step, steps, tick)
    path = study.agents_path(part)
    path.parent.mkdir(parents=True, exist_ok=True)
    agent.save(path)
    return {"reward": rewards}


def _generalist(study: Study, seed: int) -> TD3:
    from slicefast.learn import TD3

    return TD3.load(study.agents_path(Part(seed, GENERALIST_TRAINING)))


def _shared(agent: TD3) -> Any:
    """Return the policy in which every cell asks the same agent."""
    ask = frozen(agent)

    def policy(simulator: Any, observation: NDArray[np.float32]) -> NDArray[Any]:
        return np.concatenate([ask(simulator, row[None]) for row in observation])

    return policy


def train_best(study: Study, part: Part, tick: Tick) -> Arrays:
    """Train `policy="best"` and its ablations on the source network and further networks of the scenario."""
    networks = [training_network_seed(part.seed, number) for number in range(best.NETWORKS)]
    seed, steps = stream_seed(part.seed, part.name), study.protocol.best_steps
    trained = best.train(study.scenario, networks, seed, steps, lambda count: tick(PROBE_WORK * count))
    study.path(part).parent.mkdir(parents=True, exist_ok=True)
    for variant, policy in trained.items():
        policy.save(_best_path(study, part.seed, variant))
    return {"steps": np.array(steps)}


def _best_path(study: Study, seed: int, variant: str) -> Path:
    return study.path(Part(seed, BEST_TRAINING)).with_name(f"best-{variant}.safetensors")


def pairs(study: Study, part: Part, tick: Tick) -> Arrays:
    """Transfer every source cell to every target cell: N copies of the target network, all agents in one stack.

    In copy r target cell j starts with what source cell (j + r) mod N knows, so that N copies cover all pairs, those of
    the same number included.

    Returns
    -------
    "reward", (G, N, N): mean reward over the window before each gain step, row the source, column the target.
    """
    from slicefast.learn import TD3

    protocol, scenario = study.protocol, study.scenario
    cells = scenario.n_cells
    source = TD3.load(study.agents_path(Part(part.seed, PRETRAIN)))
    networks = [started(scenario, target_network_seed(part.seed)) for _ in range(cells)]
    seed = stream_seed(part.seed, part.name)
    capacity = protocol.learning_steps + protocol.transfer_steps
    agents = new_agents(scenario, 0, seed, capacity, n_agents=cells * cells)
    targets = np.tile(np.arange(cells), cells)
    sources = (targets + np.repeat(np.arange(cells), cells)) % cells
    transfer(source, sources, agents, range(cells * cells))
    rewards = np.empty((protocol.transfer_steps, cells * cells), dtype=np.float32)
    observation = np.concatenate([observe(network.kpis, scenario) for network in networks])
    steps = range(protocol.transfer_steps)
    for step in steps:
        action = agents.act(observation, explore=True)
        played = [network.step(shares) for network, shares in zip(networks, np.split(action, cells), strict=True)]
        following = np.concatenate([observe(kpis, scenario) for kpis in played])
        rewards[step] = np.concatenate([reward(kpis, scenario) for kpis in played])
        agents.store(observation, action, rewards[step], following)
        agents.update()
        observation = following
        report(step, steps, lambda count: tick(PAIRS_WORK * count))
    found = np.empty((len(protocol.gain_steps), cells, cells), dtype=np.float32)
    for row, until in enumerate(protocol.gain_steps):
        found[row, sources, targets] = rewards[max(0, until - GAIN_WINDOW) : until].mean(axis=0)
    return {"reward": found}
