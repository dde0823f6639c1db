"""Mistakes of units and conventions are refused or warned about, by name and with the likely mistake."""

import re

import numpy as np
import pytest

import slicefast as sf
from slicefast import _core, link_adaptation, load_coupling, plausible, radio
from slicefast.errors import RangeWarning, ScenarioError, SlicefastError
from slicefast.scenario import Scenario

HEADER = "x_m,y_m,height_m,angle_deg,tilt_deg,power_dbm\n"
GEOGRAPHIC = HEADER.replace("x_m,y_m", "latitude,longitude").replace("angle_deg", "azimuth_deg")


def slices(rate_bps):
    return [{"name": f"s{k}", "rate_bps": rate_bps * (4 - k)} for k in range(4)]


WARNED = [
    ({"slices": slices(0.08)}, r"^slices\[0\]\.rate_bps: got 0\.32, plausible is 10 to 1e\+11: kbit/s or Mbit/s given"),
    ({"slices": slices(2e11)}, r"^slices\[0\]\.rate_bps: got 8e\+11, .* a cell's or a network's rate"),
    (
        {"requirements": [{"cells": "all", "throughput_bps": (4, 3, 2, 1), "delay_ms": (4, 4, 4, 4)}]},
        r"^requirements\[0\]\.throughput_bps of slice 4: got 1, .* Mbit/s given as bit/s",
    ),
    (
        {"requirements": [{"cells": "all", "throughput_bps": (1e6,) * 4, "delay_ms": (4, 4e-3, 4, 4)}]},
        r"^requirements\[0\]\.delay_ms of slice 2: got 0\.004, .* seconds given as ms",
    ),
    ({"radio": {"tilt_deg": -15}}, r"^tilt_deg of cell 1: got -15, plausible is 0 to 45: a downtilt is positive here"),
    ({"radio": {"tilt_deg": 89}}, r"^tilt_deg of cell 1: got 89, .* from the zenith"),
    (
        {"cell_settings": [{"cells": [5], "tilt_deg": -3}]},
        r"^tilt_deg of cell 5: got -3, plausible is 0 to 45: a downtilt is positive here",
    ),
    ({"radio": {"antenna": "tr38901_element"}}, r"^tilt_deg: got 15, no effect on a single tr38901_element"),
    ({"mobility": {"speed_mps": 120}}, r"^mobility\.speed_mps: got 120, .*: km/h given as m/s\?"),
    ({"step_s": 1000.0}, r"^step_s: got 1000, .*: ms given as s\?"),
    ({"radio": {"power_dbm": 26}}, r"^power_dbm of cell 1: got 26, .* power per PRB"),
    ({"radio": {"path_loss_model": "m2135_uma"}}, r"^radio\.car_share: got 0, m2135_uma without the 9 dB of the cars"),
]
REFUSED = [
    ({"radio": {"prb_bandwidth_hz": 180}}, r"^radio\.prb_bandwidth_hz: got 180\.0, .*: kHz or MHz given as Hz"),
    ({"radio": {"prb_bandwidth_hz": 20e6}}, r"^radio\.prb_bandwidth_hz: got 20000000\.0, .* carrier's bandwidth"),
    ({"layout": {"inter_site_distance_m": 0.5}}, r"^layout\.inter_site_distance_m: share of .*: km given as m\?"),
]


@pytest.mark.parametrize(("fields", "message"), WARNED)
def test_a_likely_mistake_in_a_scenario_is_warned_about_at_the_users_line(fields, message):
    with pytest.warns(RangeWarning) as told:
        Scenario.paper(**fields)
    assert {warning.filename for warning in told} == {__file__}
    assert re.search(message, str(told[0].message)), str(told[0].message)


@pytest.mark.parametrize(("fields", "message"), REFUSED)
def test_an_impossible_value_in_a_scenario_is_refused(fields, message):
    with pytest.raises(ScenarioError, match=message):
        Scenario.paper(**fields)


def test_what_standards_and_operators_have_is_silent():
    """Pytest turns every warning into an error here."""
    Scenario.paper()
    Scenario.paper(radio={"antenna": "tr38901_element", "antenna_elements": 10, "tilt_deg": 12})
    Scenario.paper(radio={"antenna": "tr38901_element", "tilt_deg": 0})
    Scenario.paper(mobility={"speed_mps": 33.3}, step_s=0.01)
    Scenario.paper(radio={"prb_bandwidth_hz": 1.44e6, "frequency_hz": 28e9, "path_loss_model": "tr38901_uma"})
    small = {"path_loss_model": "tr38901_umi", "bs_height_m": 10, "power_dbm": 24}
    sf.Simulator(Scenario.hexagonal(1, 200.0, radio=small, window_ttis=1))


HEIGHTS = [
    ("tr38901_umi", {}, "tr38901_umi: bs_height_m 25 m, made for 10 m"),
    ("tr36873_umi", {}, "tr36873_umi: bs_height_m 25 m, made for 10 m"),
    ("tr38901_uma", {"bs_height_m": 60}, "tr38901_uma: bs_height_m 60 m, made for 25 m"),
    ("winner_plus_b1", {}, "winner_plus_b1: bs_height_m 25 m, made for 10 m"),
    ("winner_plus_c2", {"ue_height_m": 1.05}, r"winner_plus_c2: ue_height_m 1\.05 m, made for 1\.5 to 10 m"),
    ("winner_plus_c1", {"bs_height_m": 5}, "winner_plus_c1: bs_height_m 5 m, made for 10 to 150 m"),
]


@pytest.mark.parametrize(("model", "heights", "message"), HEIGHTS)
def test_heights_that_a_document_does_not_have_are_warned_about(model, heights, message):
    scenario = Scenario.hexagonal(1, 600.0, radio={"path_loss_model": model, **heights}, window_ttis=1)
    with pytest.warns(RangeWarning, match=message):
        sf.Simulator(scenario)
    with pytest.warns(RangeWarning, match=message):
        radio.path_loss_db(model, True, 100.0, 2.6e9, **heights)


def test_every_model_names_the_heights_it_was_made_for():
    for model in _core.path_loss_models().values():
        for made_for, taken in (("made_for_bs_height_m", "bs_height_m"), ("made_for_ue_height_m", "ue_height_m")):
            low, high = model[made_for]
            assert 1.0 <= low <= high <= model[taken][1]


def csv(tmp_path, text):
    path = tmp_path / "sites.csv"
    path.write_text(text)
    return {"sites_csv": str(path)}


def test_a_sector_that_is_listed_twice_is_refused(tmp_path):
    rows = "0,0,25,30,6,46\n0,0,25,150,6,46\n500,0,25,30,6,46\n"
    Scenario(layout=csv(tmp_path, HEADER + rows))
    with pytest.raises(ScenarioError, match=r"row 5 column angle_deg: got '30', the sector of row 2 again"):
        Scenario(layout=csv(tmp_path, HEADER + rows + "0,0,25,30,6,40\n"))
    with pytest.raises(ScenarioError, match=r"row 5 column angle_deg: got '-210', the sector of row 3 again"):
        Scenario(layout=csv(tmp_path, HEADER + rows + "0.0001,0,25,-210,6,46\n"))
    with pytest.warns(RangeWarning, match="row 5: the sector of row 2 at another tilt"):  # a sector of its own
        Scenario(layout=csv(tmp_path, HEADER + rows + "0,0,25,30,2,40\n"))


def test_power_per_prb_and_kilometres_in_a_file_are_told(tmp_path):
    with pytest.warns(RangeWarning, match="power_dbm of cell 2: got 26, .* power per PRB"):
        Scenario(layout=csv(tmp_path, HEADER + "0,0,25,30,6,46\n500,0,25,30,6,26\n"))
    with pytest.raises(ScenarioError, match=r"layout\.sites_csv: share of the area .* km given as m"):
        Scenario(layout=csv(tmp_path, HEADER + "0,0,25,30,6,46\n0.5,0,25,30,6,46\n"))


def test_settings_and_file_share_one_azimuth_convention(tmp_path):
    """A cell whose file says 60 degrees and whose setting says 60 degrees is not turned."""
    bearings = HEADER.replace("angle_deg", "bearing_deg")
    for header, boresight in ((GEOGRAPHIC, 30.0), (HEADER, 60.0), (bearings, 30.0)):
        layout = csv(tmp_path, header + "0,0,25,60,6,46\n0,0,25,180,6,46\n")
        as_filed = Scenario(layout=layout)
        as_set = Scenario(layout=layout, cell_settings=[{"cells": [1], "azimuth_deg": 60}])
        assert as_filed.azimuth_deg[0] == as_set.azimuth_deg[0] == boresight
        turned = Scenario(layout=layout, cell_settings=[{"cells": [2], "azimuth_deg": 60}])
        assert turned.azimuth_deg[1] == boresight


def test_a_file_that_leaves_its_convention_open_is_told_so(tmp_path):
    """Bearings in a file of x, y mirror the network: the two conventions have columns of their own."""
    rows = "0,0,25,60,6,46\n0,0,25,180,6,46\n"
    with pytest.warns(
        RangeWarning, match=r"sites\.csv: azimuth_deg beside x_m, y_m .*these bearings, clockwise from north"
    ) as told:
        either = Scenario(layout=csv(tmp_path, HEADER.replace("angle_deg", "azimuth_deg") + rows))
    assert {warning.filename for warning in told} == {__file__}
    assert either.azimuth_deg.tolist() == [60.0, 180.0]
    east = Scenario(layout=csv(tmp_path, GEOGRAPHIC.replace("azimuth_deg", "angle_deg") + rows))
    assert east.azimuth_deg.tolist() == [60.0, 180.0]
    for columns, row in (("a", "0,0,25,60,6,46\n"), ("angle_deg,bearing_deg", "0,0,25,60,60,6,46\n")):
        with pytest.raises(ScenarioError, match=r"row 1.* one column of bearing_deg, angle_deg and azimuth_deg"):
            Scenario(layout=csv(tmp_path, HEADER.replace("angle_deg", columns) + row))


COUPLING = {
    "power_w": 0.4,
    "noise_w": 5.7e-15,
    "demand_bps": [1e6, 1e6],
    "serving": [0, 1],
    "bandwidth_hz": 18e6,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_load_coupling_tells_of_path_loss_given_as_gain(dtype):
    gain = np.array([[85.0, 112.0], [108.0, 93.0]], dtype)
    with pytest.warns(RangeWarning, match=r"^gain: got 93, plausible is 0 to 1: a path loss, or dB, given as gain\?"):
        load_coupling.solve(gain, **{**COUPLING, "noise_w": 1e-5})
    with pytest.warns(RangeWarning, match="^gain: got 93"):
        load_coupling.sinr(gain, 0.4, 1e-5, 1.0, [0, 1])
    with pytest.warns(RangeWarning, match="^gain: got 93"):
        load_coupling.spectral_radius(gain, **{**COUPLING, "noise_w": 1e-5})


def test_load_coupling_tells_of_power_in_dbm():
    gain = [[1e-7, 1e-9], [1e-9, 1e-7]]
    load_coupling.solve(gain, **COUPLING)
    with pytest.warns(RangeWarning, match=r"^power_w gain / noise_w: got 8\.07\d*e\+08, .* dBm given as W"):
        load_coupling.solve(gain, **{**COUPLING, "power_w": 46.0})


@pytest.mark.parametrize("function", [link_adaptation.cqi, lambda x: load_coupling.spectral_efficiency("shannon", x)])
def test_a_sinr_in_db_is_refused_where_it_shows(function):
    for given, worst in ((-5, -5.0), ([3.0, -0.1], -0.1), (np.nan, np.nan)):
        with pytest.raises(SlicefastError, match=f"sinr: got {worst}, allowed: at least 0: it is linear"):
            function(given)
    assert np.isfinite(function(0.0))


def test_states_of_links_are_truths():
    no_number, no_truth = "real numbers, in rows of one length, none masked", "True or False"
    for los, allowed in (
        ("nlos", no_number),
        (["los", "nlos"], no_number),
        (None, no_number),
        (2, no_truth),
        ([0.5], no_truth),
    ):
        with pytest.raises(SlicefastError, match=f"^los: got .*, allowed: {allowed}"):
            radio.path_loss_db("tr38901_uma", los, 500.0, 2e9)
    both = radio.path_loss_db("tr38901_uma", [0, 1], 500.0, 2e9)
    assert both.tolist() == radio.path_loss_db("tr38901_uma", np.array([False, True]), 500.0, 2e9).tolist()


def test_a_buildings_carrier_is_in_hertz():
    for kind in ("tr36873", "low", "high"):
        with pytest.raises(SlicefastError, match=r"frequency_hz: got 3\.5, allowed: 0\.45e9 to 100e9"):
            radio.building_loss_db(kind, 3.5)


def test_the_worst_of_several_values_is_named():
    with pytest.warns(RangeWarning, match="^speed of user 3: got 90, "):
        plausible.hold("speed_mps", "speed", [1.0, 60.0, 90.0], "user")
    plausible.hold("speed_mps", "speed", [])
