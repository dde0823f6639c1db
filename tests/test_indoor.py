"""Indoor users: their draws, their links against the plain-NumPy twin, and the scenario that has them."""

from __future__ import annotations

import numpy as np
import pytest

import slicefast as sf
from slicefast import _core, radio
from slicefast.network import make_links
from slicefast.scenario import Scenario, ScenarioError

INDOOR_MODELS = ("tr36873_uma", "tr36873_umi", "tr38901_uma", "tr38901_umi")


def drop(model, n_users=700, seed=4, frequency_hz=2.6e9):
    """Four sites on a torus, users of every floor, fields: what the link model takes."""
    a1, a2 = np.array([500.0, 0.0]), 500.0 * np.array([0.5, np.sqrt(0.75)])
    sites = np.array([i * a1 + j * a2 for j in range(2) for i in range(2)])
    mast = 25.0 if model.endswith("uma") else 10.0
    config = {
        "model": model, "pattern": "tr38901_element", "frequency_hz": frequency_hz,
        "site_x_m": sites[:, 0] + 3.0, "site_y_m": sites[:, 1] + 2.0, "site_height_m": np.full(4, mast),
        "cell_site": np.repeat(np.arange(4), 3), "azimuth_deg": np.tile([30.0, 150.0, 270.0], 4),
        "tilt_deg": np.full(12, 12.0), "v1_m": tuple(2 * a1), "v2_m": tuple(2 * a2),
    }  # fmt: skip
    rng = np.random.default_rng(seed)
    fields = radio.make_fields(model, 4, rng, config["v1_m"], config["v2_m"])
    s, t = rng.random((2, n_users))
    x, y = s * 2 * a1[0] + t * 2 * a2[0], t * 2 * a2[1]
    building = "tr36873" if model.startswith("tr36873") else "tr38901"
    profile = {
        **vars(radio.draw_buildings(rng, n_users, 0.8, building, frequency_hz)),
        "environment": rng.random(n_users),
    }
    return config, fields, x, y, profile


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("model", INDOOR_MODELS)
@pytest.mark.parametrize("elements", [1, 10])
def test_gains_of_indoor_users_are_the_twins(reference, isa, model, elements):
    config, fields, x, y, profile = drop(model)
    config["elements"] = elements
    expected, margin = reference("radio").link_gains_db(config, fields, x, y, profile)
    links = radio.link_model(fields=fields, isa=isa, **config)
    got = 10 * np.log10(links.gains(x, y, profile=_core.UserProfile(**profile)))
    # As for outdoor users in test_radio: states within the error of Phi may differ, nulls of a column cancel.
    sure = np.abs(margin) > 2e-4
    assert sure.mean() > 0.996
    sure &= expected > -200  # deeper ones lie in nulls of the column
    assert sure.mean() > 0.9
    np.testing.assert_allclose(got[sure], expected[sure], atol=3e-3 if elements == 1 else 0.2)


def test_high_environments_are_drawn(reference):
    """The twin's test above must have met links whose breakpoint lies above the roofs."""
    _, _, _, _, profile = drop("tr38901_uma", n_users=4000)
    distance = np.full(4000, 250.0)
    height, _ = reference("radio").environment_height_m(
        "tr38901_uma", distance, profile["height_m"], profile["environment"]
    )
    assert set(np.unique(height)) == {1.0, 12.0, 15.0, 18.0, 21.0}


@pytest.mark.parametrize("isa", _core.available_isas())
def test_a_profile_of_outdoor_users_changes_nothing(isa):
    config, fields, x, y, _ = drop("tr36873_uma")
    links = radio.link_model(fields=fields, isa=isa, **config)
    n = x.size
    outdoors = _core.UserProfile(
        height_m=np.full(n, 1.5), indoor=np.zeros(n, bool), inside_m=np.zeros(n), loss_db=np.zeros(n),
        environment=np.full(n, 0.99),
    )  # fmt: skip
    plain, profiled = links.gains(x, y), links.gains(x, y, profile=outdoors)
    assert (np.abs(10 * np.log10(profiled / plain)) < 1e-3).mean() > 0.999  # float32 at the edge of a state


def test_profiles_go_through_every_entry():
    config, fields, x, y, values = drop("tr38901_umi", frequency_hz=6e9)
    links, profile = radio.link_model(fields=fields, **config), _core.UserProfile(**values)
    gain = links.gains(x, y, profile=profile)
    np.testing.assert_array_equal(gain, links.gains(x, y, n_threads=2, profile=profile))
    some = np.array([3, 699, 131], np.int32)
    kept = gain.copy()
    kept[some] = 0.0
    links.update_gains(x, y, some, kept, profile=profile)
    np.testing.assert_array_equal(kept, gain)
    server, _ = links.best_server(x, y, np.ones(12), np.ones(12), 1e-15, profile=profile)
    np.testing.assert_array_equal(server, gain.argmax(axis=1))
    assert profile.n_users == 700


def test_bad_profiles_are_refused_by_name():
    config, fields, x, y, values = drop("tr38901_uma")
    for name, bad in (("height_m", 30.0), ("inside_m", -1.0), ("loss_db", np.nan), ("environment", 2.0)):
        with pytest.raises(ValueError, match=f"{name}: user 2 has"):
            _core.UserProfile(**{**values, name: np.where(np.arange(700) == 2, bad, values[name])})
    for name in ("indoor", "inside_m", "loss_db", "environment"):
        with pytest.raises(ValueError, match=f"{name}: got 3 values, allowed: 700, one per user"):
            _core.UserProfile(**{**values, name: values[name][:3]})
    few = _core.UserProfile(**{name: value[:5] for name, value in values.items()})
    with pytest.raises(ValueError, match="profile: got 5 values, allowed: 700, one per user"):
        radio.link_model(fields=fields, **config).gains(x, y, profile=few)
    config["model"], config["pattern"] = "winner_plus_c2", "tr36814"
    fields = radio.make_fields("winner_plus_c2", 4, np.random.default_rng(0), config["v1_m"], config["v2_m"])
    with pytest.raises(ValueError, match=r"profile: only TR 36\.873 and TR 38\.901 models know indoor users"):
        radio.link_model(fields=fields, **config).gains(x, y, profile=_core.UserProfile(**values))


def test_draws_have_the_documents_distributions():
    drawn = radio.draw_buildings(np.random.default_rng(1), 100_000, 0.8, "tr36873", 2e9)
    assert drawn.indoor.mean() == pytest.approx(0.8, abs=0.01)
    # P(floor = f) = mean over n = 4..8 of [f <= n] / n.
    floors = (drawn.height_m[drawn.indoor] - 1.5) / 3.0 + 1.0
    for f in range(1, 9):
        expected = np.mean([(f <= n) / n for n in range(4, 9)])
        assert (floors == f).mean() == pytest.approx(expected, abs=0.006)
    np.testing.assert_allclose(drawn.loss_db[drawn.indoor], 20.0 + 0.5 * drawn.inside_m[drawn.indoor])
    assert drawn.inside_m[drawn.indoor].mean() == pytest.approx(12.5, abs=0.2)
    outside = ~drawn.indoor
    assert (drawn.loss_db[outside] == 0.0).all()
    assert (drawn.inside_m[outside] == 0.0).all()
    assert (drawn.height_m[outside] == 1.5).all()
    for share, mean, sigma in ((0.0, radio.building_loss_db("low", 6e9), 4.4),
                               (1.0, radio.building_loss_db("high", 6e9), 6.5)):  # fmt: skip
        drawn = radio.draw_buildings(np.random.default_rng(1), 100_000, 1.0, "tr38901", 6e9, high_loss_share=share)
        wall = drawn.loss_db - 0.5 * drawn.inside_m
        assert wall.mean() == pytest.approx(mean, abs=0.1)
        assert wall.std() == pytest.approx(sigma, abs=0.1)
        assert drawn.inside_m.mean() == pytest.approx(25.0 / 3.0, abs=0.1)  # the smaller of two uniforms
    with pytest.raises(ValueError, match="building: got 'brick', allowed: tr36873, tr38901"):
        radio.draw_buildings(np.random.default_rng(1), 1, 1.0, "brick", 6e9)


def test_coated_glass_by_release():
    # TR 38.901 Table 7.4.3-2, high loss, with L_IRR of Table 7.4.3-1: 23 + 0.3 f to v17, 25.4 + 0.11 f from v19 on.
    # With the way inside, 25/6 dB in the mean, Sionna 2.2.0 (v19.2) has 35.7 dB at 6 GHz and 39.0 dB at 28 GHz.
    for release, f_ghz, coated_db in (("v17", 6, 24.8), ("v17", 28, 31.4), ("v19", 6, 26.06), ("v19", 28, 28.48)):
        expected = 5 - 10 * np.log10(0.7 * 10 ** (-coated_db / 10) + 0.3 * 10 ** (-(5 + 4 * f_ghz) / 10))
        assert radio.building_loss_db("high", f_ghz * 1e9, release) == pytest.approx(expected, abs=1e-9)
        assert radio.building_loss_db("low", f_ghz * 1e9, release) == radio.building_loss_db("low", f_ghz * 1e9)
    for f_ghz, sionna_db in ((6, 35.7), (28, 39.0)):
        drawn = radio.draw_buildings(
            np.random.default_rng(1), 100_000, 1.0, "tr38901", f_ghz * 1e9, high_loss_share=1.0, release="v19"
        )
        assert drawn.loss_db.mean() == pytest.approx(sionna_db, abs=0.3)  # half a digit, and its own draws
    with pytest.raises(ValueError, match="release: got 'v16', allowed: v17, v19"):
        radio.building_loss_db("high", 6e9, "v16")


@pytest.mark.filterwarnings("ignore:.*repeat every:slicefast.errors.RangeWarning")
@pytest.mark.parametrize("model", INDOOR_MODELS)
def test_a_simple_wall_shadows_indoor_users_by_7_db(model):
    # TR 36.873, and TR 38.901 Table 7.4.3-3 below 6 GHz. The field is the same with and without shadowing, so the
    # difference is sigma times a field of unit variance; 2,016 users on 12 sites see thousands of places.
    mast = 10.0 if model.endswith("umi") else 25.0
    gains = []
    for shadowing in (True, False):
        settings = {"path_loss_model": model, "bs_height_m": mast, "frequency_hz": 3e9, "shadowing": shadowing}
        scenario = Scenario.paper(
            radio=settings,
            indoor={"share": 1.0, "building": "tr36873"},
            layout={"n_sites": 12, "inter_site_distance_m": 1000.0, "wrap_around": False},  # one image of each
            slices=[{"name": f"s{k}", "rate_bps": 8e4, "users_per_cell": 14} for k in range(4)],
        )
        gains.append(10 * np.log10(sf.Simulator(scenario, seed=4).gain))
    assert (gains[0] - gains[1]).std() == pytest.approx(7.0, rel=0.08)


def scenario_with(share=0.8, **changes):
    settings = {
        "radio": {"path_loss_model": "tr38901_uma", "antenna": "tr38901_element", "antenna_elements": 10,
                  "tilt_deg": 12.0, "frequency_hz": 3.5e9},
        "indoor": {"share": share, "building": "tr38901", "high_loss_share": 0.3},
        "slices": [{"name": f"s{k}", "rate_bps": 8e4, "users_per_cell": 8} for k in range(4)],
    }  # fmt: skip
    return Scenario.paper(**{**settings, **changes})


def test_the_simulators_links_are_the_twins(reference):
    scenario = scenario_with()
    simulator = sf.Simulator(scenario, seed=5)
    x, y = simulator.positions_m
    streams = sf.rng.Streams(5)
    scenario.area.sample(streams.placement, scenario.n_users)
    streams.placement.random(scenario.n_users)
    drawn = radio.draw_buildings(
        streams.placement, scenario.n_users, 0.8, "tr38901", 3.5e9, high_loss_share=0.3, release="v19"
    )
    profile = {**vars(drawn), "environment": streams.placement.random(scenario.n_users)}
    fields = radio.make_fields("tr38901_uma", 4, streams.shadowing, scenario.area.v1_m, scenario.area.v2_m)
    config = {
        "model": "tr38901_uma", "pattern": "tr38901_element", "elements": 10, "frequency_hz": 3.5e9,
        "v1_m": scenario.area.v1_m, "v2_m": scenario.area.v2_m,
        **{name: getattr(scenario, name) for name in
           ("site_x_m", "site_y_m", "site_height_m", "cell_site", "azimuth_deg", "tilt_deg")},
    }  # fmt: skip
    expected, margin = reference("radio").link_gains_db(config, fields, x, y, profile)
    got = 10 * np.log10(simulator.gain)
    # A further image may be stronger than the nearest, whose links these are.
    assert (got > expected - 0.1)[(np.abs(margin) > 2e-4) & (expected > -220)].all()
    sure = (np.abs(margin) > 2e-4) & (expected > -220) & (got < expected + 1e-3)
    assert sure.mean() > 0.5  # antennas' backs lose to the fronts of further images
    np.testing.assert_allclose(got[sure], expected[sure], atol=0.1)
    np.testing.assert_array_equal(simulator.indoor, drawn.indoor)


def test_indoor_users_stay_and_the_others_walk_as_ever():
    mixed, outdoors = (sf.Simulator(scenario_with(share), seed=2) for share in (0.5, 0.0))
    start = mixed.positions_m
    np.testing.assert_array_equal(start, outdoors.positions_m)
    for simulator in (mixed, outdoors):
        simulator.reset()
        for _ in range(3):
            simulator.step(np.full((12, 4), 0.25))
    indoor = mixed.indoor
    assert indoor.mean() == pytest.approx(0.5, abs=0.1)
    assert not outdoors.indoor.any()
    np.testing.assert_array_equal(mixed.positions_m[:, indoor], start[:, indoor])
    np.testing.assert_array_equal(mixed.positions_m[:, ~indoor], outdoors.positions_m[:, ~indoor])
    strongest = 10 * np.log10(mixed.gain.max(axis=1))
    assert np.median(strongest[indoor]) < np.median(strongest[~indoor]) - 10.0


def test_a_snapshot_returns_to_the_same_buildings():
    scenario = scenario_with()
    first, second = sf.Simulator(scenario, seed=1), sf.Simulator(scenario, seed=9)
    first.reset()
    second.restore(first.snapshot())
    share = np.full((12, 4), 0.25)
    for _ in range(2):
        np.testing.assert_array_equal(first.step(share).throughput_bps, second.step(share).throughput_bps)
    np.testing.assert_array_equal(first.gain, second.gain)
    np.testing.assert_array_equal(first.indoor, second.indoor)


def test_indoor_settings_survive_toml(tmp_path):
    scenario = scenario_with()
    scenario.to_toml(tmp_path / "s.toml")
    assert Scenario.from_toml(tmp_path / "s.toml") == scenario
    assert scenario.indoor.share == 0.8


TR = {"path_loss_model": "tr38901_uma"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"indoor": {"share": 0.5}},
            r"indoor\.share: got 0\.5, .*'winner_plus_c2' knows no indoor users; those that do: tr36873_uma, ",
        ),
        ({"indoor": {"share": 1.5}}, r"indoor\.share: got 1\.5, must be less than or equal to 1"),
        ({"indoor": {"min_floors": 9}}, r"indoor\.min_floors: got 9, must be less than or equal to 8"),
        ({"indoor": {"min_floors": 5, "max_floors": 4}}, r"indoor\.min_floors: got 5, must be at most max_floors = 4"),
        ({"indoor": {"building": "brick"}}, r"indoor\.building: got 'brick', must be 'tr36873' or 'tr38901'"),
        (
            {"indoor": {"share": 0.8, "building": "tr38901"}, "radio": {"path_loss_model": "tr36873_uma"}},
            r"indoor\.building: got 'tr38901', must be 'tr36873' beside tr36873_uma",
        ),
        (
            {"indoor": {"share": 0.8}, "radio": {**TR, "frequency_hz": 28e9}},
            r"indoor\.building: got 'tr36873', is made for carriers up to 6 GHz",
        ),
    ],
)
def test_bad_indoor_settings(changes, message):
    with pytest.raises(ScenarioError, match=message):
        Scenario.paper(**changes)


def test_networks_with_indoor_users_keep_every_link():
    """Far cells fold for outdoor users at one height; their bound says nothing about others."""
    settings = {"radio": {"path_loss_model": "tr38901_uma"}, "slices": scenario_with().slices}
    outdoors = Scenario.hexagonal(49, **settings)
    mixed = outdoors.replace(indoor={"share": 0.5})
    folded, full = (make_links(s, np.random.default_rng(1)) for s in (outdoors, mixed))
    assert folded.folds
    assert not full.folds
    rng = np.random.default_rng(2)
    x, y = outdoors.area.sample(rng, 300)
    drawn = radio.draw_buildings(rng, 300, 0.5, "tr38901", 2.6e9)
    profile = _core.UserProfile(**vars(drawn), environment=rng.random(300))
    arguments = (x, y, np.ones(147), np.ones(147), 1e-15)
    np.testing.assert_array_equal(  # with a profile the links that would fold are computed too
        folded.best_server(*arguments, profile=profile)[1], full.best_server(*arguments, profile=profile)[1]
    )
