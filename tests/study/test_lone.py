"""Studies of one seed and one cell end with a report, whatever characters names hold."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from slicefast import Scenario
from slicefast.cli.study import write_outcome
from slicefast.errors import ScenarioError
from slicefast.study.dataset import read
from slicefast.study.execute import run_study
from slicefast.study.folder import open_study
from slicefast.study.protocol import Protocol

NAMES = ("a|b\n# c", "<script>$x$</script>", "**b** [l](http://x) `c`", "\u202e\x1b[2J\x07&amp;")


@pytest.mark.filterwarnings("ignore:Glyph")  # of a font without control characters
def test_one_seed_of_one_cell_ends_with_a_report(tmp_path: Path, tiny: Protocol) -> None:
    sites = tmp_path / "one.csv"
    sites.write_text("x_m,y_m,height_m,angle_deg,tilt_deg,power_dbm\n0,0,25,0,6,46\n")
    slices = [{"name": name, "rate_bps": 1e5, "users_per_cell": 2} for name in NAMES]
    scenario = Scenario.paper(layout={"sites_csv": str(sites)}, slices=slices, window_ttis=20, name=NAMES[0])
    assert scenario.n_cells == 1
    arms = ("equal_split", "traffic_aware", "oracle", "drl", "transfer_most")
    study = open_study(tmp_path / "study", scenario, tiny.replace(n_seeds=1, arms=arms, pairs=False))
    assert run_study(study, workers=1)
    write_outcome(study)
    day = study.folder / "figures" / "day.gif"
    drawn = day.read_bytes()
    assert drawn.startswith(b"GIF89a")
    assert tuple(read(study.folder / "results.nc").slice.values) == NAMES
    page = (study.folder / "report.html").read_text(encoding="utf-8")
    words = (study.folder / "report.md").read_text(encoding="utf-8")
    assert "undecided" in words
    assert "<script>$x$" not in page
    assert base64.b64encode(drawn).decode() in page
    assert "](figures/day.gif)" in words
    day.write_bytes(b"kept")  # another report of the same network does not draw it again
    write_outcome(study)
    assert day.read_bytes() == b"kept"
    assert not [line for line in words.splitlines() if line.startswith("# c")]
    assert "](http://x)" not in words


@pytest.mark.parametrize("name", ["\ud800", "a\0b"])
def test_a_name_that_no_file_can_hold_is_refused(name: str) -> None:
    slices = [{"name": text, "rate_bps": 1e5} for text in (name, "b", "c", "d")]
    with pytest.raises(ScenarioError, match=r"^slices\[0\]\.name: got"):
        Scenario.paper(slices=slices)
    with pytest.raises(ScenarioError, match=r"^name: got"):
        Scenario.paper(name=name)
