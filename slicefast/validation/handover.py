"""Handovers at 30 km/h: how many there are and how many go back, by what softens line of sight and measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from slicefast.scenario import Scenario
from slicefast.simulator import Simulator

_STEP_S, _BACK_WITHIN_S, _SPEED_MPS = 0.04, 5.0, 30.0 / 3.6

#: What the rows change in the default radio.
CASES: Mapping[str, Mapping[str, Any]] = {
    "hard states, the default": {},
    "hard states, L3 filter of k = 4": {"filter_coefficient": 4},
    "hard states, L3 filter of k = 11": {"filter_coefficient": 11},
    "soft states": {"line_of_sight": "soft"},
    "soft states, L3 filter of k = 4": {"line_of_sight": "soft", "filter_coefficient": 4},
    "soft states, L3 filter of k = 11": {"line_of_sight": "soft", "filter_coefficient": 11},
    "no line of sight, shadowing": {"line_of_sight": "never"},
    "no line of sight, no shadowing: hexagons": {"line_of_sight": "never", "shadowing": False},
}


@dataclass(frozen=True)
class Handovers:
    """What users do.

    Attributes
    ----------
    per_user_s : float
        Handovers of a user in a second.
    ping_pong : float
        Part of them that go back to the cell left less than 5 s ago.
    """

    per_user_s: float
    ping_pong: float


def handovers(changes: Mapping[str, Any], n_steps: int = 750) -> Handovers:
    """Count handovers of the default network's users at 30 km/h; A3 of 3 dB, 160 ms to trigger, steps of 40 ms.

    Parameters
    ----------
    changes : dict
        Of the radio.
    n_steps : int
        Steps that are counted.

    Returns
    -------
    Handovers
        The first 5 s, when nobody can have come back, count as all others do.
    """
    radio = {"time_to_trigger_s": 4 * _STEP_S, "handover_margin_db": 3.0} | dict(changes)
    scenario = Scenario.paper(
        step_s=_STEP_S, window_ttis=1, radio=radio, mobility={"speed_mps": _SPEED_MPS, "turn_interval_s": 1e4}
    )
    simulator = Simulator(scenario, seed=0)
    shares = np.full((scenario.n_cells, scenario.n_slices), 1.0 / scenario.n_slices)
    serving = simulator.serving
    users = np.arange(scenario.n_users)
    left_at = np.full((scenario.n_users, scenario.n_cells), -np.inf)
    moves = returns = 0
    for step in range(n_steps):
        simulator.step(shares)
        now, before = simulator.serving, serving
        moved = users[now != before]
        moves += moved.size
        returns += int((step * _STEP_S - left_at[moved, now[moved]] < _BACK_WITHIN_S).sum())
        left_at[moved, before[moved]] = step * _STEP_S
        serving = now
    return Handovers(moves / (scenario.n_users * n_steps * _STEP_S), returns / max(moves, 1))


def table() -> str:
    """Return the rows of `CASES` in Markdown."""
    lines = ["| links and measurements | handovers of a user per minute | back within 5 s |", "|---|---:|---:|"]
    for name, changes in CASES.items():
        found = handovers(changes)
        lines.append(f"| {name} | {60 * found.per_user_s:.1f} | {100 * found.ping_pong:.0f} % |")
    return "\n".join(lines)
