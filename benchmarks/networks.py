"""Networks that several benchmarks measure: links of a hexagonal layout with its users, without a simulator."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from machine import least

from slicefast import radio
from slicefast.network import NEAR_SITES
from slicefast.scenario import Scenario

POWER_W, NOISE_W = 10**4.6 * 1e-3 / 100, 10 ** (-112.45 / 10) * 1e-3
#: Links that a user keeps where far cells fold, three cells to a site.
NEAR_LINKS = 3 * NEAR_SITES
#: Links of a pass that computes every one of them, at most: some 50 MB of gains.
MEASURED_LINKS = 12_000_000


def network(n_sites: int, fold_db: float = 0.0) -> tuple[Any, ...]:
    """Return the links, the fields, what cells are, and 384 users a site: x and y [m]."""
    scenario = Scenario.hexagonal(n_sites)
    rng = np.random.default_rng(1)
    area = scenario.area
    x, y = area.sample(rng, 384 * n_sites)
    fields = radio.make_fields("winner_plus_c2", n_sites, rng, area.v1_m, area.v2_m)
    cells = {
        "site_x_m": scenario.site_x_m,
        "site_y_m": scenario.site_y_m,
        "cell_site": scenario.cell_site,
        "azimuth_deg": scenario.azimuth_deg,
        "tilt_deg": np.full(3 * n_sites, 15.0),
        "v1_m": area.v1_m,
        "v2_m": area.v2_m,
    }
    model = radio.link_model(
        model="winner_plus_c2",
        pattern="tr36814",
        fields=fields,
        frequency_hz=2.6e9,
        site_height_m=25.0,
        fold_db=fold_db,
        **cells,
    )
    return model, fields, cells, x, y


@cache
def link_s(n_sites: int = NEAR_SITES) -> float:
    """Return what a link costs [s] where every one is computed, measured once."""
    model, _, _, x, y = network(n_sites)
    n = min(len(x), MEASURED_LINKS // model.n_cells)
    gain = np.empty((n, model.n_cells), np.float32)
    return least(lambda: model.gains(x[:n], y[:n], 1, gain), rounds=10) / gain.size
