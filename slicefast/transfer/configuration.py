"""How alike two cells are by what an operator has written down about them: no sample, no source policy needed.

====== =================================================================================================
symbol meaning
====== =================================================================================================
x      a cell as a point: natural logarithms of what has a unit, so that a factor counts alike everywhere
====== =================================================================================================

Coordinates, those of a slice over sqrt(S): ln of the throughput required; ln of the delay allowed over what a packet
takes at that throughput; ln of the traffic offered at the mask's mean, a silent slice as a thousandth of its cell's;
ln of the packets' size. Of the cell: power in tens of dB, tilt in tens of degrees, ln of its bandwidth, of the mast's
height, and of the distance to the nearest other site. The distance of two cells is |x_i - x_j|. Weights are all 1 and
untuned (ours).
"""

from __future__ import annotations

import numpy as np

from slicefast.arguments import checked
from slicefast.errors import refuse
from slicefast.scenario import Scenario
from slicefast.scenario.layouts import torus_distance
from slicefast.units import Float64

_SILENT = 1e-3  # of a cell's traffic: what a slice without any is taken for


@checked
def describe_cells(scenario: Scenario) -> Float64:
    """Return every cell as a point x, (N, 4S + 5).

    Parameters
    ----------
    scenario : Scenario
        N cells and S slices.

    Examples
    --------
    >>> sf.transfer.describe_cells(sf.Scenario.paper()).shape  # cells, 4 numbers per slice and 5 more
    (12, 21)
    """
    throughput_bps, packet_bits = scenario.throughput_requirement_bps, scenario.cell_packet_bits
    packet_ms = packet_bits / throughput_bps * 1e3
    of_slices = [throughput_bps, scenario.delay_requirement_ms / packet_ms, _offered_bps(scenario), packet_bits]
    of_cells = [
        scenario.power_dbm / 10.0,
        scenario.tilt_deg / 10.0,
        np.log(scenario.cell_downlink_hz),
        np.log(scenario.site_height_m)[scenario.cell_site],
        np.log(_nearest_site_m(scenario))[scenario.cell_site],
    ]
    return np.hstack([np.log(np.hstack(of_slices)) / np.sqrt(scenario.n_slices), np.stack(of_cells, axis=1)])


@checked
def configuration_distance(source: Scenario, target: Scenario | None = None) -> Float64:
    """Return how far the cells of one scenario are from those of another, or from each other, by their configuration.

    Parameters
    ----------
    source, target : Scenario
        Of as many slices; the source itself unless given.

    Returns
    -------
    ndarray of float64, (sources, targets)
        |x_i - x_j|.

    Raises
    ------
    SlicefastError
        The scenarios have different numbers of slices.

    Examples
    --------
    >>> mixed = sf.Scenario.heterogeneous(0.5)
    >>> distance = sf.transfer.configuration_distance(mixed, sf.Scenario.paper())
    >>> distance.shape, bool((distance >= 0.0).all())
    ((12, 12), True)
    """
    target = source if target is None else target
    if target.n_slices != source.n_slices:
        refuse("target", f"{target.n_slices} slices", f"the source's {source.n_slices}")
    ours, theirs = describe_cells(source), describe_cells(target)
    distance: Float64 = np.linalg.norm(ours[:, None] - theirs[None], axis=-1)
    return distance


def _offered_bps(scenario: Scenario) -> Float64:
    """Traffic of every cell's slices where the mask is at its mean, (N, S) [bit/s]."""
    traffic, density = scenario.traffic, scenario.density
    parts = np.full(scenario.n_cells, 1.0 / scenario.n_cells) if density is None else density.parts
    users = parts[:, None] * scenario.slice_users * scenario.activity * (traffic.low + traffic.high) / 2.0
    offered_bps = users * scenario.cell_rate_bps
    heard: Float64 = np.maximum(offered_bps, _SILENT * offered_bps.sum(axis=1, keepdims=True))
    return heard


def _nearest_site_m(scenario: Scenario) -> Float64:
    """Distance of every site to the nearest other place of sites, (K,) [m]; the layout's where there is one alone."""
    nearest = np.empty(scenario.n_sites)
    for k in range(scenario.n_sites):  # row by row: no K x K array, networks may have thousands of sites
        dx_m, dy_m = scenario.site_x_m - scenario.site_x_m[k], scenario.site_y_m - scenario.site_y_m[k]
        away_m = torus_distance(dx_m, dy_m, scenario.area)
        nearest[k] = away_m[away_m > 1e-3].min(initial=scenario.placement.inter_site_distance_m)
    return nearest
