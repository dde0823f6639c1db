"""Load coupling: cell loads and interference that agree with each other.

SINR_u(rho) = p_n g_un / (sum_{k != n} rho_k p_k g_uk + noise), l_ns = min(share_ns, sum_u d_u / (W eff(SINR_u))),
rho_n = sum_s l_ns; Siomina & Yuan 2012 (arXiv 1201.4116). With an efficiency without jumps (shannon, mogensen) the map
is a standard interference mapping (Yates 1995), so its fixed point is unique. With jumps (tr36942, cqi) there may be
several: the lowest in every cell is meant, where loads that rise from zero come to rest. U users, N cells, S slices.

Mean interference, as in the literature: a user has the rate at its mean SINR. Where neighbours' PRBs are rather on or
off one by one, the mean rate is higher: with every PRB sent at its own rate 1.7, 1.4 and 1.2 times at activity 0.2, 0.4
and 0.7 (default network, Mogensen's curve; 1.2, 1.2 and 1.1 times below LTE's highest rate: `slicefast.validation`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slicefast import _core
from slicefast.arguments import checked
from slicefast.arrays import to_int32, to_sinr, to_vector
from slicefast.errors import NotConverged, described, refuse
from slicefast.plausible import hold
from slicefast.threads import usable_threads
from slicefast.units import Float32, Float64, Int32

__all__ = ["Efficiency", "NotConverged", "Solution", "sinr", "solve", "spectral_efficiency", "spectral_radius"]

#: How a link's rate follows from its SINR, see `spectral_efficiency`.
#: Slices that a network may have: far more than there are, and few enough to keep loads of.
MOST_SLICES = 65_536
Efficiency = Literal["shannon", "tr36942", "mogensen", "cqi"]
_SAMPLE = 2048  # users whose gains are held against what is plausible


@dataclass(frozen=True, eq=False)
class Solution:
    """Loads that agree with the interference they cause.

    Attributes
    ----------
    load : ndarray of float64, (N,) or (N, S)
        Per cell, or per cell and slice where there are slices.
    iterations : int
        Evaluations of the map.
    residual : float
        max |l(rho) - rho| / max(1, rho); after a last Newton step that was not evaluated, a bound on it.
    """

    load: Float64
    iterations: int
    residual: float


def _gain(gain: ArrayLike, check: bool = True) -> Float32 | Float64:
    if isinstance(gain, _core.FoldedGains):
        refuse("gain", described("folded gains"), "the matrix of every link")
    # float32 stays as it is: a copy of a large matrix costs more than the solution, and so does a look at all of it.
    given = np.asarray(gain)
    array = np.ascontiguousarray(given if given.dtype == np.float32 else np.asarray(given, dtype=np.float64))
    if array.ndim != 2:
        refuse("gain", described(f"shape {array.shape}"), "shape (users, cells)")
    if not check:
        return array
    low = array.min(initial=0.0)
    high = array.max(initial=0.0)
    if not (low >= 0.0 and high < np.inf):
        user, cell = np.argwhere(~((array >= 0.0) & np.isfinite(array)))[0]
        refuse(f"gain of user {user} and cell {cell}", float(array[user, cell]), "finite and at least 0")
    return array


def _transmitters(
    matrix: NDArray[Any] | _core.FoldedGains, power_w: ArrayLike, noise_w: float, serving: ArrayLike
) -> tuple[Float64, Int32]:
    """Return powers (N,) [W] and serving cells (U,), held against the gains."""
    n_users, n_cells = matrix.shape
    power, cells = to_vector("power_w", power_w, n_cells), to_int32("serving", serving, n_users)
    _hold_plausible(matrix, power, float(noise_w), cells)
    return power, cells


def _per_user(demand: Float64, n_users: int) -> Float64:
    return np.full(n_users, float(demand)) if demand.ndim == 0 else demand


def _hold_plausible(gain: _core.FoldedGains | NDArray[Any], power_w: Float64, noise_w: float, serving: Int32) -> None:
    """Warn of dB, path losses or dBm among the links to serving cells: of a sample, such mistakes spare nobody."""
    if isinstance(gain, _core.FoldedGains):
        return
    user = np.arange(0, len(serving), max(1, len(serving) // _SAMPLE))
    user = user[(serving[user] >= 0) & (serving[user] < power_w.size)]
    own = np.asarray(gain[user, serving[user]], np.float64)
    snr = own * power_w[serving[user]] / noise_w if noise_w > 0.0 else np.zeros(0)
    for quantity, field, values in (("gain", "gain", own), ("snr", "power_w gain / noise_w", snr)):
        hold(quantity, field, values[(values >= 0.0) & np.isfinite(values)])  # others are the core's to refuse


def _slices(
    share: ArrayLike | None, slice_of: ArrayLike | None, n_users: int, n_cells: int
) -> tuple[Float64 | None, Int32 | None, int]:
    """Return caps (N, S), slices (U,) and S."""
    caps = None if share is None else np.asarray(share, dtype=np.float64)
    if caps is not None and (caps.ndim not in (1, 2) or caps.shape[0] != n_cells):
        refuse("share", described(f"shape {caps.shape}"), f"shape ({n_cells}, slices)")
    slices = None if slice_of is None else to_int32("slice_of", slice_of, n_users)
    if slices is not None and slices.size and slices.max() >= MOST_SLICES:  # loads of every slice and cell are kept
        refuse("slice_of", int(slices.max()), f"below {MOST_SLICES}")
    if caps is not None:
        n_slices = 1 if caps.ndim == 1 else caps.shape[1]
        caps = caps.reshape(n_cells, n_slices)
    else:
        n_slices = 1 if slices is None else int(slices.max(initial=0)) + 1
    if n_slices > 1 and slices is None:
        refuse("slice_of", None, f"the slice of each user, shape ({n_users},), where share has several slices")
    return caps, slices, n_slices


@checked
def solve(
    gain: ArrayLike | _core.FoldedGains,
    power_w: ArrayLike,
    noise_w: float,
    demand_bps: ArrayLike,
    serving: ArrayLike,
    bandwidth_hz: float,
    share: ArrayLike | None = None,
    slice_of: ArrayLike | None = None,
    tolerance: float = 1e-6,
    max_iterations: int = 200,
    *,
    efficiency: Efficiency = "shannon",
    ceiling_bps_per_hz: float | None = None,
    layers: int = 1,
    start: ArrayLike | None = None,
    n_threads: int = 1,
    isa: str | None = None,
) -> Solution:
    """Solve the load coupling by Newton's method, with the plain iteration where Newton does not help.

    l_ns(rho) = min(share_ns, sum over u in n, s of d_u / (W eff(SINR_u(rho)))), rho_n = sum_s l_ns.

    Efficiencies that jump ("tr36942", "cqi") may let loads fit together in several ways: the lowest in every cell is
    returned, whatever the start, and never `NotConverged` under caps.

    Parameters
    ----------
    gain : array_like, (U, N), or FoldedGains
        Linear; or what a link model's ``fold`` returns. Gains above 1 and SNRs above 80 dB are warned about with a
        `RangeWarning`: a path loss, dB or dBm given in their place.
    power_w : array_like, (N,) or a number
        Transmit powers [W].
    noise_w : float
        Noise over the same bandwidth unit as the powers [W].
    demand_bps : array_like, (U,) or a number
        What each user asks for [bit/s].
    serving : array_like of int, (U,)
        Serving cells.
    bandwidth_hz : float
        Bandwidth W of a cell [Hz].
    share : array_like, (N, S) or (N,), optional
        Caps on the load of each slice; without it the load is uncapped and may pass 1.
    slice_of : array_like of int, (U,), optional
        The slice of each user.
    tolerance : float
        Of the residual, see `Solution`.
    max_iterations : int
        Evaluations of the map before giving up.
    efficiency : {"shannon", "tr36942", "mogensen", "cqi"}
        See `spectral_efficiency`.
    ceiling_bps_per_hz : float, optional
        What the efficiency is at most [bit/s/Hz]: the highest rate of the technology. Left out: as published.
    layers : int
        How many a link has at most, see `spectral_efficiency`.
    start : array_like, (N, S) or (N,), optional
        Loads to start from; near the solution it is fast.
    n_threads : int
        Users are shared among this many threads.
    isa : str, optional
        Instruction set.

    Returns
    -------
    Solution
        With ``load`` (N,), or (N, S) where ``share`` or ``slice_of`` name slices.

    Raises
    ------
    ValueError
        Impossible input; the argument is named.
    NotConverged
        No fixed point was reached, as for infeasible demand without caps: see `spectral_radius`. It carries
        ``iterations`` and ``residual``.

    Examples
    --------
    >>> sf.load_coupling.solve([[15e-9]], [1.0], 1e-9, [36e6], [0], 18e6).load
    array([0.5])
    """
    # The core looks at the rows of users with demand while it has them in cache.
    matrix = gain if isinstance(gain, _core.FoldedGains) else _gain(gain, check=False)
    n_users, n_cells = matrix.shape
    caps, slices, n_slices = _slices(share, slice_of, n_users, n_cells)
    demand = np.asarray(demand_bps, dtype=np.float64)
    guess = np.zeros((n_cells, n_slices)) if start is None else np.asarray(start, dtype=np.float64)
    if guess.size != n_cells * n_slices:
        refuse("start", described(f"shape {guess.shape}"), f"shape ({n_cells}, {n_slices})")
    if n_users == 0:
        refuse("gain", described(f"shape {matrix.shape}"), "at least one user")
    power, cells = _transmitters(matrix, power_w, noise_w, serving)
    load, iterations, residual = _core.solve_load_coupling(
        gain=matrix,
        power_w=power,
        noise_w=float(noise_w),
        demand_bps=_per_user(demand, n_users),
        serving=cells,
        bandwidth_hz=float(bandwidth_hz),
        share=caps,
        slice_of=slices,
        start=guess.reshape(n_cells, n_slices),
        tolerance=float(tolerance),
        max_iterations=int(max_iterations),
        efficiency=efficiency,
        ceiling_bps_per_hz=ceiling_bps_per_hz,
        layers=layers,
        n_threads=usable_threads(n_threads),
        isa=isa or _core.default_isa(),
    )
    per_slice = np.asarray(share).ndim == 2 or (share is None and slice_of is not None)
    return Solution(load if per_slice else load[:, 0], iterations, residual)


@checked
def sinr(
    gain: ArrayLike | _core.FoldedGains,
    power_w: ArrayLike,
    noise_w: float,
    rho: ArrayLike,
    serving: ArrayLike,
    *,
    n_threads: int = 1,
    isa: str | None = None,
) -> Float32:
    """Return every user's SINR at given activities, SINR_u = p_n g_un / (sum_{k != n} rho_k p_k g_uk + noise).

    Parameters
    ----------
    gain : array_like, (U, N), or FoldedGains
        Linear; or what a link model's ``fold`` returns. Gains above 1 and SNRs above 80 dB are warned about with a
        `RangeWarning`: a path loss, dB or dBm given in their place.
    power_w : array_like, (N,) or a number
        Transmit powers [W].
    noise_w : float
        Noise over the same bandwidth unit as the powers [W].
    rho : array_like, (N,) or a number
        Activities of the cells.
    serving : array_like of int, (U,)
        Serving cells.
    n_threads : int
        Users are shared among this many threads.
    isa : str, optional
        Instruction set.

    Returns
    -------
    ndarray of float32, (U,)
        Linear.

    Raises
    ------
    ValueError
        Impossible input; the argument is named.

    Examples
    --------
    >>> sf.load_coupling.sinr([[1e-9, 1e-10]], [1.0, 1.0], 1e-12, rho=[0.5, 0.5], serving=[0]).round(2)
    array([19.61], dtype=float32)
    """
    matrix = gain if isinstance(gain, _core.FoldedGains) else _gain(gain)
    n_cells = matrix.shape[1]
    power, cells = _transmitters(matrix, power_w, noise_w, serving)
    return _core.coupled_sinr(
        gain=matrix,
        power_w=power,
        noise_w=float(noise_w),
        rho=to_vector("rho", rho, n_cells),
        serving=cells,
        n_threads=usable_threads(n_threads),
        isa=isa or _core.default_isa(),
    )


@checked
def spectral_radius(
    gain: ArrayLike,
    power_w: ArrayLike,
    noise_w: float,
    demand_bps: ArrayLike,
    serving: ArrayLike,
    bandwidth_hz: float,
    *,
    isa: str | None = None,
) -> float:
    """Spectral radius of the asymptotic mapping: the demand is feasible at some finite load iff it is below 1.

    M_ik = sum_{u in i} (d_u ln2 / W) p_k g_uk / (p_i g_ui), k != i, for the Shannon efficiency (Cavalcante, Liao,
    Stanczak, IEEE TSP 67, 2019). Below 1 does not mean that no load passes 1.

    Parameters
    ----------
    gain, power_w, noise_w, demand_bps, serving, bandwidth_hz
        As in `solve`; no folded gains.
    isa : str, optional
        Instruction set.

    Returns
    -------
    float
        At least 0.

    Raises
    ------
    ValueError
        Impossible input; the argument is named.

    Examples
    --------
    >>> gain = [[1e-9, 1e-11], [1e-11, 1e-9]]
    >>> radius = sf.load_coupling.spectral_radius(gain, [1.0, 1.0], 1e-13, [18e6, 18e6], [0, 1], 18e6)
    >>> round(radius, 4)  # below 1: the network carries it
    0.0069
    """
    matrix = _gain(gain)
    n_users = matrix.shape[0]
    demand = np.asarray(demand_bps, dtype=np.float64)
    power, cells = _transmitters(matrix, power_w, noise_w, serving)
    return _core.spectral_radius(
        gain=matrix,
        power_w=power,
        noise_w=float(noise_w),
        demand_bps=_per_user(demand, n_users),
        serving=cells,
        bandwidth_hz=float(bandwidth_hz),
        isa=isa or _core.default_isa(),
    )


@checked
def spectral_efficiency(
    efficiency: Efficiency, sinr: ArrayLike, *, ceiling_bps_per_hz: float | None = None, layers: int = 1
) -> Float64:
    """Return the spectral efficiency at a linear SINR x.

    On several layers r of them share the power, each carries the efficiency f of one layer at x / r, and the best rank
    is taken: max over r <= L of r min(f(x / r), ceiling / L), which is at r = L for all but "cqi". Ours: parallel
    layers of equal strength. Over independent Rayleigh fading with L antennas on either side this is more than zero
    forcing reaches and less than joint detection (Telatar 1999), at 30 dB 1 % more; few antennas or a line of sight
    carry less.

    Parameters
    ----------
    efficiency : {"shannon", "tr36942", "mogensen", "cqi"}
        "shannon": log2(1 + x). "tr36942": 0.6 log2(1 + x), none below -10 dB, at most 4.4 (TR 36.942 A.1). "mogensen":
        0.75 log2(1 + x / 1.25). "cqi": the highest CQI (TS 36.213 Table 7.2.3-1) whose 10 % block-error threshold is
        met, times 168 resource elements per 180 kHz and millisecond.
    sinr : array_like
        Linear.
    ceiling_bps_per_hz : float, optional
        What it is at most [bit/s/Hz]: the highest rate of the technology, as scenarios have it, over all
        layers. Left out: as published.
    layers : int
        L, from 1 to 4.

    Returns
    -------
    ndarray of float64
        [bit/s/Hz], of the shape of ``sinr``.

    Raises
    ------
    ValueError
        An unknown efficiency, or a SINR that is negative or NaN.

    Examples
    --------
    >>> sf.load_coupling.spectral_efficiency("shannon", [1.0, 15.0])
    array([1., 4.])
    """
    array = to_sinr(sinr)
    flat = np.ascontiguousarray(array).reshape(-1)
    found = _core.spectral_efficiency(efficiency, flat, ceiling_bps_per_hz=ceiling_bps_per_hz, layers=layers)
    return found.reshape(array.shape)
