"""Times of a trace that are not seconds, and traces that ask for more than they hold, are not taken for granted."""

import re
import warnings
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from slicefast import Scenario, VectorEnv
from slicefast.errors import RangeWarning, ScenarioError
from slicefast.rng import Streams
from slicefast.tables import Table, read_table
from slicefast.traffic import series
from slicefast.traffic.mask import TrafficMask

START = datetime(2013, 11, 1)
HOURS = [START + timedelta(hours=hour) for hour in range(24 * 7)]
DAYS = [START + timedelta(days=day) for day in range(100)]


def read(folder: Path, times: list[str], columns: str = "time,volume", rest: str = ",5") -> TrafficMask:
    path = folder / "t.csv"
    path.write_text(f"{columns}\n" + "\n".join(f"{time}{rest}" for time in times))
    return TrafficMask.from_trace(path, Scenario.paper(), Streams(0).mask)


def epoch(moment: datetime) -> float:
    return (moment - datetime(1970, 1, 1)).total_seconds()


def serial(moment: datetime) -> float:
    return (moment - datetime(1899, 12, 30)) / timedelta(days=1)


@pytest.mark.parametrize(
    ("times", "problem"),
    [
        ([f"{epoch(moment) * 1e3:.0f}" for moment in HOURS], "got '1383264000000', must be seconds; milliseconds?"),
        ([f"{epoch(moment) * 1e6:.0f}" for moment in HOURS], "must be seconds; milliseconds?"),
        ([f"{3_600_000 * hour}" for hour in range(48)], "must be from 1 s to a day; milliseconds"),
        ([f"{moment:%Y%m%d}" for moment in DAYS], "got '20131101', must be seconds, or a date with its dashes"),
        ([f"{moment:%Y%m%d%H}" for moment in HOURS], "or a date with its dashes"),
        ([f"{moment:%Y%m%d%H%M}" for moment in HOURS], "or a date with its dashes"),
        ([f"{moment:%Y%m%d%H%M%S}" for moment in HOURS], "or a date with its dashes"),
        ([f"{moment:%d/%m/%Y %H:%M}" for moment in DAYS[:12]], "must be from 1 s to a day; .* day and month exchanged"),
        ([f"{serial(moment):.6f}" for moment in HOURS], "got an interval of 0.041667 s, .* days, taken for seconds"),
        (["-1.7e308", "1.7e308"], "must be seconds"),
        (["0", "1e308"], "must be seconds"),
        (["0", "1", "2", "2e6"], "got 2e+06 samples, mostly gaps: the file has 4"),
        (["2013-11-01T00:00Z", "2013-11-01T01:00"], "must be a time like the first row's"),
        (["0", "1", "2", "9e7"], "must span at most 50000000"),
    ],
)
def test_what_is_not_seconds_is_refused(tmp_path: Path, times: list[str], problem: str) -> None:
    pattern = re.escape(problem).replace(r"\.\*", ".*")
    with pytest.raises(ScenarioError, match=f"t.csv (row [0-9]+ )?column time: .*{pattern}") as caught:
        read(tmp_path, times)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("times", "problem"),
    [
        ([f"{moment:%d/%m/%Y %H:%M}" for moment in HOURS[:72]], "% of the samples, one per 3600 s, are missing; dates"),
        ([f"{serial(moment):.0f}" for moment in DAYS], "read as seconds, from 41579 to 41678, one per 1 s"),
        ([f"{hour}" for hour in range(168)], "one per 1 s over 0.0019 days; hours, minutes, days of a spreadsheet"),
        ([f"{minute}" for minute in range(1440)], "one per 1 s over 0.017 days; hours, minutes,"),
        ([f"{15 * quarter}" for quarter in range(96 * 365)], "one per 15 s over 6.1 days; hours, minutes,"),
        ([f"{epoch(moment) / 60:.0f}" for moment in HOURS], "one per 60 s over 0.12 days; hours, minutes,"),
        ([f"{60_000 * minute}" for minute in range(1440)], "one per 60000 s over 1e+03 days; milliseconds?"),
        ([f"{moment:%m/%d/%Y %I:%M}" for moment in HOURS], "84 of 168 rows have the time of another .* a clock of 12"),
        ([f"{moment:%Y-%m-%d %H:%M}" for moment in HOURS for _ in range(3)], ", or cells without a column cell"),
    ],
)
def test_what_is_hardly_seconds_is_said(tmp_path: Path, times: list[str], problem: str) -> None:
    problem = re.escape(problem).replace(r"\.\*", ".*")
    with pytest.warns(RangeWarning, match=f"t.csv column time: .*{problem}"):
        read(tmp_path, times)


@pytest.mark.parametrize(
    "times",
    [
        [f"{epoch(moment):.0f}" for moment in HOURS],
        [moment.isoformat() for moment in HOURS],
        [f"{moment:%m/%d/%Y %H:%M}" for moment in HOURS],
        [f"{time}" for time in range(20_131_101, 20_231_101, 60)],  # seconds: not every one is a date
        [f"{900 * quarter}" for quarter in range(96)],
        [f"2013-11-01T00:00:{second:02d}" for second in range(60)],  # dates say themselves what they are
    ],
)
def test_seconds_are_taken_without_a_word(tmp_path: Path, times: list[str]) -> None:
    read(tmp_path, times)


def test_a_small_file_asks_for_no_more_memory_than_its_rows_account_for(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = "".join(f"{time},{cell},1\n" for cell in range(40) for time in (0, 1, 2, 99_000))
    path.write_text(f"time,cell,volume\n{rows}")
    with pytest.raises(ScenarioError, match="samples, mostly gaps: the file has 160"):
        TrafficMask.from_trace(path, Scenario.paper(), Streams(0).mask)


def test_cells_are_put_in_order_by_numbers_of_any_length(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    cells = ["10", "9", "9" * 5000, "b", "010"]
    path.write_text("time,cell,volume\n" + "".join(f"{3600 * h},{c},{h}\n" for h in range(1, 25) for c in cells))
    assert len(TrafficMask.from_trace(path, Scenario.paper(), Streams(0).mask).series) == 5


@pytest.mark.parametrize("column", ["user", "slice"])
def test_a_packet_of_a_number_of_any_length_is_refused_by_row(tmp_path: Path, column: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text(f"time,bytes,{column}\n0,100,{'1' * 5000}\n")
    scenario = Scenario.paper(
        slices=[
            {"name": f"s{k}", "users_per_cell": 2, "traffic": {"kind": "trace", "path": str(path)}} for k in range(4)
        ]
    )
    with pytest.raises(ScenarioError, match=f"p.csv row 2 column {column}: got '1111"):
        scenario.packet_traces  # noqa: B018 - reading them is the test


def test_a_table_that_holds_a_nul_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="cannot be read"):
        read_table(str(tmp_path / "a\0b"), {"x": ("x",)}, {})


def test_a_trace_is_read_once_for_all_replicas_and_episodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    path.write_text("time,volume\n" + "".join(f"{3600 * hour},{5 + hour % 24}\n" for hour in range(48)))
    seen: list[object] = []

    def counted(name: str, *columns: dict[str, tuple[str, ...]]) -> Table:
        seen.append(name)
        return read_table(name, *columns)

    monkeypatch.setattr(series, "read_table", counted)
    venv = VectorEnv(Scenario.hexagonal(1, window_ttis=20, traffic_trace=str(path)), n_replicas=2)
    assert len(seen) == 1
    first, _ = venv.reset(seed=0)
    venv.reset()
    assert len(seen) == 1
    path.write_text("time,volume\n" + "".join(f"{3600 * hour},{5 + hour % 23}\n" for hour in range(49)))
    other, _ = venv.reset(seed=0)  # a file that changed is another file
    assert len(seen) == 2
    assert (first != other).any()


def test_a_bad_trace_is_refused_when_an_environment_is_made(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("time,volume\n0,1\n0.5,1\n")
    with pytest.raises(ScenarioError, match=r"an interval of 0\.5 s"):
        VectorEnv(Scenario.hexagonal(1, traffic_trace=str(path)))


@pytest.mark.parametrize(("scale", "said"), [(1.0, False), (100.0, True), (1e3, True), (1e6, True)])
def test_packets_whose_times_are_hardly_seconds_are_said(tmp_path: Path, scale: float, said: bool) -> None:
    path = tmp_path / "p.csv"
    path.write_text("time,bytes\n" + "".join(f"{scale * packet / 100:.2f},100\n" for packet in range(300)))
    kept = [{"name": f"s{k}", "users_per_cell": 2, "rate_bps": 1e5} for k in range(3)]
    traced = {"name": "s3", "users_per_cell": 2, "traffic": {"kind": "trace", "path": str(path)}}
    scenario = Scenario.paper(slices=[traced, *kept])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert scenario.packet_traces
    found = [str(item.message) for item in caught]
    assert any("p.csv column time: read as seconds, a packet per" in text for text in found) == said, found
