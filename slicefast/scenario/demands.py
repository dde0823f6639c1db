"""What a scenario asks of each slice's traffic model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from slicefast.traffic.trace import PacketTrace
from slicefast.traffic.users import Demand

if TYPE_CHECKING:
    from slicefast.scenario.models import Scenario

_BEST_CQI_BPS_PER_HZ = 5.5547  # of a resource element of 64QAM, so above what a hertz carries


def slice_demands(scenario: Scenario) -> tuple[Demand, ...]:
    """Return what each slice's traffic model works from."""
    peak_bps = _peak_bps_per_hz(scenario) * scenario.bandwidth_hz
    return tuple(
        Demand(item.rate_bps, item.packet_bits, int(scenario.slice_users[s]), peak_bps, scenario.packet_traces.get(s))
        for s, item in enumerate(scenario.slices)
    )


def read_packet_traces(scenario: Scenario) -> dict[int, PacketTrace]:
    """Return packet traces by slice, for the slices that replay one."""
    names = [item.name for item in scenario.slices]
    users, ttis_per_s = scenario.slice_users, scenario.radio.ttis_per_s
    read = {s: item.traffic.read_trace(s, names, int(users[s]), ttis_per_s) for s, item in enumerate(scenario.slices)}
    return {s: trace for s, trace in read.items() if trace is not None}


def _peak_bps_per_hz(scenario: Scenario) -> float:
    """Spectral efficiency that no user passes: more than the ceiling, or all the power received and only noise."""
    if scenario.ceiling_bps_per_hz is not None:
        return max(scenario.ceiling_bps_per_hz, scenario.radio.layers * _BEST_CQI_BPS_PER_HZ)
    layers = scenario.radio.layers
    return float(layers * np.log2(1.0 + scenario.power_w_per_prb.max() / scenario.noise_w_per_prb))
