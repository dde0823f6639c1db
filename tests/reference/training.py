"""Slow twins of the agents' problem and of the loops in which they learn, written out one by one.

They take what they play: simulators with `kpis` and `step(shares)`, agents with `act`, `store` and `update`.
"""

import numpy as np


def observe(kpis, throughput_requirement_bps, users_per_cell, neighbours):
    """Return what the cells of one network see, (N, 4S), value by value."""
    cells, slices = kpis.load.shape
    seen = np.empty((cells, 4 * slices))
    for n in range(cells):
        for s in range(slices):
            seen[n, s] = min(kpis.throughput_bps[n, s] / throughput_requirement_bps[n, s], 4.0)
            seen[n, slices + s] = kpis.load[n, s]
            seen[n, 2 * slices + s] = kpis.users[n, s] / users_per_cell[s]
            heard = [kpis.load[m, s] for m in neighbours[n]]
            seen[n, 3 * slices + s] = sum(heard) / len(heard) if heard else 0.0
    return seen.astype(np.float32)


def max_min(kpis, throughput_requirement_bps, delay_requirement_ms):
    """Return what the cells of one network earn, (N,): the satisfaction of the worst slice."""
    cells, slices = kpis.load.shape
    earned = np.ones(cells)
    for n in range(cells):
        for s in range(slices):
            if kpis.delay_ms[n, s] > 0:
                met = kpis.throughput_bps[n, s] / throughput_requirement_bps[n, s]
                earned[n] = min(earned[n], met, delay_requirement_ms[n, s] / kpis.delay_ms[n, s])
    return earned.astype(np.float32)


def learn(simulator, agents, observe, reward, learn_steps, steps):
    """One agent per cell: learn, then play on without noise; return the rewards (T, N)."""
    rewards = []
    observation = observe(simulator.kpis)
    for step in range(steps):
        training = step < learn_steps
        action = agents.act(observation, explore=training)
        kpis = simulator.step(action)
        following, earned = observe(kpis), reward(kpis)
        if training:
            agents.store(observation, action, earned, following)
            agents.update()
        observation = following
        rewards.append(earned)
    return np.array(rewards)


def learn_centralised(simulator, agent, observe, reward, learn_steps, steps):
    """One agent for all cells, which learns from the mean of what they earn; return the rewards (T, N)."""
    rewards = []
    observation = observe(simulator.kpis).reshape(1, -1)
    cells = len(simulator.kpis.load)
    for step in range(steps):
        training = step < learn_steps
        action = agent.act(observation, explore=training)
        shares = action.reshape(cells, -1).astype(np.float64) + 1e-12
        kpis = simulator.step(shares / shares.sum(axis=1, keepdims=True))
        following, earned = observe(kpis).reshape(1, -1), reward(kpis)
        if training:
            agent.store(observation, action, earned.mean(keepdims=True), following)
            agent.update()
        observation = following
        rewards.append(earned)
    return np.array(rewards)


def learn_shared(simulator, agent, observe, reward, steps):
    """One agent that is asked cell by cell and learns from every cell; return the rewards (T, N)."""
    rewards = []
    observation = observe(simulator.kpis)
    for _ in range(steps):
        action = np.concatenate([agent.act(row[None], explore=True) for row in observation])
        kpis = simulator.step(action)
        following, earned = observe(kpis), reward(kpis)
        for cell in range(len(observation)):
            one = slice(cell, cell + 1)
            agent.store(observation[one], action[one], earned[one], following[one])
        agent.update()
        observation = following
        rewards.append(earned)
    return np.array(rewards)


def learn_side_by_side(simulators, agents, observe, reward, steps):
    """One agent per cell of every network, all in one stack; return the rewards (T, A)."""
    rewards = []
    observation = np.concatenate([observe(network.kpis) for network in simulators])
    for _ in range(steps):
        action = agents.act(observation, explore=True)
        parts = np.split(action, len(simulators))
        played = [network.step(shares) for network, shares in zip(simulators, parts, strict=True)]
        following = np.concatenate([observe(kpis) for kpis in played])
        earned = np.concatenate([reward(kpis) for kpis in played])
        agents.store(observation, action, earned, following)
        agents.update()
        observation = following
        rewards.append(earned)
    return np.array(rewards)
