"""The default scenario's slices and requirements, and what presets change in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slicefast.scenario.cells import RequirementGroup
from slicefast.scenario.parts import Slice
from slicefast.units import Int32

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


def paper_slices() -> tuple[Slice, ...]:
    """Return the paper's four slices."""
    # Rates are ours: with them the requirements can be met nearly always, and are not by the offered traffic alone; see
    # `slicefast.validation.headroom`.
    return tuple(Slice(name=f"slice{s + 1}", rate_bps=55e3 * (4 - s)) for s in range(4))


def paper_requirements(cell_site: Int32) -> tuple[RequirementGroup, ...]:
    """Return the paper's two groups of cells, alternating site by site: 1-3, 7-9, ... and 4-6, 10-12, ...

    Delays are ours: one and a half times what a 12,000-bit packet takes at the required throughput. Tighter ones would
    drown the throughput requirement, since a packet alone in the cell already takes one TTI of 1 ms or two.
    """
    first = tuple(n + 1 for n, site in enumerate(cell_site) if site % 2 == 0)
    second = tuple(n + 1 for n, site in enumerate(cell_site) if site % 2 == 1)
    groups = [
        RequirementGroup(cells=first, throughput_bps=(4e6, 3e6, 2e6, 1e6), delay_ms=(4.5, 6.0, 9.0, 18.0)),
        RequirementGroup(cells=second, throughput_bps=(2.5e6, 2e6, 1.5e6, 1e6), delay_ms=(7.2, 9.0, 12.0, 18.0)),
    ]
    return tuple(group for group in groups if group.cells)


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
