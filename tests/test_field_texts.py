"""What fields mean is written once, in docstrings, and read by schemas, scenario files and notebooks."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import numpy as np
import pytest

import slicefast as sf
from slicefast.field_texts import field_texts, first_sentence, unit
from slicefast.notebooks import facts_html
from slicefast.settings import Settings


def below(settings: type[Settings]) -> Iterator[type[Settings]]:
    for child in settings.__subclasses__():
        yield child
        yield from below(child)


def test_every_field_of_a_scenario_has_a_meaning():
    for settings in below(Settings):
        if settings.__module__.startswith(("slicefast.scenario", "slicefast.traffic")):
            inherited = set() if settings is sf.Scenario else set(sf.Scenario.model_fields)  # its parts say less
            assert set(settings.model_fields) - set(field_texts(settings)) <= inherited, settings.__name__
            assert set(field_texts(settings)) <= set(settings.model_fields), settings.__name__


def test_the_schema_has_what_the_docstrings_say():
    schema = sf.Scenario.model_json_schema()
    assert schema["properties"]["window_ttis"]["description"].startswith("TTIs of a step that are played")
    assert schema["description"] == (
        "A network, its slices and its users: everything that a simulation needs but the seed."
    )
    radio = schema["$defs"]["Radio"]["properties"]
    assert radio["tilt_deg"]["description"] == "Downtilt below the horizon."
    assert radio["power_dbm"]["maximum"] == 100.0
    assert schema["properties"]["hotspots"]["description"] == "Places that draw users."
    assert [name for name, shown in schema["properties"].items() if "description" not in shown] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two.", "One"),
        ("At 2.6 GHz (v17; Table 5.3), so; more", "At 2.6 GHz (v17; Table 5.3), so"),
        ("no end", "no end"),
    ],
)
def test_the_first_sentence_ends_outside_brackets(text, expected):
    assert first_sentence(text) == expected


def test_units_are_what_names_end_with():
    names = {"rate_bps": "bit/s", "step_s": "s", "delay_ms": "ms", "x_m": "m", "fold_db": "dB", "name": "", "s": ""}
    assert {name: unit(name) for name in names} == names


def test_a_scenario_file_says_unit_meaning_and_range_once(tmp_path):
    scenario = sf.Scenario.paper(
        cell_settings=[{"cells": [1], "tilt_deg": 8.0}, {"cells": [2], "tilt_deg": 9.0}], name="a\n[radio]"
    )
    scenario.to_toml(tmp_path / "s.toml")
    text = (tmp_path / "s.toml").read_text()
    assert "# [dBm] Whole power of a cell, spread evenly over the PRBs; -50 to 100\npower_dbm = 46.0\n" in text
    assert "# [bit/s] Mean rate of an active user" in text
    as_one = " ".join(text.replace("#", "").split())
    assert "Least user throughput, one value per slice: bits over the time in which a user has data alone" in as_one
    assert "Which cells, numbered from 1, of the layout as written" in as_one
    assert text.count("# Name of the traffic model\n") == 1
    assert text.count("# [degrees] Downtilt below the horizon") == 2  # the radio's, and of cells the first
    assert 'fidelity = "tti"' in text
    assert all(len(line) <= 120 for line in text.splitlines())
    assert tomllib.loads(text)["name"] == "a\n[radio]"
    assert sf.Scenario.from_toml(tmp_path / "s.toml") == scenario


def test_what_notebooks_show_is_short_and_escaped():
    scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20, name="<b>")
    assert repr(scenario) == "Scenario('<b>': 3 cells, 4 slices, 384 users, LTE)"
    assert "&lt;b&gt;" in scenario._repr_html_()
    assert "<td>2.5 to 4</td>" in sf.Scenario.paper()._repr_html_()
    simulator = sf.Simulator(scenario, seed=4)
    assert "delay_ms" not in simulator._repr_html_()
    kpis = simulator.reset()
    assert "<td>ms</td><td>packet delay</td>" in kpis._repr_html_()
    assert kpis._repr_html_() in simulator._repr_html_()
    agents = sf.learn.TD3(3, 16, 4, seed=1)
    assert "<th>agents</th><td>3</td>" in agents._repr_html_()
    assert "<th>actor_lr</th>" in agents._repr_html_()
    assert facts_html("a & b", {"<x>": np.int64(1)}) == (
        "<strong>a &amp; b</strong><table><tr><th>&lt;x&gt;</th><td>1</td></tr></table>"
    )
