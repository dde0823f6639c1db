"""Traffic models and packet traces as scenarios name them: what is refused, and what a new model needs."""

from typing import ClassVar, Literal

import numpy as np
import pytest

from slicefast.rng import Streams
from slicefast.scenario import Scenario, ScenarioError
from slicefast.simulator import Simulator
from slicefast.traffic import models
from slicefast.traffic.arrivals import Arrivals


def one_site(*slices):
    """Return a scenario of 3 cells with the slices given."""
    n = len(slices)
    filled = [{"name": f"s{k}", "users_per_cell": 10, **item} for k, item in enumerate(slices)]
    group = {"cells": "all", "throughput_bps": [1e6] * n, "delay_ms": [1.0] * n}
    return Scenario.hexagonal(1, slices=filled, requirements=[group])


def write(path, text):
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "0,1,10\n2,1,10\n1,1,10",
            r"p\.csv row 4 column time: got '1', is before the row above; packets must be in",
        ),
        ("0,1,10\n1,1,-5", r"p\.csv row 3 column bytes: got '-5', must be a number in \[0, 1e\+09\]"),
        ("0,1,10\n1,1,0", r"p\.csv row 3 column bytes: got '0', must be at least 0\.125, one bit"),
        ("0,1,10\n1,1,0.1", r"p\.csv row 3 column bytes: got '0\.1', must be at least 0\.125, one bit"),
        (
            "0,1,10\n1,31,5",
            r"p\.csv row 3 column user: got '31', unknown user; users of the slice are numbered 1 to 30",
        ),
        ("0,ann,10", r"p\.csv row 2 column user: got 'ann', unknown user"),
        ("0,1,10\n2e9,1,10", r"p\.csv row 3 column time: got '2e9', must be within 1e\+09 s of the first"),
        ("x,1,10", r"p\.csv row 2 column time: got 'x', must be a time"),
    ],
)
def test_bad_packet_traces_are_refused_by_row(tmp_path, rows, message):
    path = write(tmp_path / "p.csv", "time,user,bytes\n" + rows + "\n")
    scenario = one_site({"traffic": {"kind": "trace", "path": path}})
    with pytest.raises(ScenarioError, match=message):
        Arrivals(scenario, Streams(0).traffic)


def test_bad_packet_trace_slices_and_columns(tmp_path):
    def load(text):
        path = write(tmp_path / "p.csv", text)
        Arrivals(one_site({"traffic": {"kind": "trace", "path": path}}), Streams(0).traffic)

    with pytest.raises(ScenarioError, match=r"p\.csv row 2 column slice: got 'iron', must be one of s0 or a number"):
        load("time,slice,bytes\n0,iron,10\n")
    with pytest.raises(ScenarioError, match=r"p\.csv row 1: got .*, no column bytes or size"):
        load("time,user\n0,1\n")


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            {"traffic": "ftp4", "rate_bps": 1},
            r"slices\[0\]\.traffic\.kind: got 'ftp4', must be one of 'poisson', 'c",
        ),
        ({"traffic": {"on_s": 1}, "rate_bps": 1}, r"slices\[0\]\.traffic\.kind: is required"),
        (
            {"traffic": {"kind": "on_off", "on_s": -1}, "rate_bps": 1},
            r"slices\[0\]\.traffic\.on_s: got -1, must be",
        ),
        (
            {"traffic": {"kind": "ftp3", "on_s": 1}, "rate_bps": 1},
            r"slices\[0\]\.traffic\.on_s: got 1, unknown field;",
        ),
        ({"traffic": "constant"}, r"slices\[0\]\.rate_bps: is required for constant traffic"),
        (
            {"traffic": "full_buffer", "rate_bps": 1},
            r"slices\[0\]\.rate_bps: got 1\.0, follows from full_buffer traffic",
        ),
        ({"traffic": {"kind": "trace", "path": "no.csv"}}, r"slices\[0\]\.traffic\.path: got 'no\.csv', no such file"),
        ({"packet_bits": 0.5, "rate_bps": 1}, r"slices\[0\]\.packet_bits: got 0\.5, "),
        ({"traffic": {"kind": "ftp2", "file_bits": 0.9}}, r"slices\[0\]\.traffic\.file_bits: got 0\.9, "),
        ({"traffic": 3, "rate_bps": 1}, r"slices\[0\]\.traffic: got 3, "),
    ],
)
def test_bad_models_are_refused_by_field(item, message):
    with pytest.raises(ScenarioError, match=message) as caught:
        one_site(item)
    assert "\n" not in str(caught.value)


def test_a_new_traffic_model_is_one_class():
    """Everything else, from the scenario's file to the scheduler's timers, follows from it."""

    class BurstTraffic(models.TrafficModel):
        """Three packets at the start of every window."""

        kind: Literal["burst"] = "burst"
        packets: int = 3
        needs_rate: ClassVar[bool] = False
        has_age: ClassVar[bool] = False

        def mean_rate_bps(self, demand):
            return 1.0

        def draw(self, users, active, backlog_bits, start_tti):
            user = np.repeat(np.flatnonzero(active), self.packets).astype(np.int32)
            return models.Events(user, np.zeros_like(user), np.full(user.size, users.event_bits, np.float32))

    try:
        scenario = one_site({"rate_bps": 1e5}, {"traffic": {"kind": "burst", "packets": 2}})
        assert Scenario(**scenario.model_dump()) == scenario
        active = np.ones(scenario.n_users, bool)
        active[-1] = False
        events = Arrivals(scenario, Streams(0).traffic).draw(active)
        counts = np.bincount(events.user, minlength=scenario.n_users)[scenario.slice_of == 1]
        np.testing.assert_array_equal(counts, [2] * (counts.size - 1) + [0])
        assert (np.diff(events.tti) >= 0).all()
        assert Simulator(scenario).reset().load.shape == (3, 2)
        with pytest.raises(ScenarioError, match=r"slices\[1\]\.rate_bps: got 1\.0, follows from burst traffic"):
            one_site({"rate_bps": 1e5}, {"traffic": "burst", "rate_bps": 1})
    finally:
        del models.MODELS["burst"]


def test_models_know_whether_their_packets_age_and_need_a_rate():
    """A timer would drop whole files, and a full buffer's bits have no age."""
    about = {kind: (model.has_age, model.needs_rate) for kind, model in models.MODELS.items()}
    assert (
        about.items()
        >= {
            "poisson": (True, True),
            "constant": (True, True),
            "on_off": (True, True),
            "ftp3": (False, True),
            "ftp2": (False, False),
            "full_buffer": (False, False),
            "trace": (True, False),
        }.items()
    )
