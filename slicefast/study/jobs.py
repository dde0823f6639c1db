"""The parts of a study: each reads finished parts of its seed, computes, and writes its own file atomically."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from slicefast import policies
from slicefast.scenario import Scenario
from slicefast.study.play import Arrays, Recorder, Reward, Tick, learn, new_agents, report, started
from slicefast.study.protocol import (
    BEST_TRAINING,
    GENERALIST_TRAINING,
    KNOWN_PRETRAIN,
    MORE_SAMPLES,
    PAIRS,
    PRETRAIN,
    SIMILARITY,
    Part,
    Protocol,
    source_network_seed,
    stream_seed,
    target_network_seed,
)
from slicefast.task import observe, reward

if TYPE_CHECKING:
    from slicefast.transfer import Similarity

MANIFEST = "study.json"
LATENT_SAMPLES = 60  # per agent, kept for the figure


@dataclass(frozen=True)
class Study:
    """Where a study's parts live and what they are computed from."""

    folder: Path
    scenario: Scenario
    protocol: Protocol

    @property
    def manifest(self) -> Path:
        """The file that says what is studied, and what ran it."""
        return self.folder / MANIFEST

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
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file that appears whole or not at all."""
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def run_part(study: Study, part: Part, tick: Tick) -> None:
    """Compute one part and write its file; `tick(steps)` is called as it advances and may raise to stop it."""
    from slicefast.study import arms

    run = {
        PRETRAIN: pretrain,
        KNOWN_PRETRAIN: pretrain,
        SIMILARITY: similarity,
        GENERALIST_TRAINING: arms.train_generalist,
        BEST_TRAINING: arms.train_best,
        PAIRS: arms.pairs,
    }
    save_arrays(study.path(part), run.get(part.name, arms.run_arm)(study, part, tick))


def pretrain(study: Study, part: Part, tick: Tick) -> Arrays:
    """Train one agent per cell of the source network from scratch and keep it with its replay.

    For a known cell whose traffic changed, the source network lies where the target network does: the same shadowing,
    other users and traffic.
    """
    protocol, scenario = study.protocol, study.scenario
    place = target_network_seed(part.seed) if part.name == KNOWN_PRETRAIN else None
    simulator = started(scenario, source_network_seed(part.seed), place)
    agents = new_agents(scenario, protocol.exploration_steps, stream_seed(part.seed, part.name))
    recorder = Recorder(scenario, protocol.learning_steps, 1)
    learn(simulator, agents, recorder, protocol.learning_steps, protocol.learning_steps, tick)
    path = study.agents_path(part)
    path.parent.mkdir(parents=True, exist_ok=True)
    agents.save(path)
    return {"reward": recorder.reward}


def collect_samples(
    scenario: Scenario, network_seed: int, steps: int, tick: Tick, score: Reward = reward
) -> NDArray[np.float32]:
    """Return [observation, reward] under the default action (the uniform partition), (N, steps, 4S + 1)."""
    simulator = started(scenario, network_seed)
    observation = observe(simulator.kpis, scenario)
    samples = np.empty((scenario.n_cells, steps, observation.shape[-1] + 1), dtype=np.float32)
    for step in range(steps):
        kpis = simulator.step(policies.equal_split(simulator, observation))
        samples[:, step, :-1] = observation
        samples[:, step, -1] = score(kpis, scenario)
        observation = observe(kpis, scenario)
        report(step, range(steps), tick)
    return samples


def similarity(study: Study, part: Part, tick: Tick) -> Arrays:
    """Sample both networks under the default action, train the autoencoder, and measure all distances.

    Where all pairs of cells are transferred, the remedies for the paper's distance are measured too; see
    `slicefast.study.ordering.DISTANCES`.
    """
    from slicefast.transfer import latent_distance, similarity_matrix, without_spread

    protocol, scenario = study.protocol, study.scenario
    target_seed = target_network_seed(part.seed)
    networks = (source_network_seed(part.seed), target_seed)
    everything = np.concatenate(
        [collect_samples(scenario, network, protocol.collected_steps, tick) for network in networks]
    )
    samples = everything[:, : protocol.sample_steps]
    seed = stream_seed(part.seed, part.name)
    found = similarity_matrix(list(samples), seed=seed, vae_epochs=protocol.vae_epochs)
    cells = scenario.n_cells
    fast = latent_distance(found.latent_mean, found.latent_variance, found.offsets, "fast")
    keep = np.linspace(0, protocol.sample_steps - 1, min(LATENT_SAMPLES, protocol.sample_steps)).astype(int)
    shape = (2 * cells, protocol.sample_steps, -1)
    measured = {
        "": found.distance,
        "_fast": fast,
        "_corrected": without_spread(found.distance),
        "_centres": without_spread(fast),
    }
    if protocol.pairs:
        measured |= _remedies(protocol, found, everything, seed)
    return {
        **{f"distance{name}": matrix[:cells, cells:] for name, matrix in measured.items()},
        "latent_mean": found.latent_mean.reshape(shape)[:, keep].astype(np.float32),
        "latent_variance": found.latent_variance.reshape(shape)[:, keep].astype(np.float32),
        "vae_loss": found.loss,
        "traffic_mask": started(scenario, target_seed).traffic_mask(protocol.mask_steps).astype(np.float32),
    }


def _remedies(protocol: Protocol, found: Similarity, samples: NDArray[np.float32], seed: int) -> Arrays:
    """Return further distances of all agents from all: samples (2N, more steps, F)."""
    from slicefast.transfer import floored_variance, latent_distance, median_distance, similarity_matrix

    mean, variance, offsets = found.latent_mean, found.latent_variance, found.offsets
    weighted = similarity_matrix(
        list(samples[:, : protocol.sample_steps]), seed=seed, vae_epochs=protocol.vae_epochs, reconstruction_weight=1.0
    )
    epochs = max(1, protocol.vae_epochs // MORE_SAMPLES)  # as many gradient steps
    return {
        "_floored": latent_distance(mean, floored_variance(variance), offsets),
        "_median": median_distance(mean, variance, offsets),
        "_weighted": weighted.distance,
        "_longer": similarity_matrix(list(samples), seed=seed, vae_epochs=epochs).distance,
    }
