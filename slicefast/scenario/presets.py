"""What presets change in the default scenario."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slicefast.scenario.parts import RequirementGroup

_TIMES_THE_PAPER = 5.0  # throughput on 100 MHz of NR over that on 20 MHz of LTE (ours)
_RATE_BPS = 200e3  # of the last slice: leaves as much to learn as the paper's scenario, `slicefast.validation.headroom`

#: See `Scenario.nr_3500_100mhz`.
NR_3500_100MHZ: Mapping[str, Any] = {
    "name": "nr-3500-100mhz",
    "radio": {
        "technology": "nr",
        "subcarrier_spacing_khz": 30,
        "n_prb": 273,
        "mcs_table": "qam256",
        "tdd_pattern": "DDDSU",
        "efficiency": "transport_block",
        "frequency_hz": 3.5e9,
        "path_loss_model": "tr38901_uma",
        "antenna": "tr38901_element",
        "antenna_elements": 8,
        "tilt_deg": 12.0,
        "power_dbm": 51.0,
        "noise_figure_db": 7.0,
    },
    "slices": tuple({"name": f"slice{s + 1}", "rate_bps": _RATE_BPS * (4 - s)} for s in range(4)),
    "window_ttis": 400,
}


def nr_requirements(paper: tuple[RequirementGroup, ...]) -> tuple[RequirementGroup, ...]:
    """Return the paper's requirements for the preset's rates."""
    return tuple(
        RequirementGroup(
            cells=group.cells,
            throughput_bps=tuple(value * _TIMES_THE_PAPER for value in group.throughput_bps),
            delay_ms=tuple(value / _TIMES_THE_PAPER for value in group.delay_ms),
        )
        for group in paper
    )
