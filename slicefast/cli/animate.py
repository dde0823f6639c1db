"""`slicefast animate`: a network over its steps as a moving picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from slicefast.cli.app import ScenarioOption, TraceOption, load_scenario
from slicefast.cli.display import step_bar
from slicefast.cli.own import load_policy

_FRAMES = 50


def animate(
    out: Annotated[Path, typer.Option(metavar="FILE", help="A new file ending in .gif or .mp4.")] = Path("network.gif"),
    scenario: ScenarioOption = None,
    trace: TraceOption = None,
    policy: Annotated[
        str, typer.Option(metavar="NAME", help="A policy's name, or FILE.py:FUNCTION with one of yours.")
    ] = "max_min_rule",
    seed: Annotated[int, typer.Option(min=0, help="Of the network.")] = 0,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps that are played; a day unless given.")] = None,
    every: Annotated[int | None, typer.Option(min=1, help="Steps from frame to frame; 50 frames unless given.")] = None,
    frames_per_s: Annotated[float, typer.Option("--fps", min=0.1, help="Frames a second.")] = 10.0,
) -> None:
    """Draw a day of a network as a moving picture.

    Cells by load and satisfaction, users by SINR.
    """
    from slicefast import plot, policies
    from slicefast.errors import refuse
    from slicefast.simulator import Simulator

    if out.exists():
        refuse("--out", str(out), "a file that does not exist yet; nothing is overwritten")
    chosen = load_policy(policy) if ":" in policy else policies.get(policy)
    network = load_scenario(scenario, trace)
    length = steps or network.traffic.period_steps
    apart = every or max(1, length // _FRAMES)
    with step_bar(f"drawing {out}", length) as tick:
        plot.animate(Simulator(network, seed), chosen, out, length, frames_per_s, tick, apart)
