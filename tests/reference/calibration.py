"""The 3GPP calibration drops, user by user and cell by cell in plain NumPy; shares no code with slicefast.

Written from TR 36.873 (Tables 7.2-1, 7.2-2, 8.2-1), TR 38.901 (Tables 7.4.1-1, 7.4.2-1, 7.4.3-2) and R1-165974. In
place of a torus all 19 sites are repeated seven times and the nearest copy of each is taken; users are dropped over the
hexagons of all sites, columns are summed phasor by phasor.
"""

import cmath
import math

import numpy as np

CASES = {  # model family, macro, carrier GHz, inter-site distance, mast, least distance, dBm, MHz
    "tr36873_uma": ("36.873", True, 2.0, 500.0, 25.0, 35.0, 49.0, 20.0),
    "tr36873_umi": ("36.873", False, 2.0, 200.0, 10.0, 10.0, 44.0, 20.0),
    "tr38901_uma_6ghz": ("38.901", True, 6.0, 500.0, 25.0, 35.0, 49.0, 20.0),
    "tr38901_umi_6ghz": ("38.901", False, 6.0, 200.0, 10.0, 10.0, 44.0, 20.0),
}


def lattice(isd):
    """19 sites, and the six displacements between neighbouring copies of the cluster, each |3 a + 2 b| long."""
    a, b = complex(isd, 0.0), isd * cmath.exp(1j * math.pi / 3)
    sites = [i * a + j * b for i in range(-2, 3) for j in range(-2, 3) if -2 <= i + j <= 2]
    copies = [0j] + [(3 * a + 2 * b) * cmath.exp(1j * math.pi / 3 * k) for k in range(6)]
    return sites, copies


def in_hexagon(z, isd):
    """Whether z is nearer to 0 than to each of the six neighbours."""
    return all(abs(z) <= abs(z - isd * cmath.exp(1j * math.pi / 3 * k)) for k in range(6))


def taller(height, d):
    """C(d, h) of the macro models."""
    if height < 13.0 or d <= 18.0:
        return 0.0
    return ((height - 13.0) / 10.0) ** 1.5 * 1.25e-6 * d**3 * math.exp(-d / 150.0)


def line_of_sight(macro, d_out, height):
    if d_out <= 18.0:
        return 1.0
    scale = 63.0 if macro else 36.0
    p = 18.0 / d_out + math.exp(-d_out / scale) * (1.0 - 18.0 / d_out)
    return min(1.0, p * (1.0 + taller(height, d_out))) if macro else p


def loss(family, macro, los, d, f, hb, hu, he):
    """Path loss [dB] with the effective environment height he."""
    d3 = math.sqrt(d * d + (hb - hu) ** 2)
    turn = 4.0 * (hb - he) * (hu - he) * f * 1e9 / 3e8
    if family == "36.873" or macro:
        start, slope, drop = 28.0, 22.0, 9.0
    else:
        start, slope, drop = 32.4, 21.0, 9.5
    clear = start + 20.0 * math.log10(f)
    if d <= turn:
        clear += slope * math.log10(d3)
    else:
        clear += 40.0 * math.log10(d3) - drop * math.log10(turn**2 + (hb - hu) ** 2)
    if los:
        return clear
    if family == "36.873" and macro:
        blocked = (
            161.04 - 7.1 * math.log10(20.0) + 7.5 * math.log10(20.0)
            - (24.37 - 3.7 * (20.0 / hb) ** 2) * math.log10(hb)
            + (43.42 - 3.1 * math.log10(hb)) * (math.log10(d3) - 3.0) + 20.0 * math.log10(f)
            - (3.2 * math.log10(17.625) ** 2 - 4.97) - 0.6 * (hu - 1.5)
        )  # fmt: skip
    elif family == "36.873":
        blocked = 36.7 * math.log10(d3) + 22.7 + 26.0 * math.log10(f) - 0.3 * (hu - 1.5)
    elif macro:
        blocked = 13.54 + 39.08 * math.log10(d3) + 20.0 * math.log10(f) - 0.6 * (hu - 1.5)
    else:
        blocked = 22.4 + 35.3 * math.log10(d3) + 21.3 * math.log10(f) - 0.3 * (hu - 1.5)
    return max(clear, blocked)


def antenna(elements, azimuth_deg, zenith_deg):
    """8 dBi elements that face the horizon; a column is steered to 102 degrees from the zenith."""
    phi = (azimuth_deg + 180.0) % 360.0 - 180.0
    vertical, horizontal = min(12.0 * ((zenith_deg - 90.0) / 65.0) ** 2, 30.0), min(12.0 * (phi / 65.0) ** 2, 30.0)
    gain = 8.0 - min(vertical + horizontal, 30.0)
    if elements > 1:
        turn = math.pi * (math.cos(math.radians(zenith_deg)) - math.cos(math.radians(102.0)))
        field = sum(cmath.exp(1j * m * turn) for m in range(elements)) / math.sqrt(elements)
        gain += 20.0 * math.log10(max(abs(field), 1e-10))
    return gain


def wall(family, f, rng):
    """Loss [dB] and way inside [m] of one user's building."""
    if family == "36.873":
        inside = rng.uniform(0.0, 25.0)
        return 20.0 + 0.5 * inside, inside
    inside = min(rng.uniform(0.0, 25.0), rng.uniform(0.0, 25.0))
    glass, coated, concrete = 2.0 + 0.2 * f, 23.0 + 0.3 * f, 5.0 + 4.0 * f
    if rng.random() < 0.5:
        through, spread = 0.3 * 10 ** (-glass / 10) + 0.7 * 10 ** (-concrete / 10), 4.4
    else:
        through, spread = 0.7 * 10 ** (-coated / 10) + 0.3 * 10 ** (-concrete / 10), 6.5
    return 5.0 - 10.0 * math.log10(through) + spread * rng.standard_normal() + 0.5 * inside, inside


def sigma(family, macro, los, indoor):
    if family == "36.873":
        return 7.0 if indoor else (4.0 if macro else 3.0) if los else (6.0 if macro else 4.0)
    return 4.0 if los else (6.0 if macro else 7.82)


def drop(case, elements, n_users, seed):
    """Coupling gain, geometry and SINR [dB] of every user, (3, n_users)."""
    family, macro, f, isd, hb, least, power_dbm, mhz = CASES[case]
    rng = np.random.default_rng(seed)
    sites, copies = lattice(isd)
    noise = 10 ** ((-174.0 + 10.0 * math.log10(mhz * 1e6) + 9.0 - power_dbm) / 10)
    result = []
    while len(result) < n_users:
        around = complex(*rng.uniform(-0.6 * isd, 0.6 * isd, 2))
        if not in_hexagon(around, isd) or abs(around) < least:
            continue
        user = sites[rng.integers(19)] + around
        indoor = rng.random() < 0.8
        height, through, inside = 1.5, 0.0, 0.0
        if indoor:
            height = 1.5 + 3.0 * rng.integers(rng.integers(4, 9))
            through, inside = wall(family, f, rng)
        gain = []
        for site in sites:
            away = min((user - site - copy for copy in copies), key=abs)
            d = abs(away)
            los = rng.random() < line_of_sight(macro, d - inside, height)
            he = 1.0
            if macro and rng.random() > 1.0 / (1.0 + taller(height, d)):
                he = rng.choice(np.arange(12.0, height - 1.4, 3.0))
            fade = sigma(family, macro, los, indoor) * rng.standard_normal()
            total = loss(family, macro, los, d, f, hb, height, he) + through + fade
            zenith = math.degrees(math.atan2(d, height - hb))
            for boresight in (30.0, 150.0, 270.0):
                gain.append(antenna(elements, math.degrees(cmath.phase(away)) - boresight, zenith) - total)
        power = 10 ** (np.array(gain) / 10)
        best = power.max()
        others = power.sum() - best
        result.append((best, best / others, best / (others + noise)))
    return 10 * np.log10(np.array(result).T)


PERCENT = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
QUANTITIES = ("coupling_gain_db", "geometry_db", "sinr_db")

if __name__ == "__main__":  # writes calibration_percentiles.csv beside this file: minutes
    import csv
    from pathlib import Path

    with Path(__file__).with_name("calibration_percentiles.csv").open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["case", "elements", "quantity", *PERCENT])
        for case in CASES:
            for elements in (1, 10):
                for quantity, values in zip(QUANTITIES, drop(case, elements, 150_000, seed=7), strict=True):
                    out.writerow([case, elements, quantity, *np.percentile(values, PERCENT).round(2)])
