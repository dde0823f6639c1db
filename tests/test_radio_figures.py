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


def test_the_table_has_ours_beside_the_published_percentiles():
    head, _, *rows = (line.strip("| ").split(" | ") for line in radio_figures.calibration_table(2000).splitlines())
    assert head[2:] == [f"{p} %" for p in radio_figures.PERCENT]
    assert [row[1] for row in rows] == ["published", "slicefast"] * 2
    for published, ours in zip(rows[::2], rows[1::2], strict=True):
        errors = [abs(float(a) - float(b)) for a, b in zip(published[2:], ours[2:], strict=True)]
        assert 0.0 < max(errors) < 3.0  # few users
