"""slicefast: network slicing in radio access networks, learned by one agent per cell, near the speed of the hardware.

The names a user starts from; each is imported when first used, so ``import slicefast`` stays quick and loads no torch,
numba or matplotlib. Examples in docstrings go on from ``import numpy as np`` and ``import slicefast as sf``.
"""

from typing import TYPE_CHECKING

from slicefast._compiled import folders as _folders

__path__ = _folders(__path__)

from slicefast import _gymnasium, _lazy, _moved
from slicefast._core import NotConverged, __version__

_moved.install()
_gymnasium.register()

if TYPE_CHECKING:
    from slicefast import (
        callbacks,
        envs,
        errors,
        features,
        kernels,
        kpis,
        learn,
        load_coupling,
        plot,
        policies,
        radio,
        rewards,
        runs,
        scenario,
        scheduling,
        study,
        training,
        transfer,
    )
    from slicefast.envs import VectorEnv, parallel_env
    from slicefast.errors import ScenarioError, SlicefastError
    from slicefast.kpis import Kpis
    from slicefast.labelled import write_table
    from slicefast.maps import coverage
    from slicefast.pairing import compare
    from slicefast.rewards import satisfaction
    from slicefast.scenario import Scenario
    from slicefast.simulator import Simulator
    from slicefast.task import Task, observe, reward

_MODULE_OF = {
    "Kpis": "kpis",
    "Scenario": "scenario",
    "ScenarioError": "errors",
    "SlicefastError": "errors",
    "Simulator": "simulator",
    "VectorEnv": "envs",
    "Task": "task",
    "compare": "pairing",
    "coverage": "maps",
    "observe": "task",
    "parallel_env": "envs",
    "reward": "task",
    "satisfaction": "rewards",
    "write_table": "labelled",
}
_MODULES = (
    "callbacks",
    "envs",
    "errors",
    "features",
    "kernels",
    "kpis",
    "learn",
    "load_coupling",
    "plot",
    "policies",
    "radio",
    "rewards",
    "runs",
    "scenario",
    "scheduling",
    "study",
    "training",
    "transfer",
)

#: Modules that docstrings refer to, for whoever looks further.
_NAMED_IN_HELP = ("energy", "kpm", "labelled", "link_adaptation", "maps", "packets", "pairing", "traffic")

__all__ = [
    "Kpis",
    "NotConverged",
    "Scenario",
    "ScenarioError",
    "Simulator",
    "SlicefastError",
    "Task",
    "VectorEnv",
    "__version__",
    "callbacks",
    "compare",
    "coverage",
    "envs",
    "errors",
    "features",
    "kernels",
    "kpis",
    "learn",
    "load_coupling",
    "observe",
    "parallel_env",
    "plot",
    "policies",
    "radio",
    "reward",
    "rewards",
    "runs",
    "satisfaction",
    "scenario",
    "scheduling",
    "study",
    "training",
    "transfer",
    "write_table",
]


_lazy.import_when_used(__name__, {**_MODULE_OF, **{name: name for name in (*_MODULES, *_NAMED_IN_HELP)}})
