"""The parts of a study: each reads finished parts of its seed, computes, and writes its own file atomically."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slicefast import policies
from slicefast.kpis import observe, reward
from slicefast.scenario import Scenario
from slicefast.study.play import CAPACITY, Arrays, Recorder, Tick, learn, new_agents, play, report, started
from slicefast.study.protocol import (
    ARMS,
    PRETRAIN,
    SIMILARITY,
    Arm,
    Part,
    Protocol,
    source_network_seed,
    stream_seed,
    target_network_seed,
)

LATENT_SAMPLES = 60  # per agent, kept for the figure


@dataclass(frozen=True)
class Study:
    """Where a study's parts live and what they are computed from."""

    folder: Path
    scenario: Scenario
    protocol: Protocol

    def path(self, part: Part) -> Path:
        """Return the file of a finished part."""
        return self.folder / "parts" / f"seed-{part.seed:03d}" / f"{part.name}.npz"

    def agents_path(self, part: Part) -> Path:
        """Return the file with a part's trained agents."""
        return self.path(part).with_suffix(".safetensors")

    def finished(self, part: Part) -> bool:
        """Whether the part's file is there; files are renamed into place, so it is whole."""
        return self.path(part).is_file()

    def load(self, part: Part) -> Arrays:
        """Return the arrays of a finished part."""
        return load_arrays(self.path(part))


def load_arrays(path: Path) -> Arrays:
    """Return the arrays of an .npz file; nothing in it can execute code."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays to an .npz file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    try:
        with partial.open("wb") as stream:
            np.savez_compressed(stream, **dict(arrays))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def run_part(study: Study, part: Part, tick: Tick) -> None:
    """Compute one part and write its file; `tick(steps)` is called as it advances and may raise to stop it."""
    if part.name == PRETRAIN:
        arrays = pretrain(study, part, tick)
    elif part.name == SIMILARITY:
        arrays = similarity(study, part, tick)
    else:
        arrays = run_arm(study, part, ARMS[part.name], tick)
    save_arrays(study.path(part), arrays)


def pretrain(study: Study, part: Part, tick: Tick) -> Arrays:
    """Train one agent per cell of the source network from scratch and keep it with its replay."""
    protocol, scenario = study.protocol, study.scenario
    simulator = started(scenario, source_network_seed(part.seed))
    agents = new_agents(scenario, protocol.exploration_steps, stream_seed(part.seed, part.name))
    recorder = Recorder(scenario, protocol.learning_steps, 1)
    learn(simulator, agents, recorder, protocol.learning_steps, protocol.learning_steps, tick)
    path = study.agents_path(part)
    path.parent.mkdir(parents=True, exist_ok=True)
    agents.save(path)
    return {"reward": recorder.reward}


def collect_samples(scenario: Scenario, network_seed: int, steps: int, tick: Tick) -> NDArray[np.float32]:
    """Return [observation, reward] under the default action (the uniform partition), (N, steps, 4S + 1)."""
    simulator = started(scenario, network_seed)
    observation = observe(simulator.kpis, scenario)
    samples = np.empty((scenario.n_cells, steps, observation.shape[-1] + 1), dtype=np.float32)
    for step in range(steps):
        kpis = simulator.step(policies.equal_split(simulator, observation))
        samples[:, step, :-1] = observation
        samples[:, step, -1] = reward(kpis, scenario)
        observation = observe(kpis, scenario)
        report(step, range(steps), tick)
    return samples


def similarity(study: Study, part: Part, tick: Tick) -> Arrays:
    """Sample both networks under the default action, train the autoencoder, and measure all distances."""
    from slicefast.transfer import latent_distance, similarity_matrix

    protocol, scenario = study.protocol, study.scenario
    target_seed = target_network_seed(part.seed)
    networks = (source_network_seed(part.seed), target_seed)
    samples = [collect_samples(scenario, network, protocol.sample_steps, tick) for network in networks]
    found = similarity_matrix(
        [*samples[0], *samples[1]], seed=stream_seed(part.seed, part.name), vae_epochs=protocol.vae_epochs
    )
    cells = scenario.n_cells
    fast = latent_distance(found.latent_mean, found.latent_variance, found.offsets, "fast")
    keep = np.linspace(0, protocol.sample_steps - 1, min(LATENT_SAMPLES, protocol.sample_steps)).astype(int)
    shape = (2 * cells, protocol.sample_steps, -1)
    return {
        "distance": found.distance[:cells, cells:],
        "distance_fast": fast[:cells, cells:],
        "latent_mean": found.latent_mean.reshape(shape)[:, keep].astype(np.float32),
        "latent_variance": found.latent_variance.reshape(shape)[:, keep].astype(np.float32),
        "vae_loss": found.loss,
        "traffic_mask": started(scenario, target_seed).traffic_mask(protocol.mask_steps).astype(np.float32),
    }


def choose_sources(distance: NDArray[np.float64], choice: str, seed: int) -> NDArray[np.int64]:
    """Return a source for every target cell, never the cell of the same number.

    Parameters
    ----------
    distance
        (N, N): row the source, column the target.
    choice
        "most", "least" or "random".
    seed
        Seed of the random choice.
    """
    from slicefast.transfer import rank_sources

    generator = np.random.default_rng(seed)
    chosen = []
    for target in range(distance.shape[1]):
        order = rank_sources(distance, target, exclude=(target,))
        pick = {"most": 0, "least": -1}.get(choice)
        chosen.append(order[generator.integers(order.size) if pick is None else pick])
    return np.asarray(chosen, dtype=np.int64)


def run_arm(study: Study, part: Part, arm: Arm, tick: Tick) -> Arrays:
    """Play one arm on the target network."""
    protocol, scenario = study.protocol, study.scenario
    simulator = started(scenario, target_network_seed(part.seed))
    recorder = Recorder(scenario, protocol.horizon, protocol.evaluation_steps)
    extra: Arrays = {}
    seed = stream_seed(part.seed, part.name)
    if arm.kind == "fixed":
        play(simulator, getattr(policies, arm.name), recorder, range(protocol.horizon), tick)
    elif arm.kind == "drl":
        agents = new_agents(scenario, protocol.exploration_steps, seed)
        learn(simulator, agents, recorder, protocol.learning_steps, protocol.horizon, tick)
    else:
        from slicefast.learn import TD3
        from slicefast.transfer import transfer

        source = TD3.load(study.agents_path(Part(part.seed, PRETRAIN)))
        distance = study.load(Part(part.seed, SIMILARITY))["distance"]
        chosen = choose_sources(distance, arm.source, seed)
        kept = protocol.learning_steps if arm.strategy in ("instance", "integrated") else 0
        agents = new_agents(scenario, 0, seed, CAPACITY + kept)
        transfer(source, chosen, agents, range(scenario.n_cells), arm.strategy)  # type: ignore[arg-type]
        learn(simulator, agents, recorder, protocol.transfer_steps, protocol.horizon, tick)
        extra["source"] = chosen
    return {**recorder.arrays(), **extra}
