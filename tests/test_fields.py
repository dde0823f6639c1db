"""Further images on small tori against the plain-NumPy twin; fields that no seed shifts."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.stats import norm

from slicefast import _core, radio


def network(model="winner_plus_c2", n_side=2, seed=1, wrap=True, isd=500.0, height_m=25.0):
    """Arguments of link_model for n x n sites of a torus, their fields, and 700 users."""
    i, j = np.meshgrid(np.arange(n_side), np.arange(n_side))
    a1, a2 = np.array([isd, 0.0]), isd * np.array([0.5, np.sqrt(0.75)])
    site = i.ravel()[:, None] * a1 + j.ravel()[:, None] * a2
    k, v1, v2 = len(site), tuple(n_side * a1), tuple(n_side * a2)
    config = {
        "model": model, "pattern": "tr36814", "frequency_hz": 2.6e9, "site_x_m": site[:, 0] + 3.0,
        "site_y_m": site[:, 1] + 2.0, "site_height_m": np.full(k, height_m), "cell_site": np.repeat(np.arange(k), 3),
        "azimuth_deg": np.tile([30.0, 150.0, 270.0], k), "tilt_deg": np.full(3 * k, 15.0),
        "v1_m": v1 if wrap else None, "v2_m": v2 if wrap else None,
    }  # fmt: skip
    fields = radio.make_fields(model, k, np.random.default_rng(seed), config["v1_m"], config["v2_m"])
    s, t = np.random.default_rng(seed + 1).random((2, 700))
    return config, fields, s * v1[0] + t * v2[0], s * v1[1] + t * v2[1]


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("n_side", [1, 2])
def test_further_images_are_the_twins(reference, isa, n_side):
    config, fields, *_ = network(n_side=n_side)
    links = radio.link_model(fields=fields, further_images=True, isa=isa, **config)
    assert links.has_images
    # Points of the map's mesh, which is an eleventh of a side long at most (45 m / 4): there the map is exact.
    v1, v2 = np.array(config["v1_m"]), np.array(config["v2_m"])
    nodes = int(np.ceil(n_side * 500 / (45 / 4)))
    s, t = np.random.default_rng(4).integers(nodes, size=(2, 60)) / nodes
    x, y = s * v1[0] + t * v2[0], s * v1[1] + t * v2[1]
    gain, reach, margin = reference("radio").torus_gains(config, fields, x, y)
    # No hair's breadth of a line-of-sight state: of some 130 images at 60 points some always hang by one.
    sure = margin > 2e-4
    assert sure.mean() > 0.9
    # The map has 8 bits of mantissa, 0.017 dB; images that lie six spacings away by a hair may count or not, 1e-4.
    np.testing.assert_allclose(10 * np.log10(links.gains(x, y))[sure], 10 * np.log10(gain)[sure], atol=0.02)
    np.testing.assert_allclose(10 * np.log10(links.reach(x, y))[sure], 10 * np.log10(reach)[sure], atol=0.03)


def test_further_images_only_add():
    config, fields, x, y = network()
    nearest, all_images = (radio.link_model(fields=fields, further_images=on, **config) for on in (False, True))
    gain, strongest, reach = nearest.gains(x, y), all_images.gains(x, y), all_images.reach(x, y)
    assert (strongest >= gain).all()
    assert (reach >= strongest).all()
    np.testing.assert_array_equal(nearest.reach(x, y), gain)
    # The same around the torus: off the mesh of the map by rounding alone.
    v1, v2 = config["v1_m"], config["v2_m"]
    turned = all_images.reach(x + v1[0] - v2[0], y + v1[1] - v2[1])
    assert np.isclose(turned, reach, rtol=1e-3).mean() > 0.99
    server, sinr = all_images.best_server(x, y, np.ones(12), np.full(12, 0.7), 1e-15)
    everyone = np.arange(x.size)
    served = strongest[everyone, server]
    np.testing.assert_array_equal(server, strongest.argmax(axis=1))
    np.testing.assert_allclose(sinr, served / (0.7 * (reach.sum(axis=1) - served) + 1e-15), rtol=1e-4)


def test_further_images_are_for_small_tori():
    config, fields, *_ = network(n_side=7)
    assert not radio.link_model(fields=fields, further_images=True, **config).has_images
    config, fields, *_ = network(wrap=False)
    assert not radio.link_model(fields=fields, further_images=True, **config).has_images


def test_a_tile_holds_the_normal_distribution_whatever_the_seed():
    quantiles = norm.ppf((np.arange(256**2) + 0.5) / 256**2)
    for seed in range(3):
        fields = radio.make_fields("winner_plus_c2", 4, np.random.default_rng(seed))
        for tile in (fields.los_state, fields.shadow_los, fields.shadow_nlos, fields.common_los, fields.common_nlos):
            np.testing.assert_allclose(np.sort(tile, axis=None), quantiles, atol=1e-5)


def test_tiles_are_as_long_as_decorrelation_and_area_ask():
    # 16 distances of 50 m, line of sight's, also where shadowing has 10 m (UMi); and the whole area.
    for model, extent, least in (("tr38901_umi", 0.0, 800.0), ("tr38901_uma", 0.0, 800.0), ("tr38901_uma", 4e3, 4e3)):
        fields = radio.make_fields(model, 4, np.random.default_rng(0), extent_m=extent)
        assert fields.e1_m[0] >= least
    # A torus as large as 61 sites: the tile is the torus itself.
    fields = radio.make_fields("tr38901_uma", 61, np.random.default_rng(0), (3905.0, 0.0), (1952.5, 3381.8))
    assert fields.e1_m == (3905.0, 0.0)


def test_large_areas_repeat_far_apart():
    # 48 distances of 50 m or more, in parts of the area, with six nodes or more to the shortest distance of 37 m.
    for extent in (4e3, 5e3, 7e3, 2e4):
        fields = radio.make_fields("tr38901_uma", 4, np.random.default_rng(0), extent_m=extent)
        assert fields.e1_m[0] >= 2.4e3
        assert fields.e1_m[0] / len(fields.los_state) <= 37.0 / 6.0
    fields = radio.make_fields("tr38901_uma", 400, np.random.default_rng(0), (1e4, 0.0), (5e3, 8660.0))
    np.testing.assert_allclose(fields.e1_m, (2500.0, 0.0))


def test_an_area_that_repeats_soon_is_told():
    said = "tr38901_umi: shadowing and line of sight repeat every 1707 m, the area is 2000 m long"
    with pytest.warns(radio.RangeWarning, match=said):
        fields = radio.make_fields("tr38901_umi", 4, np.random.default_rng(0), extent_m=2e3)
    np.testing.assert_allclose(fields.e1_m, (1024 * 10 / 6, 0.0))
    with pytest.warns(radio.RangeWarning, match="repeat every 1667 m, the area is 10000 m long"):
        radio.make_fields("tr38901_umi", 400, np.random.default_rng(0), (1e4, 0.0), (5e3, 8660.0))


def test_images_read_the_tile_far_apart():
    # Up to four turns, in either direction: three decorrelation distances of 50 m, a correlation of 0.05, at least.
    for n in (1, 2, 3):
        v1, v2 = (n * 500.0, 0.0), (n * 250.0, n * 433.0)
        fields = radio.make_fields("winner_plus_c2", n * n, np.random.default_rng(0), v1, v2)
        size = fields.los_state.shape[0]
        for nodes, side in zip(fields.common_los.shape, (v2, v1), strict=True):
            away = np.arange(1, 5) * nodes % size
            assert np.minimum(away, size - away).min() * np.hypot(*side) / nodes > 120.0


def test_site_correlation_holds_across_states():
    # Between a link in line of sight and one out of it: 0.5, less what decorrelation distances of 45 and 50 m differ.
    fields = radio.make_fields("winner_plus_c2", 2, np.random.default_rng(1), extent_m=1e3)
    common = np.corrcoef(fields.common_los.ravel(), fields.common_nlos.ravel())[0, 1]
    assert 0.5 * common == pytest.approx(0.5, abs=0.02)
    # And the fields of the sites' own know nothing of it; a tile of 26 distances has some 600 patches.
    assert np.corrcoef(fields.shadow_los.ravel(), fields.shadow_nlos.ravel())[0, 1] == pytest.approx(0, abs=0.15)


def _los_share(twin, config, fields, x, y):
    """Links in line of sight over the sum of their probabilities, nearer than 300 m, by the twin's margins."""
    one_cell = {**config, "shadowing": False, "cell_site": config["cell_site"][::3]}
    margin = twin.link_gains_db(one_cell, fields, x, y)[1]
    dx = x[:, None] - config["site_x_m"]
    dy = y[:, None] - config["site_y_m"]
    turns = [twin.nearest_image(dx[:, k], dy[:, k], config["v1_m"], config["v2_m"]) for k in range(dx.shape[1])]
    a, b = np.stack(turns, axis=2)
    v1, v2 = config["v1_m"], config["v2_m"]
    distance = np.hypot(dx - a * v1[0] - b * v2[0], dy - a * v1[1] - b * v2[1])
    near = distance < 300.0
    return (margin < 0)[near].sum() / twin.los_probability("tr38901_umi", distance[near]).sum()


def test_no_seed_shifts_a_network(reference):
    # 16 sites of UMi. Where every tile had the mean it was drawn with, the share of links in line of sight was 0.11 to
    # 2.81 times the model's, and the median gain of the best server spread by 3.9 dB.
    shares, gains = [], []
    for seed in range(6):
        config, fields, x, y = network("tr38901_umi", n_side=4, seed=seed, isd=200.0, height_m=10.0)
        shares.append(_los_share(reference("radio"), config, fields, x, y))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", radio.RangeWarning)
            links = radio.link_model(fields=fields, **config)
        gains.append(np.median(10 * np.log10(links.gains(x, y).max(axis=1))))
    # Own fields for every site: some 16 x 25 patches of line of sight at P = 0.2 to 0.5 spread by 0.07.
    assert np.mean(shares) == pytest.approx(1.0, abs=0.1)
    assert np.std(shares) < 0.15
    assert np.std(gains) < 1.0
