"""The public functions, found by walking the package, and arguments that each of them takes.

`TAKEN` maps a name, such as ``learn.TD3.act``, to arguments; a name that is public and not in it fails a test, so a
new function is fuzzed from its first day. Owners of methods are made once, and are as they were after a refusal.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import slicefast as sf
from slicefast import callbacks, learn, policies, radio, runs, scheduling, study, training
from slicefast.arguments import checked
from slicefast.envs import CellEnv
from slicefast.study.jobs import Job

#: Modules whose functions are made for the package itself: the grammar of messages, and nothing of the user's.
INNER = ("errors",)
#: What the package returns; nobody but a test makes one.
RESULTS = (
    "Buildings", "Calibration", "Curves", "FlowResult", "History", "Kpi", "Kpis", "KpiRecorder", "Options", "Policy",
    "Scores", "Similarity", "Solution", "Sources", "Step", "Ticker", "WindowResult", "Learner", "Fields", "Run",
    "TensorBoard",  # of another package
)  # fmt: skip


class World:
    """What arguments are made of: a network of three cells, agents, a run, a study."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.scenario = sf.Scenario.hexagonal(1, window_ttis=20)
        self.simulator = sf.Simulator(self.scenario)
        self.kpis = self.simulator.reset()
        self.task = sf.Task(self.scenario)
        self.shares = np.full((3, 4), 0.25)
        self.rng = np.random.default_rng(0)
        config = learn.TD3Config(capacity=20, batch_size=4, exploration_steps=0)
        self.agents = learn.TD3(3, self.task.observation_size, 4, config)
        self.seen = self.task.observe(self.kpis)
        self.vae = learn.VAE(input_dim=3, hidden=(4,))
        self.vae.fit(np.random.default_rng(0).random((20, 3)), epochs=1)
        self.hindsight = learn.Hindsight(3, self.task.observation_size, 4, learn.HindsightConfig(capacity=20))
        self.ring = learn.ReplayRing(2, 10, 3, 2)
        self.env = sf.parallel_env(self.scenario)
        self.env.reset(seed=0)
        self.venv = sf.VectorEnv(self.scenario)
        self.venv.reset(seed=0)
        self.cell_env = CellEnv(self.scenario)
        self.cell_env.reset(seed=0)
        self.scheduler = scheduling.Scheduler(2, 1, 2)
        fields = radio.make_fields("tr38901_uma", 1, np.random.default_rng(0), size=64)
        self.fields = fields
        gain = np.full((self.scenario.n_cells, 3, 3), 1e-9)
        x_m = np.linspace(-1e4, 1e4, 3)
        self.gain_map = radio.GainMap(gain, x_m, x_m)
        self.gain_series = radio.GainSeries(np.full((2, self.scenario.n_users, 3), 1e-9))

    @functools.cached_property
    def run(self) -> runs.Run:
        """A finished run."""
        run = runs.new_run(self.folder / "run", self.scenario, exploration_steps=2, train_steps=4)
        runs.train(run)
        return run

    @functools.cached_property
    def study(self) -> study.Study:
        """A study that has not begun."""
        return study.open_study(self.folder / "study", self.scenario, study.Protocol.quick(1))

    @functools.cached_property
    def dataset(self) -> Any:
        """What a run of the simulator returns."""
        return sf.Simulator(self.scenario).run(policies.equal_split, 3)

    def new_folder(self) -> Path:
        """Return the name of a folder that is not there."""
        return Path(tempfile.mkdtemp(dir=self.folder)) / "new"


@functools.cache
def world() -> World:
    """Return the one world of this process."""
    return World()


def public() -> dict[str, Callable[..., Any]]:
    """Return every public function, constructor and method by name; a method is bound to nothing."""
    found: dict[str, Callable[..., Any]] = {}
    seen: set[int] = set()
    modules = [name for name in sf.__all__ if inspect.ismodule(getattr(sf, name)) and name not in INNER]
    for prefix, module in [("", sf), *((f"{name}.", getattr(sf, name)) for name in modules)]:
        own = [name for name, item in vars(module).items() if getattr(item, "__module__", "") == module.__name__]
        for name in getattr(module, "__all__", [name for name in own if not name.startswith("_")]):
            item = getattr(module, name)
            here = str(getattr(item, "__module__", "")).startswith("slicefast.")
            if not here or not callable(item) or id(item) in seen or name in RESULTS:
                continue
            seen.add(id(item))
            if inspect.isfunction(item) or inspect.ismethod(item):
                found[prefix + name] = item
            elif inspect.isclass(item) and not issubclass(item, BaseException):
                found |= dict(_of_class(prefix + name, item))
    return found


def _of_class(name: str, owner: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    yield name, owner
    for method, item in vars(owner).items():
        if not method.startswith("_") and inspect.isfunction(getattr(item, "__func__", item)):
            yield f"{name}.{method}", getattr(item, "__func__", item)


def owner(name: str) -> Any:
    """Return the object whose method a name is, or the class of a class method."""
    return OWNERS[name.rpartition(".")[0]](world())


def call_of(name: str) -> Callable[..., Any]:
    """Return a public function by name, a method bound to its object."""
    kind, _, method = name.rpartition(".")
    return getattr(owner(name), method) if kind in OWNERS else public()[name]


def scenario_options() -> dict[str, Any]:
    """Return what environments take."""
    w = world()
    return {"scenario": w.scenario, "seed": 0, "n_steps": 5, "n_threads": 1, "gains": None, "place_seed": 1}


OWNERS: dict[str, Callable[[World], Any]] = {
    "callbacks.Bar": lambda w: callbacks.Bar("x", 10, io.StringIO()),
    "callbacks.Csv": lambda w: callbacks.Csv(w.folder / "x.csv", w.task),
    "callbacks.Recorder": lambda w: _Silent(w.task),
    "Scenario": lambda w: w.scenario,
    "Simulator": lambda w: w.simulator,
    "Task": lambda w: w.task,
    "VectorEnv": lambda w: w.venv,
    "envs.CellEnv": lambda w: w.cell_env,
    "envs.SlicingParallelEnv": lambda w: w.env,
    "learn.TD3": lambda w: w.agents,
    "learn.VAE": lambda w: w.vae,
    "learn.Hindsight": lambda w: w.hindsight,
    "learn.HindsightConfig": lambda w: w.hindsight.config,
    "learn.ReplayRing": lambda w: w.ring,
    "learn.TD3Config": lambda w: w.agents.config,
    "policies.MaxMinRule": lambda w: policies.MaxMinRule(),
    "policies.NonClairvoyant": lambda w: policies.NonClairvoyant(),
    "radio.GainMap": lambda w: w.gain_map,
    "radio.GainSeries": lambda w: w.gain_series,
    "scenario.Area": lambda w: w.scenario.placement.area,
    "scenario.Radio": lambda w: w.scenario.radio,
    "scenario.RequirementGroup": lambda w: w.scenario.requirements[0],
    "scheduling.Scheduler": lambda w: w.scheduler,
    "study.Protocol": lambda w: w.study.protocol,
    "study.Study": lambda w: w.study,
    "training.CentralAgent": lambda w: training.CentralAgent(learn.TD3(1, 48, 12), 3),
}

_COUPLING = {
    "gain": [[1e-9, 1e-11], [1e-11, 1e-9]],
    "power_w": [1.0, 1.0],
    "noise_w": 1e-13,
    "demand_bps": [1e6, 1e6],
    "serving": [0, 1],
    "bandwidth_hz": 18e6,
}
_EFFICIENCY = {"efficiency": "shannon", "ceiling_bps_per_hz": 5.0, "layers": 1}
_WINDOW = {
    "n_ttis": 5,
    "arrival_user": [0, 1],
    "arrival_tti": [0, 1],
    "arrival_bits": [100.0, 100.0],
    "bits_per_prb": [100.0, 100.0],
    "serving": [0, 0],
    "slice_of": [0, 0],
}
_LATENT = {"mean": np.arange(8.0).reshape(4, 2), "variance": np.ones((4, 2)), "offsets": np.array([0, 2, 4])}


def _world_of(*names: str, **more: Any) -> Callable[[World], dict[str, Any]]:
    return lambda w: {name: getattr(w, name) for name in names} | more


def _nothing(w: World) -> dict[str, Any]:
    return {}


#: Arguments that every public function takes.
TAKEN: dict[str, Callable[[World], dict[str, Any]]] = {
    "Scenario": lambda w: {"name": "x", "window_ttis": 20, "step_s": 1.0, "fidelity": "tti"},
    "Scenario.paper": _nothing,
    "Scenario.hexagonal": lambda w: {"n_sites": 1, "inter_site_distance_m": 500.0, "wrap_around": True},
    "Scenario.nr_3500_100mhz": _nothing,
    "Scenario.heterogeneous": lambda w: {"h": 0.5, "kind": "mix", "seed": 1},
    "Scenario.from_toml": lambda w: {"path": _toml(w)},
    "Scenario.to_toml": lambda w: {"path": w.folder / "x.toml"},
    "Scenario.replace": lambda w: {"window_ttis": 30},
    "Scenario.model_copy": lambda w: {"update": {"window_ttis": 30}, "deep": False},
    "Simulator": lambda w: {
        "scenario": w.scenario, "seed": 0, "n_replicas": 1, "n_threads": 1, "per_user": True, "per_packet": True,
        "place_seed": 1, "gains": w.gain_series,
    },
    "Simulator.reset": lambda w: {"seed": 0},
    "Simulator.step": _world_of("shares"),
    "Simulator.probe": lambda w: {"shares": w.shares, "coupled_shares": w.shares},
    "Simulator.curves": lambda w: {
        "levels": np.array([0.25, 0.5]), "coupled_shares": w.shares, "until_satisfied": False
    },
    "Simulator.run": _world_of("task", policy=policies.equal_split, steps=2, per_user=False),
    "Simulator.close": _nothing,
    "Simulator.snapshot": _nothing,
    "Simulator.restore": lambda w: {"snapshot": w.simulator.snapshot()},
    "Task": _world_of(
        "scenario", features="paper", reward="max_min", coordination="mean", actions="simplex"
    ),
    "Task.of": _world_of("scenario"),
    "Task.observation_bounds": _nothing,
    "Task.observe": _world_of("kpis"),
    "Task.reward": _world_of("kpis"),
    "Task.satisfaction": _world_of("kpis"),
    "Task.to_shares": lambda w: {"action": w.shares},
    "VectorEnv": lambda w: {**scenario_options(), "n_replicas": 1, "agents": ["cell_1"], "others": policies.oracle},
    "VectorEnv.reset": lambda w: {"seed": 0, "options": {}},
    "VectorEnv.step": lambda w: {"actions": w.shares.astype(np.float32)},
    "VectorEnv.render": _nothing,
    "VectorEnv.close_extras": _nothing,
    "write_table": lambda w: {"dataset": w.dataset, "path": w.folder / "table.csv", "per": "cell"},
    "callbacks.Bar": lambda w: {"title": "x", "total": 10, "stream": None, "clock": time.monotonic},
    "callbacks.Bar.advance": lambda w: {"steps": 1},
    "callbacks.Bar.close": _nothing,
    "callbacks.Checkpoints": lambda w: {"folder": w.new_folder(), "learner": w.agents, "every": 5, "kept": 2},
    "callbacks.Csv": lambda w: {"path": w.folder / "y.csv", "task": w.task, "every": 5, "best_reward": 0.9},
    "callbacks.Csv.write": lambda w: {"step": 1, "values": {}},
    "callbacks.Recorder": _world_of("task", every=5, best_reward=0.9),
    "callbacks.Recorder.write": lambda w: {"step": 1, "values": {}},
    "callbacks.Recorder.close": _nothing,
    "callbacks.measures": lambda w: {
        "step": training.Step(0, (w.kpis,), np.ones(3, np.float32), False), "task": w.task, "best_reward": 0.9
    },
    "compare": lambda w: {
        "cases": dict.fromkeys("ab", (w.scenario, "equal_split")), "seeds": 2, "steps": 2, "confidence": 0.9,
        "task": {},
    },
    "coverage": _world_of("simulator", pixels=4, activity=0.5),
    "observe": _world_of("kpis", "scenario", coordination="mean"),
    "parallel_env": lambda w: scenario_options(),
    "reward": _world_of("kpis", "scenario"),
    "satisfaction": _world_of("kpis", "scenario"),
    "envs.CellEnv": _world_of("scenario", cell="cell_1", others=policies.equal_split),
    "envs.CellEnv.reset": lambda w: {"seed": 0, "options": {}},
    "envs.CellEnv.step": lambda w: {"action": w.shares[0].astype(np.float32)},
    "envs.CellEnv.render": _nothing,
    "envs.CellEnv.close": _nothing,
    "envs.SlicingParallelEnv": lambda w: scenario_options(),
    "envs.SlicingParallelEnv.observation_space": lambda w: {"agent": "cell_1"},
    "envs.SlicingParallelEnv.action_space": lambda w: {"agent": "cell_1"},
    "envs.SlicingParallelEnv.reset": lambda w: {"seed": 0, "options": {}},
    "envs.SlicingParallelEnv.step": lambda w: {"actions": dict(zip(w.env.possible_agents, w.shares, strict=True))},
    "envs.SlicingParallelEnv.state": _nothing,
    "envs.SlicingParallelEnv.render": _nothing,
    "envs.SlicingParallelEnv.close": _nothing,
    "envs.cell_vector_env": _world_of("scenario", num_envs=1, cell="cell_1", others=policies.equal_split),
    "envs.to_sb3": _world_of("scenario", n_replicas=1, seed=0, n_steps=5, n_threads=1, agents=["cell_1"]),
    "features.throughput": _world_of("kpis", "scenario"),
    "features.load": _world_of("kpis", "scenario"),
    "features.users": _world_of("kpis", "scenario"),
    "features.neighbour_load": _world_of("kpis", "scenario"),
    "features.register": lambda w: {
        "name": "own", "feature": _own_feature, "bounds": _own_bounds
    },
    "features.bounds_of": _world_of("scenario", name="load"),
    "features.names": _nothing,
    "features.expand": lambda w: {"features": ["load"]},
    "kernels.uniform_bits": lambda w: {"seed": 0, "purpose": 0, "agent": 0, "step": 0, "n_blocks": 2},
    "kernels.gaussian_kl_matrix": lambda w: dict(_LATENT),
    "kpis.coordinates": _world_of("scenario", shape=(3, 4)),
    "kpis.read_only": _world_of("kpis"),
    "learn.TD3": lambda w: {
        "n_agents": 2, "obs_dim": 3, "action_dim": 2, "config": w.agents.config, "seed": 0, "engine": "native",
        "device": "cpu", "n_threads": 1, "agent_ids": [0, 1],
    },
    "learn.TD3.act": lambda w: {"observation": w.seen, "explore": False},
    "learn.TD3.store": lambda w: {
        "observation": w.seen, "action": w.shares, "reward": np.ones(3), "next_observation": w.seen
    },
    "learn.TD3.update": _nothing,
    "learn.TD3.copy_agent": lambda w: {
        "source": w.agents, "source_index": 0, "target_index": 1, "layers": "all", "optimiser": True
    },
    "learn.TD3.freeze_lower": lambda w: {"agent_mask": [True, False, False]},
    "learn.TD3.save": lambda w: {"path": w.folder / "a.safetensors", "extra": {}},
    "learn.TD3.load": lambda w: {"path": _saved(w), "engine": "native", "device": "cpu", "n_threads": 1},
    "learn.VAE": lambda w: {
        "input_dim": 3, "latent_dim": 2, "hidden": (4,), "reconstruction_weight": 10.0, "learning_rate": 1e-3,
        "batch_size": 4,
    },
    "learn.VAE.fit": lambda w: {"samples": np.random.default_rng(0).random((9, 3)), "epochs": 1, "seed": 0},
    "learn.VAE.encode": lambda w: {"samples": np.ones((2, 3))},
    "learn.VAE.decode": lambda w: {"latent": np.ones((2, 4))},
    "learn.VAE.save": lambda w: {"path": w.folder / "v.safetensors"},
    "learn.VAE.load": lambda w: {"path": _saved(w).with_name("vae.safetensors")},
    "learn.Hindsight": lambda w: {
        "n_agents": 2, "obs_dim": 3, "action_dim": 2, "config": w.hindsight.config, "seed": 0, "agent_ids": [0, 1],
    },
    "learn.Hindsight.act": lambda w: {"observation": w.seen, "base": np.zeros((3, 4))},
    "learn.Hindsight.store": lambda w: {
        "observation": w.seen, "base": np.zeros((3, 4)), "curves": np.full((3, w.hindsight.config.n_levels, 4), 0.5)
    },
    "learn.Hindsight.update": _nothing,
    "learn.Hindsight.copy_agent": lambda w: {
        "source": w.hindsight, "source_index": 0, "target_index": 1, "memory": True
    },
    "learn.Hindsight.check_compatible": lambda w: {"source": w.hindsight},
    "learn.Hindsight.save": lambda w: {"path": w.folder / "h.safetensors", "extra": {}, "view": {}},
    "learn.Hindsight.load": lambda w: {"path": _saved(w).with_name("hindsight.safetensors")},
    "learn.HindsightConfig": lambda w: w.hindsight.config.to_dict(),
    "learn.HindsightConfig.to_dict": _nothing,
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
    "learn.TD3Config.to_dict": _nothing,
    "load_coupling.solve": lambda w: {
        **_COUPLING,
        **_EFFICIENCY,
        "share": [[0.5], [0.5]], "slice_of": [0, 0], "tolerance": 1e-6, "max_iterations": 9, "start": [0.1, 0.1],
        "n_threads": 1,
    },
    "load_coupling.sinr": lambda w: {
        **{name: _COUPLING[name] for name in ("gain", "power_w", "noise_w", "serving")},
        "rho": [0.5, 0.5], "n_threads": 1,
    },
    "load_coupling.spectral_radius": lambda w: dict(_COUPLING),
    "load_coupling.spectral_efficiency": lambda w: {**_EFFICIENCY, "sinr": [1.0]},
    "plot.animate": lambda w: {
        "simulator": w.simulator, "policy": policies.equal_split, "path": w.folder / "x.gif", "steps": 2,
        "frames_per_s": 2.0, "every": 1,
    },
    "plot.ccdf": lambda w: {"values": np.arange(3.0), "label": "x"},
    "plot.cdf": lambda w: {"values": np.arange(3.0), "label": "x"},
    "plot.layout": _world_of("scenario"),
    "plot.load_and_satisfaction": lambda w: {"run": w.dataset},
    "plot.series": lambda w: {"run": w.dataset, "name": "load"},
    "plot.serving_map": _world_of("simulator", pixels=4),
    "plot.sinr_map": _world_of("simulator", pixels=4, activity=0.5),
    "policies.MaxMinRule": _nothing,
    "policies.MaxMinRuleByUser": _nothing,
    "policies.NonClairvoyant": lambda w: {"replays": 2, "seed": 0},
    "policies.equal_split": _world_of("simulator", observation=None),
    "policies.get": lambda w: {"name": "oracle"},
    "policies.greedy": lambda w: {"agents": w.agents},
    "policies.of_actions": lambda w: {"act": lambda rows: np.zeros((len(rows), 4)), "task": w.task},
    "policies.names": _nothing,
    "policies.oracle": _world_of("simulator", observation=None),
    "policies.ready": lambda w: {"entry": policies.oracle},
    "policies.register": lambda w: {"name": "oracle", "entry": policies.oracle},
    "policies.traffic_aware": _world_of("simulator", observation=None),
    "radio.GainMap": lambda w: {"gain": np.full((2, 3, 3), 1e-9), "x_m": np.arange(3.0), "y_m": np.arange(3.0)},
    "radio.GainMap.source": lambda w: {"area": w.scenario.placement.area},
    "radio.GainMap.check": lambda w: {
        "n_cells": 3, "n_users": w.scenario.n_users, "area": w.scenario.placement.area
    },
    "radio.GainMap.places": lambda w: {"x_m": np.ones(2), "y_m": np.ones(2), "step": 0},
    "radio.GainSeries": lambda w: {"gain": np.full((2, 3, 3), 1e-9)},
    "radio.GainSeries.source": lambda w: {"area": w.scenario.placement.area},
    "radio.GainSeries.check": lambda w: {
        "n_cells": 3, "n_users": w.scenario.n_users, "area": w.scenario.placement.area
    },
    "radio.GainSeries.places": lambda w: {"x_m": np.ones(2), "y_m": np.ones(2), "step": 0},
    "radio.antenna_gain_db": lambda w: {
        "pattern": "tr36814", "azimuth_deg": [0.0], "depression_deg": [5.0], "tilt_deg": 6.0, "elements": 1,
    },
    "radio.building_loss_db": lambda w: {"kind": "tr36873", "frequency_hz": 2e9, "release": "v17"},
    "radio.calibrate": lambda w: {"case": "tr36873_uma", "elements": 1, "n_users": 57, "seed": 0},
    "radio.draw_buildings": _world_of(
        "rng", n_users=2, share=0.5, building="tr36873", frequency_hz=2e9, high_loss_share=0.5, floors=(4, 8),
        outdoor_height_m=1.5, release="v17",
    ),
    "radio.draw_car_loss_db": _world_of("rng", is_outdoor=np.array([True, False]), share=0.5),
    "radio.link_model": lambda w: {
        "model": "tr38901_uma", "pattern": "tr36814", "fields": w.fields, "site_x_m": [0.0], "site_y_m": [0.0],
        "site_height_m": 25.0, "cell_site": [0], "azimuth_deg": [0.0], "tilt_deg": 6.0, "frequency_hz": 2e9,
        "elements": 1, "ue_height_m": 1.5, "shadowing": True, "site_correlation": 0.5, "further_images": False,
        "fold_db": 0.1, "sigma_indoor_db": 7.0, "line_of_sight": "model", "area_m2": 1e6, "longest_m": 500.0,
    },
    "radio.los_probability": lambda w: {"model": "tr38901_uma", "distance_2d_m": [100.0], "ue_height_m": 1.5},
    "radio.make_fields": _world_of("rng", model="tr38901_uma", n_sites=1, size=64, extent_m=100.0),
    "radio.path_loss_db": lambda w: {
        "model": "tr38901_uma", "los": True, "distance_2d_m": [100.0, 200.0], "frequency_hz": 2e9,
        "bs_height_m": 25.0, "ue_height_m": 1.5, "environment_height_m": 1.0,
    },
    "radio.read_gain_map": lambda w: {"path": _gain_map(w)},
    "radio.update_serving": lambda w: {
        "gain": np.array([[1e-9, 1e-11]], np.float32), "power_w": [1.0, 1.0], "serving": np.zeros(1, np.int32),
        "timer_cell": np.zeros((1, 8), np.int32), "timer_steps": np.zeros((1, 8), np.int32), "margin_db": 3.0,
        "time_to_trigger_steps": 0, "n_threads": 1,
    },
    "rewards.max_min": _world_of("kpis", "scenario"),
    "rewards.logarithmic": _world_of("kpis", "scenario"),
    "runs.baselines": _nothing,
    "runs.configure": lambda w: {"numbers": {}, "preset": "ours", "learner": "td3"},
    "runs.evaluate": lambda w: {
        "run": w.run, "scenario": w.scenario, "seed": 1, "steps": 2, "others": {}, "by_position": False
    },
    "runs.load_agents": _world_of("run"),
    "runs.load_interrupted": lambda w: {"folder": _interrupted(w)},
    "runs.load_run": lambda w: {"folder": w.run.folder},
    "runs.new_run": lambda w: {
        "folder": w.new_folder(), "scenario": w.scenario, "seed": 0, "train_steps": 2, "features": "paper",
        "reward": "max_min", "coordination": "mean", "preset": "ours", "shared": False, "n_networks": 1,
        "restart_steps": 0, "learner": "td3",
    },
    "runs.resume": lambda w: {"run": runs.load_interrupted(_interrupted(w))[0], "n_threads": 1},
    "runs.train": lambda w: {"run": _new_run(w), "n_threads": 1},
    "runs.transfer": lambda w: {
        "source": w.run, "target": _new_run(w), "strategy": "integrated", "choice": "most", "sample_steps": 9,
        "by_position": False,
    },
    "scenario.Area": lambda w: {
        "origin_m": (0.0, 0.0), "v1_m": (1.0, 0.0), "v2_m": (0.0, 1.0), "wrap": False, "region": None
    },
    "scenario.Area.sample": lambda w: {"generator": w.rng, "n": 3},
    "scenario.CellSettings": lambda w: {"cells": (1,), "power_dbm": 40.0},
    "scenario.CsvLayout": lambda w: {"kind": "csv", "sites_csv": str(_toml(w)), "margin_m": 10.0},
    "scenario.Hotspot": lambda w: {"x_m": 0.0, "y_m": 0.0, "radius_m": 10.0, "peak": 2.0},
    "scenario.Indoor": lambda w: {"share": 0.5, "min_floors": 4, "max_floors": 8},
    "scenario.Layout": lambda w: {"kind": "hexagonal", "n_sites": 1},
    "scenario.Mobility": lambda w: w.scenario.mobility.model_dump(),
    "scenario.Radio": lambda w: w.scenario.radio.model_dump(),
    "scenario.Radio.filter_weight": lambda w: {"step_s": 1.0},
    "scenario.RequirementGroup": lambda w: w.scenario.requirements[0].model_dump(),
    "scenario.RequirementGroup.cells_of": lambda w: {"n_cells": 3},
    "scenario.Scheduler": lambda w: w.scenario.scheduler.model_dump(),
    "scenario.Slice": lambda w: {"name": "x", "rate_bps": 1e5, "packet_bits": 1e4, "users_per_cell": 2},
    "scenario.Traffic": lambda w: w.scenario.traffic.model_dump(),
    "scenario.neighbours": lambda w: {
        "centre_x_m": np.arange(3.0), "centre_y_m": np.arange(3.0), "area": w.scenario.placement.area
    },
    "scheduling.Scheduler": lambda w: {
        "n_cells": 2, "n_slices": 1, "n_users": 2, "n_prb": 5, "kind": "max_ci", "discard_ttis": 3
    },
    "scheduling.Scheduler.run": lambda w: {**_WINDOW, "share": [[1.0], [1.0]], "active": [True, True]},
    "scheduling.Scheduler.copy": _nothing,
    "scheduling.Scheduler.state": _nothing,
    "scheduling.Scheduler.set_state": lambda w: {"state": w.scheduler.state()},
    "scheduling.flow_window": lambda w: {
        **{name: _WINDOW[name] for name in ("n_ttis", "bits_per_prb", "serving", "slice_of")},
        "arriving_bits": [100.0, 100.0], "packet_bits": [100.0, 100.0], "share": [[1.0]], "active": [True, True],
        "backlog_bits": [0.0, 0.0], "backlog_age_bit_ms": [0.0, 0.0], "n_prb": 10, "discard_ttis": 5,
        "buffer_bits": 0.0,
    },
    "scheduling.schedule_window": lambda w: {
        **_WINDOW, "share": [[1.0]], "n_prb": 10, "kind": "max_ci", "discard_ttis": 5
    },
    "scheduling.cqi": lambda w: {"sinr": [1.0], "table": "lte"},
    "scheduling.tbs_index": lambda w: {"cqi": [5], "table": "lte"},
    "scheduling.transport_block_bits": lambda w: {"index": 5, "n_prb": 10, "table": "lte", "layers": 1},
    "study.Protocol": lambda w: w.study.protocol.to_dict(),
    "study.Protocol.full": lambda w: {"n_seeds": 2},
    "study.Protocol.quick": lambda w: {"n_seeds": 2},
    "study.Protocol.replace": lambda w: {"n_seeds": 3},
    "study.Protocol.to_dict": _nothing,
    "study.Protocol.from_dict": lambda w: {"fields": w.study.protocol.to_dict()},
    "study.Study": lambda w: {"folder": w.folder, "scenario": w.scenario, "protocol": w.study.protocol},
    "study.Study.scenario_of": lambda w: {"seed": 0},
    **{
        f"study.Study.{name}": (lambda w: {"job": Job("equal_split", 0)})
        for name in ("path", "files", "finished", "fault", "read", "begin")
    },
    "study.Study.load": lambda w: {"job": _finished_job(w)},
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
    "training.play": _world_of("simulator", "task", policy=policies.equal_split, steps=2, first_step=0, callbacks=()),
    "training.collect_samples": _world_of("simulator", "task", steps=2),
    "training.new_agents": lambda w: {"task": w.task, "config": w.agents.config, "seed": 0, "n_agents": 2},
    "training.CentralAgent": lambda w: {"agent": learn.TD3(1, 48, 12), "n_cells": 3},
    "training.CentralAgent.act": lambda w: {"observation": w.seen, "explore": False},
    "training.CentralAgent.store": lambda w: {
        "observation": w.seen, "action": w.shares, "reward": np.ones(3), "next_observation": w.seen
    },
    "training.CentralAgent.update": _nothing,
    "transfer.check_compatible": lambda w: {"source": w.agents, "target": w.agents},
    "transfer.choose_sources": lambda w: {
        "distance": np.ones((3, 3)), "choice": "most", "groups": np.zeros(3, np.int64), "seed": 0, "exclude_same": False
    },
    "transfer.configuration_distance": lambda w: {"source": w.scenario, "target": w.scenario},
    "transfer.describe_cells": _world_of("scenario"),
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
#: Too slow to be called with arguments that they take, or not to be.
COSTLY = ("runs.resume", "runs.train", "runs.transfer", "study.run_study", "plot.animate", "envs.to_sb3")
#: Close what the others use.
CLOSING = ("VectorEnv.close_extras", "envs.CellEnv.close", "envs.SlicingParallelEnv.close")


@checked
class _Silent(callbacks.Recorder):
    def write(self, step: int, values: dict[str, float]) -> None:
        """Take note of nothing."""


def _own_feature(kpis: Any, scenario: Any) -> Any:
    return kpis.load


def _own_bounds(scenario: Any) -> tuple[float, float]:
    return 0.0, 1.0


def _toml(w: World) -> Path:
    w.scenario.to_toml(w.folder / "s.toml")
    return w.folder / "s.toml"


def _saved(w: World) -> Path:
    path = w.folder / "td3.safetensors"
    if not path.exists():
        w.agents.save(path)
        w.vae.save(path.with_name("vae.safetensors"))
        w.hindsight.save(path.with_name("hindsight.safetensors"))
    return path


def _gain_map(w: World) -> Path:
    import xarray as xr

    path = w.folder / "map.nc"
    if not path.exists():
        x_m = np.arange(3.0)
        gains = xr.Dataset({"gain": (("cell", "y", "x"), np.full((2, 3, 3), 1e-9))}, {"x": x_m, "y": x_m})
        gains.to_netcdf(path, engine="h5netcdf")
    return path


def _new_run(w: World) -> runs.Run:
    return runs.new_run(w.new_folder(), w.scenario, exploration_steps=0, train_steps=3)


def _interrupted(w: World) -> Path:
    path = w.folder / "interrupted"
    if not path.exists():
        run = runs.new_run(path, w.scenario, exploration_steps=0, train_steps=40)

        def stop(steps: int) -> None:
            raise KeyboardInterrupt

        with contextlib.suppress(KeyboardInterrupt):
            runs.train(run, stop)
    return path


def _finished_job(w: World) -> Job:
    job = Job("equal_split", 0)
    if w.study.read(job) is None:
        w.study.save(job, {"reward": np.ones((4, 3))})
    return job
