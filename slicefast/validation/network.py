"""The network's radio as a whole: small tori beside the plane they stand for, and what a seed changes.

`python -m slicefast.validation` prints the tables.
"""

from __future__ import annotations

import warnings

import numpy as np

from slicefast import _core
from slicefast.errors import RangeWarning
from slicefast.network import make_links
from slicefast.rng import Streams
from slicefast.scenario import Scenario
from slicefast.units import Float64

#: Sites of the tori, and of the plane in whose middle the users of the other column are.
TORI = (1, 3, 4, 7, 12, 19, 37, 61)
PLANE = 127
PERCENT = (5, 50, 95)
#: A standard error of the median over 24 seeds is about 0.1 dB from four sites on; one or three sites have less room
#: to average in a seed.
SEEDS = 24


def torus_table(seeds: int = SEEDS, n_users: int = 3000) -> str:
    """Return SINR percentiles at full load of tori, less those in the middle of a plane, as a Markdown table."""
    reference = _percentiles(PLANE, False, seeds, n_users)
    lines = ["| sites | 5 % | 50 % | 95 % | standard errors |", "|---|---:|---:|---:|---:|"]
    lines.append(f"| {PLANE}, no torus | {_cells(reference.mean(axis=0), '.2f')} | {_errors(reference)} |")
    for n_sites in TORI:
        own = _percentiles(n_sites, True, seeds, n_users)
        lines.append(f"| {n_sites} | {_cells(own.mean(axis=0) - reference.mean(axis=0), '+.2f')} | {_errors(own)} |")
    return "\n".join(lines)


def seeds_table(seeds: int = SEEDS, n_users: int = 3000) -> str:
    """Return how the median gain of the best server spreads over seeds, as a Markdown table."""
    lines = ["| 19 sites | median gain of the best server, mean | standard deviation over seeds |", "|---|---:|---:|"]
    for model, distance_m, height_m in (("tr38901_uma", 500.0, 25.0), ("tr38901_umi", 200.0, 10.0)):
        settings = {"path_loss_model": model, "frequency_hz": 3.5e9, "bs_height_m": height_m}
        scenario = Scenario.hexagonal(n_sites=19, inter_site_distance_m=distance_m, radio=settings)
        medians = [np.median(_best_gain_db(scenario, seed, n_users)) for seed in range(seeds)]
        lines.append(f"| {model} | {np.mean(medians):.1f} dB | {np.std(medians, ddof=1):.2f} dB |")
    return "\n".join(lines)


def _cells(values: Float64, form: str) -> str:
    return " | ".join(f"{value:{form}} dB" for value in values)


def _errors(percentiles: Float64) -> str:
    return ", ".join(f"{e:.2f}" for e in percentiles.std(axis=0, ddof=1) / np.sqrt(len(percentiles)))


def _links_and_users(scenario: Scenario, seed: int, n_users: int) -> tuple[_core.LinkModel, Float64, Float64]:
    """Links of a seed, and users anywhere on a torus or in the four cells' worth around the middle of a plane."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RangeWarning)
        links = make_links(scenario, Streams(seed).shadowing)
    s, t = np.random.default_rng(seed).random((2, n_users))
    if scenario.area.wrap:
        v1, v2, start = scenario.area.v1_m, scenario.area.v2_m, np.zeros(2)
    else:
        site_x, site_y = scenario.site_x_m, scenario.site_y_m
        side = 2.0 * float(np.min(np.hypot(site_x[1:] - site_x[0], site_y[1:] - site_y[0])))
        v1, v2 = (side, 0.0), (0.5 * side, np.sqrt(0.75) * side)
        start = np.array([site_x.mean(), site_y.mean()]) - 0.5 * np.add(v1, v2)
    return links, start[0] + s * v1[0] + t * v2[0], start[1] + s * v1[1] + t * v2[1]


def _percentiles(n_sites: int, wrap: bool, seeds: int, n_users: int) -> Float64:
    """SINR of the default radio at full load, (seeds, 3) [dB]."""
    scenario = Scenario.hexagonal(n_sites=n_sites, wrap_around=wrap)
    power, everyone = np.asarray(scenario.power_w_per_prb), np.ones(scenario.n_cells)
    rows = []
    for seed in range(seeds):
        links, x, y = _links_and_users(scenario, seed, n_users)
        _, sinr = links.best_server(x, y, power, everyone, float(scenario.noise_w_per_prb))
        rows.append(np.percentile(10.0 * np.log10(sinr), PERCENT))
    return np.array(rows)


def _best_gain_db(scenario: Scenario, seed: int, n_users: int) -> Float64:
    links, x, y = _links_and_users(scenario, seed, n_users)
    return np.asarray(10.0 * np.log10(links.gains(x, y).max(axis=1)), dtype=np.float64)
