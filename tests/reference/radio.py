"""Link gains in plain NumPy float64, one formula at a time; shares no code with slicefast.

Written from WINNER+ D5.3 Table 4-1, ITU-R M.2135 Table A1-2, TR 36.873 Table 7.2-1, TR 38.901 Tables 7.3-1, 7.4.1-1
and 7.4.2-1 and TR 36.814 Table A.2.1.1-2.
"""

from itertools import product

import numpy as np
from scipy.stats import norm

log10 = np.log10

# model: (LOS sigma before and beyond the breakpoint, NLOS sigma) dB, decorrelation (LOS, NLOS) m, least distance m
MODELS = {
    "winner_plus_c1": ((4, 6, 8), (40, 50), 30),
    "winner_plus_c2": ((4, 6, 8), (45, 50), 10),
    "winner_plus_b1": ((3, 3, 4), (14, 12), 10),
    "m2135_uma": ((4, 4, 6), (37, 50), 10),
    "m2135_umi": ((3, 3, 4), (10, 13), 10),
    "tr36873_uma": ((4, 4, 6), (37, 50), 10),
    "tr36873_umi": ((3, 3, 4), (10, 13), 10),
    "tr38901_uma": ((4, 4, 6), (37, 50), 10),
    "tr38901_umi": ((4, 4, 7.82), (10, 13), 10),
    "tr38901_rma": ((4, 6, 8), (37, 120), 10),
    "tr38901_inh_mixed": ((3, 3, 8.03), (10, 6), 1),
    "tr38901_inh_open": ((3, 3, 8.03), (10, 6), 1),
}

LOS_STATE_DECORRELATION_M = {"tr38901_rma": 60.0, "tr38901_inh_mixed": 10.0, "tr38901_inh_open": 10.0}  # others 50 m


def breakpoint_m(model, f_hz, hb, hm, he=1.0):
    if model == "winner_plus_c1":
        return 4 * hb * hm * f_hz / 3e8
    if model == "tr38901_rma":
        return 2 * np.pi * hb * hm * f_hz / 3e8
    if model.startswith("tr38901_inh"):
        return np.inf
    return 4 * (hb - he) * (hm - he) * f_hz / 3e8


def rma_los_near_db(d3, f, h=5.0):
    a, b = min(0.03 * h**1.72, 10), min(0.044 * h**1.72, 14.77)
    return 20 * log10(40 * np.pi * d3 * f / 3) + a * log10(d3) - b + 0.002 * log10(h) * d3


def los_loss_db(model, d, f_hz, hb, hm, he=1.0):
    f = f_hz / 1e9
    bp = breakpoint_m(model, f_hz, hb, hm, he)
    d3 = np.hypot(d, hb - hm)
    if model == "winner_plus_c2":
        near = 26 * log10(d) + 25 + 20 * log10(f)
        far = 40 * log10(d) + 9.27 - 14 * log10(hb - 1) - 14 * log10(hm - 1) + 6 * log10(f)
    elif model == "winner_plus_c1":
        near = 23.8 * log10(d) + 27.2 + 20 * log10(f)
        far = 40 * log10(d) + 9 - 16.2 * log10(hb) - 16.2 * log10(hm) + 3.8 * log10(f)
    elif model == "winner_plus_b1":
        near = 22.7 * log10(d) + 27 + 20 * log10(f)
        far = 40 * log10(d) + 7.56 - 17.3 * log10(hb - 1) - 17.3 * log10(hm - 1) + 2.7 * log10(f)
    elif model.startswith("m2135"):
        near = 22 * log10(d) + 28 + 20 * log10(f)
        far = 40 * log10(d) + 7.8 - 18 * log10(hb - 1) - 18 * log10(hm - 1) + 2 * log10(f)
    elif model == "tr38901_rma":
        near = rma_los_near_db(d3, f)
        far = rma_los_near_db(bp, f) + 40 * log10(d3 / bp)
    elif model.startswith("tr38901_inh"):
        near = far = 32.4 + 17.3 * log10(d3) + 20 * log10(f)
    elif model == "tr38901_umi":
        near = 32.4 + 21 * log10(d3) + 20 * log10(f)
        far = 32.4 + 40 * log10(d3) + 20 * log10(f) - 9.5 * log10(bp**2 + (hb - hm) ** 2)
    else:
        near = 28 + 22 * log10(d3) + 20 * log10(f)
        far = 28 + 40 * log10(d3) + 20 * log10(f) - 9 * log10(bp**2 + (hb - hm) ** 2)
    return np.where(d <= bp, near, far)


def winner_nlos_db(d, hb, k):
    return (44.9 - 6.55 * log10(hb)) * log10(d) + 5.83 * log10(hb) + k


def c2_constant(f):
    if f < 1.5:
        return 16.33 + 26.16 * log10(f)
    return 14.78 + 34.97 * log10(f) if f < 2 else 18.38 + 23 * log10(f)


def m2135_uma_nlos_db(d, f, hb, hm, w=20.0, h=20.0):
    return (
        161.04
        - 7.1 * log10(w)
        + 7.5 * log10(h)
        - (24.37 - 3.7 * (h / hb) ** 2) * log10(hb)
        + (43.42 - 3.1 * log10(hb)) * (log10(d) - 3)
        + 20 * log10(f)
        - (3.2 * log10(11.75 * hm) ** 2 - 4.97)
    )


def nlos_loss_db(model, d, f_hz, hb, hm, he=1.0):
    f = f_hz / 1e9
    d3 = np.hypot(d, hb - hm)
    if model == "winner_plus_c2":
        return winner_nlos_db(d, hb, c2_constant(f))
    if model == "winner_plus_c1":
        return winner_nlos_db(d, hb, 15.38 + 23 * log10(f))
    if model == "winner_plus_b1":
        return winner_nlos_db(d, 10.0, c2_constant(f))
    if model == "m2135_uma":
        return m2135_uma_nlos_db(d, f, hb, hm)
    if model == "m2135_umi":
        return 36.7 * log10(d) + 22.7 + 26 * log10(f)
    line = {
        "tr36873_uma": m2135_uma_nlos_db(d3, f, hb, 1.5) - 0.6 * (hm - 1.5),
        "tr36873_umi": 36.7 * log10(d3) + 22.7 + 26 * log10(f) - 0.3 * (hm - 1.5),
        "tr38901_uma": 13.54 + 39.08 * log10(d3) + 20 * log10(f) - 0.6 * (hm - 1.5),
        "tr38901_umi": 35.3 * log10(d3) + 22.4 + 21.3 * log10(f) - 0.3 * (hm - 1.5),
        "tr38901_rma": m2135_uma_nlos_db(d3, f, hb, hm, h=5.0),
        "tr38901_inh_mixed": 38.3 * log10(d3) + 17.3 + 24.9 * log10(f),
        "tr38901_inh_open": 38.3 * log10(d3) + 17.3 + 24.9 * log10(f),
    }[model]
    return np.maximum(los_loss_db(model, d, f_hz, hb, hm, he), line)


def tall_user(model, d, hm):
    """C(d, h) of TR 38.901 Table 7.4.1-1, note 1."""
    if model not in ("tr36873_uma", "tr38901_uma"):
        return np.zeros_like(d)
    c = (np.maximum(hm - 13, 0) / 10) ** 1.5
    return np.where(d > 18, c * 1.25 * (d / 100) ** 3 * np.exp(-d / 150), 0)


def environment_height_m(model, d, hm, draw):
    """1 m for draws below 1 / (1 + C), the others share 12, 15, ..., h - 1.5; and the draw's nearness to a change."""
    height, nearness = np.ones_like(d), np.ones_like(d)
    for u in np.ndindex(d.shape):
        at_ground = 1 / (1 + tall_user(model, d[u], hm[u]))
        heights = np.arange(12.0, hm[u] - 1.49, 3.0)
        steps = [at_ground + (1 - at_ground) * k / max(len(heights), 1) for k in range(len(heights) + 1)]
        nearness[u] = np.abs(np.array(steps) - draw[u]).min() if at_ground < 1 else 1.0
        if draw[u] >= at_ground:
            height[u] = heights[np.searchsorted(steps[1:-1], draw[u], side="right")]
    return height, nearness


def los_probability(model, d, hm=1.5):
    d = np.maximum(np.asarray(d, dtype=float), 1e-9)
    if model == "winner_plus_c1":
        return np.exp(-d / 200)
    if model == "tr38901_rma":
        return np.where(d <= 10, 1, np.exp(-(d - 10) / 1000))
    if model == "tr38901_inh_mixed":
        beyond = np.where(d < 6.5, np.exp(-(d - 1.2) / 4.7), np.exp(-(d - 6.5) / 32.6) * 0.32)
        return np.where(d <= 1.2, 1, beyond)
    if model == "tr38901_inh_open":
        beyond = np.where(d <= 49, np.exp(-(d - 5) / 70.8), np.exp(-(d - 49) / 211.7) * 0.54)
        return np.where(d <= 5, 1, beyond)
    scale = 36 if model.endswith(("umi", "b1")) else 63
    p = np.minimum(18 / d, 1) * (1 - np.exp(-d / scale)) + np.exp(-d / scale)
    return np.minimum(p * (1 + tall_user(model, d, hm)), 1)


def antenna_gain_db(pattern, azimuth, depression, tilt, elements=1):
    peak, width_h, floor_h, width_v, floor_v, floor = {
        "tr36814": (14, 70, 25, 10, 20, 25),
        "m2135": (17, 70, 20, 15, 20, 20),
        "tr38901_element": (8, 65, 30, 65, 30, 30),
        "omni": (0, 1, 0, 1, 0, 0),
    }[pattern]
    azimuth = (np.asarray(azimuth, dtype=float) + 180) % 360 - 180
    theta = np.asarray(depression, dtype=float)
    electrical = pattern == "tr38901_element"
    a_h = np.minimum(12 * (azimuth / width_h) ** 2, floor_h)
    a_v = np.minimum(12 * ((theta - (0 if electrical else tilt)) / width_v) ** 2, floor_v)
    gain = peak - np.minimum(a_h + a_v, floor)
    if electrical:
        zenith, steer = np.radians(90 + theta), np.radians(90 + tilt)
        phase = np.pi * (np.cos(zenith) - np.cos(steer))
        total = sum(np.exp(1j * m * phase) for m in range(elements))
        gain = gain + 20 * log10(np.maximum(np.abs(total) / np.sqrt(elements), 1e-10))
    return gain


def nearest_image(dx, dy, v1, v2):
    """Return the turns (2, U) around the torus to the nearest of the images within two periods: all are tried."""
    turns = np.array(list(product(range(-2, 3), repeat=2)))
    x = dx - turns[:, :1] * v1[0] - turns[:, 1:] * v2[0]
    y = dy - turns[:, :1] * v1[1] - turns[:, 1:] * v2[1]
    return turns[np.argmin(np.hypot(x, y), axis=0)].T


def tile_value(tile, row_offset, col_offset, x, y, e1, e2, size, decorrelation):
    """Bilinear value of a tile kept in steps of 1/32, brought back to unit variance; e1, e2 periods of `size` nodes."""
    rows, cols = tile.shape
    nodes = np.clip(np.rint(np.asarray(tile, dtype=np.float32) * np.float32(32)), -127, 127) / 32
    s, t = np.linalg.solve(np.array([e1, e2]).T, np.stack([x, y])) * size
    c, r = np.floor(s).astype(int), np.floor(t).astype(int)
    fx, fy = s - c, t - r
    corners = [(0, 0), (0, 1), (1, 0), (1, 1)]
    weight = np.stack([(fy if i else 1 - fy) * (fx if j else 1 - fx) for i, j in corners])
    value = sum(
        w * nodes[(r + row_offset + i) % rows, (c + col_offset + j) % cols]
        for w, (i, j) in zip(weight, corners, strict=True)
    )
    place = np.array([i * np.array(e2) + j * np.array(e1) for i, j in corners]) / size
    correlation = np.exp(-np.linalg.norm(place[:, None] - place[None], axis=2) / decorrelation)
    return value / np.sqrt(np.einsum("iu,ij,ju->u", weight, correlation, weight))


def link_gains_db(config, fields, x, y, profile=None, turns=None):
    """Gains (U, N) [dB] and the LOS margin Phi(field) - P (U, N), whose sign is the state.

    On a torus of the images `turns` (2,) around it, or of the nearest: a site's fields lie around each of its images.
    The margin is 0 where the environment's height hangs by a thread. `profile`: height_m, indoor, inside_m, loss_db,
    environment of the users, (U,) each.
    """
    model, f_hz, hm = config["model"], config["frequency_hz"], config.get("ue_height_m", 1.5)
    inside, he, nearness = 0.0, 1.0, 1.0
    if profile is not None:
        hm, inside = profile["height_m"], profile["inside_m"]
    sigma, decorrelation, least = MODELS[model]
    correlation = config.get("site_correlation", 0.5)
    gains, margins = [], []
    size = fields.los_state.shape[0]
    geometry = {"e1": fields.e1_m, "e2": fields.e2_m, "size": size}
    common = {
        state: tile_value(tile, 0, 0, x, y, decorrelation=d, **geometry)
        for state, tile, d in (
            ("los", fields.common_los, decorrelation[0]), ("nlos", fields.common_nlos, decorrelation[1])
        )
    }  # fmt: skip
    lookup = {
        state: lambda k, at, tile=tile, d=d: tile_value(
            tile, fields.row_offset[k], fields.col_offset[k], *at, decorrelation=d, **geometry
        )
        for state, tile, d in (
            ("state", fields.los_state, LOS_STATE_DECORRELATION_M.get(model, 50.0)),
            ("los", fields.shadow_los, decorrelation[0]),
            ("nlos", fields.shadow_nlos, decorrelation[1]),
        )
    }
    for n, k in enumerate(config["cell_site"]):
        dx, dy = x - config["site_x_m"][k], y - config["site_y_m"][k]
        at = (x, y)
        if config.get("v1_m") is not None:
            v1, v2 = config["v1_m"], config["v2_m"]
            a, b = nearest_image(dx, dy, v1, v2) if turns is None else turns
            shift = (a * v1[0] + b * v2[0], a * v1[1] + b * v2[1])
            dx, dy, at = dx - shift[0], dy - shift[1], (x - shift[0], y - shift[1])
        hb = config["site_height_m"][k]
        true_d = np.hypot(dx, dy)
        d = np.maximum(true_d, least)
        margin = norm.cdf(lookup["state"](k, at)) - los_probability(model, d - inside, hm)
        los = margin < 0
        if profile is not None:
            he, nearness = environment_height_m(model, d, hm, profile["environment"])
        losses = {"los": los_loss_db(model, d, f_hz, hb, hm, he), "nlos": nlos_loss_db(model, d, f_hz, hb, hm, he)}
        if config.get("shadowing", True):
            beyond = true_d > breakpoint_m(model, f_hz, hb, hm, he)
            for state, deviation in (("los", np.where(beyond, sigma[1], sigma[0])), ("nlos", sigma[2])):
                if profile is not None and model.startswith("tr36873"):
                    deviation = np.where(profile["indoor"], 7.0, deviation)
                own = np.sqrt(1 - correlation) * lookup[state](k, at)
                losses[state] = losses[state] + deviation * (np.sqrt(correlation) * common[state] + own)
        loss = np.where(los, losses["los"], losses["nlos"])
        if config.get("line_of_sight") == "soft":  # TR 38.901 equations 7.6-18 and 7.6-19
            threshold = norm.ppf(los_probability(model, d - inside, hm))
            soft = 0.5 + np.arctan(np.sqrt(20 * f_hz / 299792458) * (threshold - lookup["state"](k, at))) / np.pi
            loss = -10 * np.log10(soft**2 * 10 ** (-losses["los"] / 10) + (1 - soft**2) * 10 ** (-losses["nlos"] / 10))
        azimuth = np.degrees(np.arctan2(dy, dx)) - config["azimuth_deg"][n]
        depression = np.degrees(np.arctan2(hb - hm, true_d))
        antenna = antenna_gain_db(
            config["pattern"], azimuth, depression, config["tilt_deg"][n], config.get("elements", 1)
        )
        gains.append(antenna - loss - (0.0 if profile is None else profile["loss_db"]))
        margins.append(np.where(nearness < 1e-4, 0.0, margin))
    return np.stack(gains, axis=1), np.stack(margins, axis=1)


def torus_gains(config, fields, x, y):
    """Gain of the strongest image and sum over all images (reach), linear, (U, N) each; image by image.

    Images count up to six site spacings away, the nearest one anyhow. With them the least |LOS margin| (U, N).
    """
    v1, v2, site = config["v1_m"], config["v2_m"], config["cell_site"]
    area = abs(v1[0] * v2[1] - v1[1] * v2[0])
    farthest = 6 * np.sqrt(area / len(config["site_x_m"]) * 2 / np.sqrt(3))
    dx = x[:, None] - np.asarray(config["site_x_m"])[site]
    dy = y[:, None] - np.asarray(config["site_y_m"])[site]
    gain, reach, least = 0.0, 0.0, np.inf
    nearest = np.stack([nearest_image(dx[:, n], dy[:, n], v1, v2) for n in range(len(site))], axis=2)
    for turns in product(range(-8, 9), repeat=2):
        distance = np.hypot(
            dx - turns[0] * v1[0] - turns[1] * v2[0], dy - turns[0] * v1[1] - turns[1] * v2[1]
        )  # fmt: skip
        counts = (distance <= farthest) | ((nearest[0] == turns[0]) & (nearest[1] == turns[1]))
        if not counts.any():
            continue
        image_db, margin = link_gains_db(config, fields, x, y, turns=turns)
        image = np.where(counts, 10 ** (image_db / 10), 0)
        gain, reach = np.maximum(gain, image), reach + image
        least = np.minimum(least, np.where(counts, np.abs(margin), np.inf))
    return gain, reach, least
