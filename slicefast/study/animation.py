"""A day of the studied network as a moving picture, for the report."""

from __future__ import annotations

import tempfile
from pathlib import Path

from slicefast import files, plot
from slicefast.policies import MaxMinRule
from slicefast.simulator import Simulator
from slicefast.study.document import Figure
from slicefast.study.folder import Study

NAME = "day.gif"
TITLE = "A day of the network"
CAPTION = (
    "The network of seed 0 under the max-min rule, twelve pictures a day: cells shaded by load, around them an arc per "
    "slice coloured by its satisfaction, users by SINR."
)
#: Of longer days the beginning is drawn.
MOST_STEPS = 2_400
_FRAMES, _FRAMES_PER_S = 12, 2.0


def write(study: Study) -> Figure:
    """Draw the day where its file is not there yet, and return it as a figure of the report.

    Parameters
    ----------
    study : Study
        Whose network; a folder keeps its network, and so its picture.
    """
    path = study.folder / "figures" / NAME
    if not path.is_file():
        scenario = study.scenario_of(0)
        steps = min(scenario.traffic.period_steps, MOST_STEPS)
        with tempfile.TemporaryDirectory() as folder:
            drawn = Path(folder) / NAME
            every = max(1, steps // _FRAMES)
            plot.animate(Simulator(scenario, seed=0), MaxMinRule(), drawn, steps, _FRAMES_PER_S, every=every)
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_bytes(path, drawn.read_bytes())
    return Figure(TITLE, CAPTION, path, f"{path.parent.name}/{NAME}")
