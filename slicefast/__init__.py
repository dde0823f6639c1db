"""slicefast: network slicing in radio access networks, learned by one agent per cell, near the speed of the hardware.

The names a user starts from; each is imported when first used, so ``import slicefast`` stays quick and loads no torch,
numba or matplotlib.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from slicefast._core import NotConverged, __version__

if TYPE_CHECKING:
    from slicefast import kernels, load_coupling, policies, radio, rewards, scheduling, transfer
    from slicefast.envs import VectorEnv, parallel_env
    from slicefast.kpis import Kpis, observe, reward, satisfaction
    from slicefast.scenario import Scenario, ScenarioError
    from slicefast.simulator import Simulator

_MODULE_OF = {
    "Kpis": "kpis",
    "Scenario": "scenario",
    "ScenarioError": "scenario",
    "Simulator": "simulator",
    "VectorEnv": "envs",
    "observe": "kpis",
    "parallel_env": "envs",
    "reward": "kpis",
    "satisfaction": "kpis",
}
_MODULES = ("kernels", "load_coupling", "policies", "radio", "rewards", "scheduling", "transfer")

__all__ = [
    "Kpis",
    "NotConverged",
    "Scenario",
    "ScenarioError",
    "Simulator",
    "VectorEnv",
    "__version__",
    "kernels",
    "load_coupling",
    "observe",
    "parallel_env",
    "policies",
    "radio",
    "reward",
    "rewards",
    "satisfaction",
    "scheduling",
    "transfer",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"slicefast.{name}")
    if name in _MODULE_OF:
        return getattr(import_module(f"slicefast.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'slicefast' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
