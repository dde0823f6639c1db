"""The traffic mask, generated and from traces with the faults that real traces have."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from slicefast.errors import RangeWarning
from slicefast.rng import Streams
from slicefast.scenario import Scenario, ScenarioError
from slicefast.traffic.mask import TrafficMask

ONE_SLICE = {
    "slices": [{"name": "a", "rate_bps": 1e6}],
    "requirements": [{"cells": "all", "throughput_bps": [1e6], "delay_ms": [5]}],
}


def mask_rng(seed=0):
    return Streams(seed).mask


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def daily(hour):
    return 100.0 + 80.0 * np.sin(2 * np.pi * hour / 24)


def hourly(n_hours, skip=(), change=None, form="%m/%d/%Y %H:%M"):
    """Write a trace in the hourly form of public LTE data, header included."""
    start = datetime(2017, 10, 23)
    rows = [
        f"{start + timedelta(hours=hour):{form}},{(change or {}).get(hour, daily(hour))}"
        for hour in range(n_hours)
        if hour not in skip
    ]
    return "\n".join(["DateTime,Traffic", *rows]) + "\n"


def own_series(path, percentile=100.0, **traffic):
    """Read a mask of one lone series without offsets: the file names one cell and slice."""
    options = {"low": 0.0, "high": 1.0, "trace_percentile": percentile, **traffic}
    scenario = Scenario.hexagonal(1, wrap_around=False, traffic=options, **ONE_SLICE)
    return TrafficMask.from_trace(path, scenario, mask_rng())


def with_names(text):
    """Give every row the cell 1 and the slice 1, so that the mask reads it without an offset."""
    head, *rows = text.strip().split("\n")
    return "\n".join([head + ",cell,slice", *(row + ",1,1" for row in rows)]) + "\n"


def test_generated_mask_has_the_scenarios_range_and_period():
    scenario = Scenario.paper(traffic={"low": 0.1, "high": 0.8, "period_steps": 50, "n_periods": 3})
    mask = TrafficMask.generate(scenario, mask_rng())
    table = mask.table(300)
    assert table.shape == (300, 12, 4)
    assert table.min() >= 0.1
    assert table.max() <= 0.8
    np.testing.assert_array_equal(table[150:], table[:150])
    assert np.abs(table[50:100] - table[:50]).max() > 0.01
    np.testing.assert_array_equal(mask.at(10**9), mask.at(10**9 % 150))


def test_masks_say_after_how_many_steps_they_repeat(tmp_path):
    """50 hours of a trace at 9 steps a day: 18.75 steps, so 19; a generated mask repeats with its last period."""
    generated = TrafficMask.generate(Scenario.hexagonal(1, traffic={"period_steps": 30, "n_periods": 4}), mask_rng())
    assert generated.cycle_steps == 120
    np.testing.assert_allclose(generated.at(120), generated.at(0))
    trace = own_series(write(tmp_path / "t.csv", hourly(50)), period_steps=9)
    assert trace.cycle_steps == int(np.ceil(trace.series.shape[1] / trace.samples_per_step)) > 9


def test_generated_mask_varies_by_cell_slice_and_step_but_smoothly():
    table = TrafficMask.generate(Scenario.paper(), mask_rng()).table(200)
    flat = table.reshape(200, -1)
    assert np.unique(flat.T.round(6), axis=0).shape[0] == 48
    assert flat.std(axis=0).min() > 0.1
    assert np.abs(np.diff(flat, axis=0)).max() < 0.15
    # The day is the strongest wave of every series.
    spectrum = np.abs(np.fft.rfft(flat - flat.mean(axis=0), axis=0))
    assert (spectrum.argmax(axis=0) == 1).all()


def test_generated_slices_peak_at_different_hours():
    scenario = Scenario.paper(traffic={"noise": 0.0, "n_periods": 1})
    table = TrafficMask.generate(scenario, mask_rng(1)).table(200).mean(axis=1)
    peaks = np.sort(table.argmax(axis=0))
    assert np.diff(peaks).max() > 10


def test_masks_are_deterministic_in_the_seed(tmp_path):
    scenario, path = Scenario.paper(), write(tmp_path / "t.csv", hourly(72))
    for make in (TrafficMask.generate, lambda *args: TrafficMask.from_trace(path, *args)):
        first, again, other = (make(scenario, mask_rng(seed)).table(20) for seed in (0, 0, 1))
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 0.01


def test_from_scenario_reads_the_trace_it_names(tmp_path):
    path = write(tmp_path / "t.csv", hourly(72))
    mask = TrafficMask.from_scenario(Scenario.paper(traffic_trace=str(path)), mask_rng())
    assert mask.note.startswith("t.csv: 72 samples, one per 3600 s over 3 days; no gaps")
    assert TrafficMask.from_scenario(Scenario.paper(), mask_rng()).note == ""


def test_trace_is_normalised_by_its_percentile_and_interpolated(tmp_path):
    path = write(tmp_path / "t.csv", with_names(hourly(48)))
    hours = np.arange(48)
    busy = np.percentile(daily(hours), 80)
    table = own_series(path, 80, period_steps=48, low=0.2, high=0.9).table(96)[:, 0, 0]
    expected = 0.2 + 0.7 * np.minimum(daily(hours) / busy, 1)
    np.testing.assert_allclose(table[::2], expected, rtol=1e-12)  # a day of 48 steps: every other step is on the hour
    between = (daily(hours) + daily((hours + 1) % 48)) / 2 / busy
    np.testing.assert_allclose(table[1::2], 0.2 + 0.7 * np.minimum(between, 1), rtol=1e-12)
    # Unit-free: megabytes or bytes give the same mask.
    scaled = hourly(48, change={hour: daily(hour) * 1e6 for hour in range(48)})
    other = own_series(write(tmp_path / "s.csv", with_names(scaled)), 80, period_steps=48, low=0.2, high=0.9)
    np.testing.assert_allclose(other.table(96)[:, 0, 0], table, rtol=1e-9)


@pytest.mark.parametrize(
    ("header", "first"),
    [
        ("time,volume", "{seconds}"),
        ("time_s,load", "{seconds}"),
        ("Timestamp,Volume", "{moment:%Y-%m-%dT%H:%M:%S}Z"),
        ("date,bytes", "{moment:%Y-%m-%d %H:%M}"),
        ("DateTime,Traffic", "{moment:%m/%d/%Y %H:%M}"),
    ],
)
def test_accepted_headers_and_times(tmp_path, header, first):
    start = datetime(2020, 2, 28)
    rows = [
        first.format(seconds=3600 * hour, moment=start + timedelta(hours=hour)) + f",{daily(hour)},1,1"
        for hour in range(48)
    ]
    path = write(tmp_path / "t.csv", "\ufeff" + "\n".join([header + ",Cell,slice_id,other", *(r + ",x" for r in rows)]))
    expected = np.minimum(daily(np.arange(24)) / 180.0, 1)
    np.testing.assert_allclose(own_series(path, period_steps=24).table(24)[:, 0, 0], expected, rtol=1e-12)


def test_gaps_are_filled_and_told(tmp_path):
    skip = {10, *range(100, 108)}
    path = write(tmp_path / "t.csv", with_names(hourly(240, skip=skip)))
    mask = own_series(path, period_steps=24)
    assert "9 missing filled in (longest gap 8)" in mask.note
    assert "\n" not in mask.note
    table = mask.table(240)[:, 0, 0] * 180.0
    known = [hour for hour in range(240) if hour not in skip]
    np.testing.assert_allclose(table[known], daily(np.array(known)), rtol=1e-9)
    assert table[10] == pytest.approx((daily(9) + daily(11)) / 2)  # a short gap: a straight line
    np.testing.assert_allclose(table[100:108], daily(np.arange(100, 108)), rtol=1e-9)  # a long one: its usual hours


def test_blank_volumes_are_gaps(tmp_path):
    text = hourly(48, change={5: "", 30: "nan"})
    assert "2 missing filled in (longest gap 1)" in own_series(write(tmp_path / "t.csv", with_names(text))).note


def test_spikes_and_near_zero_hours_are_told(tmp_path):
    text = hourly(2400, change={50: 1e5, 51: 2e5, 60: 0.01, 61: 0.0, 62: 0.3})
    mask = own_series(write(tmp_path / "t.csv", with_names(text)), 99.9, period_steps=24)
    assert "3 near-zero kept (below 1 % of the median)" in mask.note
    assert "2 above the 99.9th percentile cut to the busy level" in mask.note
    table = mask.table(100)[:, 0, 0]
    assert table.max() == 1.0
    assert (table[60:63] < 0.005).all()
    assert np.median(table) > 0.3  # the spikes do not press the rest down


def test_duplicates_and_disorder_are_told(tmp_path):
    lines = hourly(48).strip().split("\n")
    lines[3], lines[4] = lines[4], lines[3]
    lines.append("10/23/2017 7:00,0.0")
    mask = own_series(write(tmp_path / "t.csv", with_names("\n".join(lines))), period_steps=24)
    assert "1 duplicates averaged" in mask.note
    assert "2 out of order sorted" in mask.note
    table = mask.table(24)[:, 0, 0] * 180.0
    assert table[7] == pytest.approx(daily(7) / 2)
    np.testing.assert_allclose(table[:5], daily(np.arange(5)), rtol=1e-9)


def test_a_trace_without_cells_and_slices_still_varies_by_both(tmp_path):
    mask = TrafficMask.from_trace(write(tmp_path / "t.csv", hourly(24 * 14)), Scenario.paper(), mask_rng())
    table = mask.table(200)
    assert np.unique(table.reshape(200, -1).T.round(6), axis=0).shape[0] == 48
    assert table.min() >= 0
    assert table.max() <= 1


def test_cells_and_slices_of_the_trace_go_to_cells_and_slices(tmp_path):
    rows = ["time,cell,slice,volume"]
    level = {("7", "slice1"): 0.25, ("7", "2"): 0.5, ("10", "slice1"): 0.75, ("10", "2"): 1.0}
    for hour in range(48):
        rows += [f"{3600 * hour},{cell},{name},{hour % 24 + 1}" for cell, name in level]
    # Levels are told apart by the constant shares at the top: volumes are normalised per series.
    for number, (cell, name) in enumerate(level):
        rows += [f"{3600 * hour},{cell},{name},{100 * level[cell, name]}" for hour in (48 + number, 60)]
    scenario = Scenario.hexagonal(
        1,
        wrap_around=False,
        slices=[{"name": "slice1", "rate_bps": 100.0}, {"name": "slice2", "rate_bps": 100.0}],
        requirements=[{"cells": "all", "throughput_bps": [1e6, 1e6], "delay_ms": [1, 1]}],
        traffic={"low": 0.0, "high": 1.0, "trace_percentile": 100, "period_steps": 24},
    )
    mask = TrafficMask.from_trace(write(tmp_path / "t.csv", "\n".join(rows)), scenario, mask_rng())
    assert ", 2 cells, 2 slices;" in mask.note
    table = mask.table(24)
    for cell, slice_index, share in ((0, 0, 25), (0, 1, 50), (1, 0, 75), (1, 1, 100)):
        np.testing.assert_allclose(table[:, cell, slice_index], np.arange(1, 25) / share, rtol=1e-9)
    # The third cell shares the first one's series, at another day or level.
    assert np.abs(table[:, 2] - table[:, 0]).max() > 1e-6


def test_a_trace_of_less_than_a_day_is_the_period(tmp_path):
    rows = "\n".join(f"{10 * k},{k % 30 + 1},1,1" for k in range(60))
    with pytest.warns(RangeWarning, match="read as seconds, from 0 to 590, one per 10 s"):
        mask = own_series(write(tmp_path / "t.csv", "time,volume,cell,slice\n" + rows), period_steps=60)
    table = mask.table(120)[:, 0, 0]
    np.testing.assert_allclose(table[:60], (np.arange(60) % 30 + 1) / 30, rtol=1e-9)
    np.testing.assert_allclose(table[60:], table[:60], rtol=1e-9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"t\.csv: is empty; a header is needed"),
        ("time,volume\n", r"t\.csv: has a header but no rows"),
        ("hour,volume\n1,2\n", r"t\.csv row 1: got \['hour', 'volume'\], no column time or datetime"),
        ("time,bytes,volume\n1,2,3\n", r"t\.csv row 1: got .*, more than one column is the volume"),
        ("time,volume\n0,1\n1\n", r"t\.csv row 3: got \['1'\], must have 2 values like the header"),
        ("time,volume\n0,1\n\n1,-2\n", r"t\.csv row 4 column volume: got '-2', must be a number of at least 0"),
        ("time,Traffic\n0,1\n1,x\n", r"t\.csv row 3 column Traffic: got 'x', must be a number of at least 0"),
        ("time,volume\n0,1\n1,inf\n", r"t\.csv row 3 column volume: got 'inf'"),
        ("time,volume\nnoon,1\n", r"t\.csv row 2 column time: got 'noon', must be a time like the first row's"),
        ("time,volume\n1/2/2020 0:00,1\n13/2/2020 0:00,1\n", r"t\.csv row 3 column time: got '13/2/2020 0:00'"),
        ("time,volume\n5,1\n5,2\n", r"t\.csv column time: got .*5\.0.*, needs at least two times"),
        ("time,volume\n0,0\n1,0\n", r"t\.csv: got 0\.0, the 95th percentile of the volume must be above 0"),
        ("time,volume\n0,1\n1,\n", r"t\.csv: got 1, must have at least two times with a volume"),
        ("time,volume\n0,1\n1e-6,1\n1,1\n2e7,1\n", r"t\.csv column time: got 2e\+07 samples, mostly gaps: .* has 4"),
        (
            "time,volume,slice\n0,1,slice1\n1,1,gold\n",
            r"t\.csv row 3 column slice: got 'gold', must be one of slice1, ",
        ),
        ("time,volume,slice\n0,1,1\n1,1,1\n", r"t\.csv slice slice2: got 0, must have at least two times"),
        ("time,volume,cell\n0,1,\n1,1,2\n", r"t\.csv row 2 column cell: got '', must not be empty"),
    ],
)
def test_bad_traces_are_refused_by_row_and_column(tmp_path, text, message):
    with pytest.raises(ScenarioError, match=message) as caught:
        TrafficMask.from_trace(write(tmp_path / "t.csv", text), Scenario.paper(), mask_rng())
    assert "\n" not in str(caught.value)


def test_a_missing_or_binary_trace_is_refused(tmp_path):
    with pytest.raises(ScenarioError, match=r"none\.csv: cannot be read: No such file"):
        TrafficMask.from_trace(tmp_path / "none.csv", Scenario.paper(), mask_rng())
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match=r"b\.csv: is no text in UTF-8"):
        TrafficMask.from_trace(tmp_path / "b.csv", Scenario.paper(), mask_rng())
    with pytest.raises(ValueError, match="step: got -1, allowed: at least 0"):
        TrafficMask.generate(Scenario.paper(), mask_rng()).at(-1)


def phases(spread, n_sites=19):
    """Hour of the day's strongest wave, of every cell and slice, in days."""
    scenario = Scenario.hexagonal(n_sites, traffic={"phase_spread_days": spread, "n_periods": 1, "noise": 0.0})
    wave = np.fft.rfft(TrafficMask.generate(scenario, mask_rng()).table(200), axis=0)[1]
    return -np.angle(wave) / (2 * np.pi)


def test_hours_are_in_phase_or_independent_as_the_number_says():
    """The mean of exp(2 pi i phase) over the cells has length exp(-(2 pi)² 1.25 spread² / 2) on average."""
    for spread in (0.0, 0.06, 0.2, 1.0):
        together = np.abs(np.exp(2j * np.pi * phases(spread)).mean(axis=0))
        expected = np.exp(-((2 * np.pi * spread) ** 2) * 1.25 / 2)
        assert together.shape == (4,)
        np.testing.assert_allclose(together, expected, atol=3.0 / np.sqrt(57) * (spread > 0) * (1 - expected) + 1e-9)
    within = np.exp(2j * np.pi * np.diff(phases(0.2), axis=1)).mean(axis=0)
    np.testing.assert_allclose(np.abs(within), np.exp(-((2 * np.pi * 0.1) ** 2)), atol=0.15)


def test_levels_of_a_trace_stay_with_one_common_percentile(tmp_path):
    rows = [
        f"{hour * 3600},{daily(hour) * factor},{cell},{piece}"
        for hour in range(48)
        for cell, piece, factor in ((1, 1, 1.0), (1, 2, 0.25), (2, 1, 0.5), (2, 2, 0.0))
    ]
    path = write(tmp_path / "trace.csv", "\n".join(["time,volume,cell,slice", *rows]))
    two = {
        "slices": [{"name": name, "rate_bps": 1e6} for name in "ab"],
        "requirements": [{"cells": "all", "throughput_bps": [1e6, 1e6], "delay_ms": [5, 5]}],
    }
    options = {"low": 0.0, "high": 1.0, "trace_percentile": 100.0, "period_steps": 24, "trace_levels": "common"}
    kept = Scenario.hexagonal(1, wrap_around=False, traffic=options, **two)
    mask = TrafficMask.from_trace(path, kept, mask_rng())
    busiest = mask.table(48).max(axis=0)
    np.testing.assert_allclose(busiest[:2], [[1.0, 0.25], [0.5, 0.0]], atol=1e-9)
    assert mask.note.endswith("levels kept")
    with pytest.raises(ScenarioError, match=r"cell 2 slice b: got 0.0, the 100th percentile of the volume"):
        TrafficMask.from_trace(path, kept.replace(traffic={"trace_levels": "own"}), mask_rng())
