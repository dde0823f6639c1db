"""The study: what to run, running and resuming it, and turning its result file into figures and a report.

The names a user starts from; each is imported when first used, so that reading a result file loads no simulator.

study = open_study(Path("mine"), Scenario.paper(), Protocol.quick())
run_study(study)
dataset = slicefast.study.collect.collect(study)
"""

from typing import TYPE_CHECKING

from slicefast import _lazy

if TYPE_CHECKING:
    from slicefast.study.arms import ARMS
    from slicefast.study.execute import run_study
    from slicefast.study.folder import Study, load_study, open_study
    from slicefast.study.protocol import Protocol

__all__ = ["ARMS", "Protocol", "Study", "load_study", "open_study", "run_study"]

_lazy.import_when_used(
    __name__,
    {
        "ARMS": "arms",
        "Protocol": "protocol",
        "Study": "folder",
        "load_study": "folder",
        "open_study": "folder",
        "run_study": "execute",
    },
)
