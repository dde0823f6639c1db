"""The public functions, found by walking the package, and arguments that each of them takes.

`TAKEN` maps a name, such as ``learn.TD3.act``, to arguments; a name that is public and not in it fails a test, so a
new function is fuzzed from its first day. Owners of methods are made once, and are as they were after a refusal.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Iterator
from typing import Any

import taken_learning
import taken_networks
from world import World, world

import slicefast as sf
from slicefast import callbacks, learn, policies, training
from slicefast.arguments import checked

#: Modules whose functions are made for the package itself: the grammar of messages, and nothing of the user's.
INNER = ("errors",)
#: What the package returns; nobody but a test makes one.
RESULTS = (
    "Buildings", "Calibration", "Curves", "FlowResult", "History", "Kpi", "Kpis", "Options", "Policy",
    "Scores", "Similarity", "Solution", "Sources", "Step", "WindowResult", "Learner", "Fields", "Run",
    "TensorBoard",  # of another package
)  # fmt: skip


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


@checked
class _Silent(callbacks.Recorder):
    def write(self, step: int, values: dict[str, float]) -> None:
        """Take note of nothing."""


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

#: Arguments that every public function takes.
TAKEN: dict[str, Callable[[World], dict[str, Any]]] = taken_networks.TAKEN | taken_learning.TAKEN
#: Too slow to be called with arguments that they take, or not to be.
COSTLY = ("runs.resume", "runs.train", "runs.transfer", "study.run_study", "plot.animate", "envs.to_sb3")
#: Close what the others use.
CLOSING = ("VectorEnv.close_extras", "envs.CellEnv.close", "envs.SlicingParallelEnv.close")
