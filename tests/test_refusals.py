"""What is no number is refused by the name of its argument, whichever public function gets it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from slicefast import kernels, link_adaptation, load_coupling, radio, scheduling

LONGEST = 400
_COUPLING = {
    "gain": [[1e-9, 1e-11], [1e-11, 1e-9]],
    "power_w": [1.0, 1.0],
    "noise_w": 1e-13,
    "demand_bps": [1e6, 1e6],
    "serving": [0, 1],
    "bandwidth_hz": 18e6,
}
#: Every function with arguments that it takes; each of them is replaced by what it must not take.
TAKEN: dict[Callable[..., Any], dict[str, Any]] = {
    load_coupling.solve: {
        **_COUPLING,
        "share": [[0.5], [0.5]],
        "slice_of": [0, 0],
        "tolerance": 1e-6,
        "max_iterations": 9,
        "start": [0.1, 0.1],
        "n_threads": 1,
        "ceiling_bps_per_hz": 5.0,
        "layers": 1,
    },
    load_coupling.sinr: {
        **{name: _COUPLING[name] for name in ("gain", "power_w", "noise_w", "serving")},
        "rho": [0.5, 0.5],
        "n_threads": 1,
    },
    load_coupling.spectral_radius: dict(_COUPLING),
    load_coupling.spectral_efficiency: {
        "efficiency": "shannon",
        "sinr": [1.0],
        "ceiling_bps_per_hz": 5.0,
        "layers": 1,
    },
    scheduling.schedule_window: {
        "n_ttis": 5,
        "arrival_user": [0, 1],
        "arrival_tti": [0, 1],
        "arrival_bits": [100.0, 100.0],
        "bits_per_prb": [100.0, 100.0],
        "share": [[1.0]],
        "serving": [0, 0],
        "slice_of": [0, 0],
        "n_prb": 10,
    },
    radio.path_loss_db: {
        "model": "tr38901_uma",
        "los": True,
        "distance_2d_m": [100.0, 200.0],
        "frequency_hz": 2e9,
        "bs_height_m": 25.0,
        "ue_height_m": 1.5,
        "environment_height_m": 1.0,
    },
    radio.los_probability: {"model": "tr38901_uma", "distance_2d_m": [100.0], "ue_height_m": 1.5},
    radio.antenna_gain_db: {
        "pattern": "tr36814",
        "azimuth_deg": [0.0],
        "depression_deg": [5.0],
        "tilt_deg": 6.0,
        "elements": 1,
    },
    radio.building_loss_db: {"kind": "tr36873", "frequency_hz": 2e9},
    link_adaptation.cqi: {"sinr": [1.0]},
    link_adaptation.tbs_index: {"cqi": [5]},
    link_adaptation.transport_block_bits: {"index": 5, "n_prb": 10, "layers": 1},
    link_adaptation.nr_transport_block_bits: {
        "resource_elements": 1000,
        "modulation_order": 4,
        "code_rate_1024": 500.0,
        "layers": 1,
    },
    link_adaptation.peak_bps_per_hz: {"n_prb": 50, "layers": 1},
    kernels.gaussian_kl_matrix: {
        "mean": [[0.0], [1.0]],
        "variance": [[1.0], [1.0]],
        "offsets": [0, 1, 2],
    },
}
NO_NUMBERS = (
    np.ma.masked_array([1.0, 2.0], [True, False]),
    np.array([1j, 2.0]),
    "text",
    b"bytes",
    ["1", "2"],
    np.array(["2020-01-01", "2020-01-02"], "M8[D]"),
    np.array([1, 2], "m8[s]"),
    [[1.0], [1.0, 2.0]],
    {"a": 1},
    [Fraction(1, 2)],
    object(),
)
NO_INTEGERS = (2.9, 2.0, "2", True, None, float("nan"), 1j, [1, 2], np.timedelta64(1, "s"))
NO_FLOATS = ("1.0", 1j, None, [1.0, 2.0], np.timedelta64(1, "s"), Fraction(1, 2), {})


def written(parameter: inspect.Parameter) -> str:
    """Return the first of the types that a parameter is annotated with."""
    return "ArrayLike" if parameter.annotation is ArrayLike else str(parameter.annotation).split(" | ")[0]


REFUSED = {"ArrayLike": NO_NUMBERS, "int": NO_INTEGERS, "float": NO_FLOATS}
CASES = [
    (function, name, value)
    for function, taken in TAKEN.items()
    for name, parameter in inspect.signature(function).parameters.items()
    if name in taken
    for kind, values in REFUSED.items()
    if written(parameter) == kind
    for value in values
    if not (value is None and "None" in str(parameter.annotation))
]


@pytest.mark.parametrize("function", TAKEN, ids=lambda function: function.__name__)
def test_what_is_replaced_was_taken(function: Callable[..., Any]) -> None:
    function(**TAKEN[function])


@pytest.mark.parametrize("function", TAKEN, ids=lambda function: function.__name__)
def test_every_argument_that_is_a_number_is_tried(function: Callable[..., Any]) -> None:
    numbers = {
        name
        for name, item in inspect.signature(function).parameters.items()
        if written(item) in REFUSED and item.default is inspect.Parameter.empty
    }
    assert numbers <= TAKEN[function].keys()


@pytest.mark.parametrize("function", TAKEN, ids=lambda function: function.__name__)
def test_what_is_no_number_is_refused_by_name(function: Callable[..., Any]) -> None:
    tried = [(name, value) for owner, name, value in CASES if owner is function]
    assert tried
    for name, value in tried:
        with pytest.raises((ValueError, TypeError)) as caught:
            function(**{**TAKEN[function], name: value})
        message = str(caught.value)
        assert message.startswith(f"{name}: got "), (name, value, message)
        assert "\n" not in message
        assert len(message) <= LONGEST


def test_positions_are_refused_by_name_too() -> None:
    with pytest.raises(ValueError, match="distance_2d_m: got a masked array"):
        radio.path_loss_db("tr38901_uma", True, np.ma.masked_array([1.0]), 2e9)
