"""Arguments that public functions of learning take: agents, policies, runs, studies, training, transfer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from world import World, finished_job, interrupted, new_run, nothing, saved, world_of

from slicefast import learn, policies, runs, training
from slicefast.study.jobs import Job

_LATENT = {"mean": np.arange(8.0).reshape(4, 2), "variance": np.ones((4, 2)), "offsets": np.array([0, 2, 4])}
#: Arguments of each, by name.
TAKEN: dict[str, Callable[[World], dict[str, Any]]] = {
    "write_table": lambda w: {"dataset": w.dataset, "path": w.folder / "table.csv", "per": "cell"},
    "callbacks.Bar": lambda w: {"title": "x", "total": 10, "stream": None, "clock": time.monotonic},
    "callbacks.Bar.advance": lambda w: {"steps": 1},
    "callbacks.Bar.close": nothing,
    "callbacks.Checkpoints": lambda w: {"folder": w.new_folder(), "learner": w.agents, "every": 5, "kept": 2},
    "callbacks.Csv": lambda w: {"path": w.folder / "y.csv", "task": w.task, "every": 5, "best_reward": 0.9},
    "callbacks.Csv.write": lambda w: {"step": 1, "values": {}},
    "callbacks.Recorder": world_of("task", every=5, best_reward=0.9),
    "callbacks.Recorder.write": lambda w: {"step": 1, "values": {}},
    "callbacks.Recorder.close": nothing,
    "callbacks.measures": lambda w: {
        "step": training.Step(0, (w.kpis,), np.ones(3, np.float32), False), "task": w.task, "best_reward": 0.9
    },
    "compare": lambda w: {
        "cases": dict.fromkeys("ab", (w.scenario, "equal_split")), "seeds": 2, "steps": 2, "confidence": 0.9,
        "task": {},
    },
    "kernels.uniform_bits": lambda w: {"seed": 0, "purpose": 0, "agent": 0, "step": 0, "n_blocks": 2},
    "kernels.gaussian_kl_matrix": lambda w: dict(_LATENT),
    "learn.TD3": lambda w: {
        "n_agents": 2, "obs_dim": 3, "action_dim": 2, "config": w.agents.config, "seed": 0, "engine": "native",
        "device": "cpu", "n_threads": 1, "agent_ids": [0, 1],
    },
    "learn.TD3.act": lambda w: {"observation": w.seen, "explore": False},
    "learn.TD3.store": lambda w: {
        "observation": w.seen, "action": w.shares, "reward": np.ones(3), "next_observation": w.seen
    },
    "learn.TD3.update": nothing,
    "learn.TD3.copy_agent": lambda w: {
        "source": w.agents, "source_index": 0, "target_index": 1, "layers": "all", "optimiser": True
    },
    "learn.TD3.freeze_lower": lambda w: {"agent_mask": [True, False, False]},
    "learn.TD3.save": lambda w: {"path": w.folder / "a.safetensors", "extra": {}},
    "learn.TD3.load": lambda w: {"path": saved(w), "engine": "native", "device": "cpu", "n_threads": 1},
    "learn.VAE": lambda w: {
        "input_dim": 3, "latent_dim": 2, "hidden": (4,), "reconstruction_weight": 10.0, "learning_rate": 1e-3,
        "batch_size": 4,
    },
    "learn.VAE.fit": lambda w: {"samples": np.random.default_rng(0).random((9, 3)), "epochs": 1, "seed": 0},
    "learn.VAE.encode": lambda w: {"samples": np.ones((2, 3))},
    "learn.VAE.decode": lambda w: {"latent": np.ones((2, 4))},
    "learn.VAE.save": lambda w: {"path": w.folder / "v.safetensors"},
    "learn.VAE.load": lambda w: {"path": saved(w).with_name("vae.safetensors")},
    "learn.Hindsight": lambda w: {
        "n_agents": 2, "obs_dim": 3, "action_dim": 2, "config": w.hindsight.config, "seed": 0, "agent_ids": [0, 1],
    },
    "learn.Hindsight.act": lambda w: {"observation": w.seen, "base": np.zeros((3, 4))},
    "learn.Hindsight.store": lambda w: {
        "observation": w.seen, "base": np.zeros((3, 4)), "curves": np.full((3, w.hindsight.config.n_levels, 4), 0.5)
    },
    "learn.Hindsight.update": nothing,
    "learn.Hindsight.copy_agent": lambda w: {
        "source": w.hindsight, "source_index": 0, "target_index": 1, "memory": True
    },
    "learn.Hindsight.check_compatible": lambda w: {"source": w.hindsight},
    "learn.Hindsight.save": lambda w: {"path": w.folder / "h.safetensors", "extra": {}, "view": {}},
    "learn.Hindsight.load": lambda w: {"path": saved(w).with_name("hindsight.safetensors")},
    "learn.HindsightConfig": lambda w: w.hindsight.config.to_dict(),
    "learn.HindsightConfig.to_dict": nothing,
    "learn.ReplayRing": lambda w: {"n_agents": 2, "capacity": 5, "obs_dim": 3, "action_dim": 2, "device": "cpu"},
    "learn.ReplayRing.add": lambda w: {
        "observation": np.ones((2, 3)), "action": np.ones((2, 2)), "reward": np.ones(2),
        "next_observation": np.ones((2, 3)), "step": 0,
    },
    "learn.ReplayRing.export": lambda w: {"agent": 0, "own_only": False},
    "learn.ReplayRing.load": lambda w: {"agent": 0, "arrays": w.ring.export(1)},
    "learn.TD3Config": lambda w: w.agents.config.to_dict(),
    "learn.TD3Config.preset": lambda w: {"name": "ours"},
    "learn.TD3Config.noise_at": lambda w: {"step": 3},
    "learn.TD3Config.per_row": lambda w: {"n_rows": 2},
    "learn.TD3Config.to_dict": nothing,
    "policies.MaxMinRule": nothing,
    "policies.MaxMinRuleByUser": nothing,
    "policies.NonClairvoyant": lambda w: {"replays": 2, "seed": 0},
    "policies.equal_split": world_of("simulator", observation=None),
    "policies.get": lambda w: {"name": "oracle"},
    "policies.greedy": lambda w: {"agents": w.agents},
    "policies.of_actions": lambda w: {"act": lambda rows: np.zeros((len(rows), 4)), "task": w.task},
    "policies.names": nothing,
    "policies.oracle": world_of("simulator", observation=None),
    "policies.ready": lambda w: {"entry": policies.oracle},
    "policies.register": lambda w: {"name": "oracle", "entry": policies.oracle},
    "policies.traffic_aware": world_of("simulator", observation=None),
    "rewards.max_min": world_of("kpis", "scenario"),
    "rewards.logarithmic": world_of("kpis", "scenario"),
    "runs.baselines": nothing,
    "runs.configure": lambda w: {"numbers": {}, "preset": "ours", "learner": "td3"},
    "runs.evaluate": lambda w: {
        "run": w.run, "scenario": w.scenario, "seed": 1, "steps": 2, "others": {}, "by_position": False
    },
    "runs.load_agents": world_of("run"),
    "runs.load_interrupted": lambda w: {"folder": interrupted(w)},
    "runs.load_run": lambda w: {"folder": w.run.folder},
    "runs.new_run": lambda w: {
        "folder": w.new_folder(), "scenario": w.scenario, "seed": 0, "train_steps": 2, "features": "paper",
        "reward": "max_min", "coordination": "mean", "preset": "ours", "shared": False, "n_networks": 1,
        "restart_steps": 0, "learner": "td3",
    },
    "runs.resume": lambda w: {"run": runs.load_interrupted(interrupted(w))[0], "n_threads": 1},
    "runs.train": lambda w: {"run": new_run(w), "n_threads": 1},
    "runs.transfer": lambda w: {
        "source": w.run, "target": new_run(w), "strategy": "integrated", "choice": "most", "sample_steps": 9,
        "by_position": False,
    },
    "study.Protocol": lambda w: w.study.protocol.to_dict(),
    "study.Protocol.full": lambda w: {"n_seeds": 2},
    "study.Protocol.quick": lambda w: {"n_seeds": 2},
    "study.Protocol.replace": lambda w: {"n_seeds": 3},
    "study.Protocol.to_dict": nothing,
    "study.Protocol.from_dict": lambda w: {"fields": w.study.protocol.to_dict()},
    "study.Study": lambda w: {"folder": w.folder, "scenario": w.scenario, "protocol": w.study.protocol},
    "study.Study.scenario_of": lambda w: {"seed": 0},
    **{
        f"study.Study.{name}": (lambda w: {"job": Job("equal_split", 0)})
        for name in ("path", "files", "finished", "fault", "read", "begin")
    },
    "study.Study.load": lambda w: {"job": finished_job(w)},
    "study.Study.context": lambda w: {"job": Job("equal_split", 0), "tick": lambda steps: None},
    "study.Study.save": lambda w: {"job": Job("equal_split", 0), "arrays": {"reward": np.ones((4, 3))}},
    "study.load_study": lambda w: {"folder": w.study.folder},
    "study.open_study": lambda w: {
        "folder": w.new_folder(), "scenario": w.scenario, "protocol": w.study.protocol, "resume": False, "renew": False
    },
    "study.run_study": lambda w: {"study": w.study, "workers": 1, "engine": "local"},
    "training.train": lambda w: {
        "simulators": w.simulator, "learner": w.agents, "task": w.task, "steps": 2, "learn_steps": 1,
        "first_step": 0, "callbacks": (),
    },
    "training.play": world_of("simulator", "task", policy=policies.equal_split, steps=2, first_step=0, callbacks=()),
    "training.collect_samples": world_of("simulator", "task", steps=2),
    "training.new_agents": lambda w: {"task": w.task, "config": w.agents.config, "seed": 0, "n_agents": 2},
    "training.CentralAgent": lambda w: {"agent": learn.TD3(1, 48, 12), "n_cells": 3},
    "training.CentralAgent.act": lambda w: {"observation": w.seen, "explore": False},
    "training.CentralAgent.store": lambda w: {
        "observation": w.seen, "action": w.shares, "reward": np.ones(3), "next_observation": w.seen
    },
    "training.CentralAgent.update": nothing,
    "transfer.check_compatible": lambda w: {"source": w.agents, "target": w.agents},
    "transfer.choose_sources": lambda w: {
        "distance": np.ones((3, 3)), "choice": "most", "groups": np.zeros(3, np.int64), "seed": 0, "exclude_same": False
    },
    "transfer.configuration_distance": lambda w: {"source": w.scenario, "target": w.scenario},
    "transfer.describe_cells": world_of("scenario"),
    "transfer.floored_variance": lambda w: {"variance": np.ones((4, 2))},
    "transfer.hindsight_rewards": lambda w: {
        "source": w.agents, "simulator": w.simulator, "task": w.task, "steps": 1
    },
    "transfer.latent_distance": lambda w: {**_LATENT, "distance": "kl"},
    "transfer.mean_squared_distance": lambda w: {name: _LATENT[name] for name in ("mean", "offsets")},
    "transfer.median_distance": lambda w: {**_LATENT, "most_samples": 5},
    "transfer.rank_sources": lambda w: {"distance": np.ones((3, 3)), "target": 1, "exclude": (0,), "sources": [0, 2]},
    "transfer.similarity_matrix": lambda w: {
        "samples": [np.random.default_rng(k).random((9, 3)) for k in range(2)], "seed": 0, "vae_epochs": 1
    },
    "transfer.transfer": lambda w: {
        "source": w.agents, "source_index": 0, "target": learn.TD3(3, w.agents.obs_dim, 4, w.agents.config),
        "target_index": 1, "strategy": "model",
    },
    "transfer.transfer_hindsight": lambda w: {
        "source": w.hindsight, "source_index": np.array([0]), "target": w.hindsight, "target_index": [1],
        "strategy": "integrated",
    },
    "transfer.without_spread": lambda w: {"distance": np.ones((3, 3))},
}  # fmt: skip
