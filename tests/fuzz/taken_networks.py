"""Arguments that public functions of networks take: scenarios, simulators, environments, radio, scheduling, plots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from world import World, gain_map, nothing, own_bounds, own_feature, scenario_options, toml, world_of

from slicefast import policies

_COUPLING = {
    "gain": [[1e-9, 1e-11], [1e-11, 1e-9]],
    "power_w": [1.0, 1.0],
    "noise_w": 1e-13,
    "demand_bps": [1e6, 1e6],
    "serving": [0, 1],
    "bandwidth_hz": 18e6,
}
_EFFICIENCY = {"efficiency": "shannon", "ceiling_bps_per_hz": 5.0, "layers": 1}
_ESTIMATES = {"value": [1.0, 2.0], "low": [0.5, 1.5], "high": [1.5, 2.5], "label": "x"}
_WINDOW = {
    "n_ttis": 5,
    "arrival_user": [0, 1],
    "arrival_tti": [0, 1],
    "arrival_bits": [100.0, 100.0],
    "bits_per_prb": [100.0, 100.0],
    "serving": [0, 0],
    "slice_of": [0, 0],
}
#: Arguments of each, by name.
TAKEN: dict[str, Callable[[World], dict[str, Any]]] = {
    "Scenario": lambda w: {"name": "x", "window_ttis": 20, "step_s": 1.0, "fidelity": "tti"},
    "Scenario.paper": nothing,
    "Scenario.hexagonal": lambda w: {"n_sites": 1, "inter_site_distance_m": 500.0, "wrap_around": True},
    "Scenario.nr_3500_100mhz": nothing,
    "Scenario.heterogeneous": lambda w: {"h": 0.5, "kind": "mix", "seed": 1},
    "Scenario.from_toml": lambda w: {"path": toml(w)},
    "Scenario.to_toml": lambda w: {"path": w.folder / "x.toml"},
    "Scenario.replace": lambda w: {"window_ttis": 30},
    "Scenario.model_copy": lambda w: {"update": {"window_ttis": 30}, "deep": False},
    "Simulator": lambda w: {
        "scenario": w.scenario, "seed": 0, "n_replicas": 1, "n_threads": 1, "per_user": True, "per_packet": True,
        "place_seed": 1, "gains": w.gain_series,
    },
    "Simulator.reset": lambda w: {"seed": 0},
    "Simulator.step": world_of("shares"),
    "Simulator.probe": lambda w: {"shares": w.shares, "coupled_shares": w.shares},
    "Simulator.curves": lambda w: {
        "levels": np.array([0.25, 0.5]), "coupled_shares": w.shares, "until_satisfied": False
    },
    "Simulator.run": world_of("task", policy=policies.equal_split, steps=2, per_user=False),
    "Simulator.close": nothing,
    "Simulator.snapshot": nothing,
    "Simulator.restore": lambda w: {"snapshot": w.simulator.snapshot()},
    "Task": world_of(
        "scenario", features="paper", reward="max_min", coordination="mean", actions="simplex"
    ),
    "Task.of": world_of("scenario"),
    "Task.for_gaussians": nothing,
    "Task.observation_bounds": nothing,
    "Task.observe": world_of("kpis"),
    "Task.reward": world_of("kpis"),
    "Task.satisfaction": world_of("kpis"),
    "Task.to_shares": lambda w: {"action": w.shares},
    "VectorEnv": lambda w: {**scenario_options(), "n_replicas": 1, "agents": ["cell_1"], "others": policies.oracle},
    "VectorEnv.reset": lambda w: {"seed": 0, "options": {}},
    "VectorEnv.step": lambda w: {"actions": w.shares.astype(np.float32)},
    "VectorEnv.render": nothing,
    "VectorEnv.close_extras": nothing,
    "coverage": world_of("simulator", pixels=4, activity=0.5),
    "observe": world_of("kpis", "scenario", coordination="mean"),
    "parallel_env": lambda w: scenario_options(),
    "reward": world_of("kpis", "scenario"),
    "satisfaction": world_of("kpis", "scenario"),
    "envs.CellEnv": world_of("scenario", cell="cell_1", others=policies.equal_split),
    "envs.CellEnv.reset": lambda w: {"seed": 0, "options": {}},
    "envs.CellEnv.step": lambda w: {"action": w.shares[0].astype(np.float32)},
    "envs.CellEnv.render": nothing,
    "envs.CellEnv.close": nothing,
    "envs.SlicingParallelEnv": lambda w: scenario_options(),
    "envs.SlicingParallelEnv.observation_space": lambda w: {"agent": "cell_1"},
    "envs.SlicingParallelEnv.action_space": lambda w: {"agent": "cell_1"},
    "envs.SlicingParallelEnv.reset": lambda w: {"seed": 0, "options": {}},
    "envs.SlicingParallelEnv.step": lambda w: {"actions": dict(zip(w.env.possible_agents, w.shares, strict=True))},
    "envs.SlicingParallelEnv.state": nothing,
    "envs.SlicingParallelEnv.render": nothing,
    "envs.SlicingParallelEnv.close": nothing,
    "envs.cell_vector_env": world_of("scenario", num_envs=1, cell="cell_1", others=policies.equal_split),
    "envs.to_sb3": world_of("scenario", n_replicas=1, seed=0, n_steps=5, n_threads=1, agents=["cell_1"]),
    "features.throughput": world_of("kpis", "scenario"),
    "features.load": world_of("kpis", "scenario"),
    "features.users": world_of("kpis", "scenario"),
    "features.neighbour_load": world_of("kpis", "scenario"),
    "features.register": lambda w: {
        "name": "own", "feature": own_feature, "bounds": own_bounds
    },
    "features.bounds_of": world_of("scenario", name="load"),
    "features.names": nothing,
    "features.expand": lambda w: {"features": ["load"]},
    "features.resolve": lambda w: {"features": ["load", own_feature]},
    "kpis.coordinates": world_of("scenario", shape=(3, 4)),
    "kpis.read_only": world_of("kpis"),
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
    "plot.intervals": lambda w: {"at": [0, 1], **_ESTIMATES, "horizontal": True},
    "plot.layout": world_of("scenario"),
    "plot.line": lambda w: {"x": [0, 1], **_ESTIMATES},
    "plot.load_and_satisfaction": lambda w: {"run": w.dataset},
    "plot.mean": lambda w: {
        "values": w.dataset.reward[:, :2], "over": "cell", "label": "x", "confidence": 0.9,
    },
    "plot.series": lambda w: {"run": w.dataset, "name": "load"},
    "plot.serving_map": world_of("simulator", pixels=4),
    "plot.sinr_map": world_of("simulator", pixels=4, activity=0.5),
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
    "radio.draw_buildings": world_of(
        "rng", n_users=2, share=0.5, building="tr36873", frequency_hz=2e9, high_loss_share=0.5, floors=(4, 8),
        outdoor_height_m=1.5, release="v17",
    ),
    "radio.draw_car_loss_db": world_of("rng", is_outdoor=np.array([True, False]), share=0.5),
    "radio.link_model": lambda w: {
        "model": "tr38901_uma", "pattern": "tr36814", "fields": w.fields, "site_x_m": [0.0], "site_y_m": [0.0],
        "site_height_m": 25.0, "cell_site": [0], "azimuth_deg": [0.0], "tilt_deg": 6.0, "frequency_hz": 2e9,
        "elements": 1, "ue_height_m": 1.5, "shadowing": True, "site_correlation": 0.5, "further_images": False,
        "fold_db": 0.1, "sigma_indoor_db": 7.0, "line_of_sight": "model", "area_m2": 1e6, "longest_m": 500.0,
    },
    "radio.los_probability": lambda w: {"model": "tr38901_uma", "distance_2d_m": [100.0], "ue_height_m": 1.5},
    "radio.make_fields": world_of("rng", model="tr38901_uma", n_sites=1, size=64, extent_m=100.0),
    "radio.path_loss_db": lambda w: {
        "model": "tr38901_uma", "los": True, "distance_2d_m": [100.0, 200.0], "frequency_hz": 2e9,
        "bs_height_m": 25.0, "ue_height_m": 1.5, "environment_height_m": 1.0,
    },
    "radio.read_gain_map": lambda w: {"path": gain_map(w)},
    "radio.update_serving": lambda w: {
        "gain": np.array([[1e-9, 1e-11]], np.float32), "power_w": [1.0, 1.0], "serving": np.zeros(1, np.int32),
        "timer_cell": np.zeros((1, 8), np.int32), "timer_steps": np.zeros((1, 8), np.int32), "margin_db": 3.0,
        "time_to_trigger_steps": 0, "n_threads": 1,
    },
    "scenario.Area": lambda w: {
        "origin_m": (0.0, 0.0), "v1_m": (1.0, 0.0), "v2_m": (0.0, 1.0), "wrap": False, "region": None
    },
    "scenario.Area.sample": lambda w: {"generator": w.rng, "n": 3},
    "scenario.CellSettings": lambda w: {"cells": (1,), "power_dbm": 40.0},
    "scenario.CsvLayout": lambda w: {"kind": "csv", "sites_csv": str(toml(w)), "margin_m": 10.0},
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
    "scheduling.Scheduler.copy": nothing,
    "scheduling.Scheduler.state": nothing,
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
}  # fmt: skip
