"""Positions to SINR, gains and load coupling: ours beside NumPy (chunked, float32) and CRRM. Run with --benchmark-only.

Two NumPy forms: "numpy" is the same physics (torus, correlated line of sight and shadowing per link), whose answers
must be equal; "numpy lean" leaves out the torus, line of sight and the correlation of shadowing: one path loss law and
a table of independent shadowing values, the least that a per-link model can do. CRRM (UMa, sectors) has no shadowing.
"""

from __future__ import annotations

import resource

import numpy as np
import pytest
from networks import NEAR_LINKS, NOISE_W, POWER_W, link_s, network

from slicefast import load_coupling

SIZES = {"12 cells, 1536 users": 4, "57 cells, 7296 users": 19, "300 cells, 38400 users": 100}
LOG2_PER_DB = np.float32(np.log2(10) / 10)


def antenna_db(phi_deg, theta_deg):
    horizontal = np.minimum(np.float32(12 / 70**2) * phi_deg * phi_deg, np.float32(25))
    vertical = np.minimum(np.float32(12 / 10**2) * (theta_deg - np.float32(15)) ** 2, np.float32(20))
    return np.float32(14) - np.minimum(horizontal + vertical, np.float32(25))


def sectors_to_sinr(gain_db_without_antenna, phi_deg, theta_deg, azimuth_deg):
    """(u, K) arrays to the best server and its SINR (u,), three sectors to a site."""
    off = (phi_deg[:, :, None] - azimuth_deg[None, None, :] + np.float32(180)) % np.float32(360) - np.float32(180)
    gain_db = gain_db_without_antenna[:, :, None] + antenna_db(off, theta_deg[:, :, None])
    received = np.exp2(gain_db * LOG2_PER_DB).reshape(len(off), -1) * np.float32(POWER_W)
    server = received.argmax(axis=1)
    own = received[np.arange(len(off)), server]
    received[np.arange(len(off)), server] = 0
    return server, own / (received.sum(axis=1) + np.float32(NOISE_W))


def numpy_lean(cells, x, y, shadow_db):
    """No torus, no line of sight, shadowing looked up as drawn; chunks of 256 users."""
    sx, sy = (cells[name].astype(np.float32) for name in ("site_x_m", "site_y_m"))
    azimuth = cells["azimuth_deg"][:3].astype(np.float32)
    server, sinr = np.empty(len(x), np.int64), np.empty(len(x), np.float32)
    for start in range(0, len(x), 256):
        part = slice(start, start + 256)
        dx, dy = x[part, None].astype(np.float32) - sx, y[part, None].astype(np.float32) - sy
        d2 = np.maximum(dx * dx + dy * dy, np.float32(100))
        loss = np.float32(36.08) + np.float32(0.5 * 35.7436 / np.log2(10)) * np.log2(d2)
        theta = np.degrees(np.arctan2(np.float32(23.5), np.sqrt(d2)))
        phi = np.degrees(np.arctan2(dy, dx))
        server[part], sinr[part] = sectors_to_sinr(-loss - shadow_db[part], phi, theta, azimuth)
    return server, sinr


class NumpySame:
    """The physics of LinkModel, vectorised over users and sites in chunks, float32."""

    def __init__(self, fields, cells):
        self.fields, self.cells = fields, cells
        self.tiles = [
            np.clip(np.rint(tile * np.float32(32)), -127, 127).astype(np.float32) / np.float32(32)
            for tile in (fields.los_state, fields.shadow_los, fields.shadow_nlos, fields.common_los, fields.common_nlos)
        ]
        e1, e2, size = np.array(fields.e1_m), np.array(fields.e2_m), fields.los_state.shape[0]
        self.inverse = np.linalg.inv(np.array([e1, e2]).T) * size
        # A site's fields lie around its image: each turn around the torus reads so many rows and columns further on.
        self.turned = np.rint(self.inverse @ np.array([cells["v1_m"], cells["v2_m"]]).T).astype(np.int32)
        lags = np.array([0 * e1, e1, e2, e1 + e2]) / size  # corners in the order of `corners`
        distance = np.linalg.norm(lags[:, None] - lags[None], axis=2)
        self.correlations = [np.exp(-distance / d) for d in (50.0, 45.0, 50.0)]

    def _values(self, tile, base, weight, rows, cols):
        n_rows, n_cols = tile.shape
        r, c = base[0][:, None] + rows, base[1][:, None] + cols
        corners = ((0, 0), (0, 1), (1, 0), (1, 1))
        return sum(
            w[:, None] * tile[(r + i) % n_rows, (c + j) % n_cols] for w, (i, j) in zip(weight, corners, strict=True)
        )

    def _chunk(self, x, y):
        cells, fields = self.cells, self.fields
        s, t = self.inverse @ np.stack([x, y])
        base = np.floor(t).astype(np.int32), np.floor(s).astype(np.int32)
        fy, fx = t - base[0], s - base[1]
        plain = np.stack([(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx])
        weights = [
            (plain / np.sqrt(np.einsum("iu,ij,ju->u", plain, c, plain))).astype(np.float32) for c in self.correlations
        ]
        dx = (x[:, None] - cells["site_x_m"]).astype(np.float32)
        dy = (y[:, None] - cells["site_y_m"]).astype(np.float32)
        best_x, best_y, best = dx, dy, np.full(dx.shape, np.inf, np.float32)
        rows, cols = (np.zeros(dx.shape, np.int32) for _ in range(2))
        (v1x, v1y), (v2x, v2y) = cells["v1_m"], cells["v2_m"]
        for i in (-1, 0, 1):
            for j in (-1, 0, 1):
                ix, iy = dx + np.float32(i * v1x + j * v2x), dy + np.float32(i * v1y + j * v2y)
                d2 = ix * ix + iy * iy
                nearer = d2 < best
                best_x, best_y = np.where(nearer, ix, best_x), np.where(nearer, iy, best_y)
                col, row = i * self.turned[:, 0] + j * self.turned[:, 1]
                rows, cols = (
                    np.where(nearer, fields.row_offset + row, rows),
                    np.where(nearer, fields.col_offset + col, cols),
                )
                best = np.where(nearer, d2, best)
        true_d = np.sqrt(best)
        d = np.maximum(true_d, np.float32(10))
        decay = np.exp(d * np.float32(-1 / 63))
        near = np.minimum(np.float32(18) / d, np.float32(1))
        probability = near + (1 - near) * decay
        state = self._values(self.tiles[0], base, weights[0], rows, cols)
        los = 1 / (1 + np.exp(-state * (np.float32(1.5976) + np.float32(0.070565) * state * state))) < probability
        log_d = np.log10(d)
        beyond = best > np.float32(416.0**2)
        log_f = np.log10(2.6)
        los_loss = np.where(
            beyond,
            40 * log_d + np.float32(9.27 - 14 * np.log10(24) - 14 * np.log10(0.5) + 6 * log_f),
            26 * log_d + np.float32(25 + 20 * log_f),
        )
        log_h = np.log10(25)
        nlos_loss = np.float32(44.9 - 6.55 * log_h) * log_d + np.float32(5.83 * log_h + 18.38 + 23 * log_f)
        own_los, own_nlos = (self._values(self.tiles[i], base, weights[i], rows, cols) for i in (1, 2))
        all_los, all_nlos = (
            self._values(self.tiles[i + 2], base, weights[i], np.zeros(1, np.int32), np.zeros(1, np.int32))
            for i in (1, 2)
        )
        half = np.float32(np.sqrt(0.5))
        shadow = np.where(
            los,
            np.where(beyond, np.float32(6), np.float32(4)) * half * (own_los + all_los),
            np.float32(8) * half * (own_nlos + all_nlos),
        )
        theta = np.degrees(np.arctan2(np.float32(23.5), true_d))
        phi = np.degrees(np.arctan2(best_y, best_x))
        loss = np.where(los, los_loss, nlos_loss) + shadow
        return sectors_to_sinr(-loss, phi, theta, cells["azimuth_deg"][:3].astype(np.float32))

    def sinr(self, x, y):
        """Best server and SINR (U,)."""
        parts = [self._chunk(x[i : i + 256], y[i : i + 256]) for i in range(0, len(x), 256)]
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def crrm_simulator(cells, x, y):
    """CRRM with the same sites and users; pip install crrm."""
    import CRRM

    sites = np.column_stack([cells["site_x_m"], cells["site_y_m"], np.full(len(cells["site_x_m"]), 25.0)])
    users = np.column_stack([x, y, np.full(len(x), 1.5)])
    parameters = CRRM.Parameters(
        n_cell_locations=len(sites), n_ues=len(x), n_sectors=3, cell_locations=sites, ue_initial_locations=users,
        fc_GHz=2.6, h_UT_default=1.5, h_BS_default=25.0, pathloss_model_name="UMa", p_W=40.0, bw_MHz=18.0,
    )  # fmt: skip
    return CRRM.Simulator(parameters)


def crrm_sinr(simulator):
    simulator.sinr.update()
    return np.asarray(simulator.sinr.data)


FOLDED = "slicefast, folded"
KINDS = ["slicefast", "slicefast, 2 threads", FOLDED, "numpy", "numpy lean", "crrm"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_positions_to_sinr(benchmark, size, kind):
    if kind == "crrm":
        pytest.importorskip("CRRM", reason="a reference of the bench extra")
    benchmark.group = f"positions to SINR, {size}"
    model, fields, cells, x, y = network(SIZES[size])
    ones, power = np.ones(model.n_cells), np.full(model.n_cells, POWER_W)
    server, sinr = model.best_server(x, y, power, ones, NOISE_W)
    rounds = {"rounds": 3 if SIZES[size] == 100 else 20, "warmup_rounds": 1}
    if kind == FOLDED:
        if SIZES[size] <= 37:
            pytest.skip("far cells fold beyond 37 sites")
        folding = network(SIZES[size], fold_db=0.1)[0]
        got = benchmark.pedantic(folding.best_server, (x, y, power, ones, NOISE_W), **{**rounds, "rounds": 20})
        np.testing.assert_array_equal(got[0], server)
        assert np.abs(10 * np.log10(got[1] / sinr)).max() <= 0.1
    elif kind.startswith("slicefast"):
        n_threads = 2 if "threads" in kind else 1
        got = benchmark.pedantic(model.best_server, (x, y, power, ones, NOISE_W, n_threads), **{**rounds, "rounds": 20})
        np.testing.assert_array_equal(got[1], sinr)  # the same bits with two threads
    elif kind == "numpy":
        got = benchmark.pedantic(NumpySame(fields, cells).sinr, (x, y), **rounds)
        # A link whose state is decided the other way by rounding changes its user; they are few.
        off_db = np.abs(10 * np.log10(got[1] / sinr))
        assert (off_db < 0.05).mean() > 0.98
        assert (got[0] == server).mean() > 0.995
    elif kind == "numpy lean":
        shadow_db = np.random.default_rng(0).standard_normal((len(x), SIZES[size]), dtype=np.float32) * np.float32(8)
        got = benchmark.pedantic(numpy_lean, (cells, x, y, shadow_db), **rounds)
        assert abs(np.median(10 * np.log10(got[1])) - np.median(10 * np.log10(sinr))) < 6.0
    else:
        # A fresh simulator each time: nothing is computed before the SINR is asked for.
        setup = {"setup": lambda: ((crrm_simulator(cells, x, y),), {})}
        got = benchmark.pedantic(crrm_sinr, rounds=2, warmup_rounds=0, **setup)
        assert got.shape[0] == len(x)
        assert (got > 0).all()


LARGE = {"300 cells, 38,400 users": 100, "972 cells, 124,416 users": 324, "3,072 cells, 393,216 users": 1024}


@pytest.mark.filterwarnings("ignore::slicefast.radio.RangeWarning")
@pytest.mark.benchmark(group="positions to SINR with far cells folded")
@pytest.mark.parametrize("size", LARGE)
def test_time_per_user(benchmark, limit, size):
    model, _, _, x, y = network(LARGE[size], fold_db=0.1)
    limit("its near links", len(x) * NEAR_LINKS * link_s())
    whole, *_ = network(LARGE[size])
    ones, power = np.ones(model.n_cells), np.full(model.n_cells, POWER_W)
    got = benchmark.pedantic(model.best_server, (x, y, power, ones, NOISE_W), rounds=3, warmup_rounds=1)
    some = slice(0, 4000)
    server, sinr = whole.best_server(x[some], y[some], power, ones, NOISE_W)
    np.testing.assert_array_equal(got[0][some], server)
    assert np.abs(10 * np.log10(got[1][some] / sinr)).max() <= 0.1
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    benchmark.extra_info |= {"peak_memory_gib": peak_gib, "folded_mib": model.fold(x, y, power, NOISE_W).nbytes / 2**20}
    benchmark.extra_info["ns_per_user"] = benchmark.stats["min"] / len(x) * 1e9
    assert peak_gib < 4.0


@pytest.mark.parametrize("kind", ["gain matrix", "gain matrix, 1 % of the users moved"])
@pytest.mark.parametrize("size", SIZES)
def test_gains(benchmark, limit, moved, size, kind):
    benchmark.group = f"link gains, {size}"
    model, _, _, x, y = network(SIZES[size])
    gain = model.gains(x, y)
    if kind == "gain matrix":
        moved(gain.nbytes + x.nbytes + y.nbytes)
        kept = np.empty_like(gain)
        np.testing.assert_array_equal(benchmark(model.gains, x, y, 1, kept), gain)
    else:
        some = np.arange(0, len(x), 100, dtype=np.int32)
        limit("its links", len(some) * model.n_cells * link_s())
        kept = gain.copy()
        benchmark(model.update_gains, x, y, some, gain)
        np.testing.assert_array_equal(gain, kept)


def numpy_coupling(gain, power_w, noise_w, demand_bps, serving, bandwidth_hz, tolerance=1e-6):
    """Iterate plainly on float32 gains."""
    users, n_cells = np.arange(len(gain)), gain.shape[1]
    own = gain[users, serving] * power_w[serving].astype(np.float32)
    rho = np.zeros(n_cells)
    for _ in range(500):
        interference = gain @ (rho * power_w).astype(np.float32) - own * rho[serving].astype(np.float32)
        sinr = own / (interference + np.float32(noise_w))
        new = np.bincount(serving, demand_bps / (bandwidth_hz * np.log2(1 + sinr)), minlength=n_cells)
        if np.abs(new - rho).max() <= tolerance:
            return new
        rho = new
    raise AssertionError("the plain iteration did not settle")


COUPLING_KINDS = [
    "slicefast", "slicefast, warm start", "slicefast, 2 threads", FOLDED, "slicefast, folded, warm start", "numpy",
]  # fmt: skip


@pytest.mark.parametrize("kind", COUPLING_KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_load_coupling(benchmark, size, kind):
    benchmark.group = f"load coupling to 1e-6, {size}"
    model, _, _, x, y = network(SIZES[size])
    gain = model.gains(x, y)
    serving = gain.argmax(axis=1).astype(np.int32)
    demand = np.random.default_rng(2).uniform(0.2, 1.8, len(x)) * 1e5
    power = np.full(model.n_cells, POWER_W)
    demand *= 0.5 / load_coupling.spectral_radius(gain, power, NOISE_W, demand, serving, 18e6)
    problem = (gain, power, NOISE_W, demand, serving, 18e6)
    expected = numpy_coupling(*problem)
    if kind == "numpy":
        got = benchmark.pedantic(numpy_coupling, problem, rounds=10, warmup_rounds=1)
    else:
        # Warm: the solution of the step before, with loads some per cent away.
        start = None
        if "folded" in kind:
            if SIZES[size] <= 37:
                pytest.skip("far cells fold beyond 37 sites")
            folded = network(SIZES[size], fold_db=0.1)[0].fold(x, y, power, NOISE_W)
            problem = (folded, *problem[1:])
        if "warm" in kind:
            start = expected * np.random.default_rng(3).uniform(0.95, 1.05, model.n_cells)
        keywords = {"start": start, "n_threads": 2 if "threads" in kind else 1}
        got = benchmark.pedantic(load_coupling.solve, problem, keywords, rounds=30, warmup_rounds=2).load
    # Both stop within 1e-6 of a fixed point of a contraction of about one half. Folded gains have a fixed point of
    # their own: 0.1 dB on a user's SINR, averaged over the users of a cell.
    np.testing.assert_allclose(got, expected, atol=1e-3 if "folded" in kind else 4e-6)
