"""Layouts from a file of sites, and settings of single cells."""

import numpy as np
import pytest

from slicefast.errors import RangeWarning
from slicefast.scenario import Scenario, ScenarioError

HEADER = "x_m,y_m,height_m,angle_deg,tilt_deg,power_dbm\n"


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


def csv_scenario(path, **overrides):
    return Scenario(layout={"kind": "csv", "sites_csv": path}, **overrides)


def exported(scenario, scale=1.0):
    """Write a scenario's cells as a site file, from another origin."""
    rows = [
        f"{scenario.site_x_m[site] + 7000},{scenario.site_y_m[site] - 300},{scenario.site_height_m[site]},"
        f"{scenario.azimuth_deg[cell]},{scenario.tilt_deg[cell]},{scenario.power_dbm[cell]}"
        for cell, site in enumerate(scenario.cell_site)
    ]
    return HEADER + "\n".join(rows) + "\n"


def test_a_hexagonal_layout_written_to_a_file_comes_back(tmp_path):
    hexagonal = Scenario.hexagonal(7, wrap_around=False)
    scenario = csv_scenario(write(tmp_path / "sites.csv", exported(hexagonal)))
    for name in ("site_x_m", "site_y_m", "site_height_m", "cell_site", "azimuth_deg", "tilt_deg", "power_dbm"):
        np.testing.assert_allclose(getattr(scenario, name), getattr(hexagonal, name), atol=1e-3)
    np.testing.assert_array_equal(scenario.neighbours, hexagonal.neighbours)
    np.testing.assert_array_equal(scenario.throughput_requirement_bps, hexagonal.throughput_requirement_bps)
    assert scenario.n_users == hexagonal.n_users
    assert not scenario.area.wrap
    margin = 500 / np.sqrt(3)
    corner = hexagonal.site_x_m.min() + 7000 - margin, hexagonal.site_y_m.min() - 300 - margin
    np.testing.assert_allclose(scenario.area.origin_m, corner, atol=2e-3)
    np.testing.assert_allclose(scenario.area.area_m2, hexagonal.area.area_m2, rtol=1e-5)


def test_degrees_become_metres_and_bearings(tmp_path):
    """Stuttgart: 0.01 degrees of latitude are 1,112 m, of longitude cos(48.78) of it; bearing 0 is north."""
    text = """latitude,longitude,height_m,azimuth_deg,tilt_deg,power_dbm
48.775,9.18,30,0,6,46
48.775,9.18,30,120,6,46
48.785,9.18,20,90,8,43
48.775,9.19,25,-90,8,40
"""
    scenario = csv_scenario(write(tmp_path / "sites.csv", text))
    assert scenario.cell_site.tolist() == [0, 0, 1, 2]
    assert scenario.azimuth_deg.tolist() == [90.0, 330.0, 0.0, 180.0]
    assert scenario.site_height_m.tolist() == [30, 20, 25]
    assert scenario.power_dbm.tolist() == [46, 46, 43, 40]
    # Great-circle distances on the same sphere: equirectangular is exact along the meridian, 1e-6 at this size.
    degree = 6_371_008.8 * np.pi / 180
    assert scenario.site_y_m[1] - scenario.site_y_m[0] == pytest.approx(0.01 * degree, abs=0.01)
    assert scenario.site_x_m[2] - scenario.site_x_m[0] == pytest.approx(
        0.01 * degree * np.cos(np.deg2rad(48.78)), abs=0.01
    )
    np.testing.assert_allclose(scenario.power_w_per_prb[2] * 100, 10**1.3)


def test_the_date_line_is_no_border(tmp_path):
    text = "latitude,longitude,height_m,azimuth_deg,tilt_deg,power_dbm\n0,179.995,30,0,6,46\n0,-179.995,30,0,6,46\n"
    scenario = csv_scenario(write(tmp_path / "sites.csv", text))
    assert abs(scenario.site_x_m[1] - scenario.site_x_m[0]) == pytest.approx(1112, abs=1)


def test_a_single_cell_and_a_margin(tmp_path):
    path = write(tmp_path / "sites.csv", HEADER + "0,0,25,0,6,46\n")
    scenario = Scenario(layout={"sites_csv": path, "margin_m": 1000})
    assert scenario.n_cells == 1
    assert scenario.neighbours.shape == (1, 0)
    assert scenario.area.area_m2 == pytest.approx(np.pi * 1e6)
    assert scenario.site_x_m.tolist() == [1000.0]


def test_csv_layout_in_toml_is_found_beside_it(tmp_path):
    write(tmp_path / "sites.csv", exported(Scenario.hexagonal(2, wrap_around=False)))
    write(tmp_path / "s.toml", '[layout]\nkind = "csv"\nsites_csv = "sites.csv"\n')
    scenario = Scenario.from_toml(tmp_path / "s.toml")
    assert scenario.n_cells == 6
    scenario.to_toml(tmp_path / "copy.toml")
    assert Scenario.from_toml(tmp_path / "copy.toml") == scenario
    assert scenario.replace(layout={"n_sites": 4, "kind": "hexagonal"}).n_cells == 12
    back = Scenario.paper().replace(layout={"sites_csv": str(tmp_path / "sites.csv")})
    assert back.n_cells == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER, r"sites\.csv: has a header but no rows"),
        (
            "x_m,height_m,angle_deg,tilt_deg,power_dbm\n0,2,1,1,1\n",
            r"row 1: got .*, no column y_m beside x_m",
        ),
        (
            "height_m,azimuth_deg,tilt_deg,power_dbm\n2,1,1,1\n",
            r"row 1: got .*azimuth_deg.*, no columns x_m, y_m or",
        ),
        ("x_m,y_m,latitude,longitude," + HEADER[8:] + "0,0,0,0,25,0,0,46\n", r"row 1: got .*, must have .*, not both"),
        (HEADER + "0,0,25,0,6,46\n0,0,-3,0,6,46\n", r"sites\.csv row 3 column height_m: got '-3', .* in \[1, 300\]"),
        (
            HEADER + "0,0,25,0,6,46\n0,0,1.2,0,6,46\n",
            r"sites\.csv row 3 column height_m: got '1.2', must be above radio.ue_height_m = 1.5",
        ),
        (HEADER + "0,0,25,north,6,46\n", r"sites\.csv row 2 column angle_deg: got 'north', .* in \[-360, 360\]"),
        (HEADER + "0,0,25,0,120,46\n", r"sites\.csv row 2 column tilt_deg: got '120', .* in \[-90, 90\]"),
        (HEADER + "0,0,25,0,6,nan\n", r"sites\.csv row 2 column power_dbm: got 'nan', .* in \[-50, 100\]"),
        (HEADER + "0,,25,0,6,46\n", r"sites\.csv row 2 column y_m: got '', must be a number"),
        (HEADER + "0,0,25,0,6,46\n2e6,0,25,0,6,46\n", r"sites\.csv: got '2000000 m', sites must lie within 1000000 m"),
        (
            "latitude,longitude," + HEADER[8:] + "91,0,25,0,6,46\n",
            r"sites\.csv row 2 column latitude: got '91', must be a number in \[-90, 90\]: a longitude, or metres",
        ),
        (
            "lat,lon,azimuth_deg\n52.5,390000,0\n",
            r"row 2 column lon: got '390000', must be a number in \[-180, 180\]: metres, which x_m, y_m take\?",
        ),
        (
            'lat,lon,azimuth_deg\n"52,5",13.4,0\n',
            r"column lat: got '52,5', must be .*\[-90, 90\], with a decimal point$",
        ),
        (
            "# export\nlat,lon,azimuth_deg\n",
            r"row 2: got \['lat', .*, must have 1 values like the header, \['# export'\]$",
        ),
    ],
)
def test_bad_site_files_are_refused_by_row_and_column(tmp_path, text, message):
    path = write(tmp_path / "sites.csv", text)
    with pytest.raises(ScenarioError, match=message) as caught:
        csv_scenario(path)
    assert "\n" not in str(caught.value)


def test_columns_that_nothing_is_read_from_are_named(tmp_path):
    """A name that is misspelt leaves the radio's value: once for all columns, on one line, with those there are."""
    row = "a\nb,0,0,30,40,\n".replace("\n", "", 1)
    path = write(tmp_path / "sites.csv", 'name,x_m,y_m,angle_deg,"po\x1bwer",\n' + row)
    with pytest.warns(RangeWarning, match="nothing is read") as told:
        scenario = csv_scenario(path)
    (text,) = (str(warning.message) for warning in told)
    assert text.startswith("sites.csv: nothing is read from the columns name, po?wer; those that are known: x_m, y_m, ")
    assert "power_dbm" in text
    assert told[0].filename == __file__
    assert scenario.power_dbm.tolist() == [scenario.radio.power_dbm]
    many = ",".join(f"column{number}" for number in range(1000))
    write(tmp_path / "sites.csv", f"x_m,y_m,angle_deg,{many}\n0,0,30{',0' * 1000}\n")
    with pytest.warns(RangeWarning, match=r"columns column0, .* \.\.\.; those") as told:
        csv_scenario(path)
    assert len(str(told[0].message)) < 400


def test_other_encodings_are_named(tmp_path):
    path = tmp_path / "sites.csv"
    for encoding in ("latin-1", "utf-16"):
        path.write_bytes("x_m,y_m,bearing_deg,name\n0,0,0,K\u00f6ln\n".encode(encoding))
        with pytest.raises(ScenarioError, match=r"sites\.csv: is no text in UTF-8$"):
            csv_scenario(str(path))


def test_bad_layouts(tmp_path):
    for none in ("none.csv", "/dev/zero", "a" * 5000):
        with pytest.raises(ScenarioError, match=r"layout\.sites_csv: got '.*, no such file"):
            csv_scenario(none)
    with pytest.raises(
        ScenarioError, match=r"layout\.sites_csv: got 'nul.*, must be text that files can hold: no zero"
    ):
        csv_scenario("nul\0.csv")
    with pytest.raises(ScenarioError, match=r"layout\.kind: got 'square', must be one of 'hexagonal', 'csv'"):
        Scenario(layout={"kind": "square"})
    with pytest.raises(ScenarioError, match=r"layout\.sites_csv: is required"):
        Scenario(layout={"kind": "csv"})
    with pytest.raises(
        ScenarioError, match=r"layout\.n_sites: got 3, unknown field; allowed: kind, sites_csv, margin_m"
    ):
        Scenario(layout={"sites_csv": write(tmp_path / "a.csv", HEADER), "n_sites": 3})


def test_cells_have_settings_of_their_own(tmp_path):
    settings = [
        {"cells": [1, 2, 3], "height_m": 40, "tilt_deg": 9},
        {"cells": [2, 12], "power_dbm": 43, "tilt_deg": 4, "azimuth_deg": 160},
    ]
    scenario = Scenario.paper(cell_settings=settings)
    assert scenario.site_height_m.tolist() == [40, 25, 25, 25]
    assert scenario.tilt_deg.tolist() == [9, 4, 9] + [15] * 8 + [4]
    assert scenario.power_dbm.tolist() == [46, 43] + [46] * 9 + [43]
    assert scenario.azimuth_deg[[0, 1, 11]].tolist() == [30, 160, 160]
    np.testing.assert_allclose(scenario.power_w_per_prb[1] / scenario.power_w_per_prb[0], 10**-0.3)
    scenario.to_toml(tmp_path / "s.toml")
    assert Scenario.from_toml(tmp_path / "s.toml") == scenario
    with pytest.raises(ValueError, match="read-only"):
        scenario.tilt_deg[0] = 1


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"cells": [13], "tilt_deg": 1}, r"cell_settings\[0\]\.cells: got 13, cells are numbered 1 to 12"),
        ({"cells": [0]}, r"cell_settings\[0\]\.cells\[0\]: got 0, must be greater than or equal to 1"),
        ({"cells": []}, r"cell_settings\[0\]\.cells: got \[\], "),
        (
            {"cells": [1], "power_dbm": 200},
            r"cell_settings\[0\]\.power_dbm: got 200, must be less than or equal to 100",
        ),
        ({"cells": [1, 3], "height_m": 30}, r"cell_settings\[0\]\.height_m: got 30.0, .* name cell 2 of its site too"),
    ],
)
def test_bad_cell_settings(setting, message):
    with pytest.raises(ScenarioError, match=message):
        Scenario.paper(cell_settings=[setting])


def test_columns_that_a_file_lacks_are_the_radios(tmp_path):
    path = write(tmp_path / "sites.csv", "x_m,y_m,angle_deg\n0,0,0\n700,0,90\n")
    scenario = csv_scenario(path, radio={"tilt_deg": 7.0, "power_dbm": 43.0, "bs_height_m": 31.0})
    assert scenario.tilt_deg.tolist() == [7.0, 7.0]
    assert scenario.power_dbm.tolist() == [43.0, 43.0]
    assert scenario.site_height_m.tolist() == [31.0, 31.0]


def test_spreadsheets_semicolons_decimal_commas_and_short_names_are_read(tmp_path):
    rows = ("48.775,9.18,30.5,0", "48.785,9.19,25,120")
    plain = write(tmp_path / "a.csv", "\n".join(("latitude,longitude,height_m,bearing_deg", *rows)))
    european = [row.replace(",", ";").replace(".", ",") for row in rows]
    other = write(tmp_path / "b.csv", "\n".join(("Lat;Lon;height_m;bearing_deg", *european)))
    tabs = write(tmp_path / "c.csv", "\n".join(("lat,lng,height_m,bearing_deg", *rows)).replace(",", "\t"))
    expected = csv_scenario(plain)
    for path in (other, tabs):
        found = csv_scenario(path)
        for name in ("site_x_m", "site_y_m", "site_height_m", "azimuth_deg"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_towns_far_apart_are_warned_about(tmp_path):
    path = write(tmp_path / "sites.csv", "lat,lon,bearing_deg\n48.775,9.18,0\n52.52,13.4,0\n")
    with pytest.warns(RangeWarning) as told:
        csv_scenario(path)
    assert any("sites.csv: distance between its sites" in str(item.message) for item in told)


@pytest.mark.parametrize("other", ["0,0,25,0,9,46", "0,0,31,0,6,46"])
def test_a_sector_at_two_tilts_or_heights_is_said(tmp_path, other):
    path = tmp_path / "s.csv"
    good = "x_m,y_m,height_m,angle_deg,tilt_deg,power_dbm\n0,0,25,0,6,46\n0,0,25,120,6,46\n900,0,25,120,6,46\n"
    layout = {"sites_csv": str(path)}
    path.write_text(good)
    Scenario.paper(layout=layout)
    path.write_text(f"{good}{other}\n")
    with pytest.warns(RangeWarning, match=r"s\.csv row 5: the sector of row 2 at another tilt or height is taken for"):
        Scenario.paper(layout=layout)
