"""The study: what to run, running and resuming it, and turning its result file into figures and a report.

The names a user starts from; each is imported when first used, so that reading a result file loads no simulator.

study = open_study(Path("mine"), Scenario.paper(), Protocol.quick())
run_study(study)
dataset = slicefast.study.collect.collect(study)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slicefast.study.arms import ARMS
    from slicefast.study.execute import run_study
    from slicefast.study.folder import Study, load_study, open_study
    from slicefast.study.protocol import Protocol

_MODULE_OF = {
    "ARMS": "arms",
    "Protocol": "protocol",
    "Study": "folder",
    "load_study": "folder",
    "open_study": "folder",
    "run_study": "execute",
}

__all__ = ["ARMS", "Protocol", "Study", "load_study", "open_study", "run_study"]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(import_module(f"slicefast.study.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'slicefast.study' has no attribute {name!r}")
