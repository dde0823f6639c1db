"""Load coupling: cell loads and interference that agree with each other.

SINR_u(rho) = p_n g_un / (sum_{k != n} rho_k p_k g_uk + noise), l_ns = min(share_ns, sum_u d_u / (W eff(SINR_u))),
rho_n = sum_s l_ns; Siomina & Yuan 2012 (arXiv 1201.4116). With an efficiency without jumps (shannon, mogensen) the map is
a standard interference mapping (Yates 1995), so its fixed point is unique. With jumps (tr36942, cqi) there may be several:
the lowest in every cell is meant, where loads that rise from zero come to rest. U users, N cells, S slices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slicefast import _core
from slicefast._core import NotConverged

__all__ = ["NotConverged", "Solution", "sinr", "solve", "spectral_efficiency", "spectral_radius"]

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Solution:
    """`load` (N,), or (N, S) with slices; `iterations` evaluations of the map; `residual`, how far it may be off.

    max |l(rho) - rho| / max(1, rho); after a last Newton step that was not evaluated, a bound on it.
    """

    load: Float
    iterations: int
    residual: float


def _gain(gain: ArrayLike, check: bool = True) -> NDArray[np.float32] | Float:
    if isinstance(gain, _core.FoldedGains):
        raise ValueError("gain: got folded gains, this needs the matrix of every link")
    # float32 stays as it is: a copy of a large matrix costs more than the solution, and so does a look at all of it.
    array = np.asarray(gain)
    kept = array if array.dtype == np.float32 else np.asarray(array, dtype=np.float64)
    array = np.ascontiguousarray(kept)
    if array.ndim != 2:
        raise ValueError(f"gain: got shape {array.shape}, expected (users, cells)")
    if not check:
        return array
    low = array.min(initial=0.0)
    high = array.max(initial=0.0)
    if not (low >= 0.0 and high < np.inf):
        user, cell = np.argwhere(~((array >= 0.0) & np.isfinite(array)))[0]
        raise ValueError(f"gain: user {user}, cell {cell} has {array[user, cell]}, must be finite and >= 0")
    return array


def _per_cell(name: str, value: ArrayLike, n_cells: int) -> Float:
    array = np.asarray(value, dtype=np.float64)
    if array.ndim > 1 or (array.ndim == 1 and array.shape != (n_cells,)):
        raise ValueError(f"{name}: got shape {array.shape}, expected a number or ({n_cells},)")
    return np.ascontiguousarray(np.broadcast_to(array, (n_cells,)))


def _index(name: str, value: ArrayLike, n_users: int) -> NDArray[np.int32]:
    array = np.asarray(value)
    if array.shape != (n_users,):
        raise ValueError(f"{name}: got shape {array.shape}, expected ({n_users},)")
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name}: got dtype {array.dtype}, expected integers")
    return np.ascontiguousarray(np.clip(array, -(2**31), 2**31 - 1), dtype=np.int32)


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
    efficiency: str = "shannon",
    start: ArrayLike | None = None,
    n_threads: int = 1,
    isa: str | None = None,
) -> Solution:
    """Solve the load coupling.

    gain (U, N) linear, or what a link model's `fold` returns; power_w (N,) or a number, and noise_w, over the same
    bandwidth unit; demand_bps (U,) or a number; serving (U,) in [0, N); share (N, S) caps the load of each slice
    (slice_of (U,) names it), without it the load is uncapped and may pass 1. efficiency: "shannon", "tr36942",
    "mogensen" or "cqi". `start`, shaped like the load, makes it fast when it is near. Newton's method, with the plain
    iteration where Newton does not help. "tr36942" and "cqi" jump, and loads may then fit together in several ways: the
    lowest in every cell is returned, whatever the start, and never `NotConverged` under caps.
    Raises ValueError for impossible input and NotConverged (with .iterations and .residual) where no fixed point was
    reached, as for infeasible demand without caps: see `spectral_radius`.
    """
    # The core looks at the rows of users with demand while it has them in cache.
    matrix = gain if isinstance(gain, _core.FoldedGains) else _gain(gain, check=False)
    n_users, n_cells = matrix.shape
    caps = None if share is None else np.asarray(share, dtype=np.float64)
    if caps is not None and (caps.ndim not in (1, 2) or caps.shape[0] != n_cells):
        raise ValueError(f"share: got shape {caps.shape}, expected ({n_cells}, slices)")
    slices = None if slice_of is None else _index("slice_of", slice_of, n_users)
    if caps is not None:
        n_slices = 1 if caps.ndim == 1 else caps.shape[1]
        caps = caps.reshape(n_cells, n_slices)
    else:
        n_slices = 1 if slices is None else int(slices.max(initial=0)) + 1
    if n_slices > 1 and slices is None:
        raise ValueError("slice_of: is needed when share has several slices")
    demand = np.asarray(demand_bps, dtype=np.float64)
    if demand.ndim == 0:
        demand = np.full(n_users, float(demand))
    guess = np.zeros((n_cells, n_slices)) if start is None else np.asarray(start, dtype=np.float64)
    if guess.size != n_cells * n_slices:
        raise ValueError(f"start: got shape {guess.shape}, expected ({n_cells}, {n_slices})")
    if n_users == 0:
        raise ValueError(f"gain: got shape {matrix.shape}, needs at least one user")
    load, iterations, residual = _core.solve_load_coupling(
        gain=matrix,
        power_w=_per_cell("power_w", power_w, n_cells),
        noise_w=float(noise_w),
        demand_bps=demand,
        serving=_index("serving", serving, n_users),
        bandwidth_hz=float(bandwidth_hz),
        share=caps,
        slice_of=slices,
        start=guess.reshape(n_cells, n_slices),
        tolerance=float(tolerance),
        max_iterations=int(max_iterations),
        efficiency=efficiency,
        n_threads=n_threads,
        isa=isa or _core.default_isa(),
    )
    per_slice = np.asarray(share).ndim == 2 or (share is None and slice_of is not None)
    return Solution(load if per_slice else load[:, 0], iterations, residual)


def sinr(
    gain: ArrayLike | _core.FoldedGains,
    power_w: ArrayLike,
    noise_w: float,
    rho: ArrayLike,
    serving: ArrayLike,
    *,
    n_threads: int = 1,
    isa: str | None = None,
) -> NDArray[np.float32]:
    """SINR (U,), linear, at cell activities rho (N,)."""
    matrix = gain if isinstance(gain, _core.FoldedGains) else _gain(gain)
    return _core.coupled_sinr(
        gain=matrix,
        power_w=_per_cell("power_w", power_w, matrix.shape[1]),
        noise_w=float(noise_w),
        rho=_per_cell("rho", rho, matrix.shape[1]),
        serving=_index("serving", serving, matrix.shape[0]),
        n_threads=n_threads,
        isa=isa or _core.default_isa(),
    )


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
    """
    matrix = _gain(gain)
    demand = np.asarray(demand_bps, dtype=np.float64)
    return _core.spectral_radius(
        gain=matrix,
        power_w=_per_cell("power_w", power_w, matrix.shape[1]),
        noise_w=float(noise_w),
        demand_bps=np.ascontiguousarray(np.broadcast_to(demand, (matrix.shape[0],)) if demand.ndim == 0 else demand),
        serving=_index("serving", serving, matrix.shape[0]),
        bandwidth_hz=float(bandwidth_hz),
        isa=isa or _core.default_isa(),
    )


def spectral_efficiency(efficiency: str, sinr: ArrayLike) -> Float:
    """Bit/s/Hz at a linear SINR.

    "shannon" log2(1 + x); "tr36942" 0.6 log2(1 + x), none below -10 dB, at most 4.4 (TR 36.942 A.1); "mogensen" 0.75
    log2(1 + x / 1.25); "cqi" the highest CQI (TS 36.213 Table 7.2.3-1) whose 10 % block-error threshold is met, times
    168 resource elements per 180 kHz and millisecond.
    """
    array = np.asarray(sinr, dtype=np.float64)
    return _core.spectral_efficiency(efficiency, np.ascontiguousarray(array).reshape(-1)).reshape(array.shape)
