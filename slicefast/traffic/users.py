"""What a traffic model works on: what its slice asks for, its users and their clocks, and the packets it makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slicefast.traffic.trace import PacketTrace
from slicefast.units import Float64


class Events(NamedTuple):
    """Packets of a window.

    Attributes
    ----------
    user : ndarray of int32, (K,)
        Whose packet.
    tti : ndarray of int32, (K,)
        When it arrives, in [0, window_ttis).
    bits : ndarray of float32, (K,)
        Its size [bit].
    """

    user: NDArray[np.int32]
    tti: NDArray[np.int32]
    bits: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Demand:
    """What a scenario says of one slice; a model works out rates and sizes from it.

    Parameters
    ----------
    rate_bps : float or None
        The slice's ``rate_bps``.
    packet_bits : float
        The slice's ``packet_bits``.
    n_users : int
        Users of the slice in the whole network.
    peak_bps : float
        A rate that the carrier gives no user [bit/s].
    trace : PacketTrace or None
        What the model's `read_trace` returned.
    """

    rate_bps: float | None
    packet_bits: float
    n_users: int
    peak_bps: float
    trace: PacketTrace | None


@dataclass(frozen=True, eq=False)
class SliceUsers:
    """The users of one slice of one replica, numbered from 0; U users.

    Parameters
    ----------
    generator : numpy.random.Generator
        The replica's stream of traffic.
    rate_bps, event_bits : float
        The model's `TrafficModel.mean_rate_bps` and `TrafficModel.event_bits`.
    window_ttis : int
        Length of a window [TTI].
    ttis_per_s : float
        TTIs in a second.
    full_bits : float
        More than any user can be sent in a window [bit].
    trace : PacketTrace or None
        What the model's `TrafficModel.read_trace` returned.
    next_tti, left_tti : ndarray of float64, (U,)
        Two clocks per user [TTI], written in place; what they mean is the model's own business.
    """

    generator: np.random.Generator
    rate_bps: float
    event_bits: float
    window_ttis: int
    ttis_per_s: float
    full_bits: float
    trace: PacketTrace | None
    next_tti: Float64
    left_tti: Float64

    @property
    def interval_ttis(self) -> float:
        """Mean time between a user's packets [TTI]."""
        return float(self.event_bits / self.rate_bps * self.ttis_per_s)
