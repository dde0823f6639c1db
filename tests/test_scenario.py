"""The scenario: its presets, geometry, TOML form and error messages."""

import re
import subprocess
import sys
import tomllib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicefast.scenario import Layout, Scenario, ScenarioError, Slice
from slicefast.scenario.layouts import torus_distance, torus_indices

CLOSING = [1, 3, 4, 7, 9, 12, 13, 16, 19, 21, 25, 27, 28, 31, 36, 37, 39, 43, 48, 49]


def test_paper_preset_is_the_papers_table():
    scenario = Scenario.paper()
    assert (scenario.n_sites, scenario.n_cells, scenario.n_slices, scenario.n_users) == (4, 12, 4, 12 * 4 * 32)
    assert scenario.bandwidth_hz == 18e6
    assert scenario.radio.frequency_hz == 2.6e9
    requirement = scenario.throughput_requirement_bps
    for cell in (1, 2, 3, 7, 8, 9):
        assert requirement[cell - 1].tolist() == [4e6, 3e6, 2e6, 1e6]
        assert scenario.delay_requirement_ms[cell - 1].tolist() == [4.5, 6.0, 9.0, 18.0]
    for cell in (4, 5, 6, 10, 11, 12):
        assert requirement[cell - 1].tolist() == [2.5e6, 2e6, 1.5e6, 1e6]
        assert scenario.delay_requirement_ms[cell - 1].tolist() == [7.2, 9.0, 12.0, 18.0]
    assert scenario.slice_rate_bps.tolist() == [220e3, 165e3, 110e3, 55e3]
    assert np.bincount(scenario.slice_of).tolist() == [384] * 4
    # 46 dBm over 100 PRB is 26 dBm; -174 dBm/Hz over 180 kHz is -121.45 dBm, plus 9 dB of noise figure.
    np.testing.assert_allclose(10 * np.log10(scenario.power_w_per_prb * 1e3), 26.0)
    assert 10 * np.log10(scenario.noise_w_per_prb * 1e3) == pytest.approx(-121.45 + 9.0, abs=0.005)


def test_sectors_stand_in_threes_on_their_sites():
    scenario = Scenario.paper()
    assert scenario.cell_site.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert scenario.azimuth_deg.tolist() == [30.0, 150.0, 270.0] * 4


def test_torus_sizes_are_the_loeschian_numbers():
    assert [n for n in range(1, 50) if torus_indices(n)] == CLOSING


@pytest.mark.parametrize("n_sites", [*CLOSING, 100])
def test_every_torus_site_has_six_neighbours_at_the_inter_site_distance(n_sites):
    scenario = Scenario.hexagonal(n_sites, inter_site_distance_m=200.0)
    assert scenario.n_sites == n_sites
    assert scenario.area.area_m2 == pytest.approx(n_sites * 200.0**2 * np.sqrt(3) / 2)
    x, y, (v1, v2) = scenario.site_x_m, scenario.site_y_m, (scenario.area.v1_m, scenario.area.v2_m)
    for site in range(n_sites):
        # Count images one by one: a small torus meets the same neighbour, or the site itself, several times.
        distance = [
            np.hypot(x - x[site] + k * v1[0] + m * v2[0], y - y[site] + k * v1[1] + m * v2[1])
            for k in range(-3, 4)
            for m in range(-3, 4)
        ]
        distance = np.sort(np.concatenate(distance))
        np.testing.assert_allclose(distance[0], 0.0, atol=1e-6)
        np.testing.assert_allclose(distance[1:7], 200.0, rtol=1e-9)
        assert distance[7] > 300.0


def test_torus_is_the_same_seen_from_every_site():
    """Wrap-around leaves no border: the sorted distances to all sites are the same for every site."""
    scenario = Scenario.hexagonal(13)
    x, y = scenario.site_x_m, scenario.site_y_m
    rows = [np.sort(torus_distance(x - x[k], y - y[k], scenario.area)) for k in range(13)]
    np.testing.assert_allclose(rows, [rows[0]] * 13, atol=1e-6)


@given(st.floats(-5e3, 5e3), st.floats(-5e3, 5e3), st.sampled_from([1, 4, 7, 13]))
@settings(max_examples=50, deadline=None)
def test_torus_distance_is_the_least_over_many_images(dx, dy, n_sites):
    area = Scenario.hexagonal(n_sites).area
    k, m = np.meshgrid(np.arange(-15, 16), np.arange(-15, 16))
    brute = np.hypot(dx + k * area.v1_m[0] + m * area.v2_m[0], dy + k * area.v1_m[1] + m * area.v2_m[1]).min()
    assert torus_distance(np.array(dx), np.array(dy), area) == pytest.approx(brute, abs=1e-6)


@pytest.mark.parametrize("wrap_around", [True, False])
def test_neighbours_are_the_six_nearest_cell_centres(wrap_around):
    scenario = Scenario.hexagonal(7, wrap_around=wrap_around)
    angle = np.deg2rad(scenario.azimuth_deg)
    site = np.stack([scenario.site_x_m, scenario.site_y_m], axis=1)[scenario.cell_site]
    centre = site + 500 / 3 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    v1, v2 = np.array(scenario.area.v1_m), np.array(scenario.area.v2_m)
    shifts = [k * v1 + m * v2 for k in range(-2, 3) for m in range(-2, 3)] if wrap_around else [np.zeros(2)]
    for cell, found in enumerate(scenario.neighbours):
        distance = np.min([np.hypot(*(centre - centre[cell] + shift).T) for shift in shifts], axis=0)
        distance[cell] = np.inf
        assert cell not in found
        assert np.unique(found).size == 6
        np.testing.assert_allclose(distance[found], np.sort(distance)[:6], atol=1e-2)


def test_neighbours_of_a_lone_site_are_its_own_sectors():
    for wrap_around in (True, False):
        neighbours = Scenario.hexagonal(1, wrap_around=wrap_around).neighbours
        assert [sorted(row) for row in neighbours.tolist()] == [[1, 2], [0, 2], [0, 1]]


@pytest.mark.parametrize("n_sites", [1, 2, 5, 20])
def test_any_number_of_sites_without_wrap_around(n_sites):
    scenario = Scenario.hexagonal(n_sites, wrap_around=False)
    width, height = scenario.area.v1_m[0], scenario.area.v2_m[1]
    assert not scenario.area.wrap
    assert np.unique(np.stack([scenario.site_x_m, scenario.site_y_m]).round(3), axis=1).shape[1] == n_sites
    margin = 500 / np.sqrt(3)
    assert scenario.site_x_m.min() == pytest.approx(margin)
    assert scenario.site_x_m.max() == pytest.approx(width - margin)
    assert scenario.site_y_m.min() == pytest.approx(margin)
    assert scenario.site_y_m.max() == pytest.approx(height - margin)


def test_positions_are_uniform_over_the_area():
    area = Scenario.hexagonal(7).area
    x, y = area.sample(np.random.default_rng(0), 20_000)
    s, t = np.linalg.solve(np.array([area.v1_m, area.v2_m]).T, np.stack([x, y]))
    for coordinate in (s, t):
        assert coordinate.min() >= -1e-12
        assert coordinate.max() < 1 + 1e-12
        # 20,000 uniform draws in 10 bins: 2,000 +- 42; five standard deviations.
        assert np.abs(np.histogram(coordinate, 10, (0, 1))[0] - 2000).max() < 5 * 42.5


def test_arrays_cannot_be_written():
    scenario = Scenario.paper()
    for array in (scenario.site_x_m, scenario.slice_of, scenario.throughput_requirement_bps, scenario.neighbours):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_toml_round_trip(tmp_path):
    one_slice = {
        "slices": [Slice(name="a", rate_bps=1e6)],
        "requirements": [{"cells": "all", "throughput_bps": [1e6], "delay_ms": [5]}],
    }
    for scenario in (
        Scenario.paper(),
        Scenario.hexagonal(5, wrap_around=False, radio={"tilt_deg": 6.0}, step_s=0.5),
        Scenario.hexagonal(1, **one_slice),
    ):
        path = tmp_path / "scenario.toml"
        scenario.to_toml(path)
        copy = Scenario.from_toml(path)
        assert copy.n_users == scenario.n_users  # cached arrays do not count in the comparison
        assert copy == scenario
        assert hash(copy) == hash(scenario)
        assert copy != scenario.replace(step_s=3.0)


def test_short_toml_takes_the_papers_values(tmp_path):
    path = tmp_path / "scenario.toml"
    path.write_text('name = "small"\n[layout]\nn_sites = 7\n')
    scenario = Scenario.from_toml(path)
    assert scenario.n_cells == 21
    assert scenario.radio == Scenario.paper().radio
    assert scenario.throughput_requirement_bps[18:, 0].tolist() == [4e6] * 3


def test_trace_is_found_beside_the_toml(tmp_path):
    (tmp_path / "trace.csv").write_text("time,volume\n")
    path = tmp_path / "scenario.toml"
    path.write_text('traffic_trace = "trace.csv"\n')
    assert Scenario.from_toml(path).traffic_trace == str((tmp_path / "trace.csv").resolve())


def test_replace_changes_only_what_it_names():
    scenario = Scenario.paper(radio={"tilt_deg": 6.0})
    changed = scenario.replace(radio={"power_dbm": 40.0}, layout={"n_sites": 7})
    assert changed.radio.tilt_deg == 6.0
    assert changed.radio.power_dbm == 40.0
    assert changed.n_cells == 21
    assert scenario.n_cells == 12
    own = scenario.replace(requirements=[GROUP])
    assert own.replace(step_s=2.0).requirements == own.requirements


GROUP = {"cells": "all", "throughput_bps": [1e6] * 4, "delay_ms": [1.0] * 4}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"radio": {"tilt_deg": 120}}, "radio.tilt_deg: got 120, must be less than or equal to 90"),
        ({"radio": {"n_prb": "x"}}, "radio.n_prb: got 'x', must be a valid integer"),
        ({"radio": {"path_loss_model": "hata"}}, "radio.path_loss_model: got 'hata', must be 'winner_plus_c1', "),
        ({"radio": {"tilt": 3}}, "radio.tilt: got 3, unknown field; allowed: path_loss_model, "),
        ({"radio": 3}, "radio: got 3, must be a valid dictionary or instance of Radio"),
        (
            {"layout": {"n_sites": 5}},
            "layout.n_sites: got 5, with wrap_around = true the lattice closes for 4 or 7 sites",
        ),
        ({"layout": {"n_sites": 0}}, "layout.n_sites: got 0, must be greater than or equal to 1"),
        ({"slices": [{"name": "a", "rate_bps": -1}]}, "slices[0].rate_bps: got -1, must be greater than 0"),
        ({"slices": [{"name": "a"}]}, "slices[0].rate_bps: is required"),
        ({"slices": [{"name": "a", "rate_bps": 1}]}, "requirements: is required for 1 slices"),
        ({"slices": []}, "slices: got [], "),
        ({"slices": [{"name": "a", "rate_bps": 1}] * 4}, "slices[1].name: got 'a', must differ"),
        ({"requirements": [GROUP, GROUP]}, "requirements[1].cells: got 1, the cell is in requirements[0] already"),
        ({"requirements": [{**GROUP, "cells": [1, 13]}]}, "requirements[0].cells: got 13, cells are numbered 1 to 12"),
        ({"requirements": [{**GROUP, "cells": [1]}]}, "requirements: no group names cell 2 of 12"),
        ({"requirements": [{**GROUP, "cells": "some"}]}, "requirements[0].cells: got 'some', must be a valid tuple"),
        ({"requirements": [{**GROUP, "delay_ms": [1]}]}, "requirements[0].delay_ms: got (1.0,), needs 4 values"),
        ({"traffic": {"low": 0.9, "high": 0.1}}, "traffic.low: got 0.9, must be at most high = 0.1"),
        ({"traffic_trace": "none.csv"}, "traffic_trace: got 'none.csv', no such file"),
        ({"step_s": float("nan")}, "step_s: got nan, must be a finite number"),
        ({"colour": 1}, "colour: got 1, unknown field; allowed: name, layout, "),
    ],
)
def test_errors_name_field_value_and_what_is_allowed(overrides, message):
    with pytest.raises(ScenarioError) as caught:
        Scenario.paper(**overrides)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


JUNK = [None, -1, 0, 3.5, float("nan"), "x", "", [], {}, [1], [[]], {"a": 1}, True, 10**30, 10**400, ["a"], "\n"]


@pytest.mark.filterwarnings("ignore::slicefast.errors.RangeWarning")
@given(st.data())
@settings(max_examples=400)
def test_any_junk_is_told_in_one_line(data):
    """One value anywhere replaced by junk: a valid scenario or a ScenarioError, nothing else."""
    tree = Scenario.paper().model_dump(mode="json", exclude_none=True)
    node = tree
    while True:
        keys = list(node) if isinstance(node, dict) else range(len(node))
        key = data.draw(st.sampled_from(keys))
        if not (isinstance(node[key], dict | list) and node[key] and data.draw(st.booleans())):
            break
        node = node[key]
    node[key] = data.draw(st.sampled_from(JUNK))
    fault = ""
    try:
        Scenario(**tree)
    except ScenarioError as error:
        fault = str(error)
    assert "\n" not in fault


def test_nested_models_raise_the_same_error():
    with pytest.raises(ScenarioError, match=r"^rate_bps: got 0, must be greater than 0$"):
        Slice(name="a", rate_bps=0)
    with pytest.raises(ScenarioError, match=r"^n_sites: got 2, with wrap_around = true .* 1 or 3 sites"):
        Layout(n_sites=2)


def test_bad_files(tmp_path):
    path = tmp_path / "bad.toml"
    with pytest.raises(ScenarioError, match=r"bad\.toml: cannot be read: No such file"):
        Scenario.from_toml(path)
    path.write_text("name = \n")
    with pytest.raises(ScenarioError, match=r"bad\.toml: is not valid TOML: .*line 1"):
        Scenario.from_toml(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ScenarioError, match=r"bad\.toml: is not valid TOML"):
        Scenario.from_toml(path)
    path.write_text('[radio]\nefficiency = "best"\n')
    with pytest.raises(ScenarioError, match=r"radio\.efficiency: got 'best', must be 'shannon'"):
        Scenario.from_toml(path)


def test_toml_names_every_field(tmp_path):
    path = tmp_path / "scenario.toml"
    Scenario.paper().to_toml(path)
    written = tomllib.loads(path.read_text())
    assert set(written) == set(Scenario.model_fields) - {"traffic_trace", "requirements"}
    Scenario.paper(requirements=[{**GROUP, "cells": range(1, 13)}]).to_toml(path)
    assert set(tomllib.loads(path.read_text())) == {*written, "requirements"}


def test_requirements_that_follow_the_layout_are_comments_and_let_it_change(tmp_path):
    path = tmp_path / "scenario.toml"
    Scenario.paper().to_toml(path)
    text = path.read_text()
    path.write_text(text.replace("n_sites = 4", "n_sites = 3"))
    assert Scenario.from_toml(path) == Scenario.hexagonal(n_sites=3).replace(name="paper")
    first = text.index("# [[requirements]]")
    last = text.index("\n[traffic]")
    path.write_text(text[:first] + re.sub("(?m)^# ?", "", text[first:last]) + text[last:])
    assert "requirements" in tomllib.loads(path.read_text())
    assert Scenario.from_toml(path) == Scenario.paper()


def test_a_field_at_fault_is_named_with_its_file(tmp_path):
    path = tmp_path / "scenario.toml"
    path.write_text("[layout]\nn_sites = 0\n")
    with pytest.raises(ScenarioError, match=f"^{path}: layout.n_sites: got 0"):
        Scenario.from_toml(path)


def test_import_is_light():
    code = "import slicefast.scenario, slicefast.rng, sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numba", "matplotlib", "scipy", "xarray", "tomli_w"} & set(run.stdout.split())


def test_a_copy_is_validated_and_computes_anew():
    paper = Scenario.paper()
    assert paper.n_cells == 12
    copy = paper.model_copy(update={"layout": Layout(n_sites=7)})
    assert (copy.n_cells, copy.n_sites) == (21, 7)
    assert copy.throughput_requirement_bps.shape == (21, 4)
    assert copy == paper.replace(layout={"n_sites": 7})
    assert paper.model_copy() == paper
    with pytest.raises(ScenarioError, match="colour: got 1, unknown field"):
        paper.model_copy(update={"colour": 1})
    with pytest.raises(ScenarioError, match="window_ttis: got 0"):
        paper.model_copy(update={"window_ttis": 0})
    with pytest.raises(ScenarioError, match=r"radio\.tilt_deg: got 100|tilt_deg: got 100"):
        paper.radio.model_copy(update={"tilt_deg": 100})


def test_cells_of_equal_requirements_share_a_group():
    np.testing.assert_array_equal(Scenario.paper().requirement_groups, [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1])
    equal = [{**GROUP, "cells": [2, 1]}, {**GROUP, "cells": list(range(3, 12))}, {**GROUP, "cells": [12]}]
    equal[2]["delay_ms"] = [7.0] * 4
    np.testing.assert_array_equal(Scenario.paper(requirements=equal).requirement_groups, [0] * 11 + [1])


def test_toml_of_other_editors_is_read_or_refused_in_one_line(tmp_path):
    path = tmp_path / "s.toml"
    Scenario.paper().to_toml(path)
    text = path.read_text()
    for data in (text.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + text.encode()):
        path.write_bytes(data)
        assert Scenario.from_toml(path) == Scenario.paper()
    for data in (text.encode("utf-16"), b"a = " + b"[" * 9999, b"seed = " + b"9" * 5000, b"a = '\xff'"):
        path.write_bytes(data)
        with pytest.raises(ScenarioError, match=r"s\.toml: is ") as caught:
            Scenario.from_toml(path)
        assert "\n" not in str(caught.value)
