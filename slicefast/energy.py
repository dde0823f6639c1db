"""Power that a cell draws, from its load: the linear model of the EARTH project.

P = N_TRX (P_0 + m P_max l) while the cell is on, N_TRX P_sleep while it sleeps.

=========  ====================================================================  ====
symbol     meaning                                                               unit
=========  ====================================================================  ====
N_TRX      transceivers of the cell
P_max      largest radio power of a transceiver                                  W
P_0        power of a transceiver that sends nothing                             W
m          slope: power drawn for every watt of radio power
P_sleep    power of a transceiver asleep                                         W
l          load, the share of the cell's PRBs that is used                       1
=========  ====================================================================  ====

Auer et al., How much energy is needed to run a wireless network?, IEEE Wireless Communications 18(5), 2011, Table 2
(from memory; a macro site there has six transceivers, two for each of its three cells).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from slicefast.errors import refuse
from slicefast.units import Float64


class Station(NamedTuple):
    """One cell's transceivers, see above; powers in W.

    Examples
    --------
    >>> from slicefast.energy import STATIONS
    >>> STATIONS["pico"].p_0_w
    6.8
    """

    n_trx: int
    p_max_w: float
    p_0_w: float
    slope: float
    p_sleep_w: float


#: Two transceivers a cell: 2 x 20 W are the 46 dBm of the default scenario.
STATIONS: Mapping[str, Station] = MappingProxyType(
    {
        "macro": Station(2, 20.0, 130.0, 4.7, 75.0),
        "remote_radio_head": Station(2, 20.0, 84.0, 2.8, 56.0),
        "micro": Station(2, 6.3, 56.0, 2.6, 39.0),
        "pico": Station(2, 0.13, 6.8, 4.0, 4.3),
        "femto": Station(2, 0.05, 4.8, 8.0, 2.9),
    }
)
MACRO = STATIONS["macro"]


def power_w(load: ArrayLike, station: Station = MACRO, sleeps: bool = False) -> Float64:
    """Return the power that cells draw, P = N_TRX (P_0 + m P_max l).

    Parameters
    ----------
    load : array_like, any shape
        Share of a cell's PRBs used, 0 to 1 (within 1e-6): the sum of its slices' loads.
    station : Station
        The cell's hardware.
    sleeps : bool
        Whether a cell that sends nothing in the whole step is asleep, P = N_TRX P_sleep.

    Returns
    -------
    ndarray of float64
        Shaped like the load [W]. Over a step of ``step_s`` seconds that is ``power_w * step_s`` joules.

    Raises
    ------
    SlicefastError
        A load is not within 0 to 1.

    Examples
    --------
    >>> from slicefast.energy import STATIONS, power_w
    >>> power_w([0.0, 0.5, 1.0])  # one cell of two 20 W transceivers at three loads
    array([260., 354., 448.])
    >>> power_w(0.0, STATIONS["pico"], sleeps=True)
    array(8.6)
    """
    used = np.asarray(load, np.float64)
    if not ((used >= 0.0) & (used <= 1.0 + 1e-6)).all():
        refuse("load", float(used.flat[np.argmax(~((used >= 0.0) & (used <= 1.0 + 1e-6)))]), "0 to 1")
    drawn = station.n_trx * (station.p_0_w + station.slope * station.p_max_w * used)
    return np.where(used == 0.0, station.n_trx * station.p_sleep_w, drawn) if sleeps else drawn
