"""Values that are possible, but more likely a mistake: what is plausible, and the mistake, in one table.

A value outside its range is warned about by name, or refused where nothing sensible follows from it. The ranges are
ours, wide enough for what the standards and operators have. What a formula or a document allows is not here, but beside
the formula (`slicefast.radio.models.PathLossModel`).
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from types import FrameType

import numpy as np
from numpy.typing import ArrayLike

from slicefast.errors import RangeWarning, ScenarioError


@dataclass(frozen=True)
class Plausible:
    """A row of the table.

    Parameters
    ----------
    low, high : float
        The plausible range.
    below, above : str
        What a value outside it most likely is.
    refused : bool
        Whether a value outside is refused.
    """

    low: float
    high: float
    below: str = ""
    above: str = ""
    refused: bool = False


#: By the name of the quantity; units as in the names.
PLAUSIBLE = {
    "prb_bandwidth_hz": Plausible(
        180e3,  # LTE, and NR at 15 kHz
        11.52e6,  # NR at 960 kHz
        below="kHz or MHz given as Hz? A PRB of LTE has 180e3 Hz",
        above="the carrier's bandwidth given as a PRB's? The carrier has radio.n_prb of them",
        refused=True,
    ),
    "rate_bps": Plausible(
        10.0, 1e11, "kbit/s or Mbit/s given as bit/s?", "a cell's or a network's rate, not a user's?"
    ),
    "throughput_bps": Plausible(
        10.0, 1e11, "kbit/s or Mbit/s given as bit/s?", "a cell's or a network's rate, not a user's?"
    ),
    "delay_ms": Plausible(0.01, 1e7, below="seconds given as ms?", above="microseconds given as ms?"),
    "speed_mps": Plausible(0.0, 50.0, above="km/h given as m/s?"),
    "step_s": Plausible(1e-3, 900.0, "ms or TTIs meant?", "ms given as s?"),
    "tilt_deg": Plausible(0.0, 45.0, "a downtilt is positive here", "an angle from the zenith? The horizon is 0 here"),
    "macro_power_dbm": Plausible(
        30.0, 70.0, below="power per PRB, or in W? It is the cell's whole power", above="mW given as dBm?"
    ),
    "span_m": Plausible(0.0, 100e3, above="places far apart in one file, or latitude and longitude swapped?"),
    "near_share": Plausible(0.0, 0.9, above="km given as m?", refused=True),
    "gain": Plausible(0.0, 1.0, above="a path loss, or dB, given as gain? It is linear, and no channel amplifies"),
    "snr": Plausible(
        0.0, 1e8, above="dBm given as W, or power and noise over different bandwidths? Above 80 dB noise vanishes"
    ),
}


def hold(quantity: str, field: str, values: ArrayLike, each: str = "") -> None:
    """Hold values against their row of the table; the worst one is named.

    Parameters
    ----------
    quantity : str
        The row of `PLAUSIBLE`.
    field : str
        Where the values stand, for the message.
    values : array_like
        A number, or one per `each`.
    each : str
        What an entry belongs to, such as ``"cell"``, numbered from 1.

    Raises
    ------
    ScenarioError
        A value is outside and the row refuses it; otherwise it is warned about.
    """
    row, array = PLAUSIBLE[quantity], np.asarray(values, np.float64)
    if array.size == 0 or (array.min() >= row.low and array.max() <= row.high):
        return
    low = array.min() < row.low
    worst = int(array.argmin() if low else array.argmax())
    where = f"{field} of {each} {worst + 1}" if each else field
    value, mistake = float(array.flat[worst]), row.below if low else row.above
    problem = f"plausible is {row.low:g} to {row.high:g}: {mistake}"
    if row.refused:
        raise ScenarioError(where, value, problem)
    warn(f"{where}: got {value:g}, {problem}")


#: What stands between a caller and a warning: a cached property is called by functools.
_BETWEEN = ("slicefast", "pydantic", "functools")


def warn(text: str) -> None:
    """Warn whoever called the package with a `RangeWarning`."""
    frame: FrameType | None = sys._getframe()
    level = 0
    while frame is not None and str(frame.f_globals.get("__name__")).split(".")[0] in _BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(text, RangeWarning, stacklevel=level + 1)
