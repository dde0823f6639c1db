"""KPIs as E2SM-KPM reports them: measurement names of 3GPP TS 28.552 with cell and S-NSSAI as labels.

===========================  =================================================================  ==========  ============
measurement                  from                                                               unit        per
===========================  =================================================================  ==========  ============
DRB.UEThpDl                  ``throughput_bps`` (counted as `slicefast.kpis` says)              kbit/s      cell, slice
RRU.PrbUsedDl                ``load`` x PRBs of the cell                                        PRB         cell, slice
RRU.PrbTotDl                 sum of ``load`` over the slices                                    %           cell
RRU.PrbAvailDl               PRBs of the cell                                                   PRB         cell
DRB.MeanActiveUeDl           ``users``                                                          1           cell, slice
DRB.RlcSduDelayDl            ``packets.mean_delay_ms``: delivered packets, as 28.552 counts     0.1 ms      cell, slice
DRB.RlcPacketDropRateDl      ``packets.loss``                                                   1e-6        cell, slice
===========================  =================================================================  ==========  ============

The last two need ``Simulator(..., per_packet=True)``. What a cell and slice had none of (NaN) is left out. Names, units
and labels (O-RAN E2SM-KPM, measurement labels) from memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from slicefast.errors import described, refuse
from slicefast.units import Float64

if TYPE_CHECKING:
    from slicefast.kpis import Kpis
    from slicefast.scenario import Scenario


class Snssai(NamedTuple):
    """A slice's S-NSSAI (3GPP TS 23.003): slice/service type, and differentiator or None.

    Examples
    --------
    >>> from slicefast.kpm import Snssai
    >>> Snssai(sst=1)
    Snssai(sst=1, sd=None)
    """

    sst: int
    sd: int | None = None


class Record(NamedTuple):
    """One measurement: its name, value and unit, the cell (from 1) and the slice's S-NSSAI, None for the whole cell.

    Examples
    --------
    >>> from slicefast.kpm import Record, Snssai
    >>> Record("DRB.UEThpDl", cell=1, snssai=Snssai(1, 2), value=2500.0, unit="kbit/s").unit
    'kbit/s'
    """

    name: str
    cell: int
    snssai: Snssai | None
    value: float
    unit: str


def slices_snssai(scenario: Scenario) -> tuple[Snssai, ...]:
    """Return each slice's S-NSSAI: ``sst`` and ``sd`` of its settings; where both are left out, 1 and its number.

    Raises
    ------
    SlicefastError
        Two slices have the same one, which labels could not tell apart.

    Examples
    --------
    >>> from slicefast.kpm import slices_snssai
    >>> slices_snssai(sf.Scenario.hexagonal(n_sites=1))[1]
    Snssai(sst=1, sd=2)
    """
    found = tuple(
        Snssai(1, s + 1)
        if item.sst is None and item.sd is None
        else Snssai(1 if item.sst is None else item.sst, item.sd)
        for s, item in enumerate(scenario.slices)
    )
    for s, label in enumerate(found):
        if label in found[:s]:
            refuse(
                f"S-NSSAI of slice {s + 1}", described(f"{label}, slice {found.index(label) + 1}'s"), "one of its own"
            )
    return found


def records(kpis: Kpis, scenario: Scenario) -> list[Record]:
    """Return a step's KPIs as measurements with labels.

    Parameters
    ----------
    kpis : Kpis
        Of one replica, arrays (N, S).
    scenario : Scenario
        Its cells and slices.

    Returns
    -------
    list of Record
        By measurement, cell and slice.

    Raises
    ------
    SlicefastError
        The KPIs are of several replicas, or two slices share an S-NSSAI.

    Examples
    --------
    >>> from slicefast.kpm import records
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> found = records(sf.Simulator(scenario, seed=0).reset(), scenario)
    >>> found[0].name, found[0].cell, found[0].snssai, found[0].unit
    ('DRB.UEThpDl', 1, Snssai(sst=1, sd=1), 'kbit/s')
    """
    shape = (scenario.n_cells, scenario.n_slices)
    if np.shape(kpis.load) != shape:
        refuse("kpis", described(f"shape {np.shape(kpis.load)}"), f"{shape}: one replica of this scenario")
    labels: tuple[Snssai | None, ...] = slices_snssai(scenario)
    n_prb = scenario.cell_prb[:, None]
    whole = 100.0 * kpis.load.sum(axis=1, keepdims=True)
    found = [
        *_records("DRB.UEThpDl", kpis.throughput_bps / 1e3, "kbit/s", labels),
        *_records("RRU.PrbUsedDl", kpis.load * n_prb, "PRB", labels),
        *_records("RRU.PrbTotDl", whole, "%", (None,)),
        *_records("RRU.PrbAvailDl", n_prb.astype(np.float64), "PRB", (None,)),
        *_records("DRB.MeanActiveUeDl", kpis.users, "1", labels),
    ]
    if kpis.packets is not None:
        found += _records("DRB.RlcSduDelayDl", 10.0 * kpis.packets.mean_delay_ms, "0.1 ms", labels)
        found += _records("DRB.RlcPacketDropRateDl", 1e6 * kpis.packets.loss, "1e-6", labels)
    return found


def _records(name: str, values: Float64, unit: str, labels: tuple[Snssai | None, ...]) -> Iterator[Record]:
    for (n, s), value in np.ndenumerate(values):
        if not np.isnan(value):
            yield Record(name, n + 1, labels[s], float(value), unit)
