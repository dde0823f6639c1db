"""Holds a scenario against what is plausible: units mistaken, settings without effect, documents half followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from slicefast.plausible import hold, warn
from slicefast.radio.models import COLUMN_PATTERN, path_loss_model

if TYPE_CHECKING:
    from slicefast.scenario.models import Scenario

_MACRO_MAST_M = 20.0  # from this height on a cell sends like a macro cell


def check_plausible(scenario: Scenario) -> None:
    """Warn of, or refuse, what is possible but more likely a mistake; the field and the mistake are named.

    Raises
    ------
    ScenarioError
        Nothing sensible can follow: see `slicefast.plausible.PLAUSIBLE`.
    """
    radio = scenario.radio
    hold("prb_bandwidth_hz", "radio.prb_bandwidth_hz", radio.prb_bandwidth_hz)
    hold("step_s", "step_s", scenario.step_s)
    hold("speed_mps", "mobility.speed_mps", scenario.mobility.speed_mps)
    for s, item in enumerate(scenario.slices):
        if item.rate_bps is not None:
            hold("rate_bps", f"slices[{s}].rate_bps", item.rate_bps)
    for k, cells in enumerate(scenario.cell_settings):
        if cells.rate_bps is not None:
            hold("rate_bps", f"cell_settings[{k}].rate_bps", cells.rate_bps, "slice")
    for g, group in enumerate(scenario.requirements):
        hold("throughput_bps", f"requirements[{g}].throughput_bps", group.throughput_bps, "slice")
        hold("delay_ms", f"requirements[{g}].delay_ms", group.delay_ms, "slice")
    _check_cells(scenario)
    _check_models(scenario)


def _check_cells(scenario: Scenario) -> None:
    """Tilts, powers and the distances between sites, from whatever layout they come."""
    hold("tilt_deg", "tilt_deg", scenario.tilt_deg, "cell")
    high = scenario.site_height_m[scenario.cell_site] >= _MACRO_MAST_M
    hold("macro_power_dbm", "power_dbm", np.where(high, scenario.power_dbm, 46.0), "cell")
    least_m = path_loss_model(scenario.radio.path_loss_model).distance_range_m[0]
    near_share = scenario.n_sites * np.pi * least_m**2 / max(scenario.area.area_m2, np.finfo(float).tiny)
    distances = "layout.sites_csv" if scenario.layout.kind == "csv" else "layout.inter_site_distance_m"
    hold("near_share", f"{distances}: share of the area nearer than {least_m:g} m to a mast", near_share)


def _check_models(scenario: Scenario) -> None:
    radio = scenario.radio
    if radio.antenna == COLUMN_PATTERN and radio.antenna_elements == 1 and scenario.tilt_deg.any():
        tilt = scenario.tilt_deg[np.flatnonzero(scenario.tilt_deg)[0]]
        warn(f"tilt_deg: got {tilt:g}, no effect on a single {radio.antenna}; columns (antenna_elements) steer, set 0")
    if radio.path_loss_model == "m2135_uma" and radio.car_share == 0.0:
        warn("radio.car_share: got 0, m2135_uma without the 9 dB of the cars that ITU-R M.2135 puts its users in")
