"""What the arguments of public functions are made of: one small network, its agents, a run and a study of it."""

from __future__ import annotations

import contextlib
import functools
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import slicefast as sf
from slicefast import learn, policies, radio, runs, scheduling, study
from slicefast.envs import CellEnv
from slicefast.study.jobs import Job


class World:
    """What arguments are made of: a network of three cells, agents, a run, a study."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")  # where nothing waits for a disk
        self._folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
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


def scenario_options() -> dict[str, Any]:
    """Return what environments take."""
    w = world()
    return {"scenario": w.scenario, "seed": 0, "n_steps": 5, "n_threads": 1, "gains": None, "place_seed": 1}


def world_of(*names: str, **more: Any) -> Callable[[World], dict[str, Any]]:
    return lambda w: {name: getattr(w, name) for name in names} | more


def nothing(w: World) -> dict[str, Any]:
    return {}


def own_feature(kpis: Any, scenario: Any) -> Any:
    return kpis.load


def own_bounds(scenario: Any) -> tuple[float, float]:
    return 0.0, 1.0


def toml(w: World) -> Path:
    w.scenario.to_toml(w.folder / "s.toml")
    return w.folder / "s.toml"


def saved(w: World) -> Path:
    path = w.folder / "td3.safetensors"
    if not path.exists():
        w.agents.save(path)
        w.vae.save(path.with_name("vae.safetensors"))
        w.hindsight.save(path.with_name("hindsight.safetensors"))
    return path


def gain_map(w: World) -> Path:
    import xarray as xr

    path = w.folder / "map.nc"
    if not path.exists():
        x_m = np.arange(3.0)
        gains = xr.Dataset({"gain": (("cell", "y", "x"), np.full((2, 3, 3), 1e-9))}, {"x": x_m, "y": x_m})
        gains.to_netcdf(path, engine="h5netcdf")
    return path


def new_run(w: World) -> runs.Run:
    return runs.new_run(w.new_folder(), w.scenario, exploration_steps=0, train_steps=3)


def interrupted(w: World) -> Path:
    """Return a folder with an interrupted training, a copy that may be gone on with."""
    path = w.folder / "interrupted"
    if not path.exists():
        run = runs.new_run(path, w.scenario, exploration_steps=0, train_steps=40)

        def stop(steps: int) -> None:
            raise KeyboardInterrupt

        with contextlib.suppress(KeyboardInterrupt):
            runs.train(run, stop)
    return Path(shutil.copytree(path, w.new_folder()))


def finished_job(w: World) -> Job:
    job = Job("equal_split", 0)
    if w.study.read(job) is None:
        w.study.save(job, {"reward": np.ones((4, 3))})
    return job
