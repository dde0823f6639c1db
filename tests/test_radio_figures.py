"""The radio figures are written and show what they should."""

from __future__ import annotations

from slicefast.scenario import Scenario
from slicefast.validation import radio as radio_figures


def test_figures_are_written(tmp_path):
    calibration = radio_figures.calibration_figure(tmp_path / "calibration.png", n_users=500)
    sinr_map = radio_figures.sinr_map_figure(Scenario.paper(), tmp_path / "map.png", pixels=60)
    for path in (calibration, sinr_map):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 10_000
