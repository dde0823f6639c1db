"""Load coupling by plain iteration in NumPy float64; shares no code with slicefast."""

import numpy as np

CQI_DB = [-7.41, -5.52, -3.42, -1.33, 0.62, 2.63, 4.67, 6.51, 8.58, 10.56, 12.47, 14.40, 16.01, 18.13, 20.75]
CQI_EFFICIENCY = [
    0.1523, 0.2344, 0.3770, 0.6016, 0.8770, 1.1758, 1.4766, 1.9141,
    2.4063, 2.7305, 3.3223, 3.9023, 4.5234, 5.1152, 5.5547,
]  # fmt: skip


def efficiency(name, x, ceiling=None):
    """Bit/s/Hz; `ceiling`: the technology's highest rate."""
    if ceiling is not None:
        return np.minimum(efficiency(name, x), ceiling)
    x = np.asarray(x, dtype=float)
    if name == "shannon":
        return np.log2(1 + x)
    if name == "mogensen":
        return 0.75 * np.log2(1 + x / 1.25)
    if name == "tr36942":
        return np.where(10 * np.log10(x) < -10, 0.0, np.minimum(0.6 * np.log2(1 + x), 4.4))
    steps = np.concatenate([[0.0], CQI_EFFICIENCY]) * 168 / 180
    return steps[np.searchsorted(CQI_DB, 10 * np.log10(x), side="right")]


def sinr(gain, power, noise, rho, serving, own_images=0.0):
    """Of the serving cell's gain `own_images` (U,) interferes, at the cell's activity, and only the rest serves."""
    users = np.arange(len(gain))
    received = gain * power
    own = power[serving] * (gain[users, serving] - own_images)
    others = received.copy()
    others[users, serving] = power[serving] * own_images
    return own / (others @ rho + noise)


def load_map(
    gain, power, noise, demand, serving, bandwidth, rho,
    name="shannon", share=None, slice_of=None, n_slices=1, ceiling=None, own_images=0.0,
):  # fmt: skip
    x = sinr(gain, power, noise, rho, serving, own_images)
    with np.errstate(divide="ignore", invalid="ignore"):
        need = np.where(demand > 0, demand / (bandwidth * efficiency(name, x, ceiling)), 0.0)
    load = np.zeros((gain.shape[1], n_slices))
    np.add.at(load, (serving, np.zeros_like(serving) if slice_of is None else slice_of), need)
    return load if share is None else np.minimum(load, share)


def solve(gain, power, noise, demand, serving, bandwidth, tolerance=1e-13, iterations=20000, start=None, **slices):
    """Iterate from zero, or from a start (N,); None where it does not settle.

    The map is monotone: from zero the iteration rises to the lowest fixed point, from the caps it falls to the highest.
    """
    rho = np.zeros(gain.shape[1]) if start is None else np.asarray(start, dtype=float)
    for _ in range(iterations):
        load = load_map(gain, power, noise, demand, serving, bandwidth, rho, **slices)
        new = load.sum(axis=1)
        if not np.isfinite(new).all() or new.max() > 1e12:
            return None
        if np.abs(new - rho).max() <= tolerance * max(1.0, new.max()):
            return load
        rho = new
    return None


def recovered_activity(gain, power, noise, sinr, serving, own_images=0.0):
    """Activities that the users' SINR lets on: p_s g_us / SINR_u - noise = sum_k rho_k p_k g_uk, by least squares.

    Rows are divided by the interference and noise, whose relative error is that of the SINR.
    """
    users = np.arange(len(gain))
    others = gain * power
    disturbance = (others[users, serving] - power[serving] * own_images) / sinr
    others[users, serving] = power[serving] * own_images
    return np.linalg.lstsq(others / disturbance[:, None], 1.0 - noise / disturbance, rcond=None)[0]


def lent_load(work, dedicated, most):
    """PRBs (N, S) of slices that lend, as parts of the cell, from the work (N, S) of their users.

    A slice uses what it needs up to its max. Together they have what the others do not keep: dedicated PRBs stay idle.
    """
    load = np.minimum(work, most)
    for n, row in enumerate(load):
        there = 1.0 - sum(max(0.0, dedicated[n, s] - work[n, s]) for s in range(len(row)))
        if row.sum() > there:
            load[n] = row * there / row.sum()
    return load


def rise(gain, power, noise, demand, serving, bandwidth, rate, limit, slice_of, n_slices, tolerance=1e-12, own=0.0):
    """Return the loads (N, S) that rise from an idle network, users without a rate waiting, and who waits (U,).

    ``rate(sinr)`` in bit/s/Hz; ``limit(work)`` turns work (N, S) into PRBs used. Whoever has no rate on the way is out
    for good; loads then fall in every cell, as far as they do not rise, before they rise again.
    """
    rho, waits, falling = np.zeros(gain.shape[1]), np.zeros(len(gain), bool), False
    while True:
        bits = rate(sinr(gain, power, noise, rho, serving, own))
        lost = (bits == 0) & (demand > 0) & ~waits
        if lost.any():
            waits |= lost
            falling = True
            continue
        work = np.zeros((gain.shape[1], n_slices))
        for u in np.flatnonzero((demand > 0) & ~waits):
            work[serving[u], slice_of[u]] += demand[u] / (bandwidth * bits[u])
        load = limit(work)
        new = load.sum(axis=1)
        falling = falling and (rho - new).max() > tolerance
        if not falling and (new - rho).max() <= tolerance:
            return load, waits
        rho = np.minimum(rho, new) if falling else new


def band_overlap(share):
    """Part of the band of (n, s) that the band of (k, t) covers, (N, S, N, S); bands lie in order from 0.

    0 where (n, s) has none.
    """
    n_cells, n_slices = share.shape
    overlap = np.zeros((n_cells, n_slices, n_cells, n_slices))
    for n in range(n_cells):
        for s in range(n_slices):
            low, high = share[n, :s].sum(), share[n, : s + 1].sum()
            for k in range(n_cells):
                for t in range(n_slices):
                    other = share[k, :t].sum(), share[k, : t + 1].sum()
                    both = min(high, other[1]) - max(low, other[0])
                    if high > low and both > 0:
                        overlap[n, s, k, t] = both / (high - low)
    return overlap


def band_received(gain, power, serving, slice_of, share, own_images):
    """Return what interferes from (k, t) if that is active all over its band, (U, N, S)."""
    received = gain * power
    received[np.arange(len(gain)), serving] = power[serving] * own_images
    return received[:, :, None] * band_overlap(share)[serving, slice_of]


def band_sinr(gain, power, noise, load, serving, slice_of, share, own_images=0.0):
    """SINR where slices lie in order, at loads (N, S); whoever has no band meets the cells' whole load."""
    activity = np.divide(load, share, out=np.zeros_like(load), where=share > 0)
    own = power[serving] * (gain[np.arange(len(gain)), serving] - own_images)
    received = band_received(gain, power, serving, slice_of, share, own_images)
    banded = own / ((received * activity).sum(axis=(1, 2)) + noise)
    return np.where(
        share[serving, slice_of] > 0, banded, sinr(gain, power, noise, load.sum(axis=1), serving, own_images)
    )


def band_solve(gain, power, noise, demand, serving, bandwidth, rate, slice_of, share, own_images=0.0, tolerance=1e-12):
    """Return the loads (N, S) of slices in order that rise from an idle network under the shares."""
    load = np.zeros(share.shape)
    while True:
        bits = rate(band_sinr(gain, power, noise, load, serving, slice_of, share, own_images))
        work = np.zeros(share.shape)
        there = demand > 0
        with np.errstate(divide="ignore"):  # no rate, however many PRBs
            np.add.at(work, (serving[there], slice_of[there]), demand[there] / (bandwidth * bits[there]))
        new = np.minimum(work, share)
        if np.abs(new - load).max() <= tolerance:
            return new
        load = new


def recovered_band_activity(gain, power, noise, sinr, serving, slice_of, share, own_images=0.0):
    """Activities (N, S) of slices in order within their bands, as `recovered_activity`."""
    users = np.arange(len(gain))
    disturbance = power[serving] * (gain[users, serving] - own_images) / sinr
    received = band_received(gain, power, serving, slice_of, share, own_images).reshape(len(gain), -1)
    solution = np.linalg.lstsq(received / disturbance[:, None], 1.0 - noise / disturbance, rcond=None)[0]
    return solution.reshape(share.shape)


def mean_rate(gain, power, noise, rho, serving, rate, own_images=0.0):
    """Return per user the mean of ``rate(sinr)`` over all states of its neighbours, on or off by themselves."""
    n_cells = gain.shape[1]
    mean = np.zeros(len(gain))
    for state in range(2**n_cells):
        on = np.array([state >> k & 1 for k in range(n_cells)], float)
        mean += np.prod(np.where(on > 0, rho, 1 - rho)) * rate(sinr(gain, power, noise, on, serving, own_images))
    return mean


def mean_rate_prb_by_prb(gain, power, noise, rho, serving, rate, n_prbs, rng, own_images=0.0):
    """Estimate the same from so many PRBs, each cell on or off in each; and the standard error."""
    states = (rng.random((n_prbs, len(rho))) < rho).astype(float)
    rates = [rate(sinr(gain, power, noise, on, serving, own_images)) for on in states]
    return np.mean(rates, axis=0), np.std(rates, axis=0) / np.sqrt(n_prbs)


def spectral_radius(gain, power, demand, serving, bandwidth):
    n_cells = gain.shape[1]
    m = np.zeros((n_cells, n_cells))
    for u, i in enumerate(serving):
        m[i] += demand[u] * np.log(2) / bandwidth * power * gain[u] / (power[i] * gain[u, i])
    np.fill_diagonal(m, 0.0)
    return np.abs(np.linalg.eigvals(m)).max()
