"""The widest values that a scenario takes are taken by all that works from it, or refused in one line."""

from __future__ import annotations

import types
import typing
import warnings
from collections.abc import Iterator
from typing import Any

import annotated_types
import numpy as np
import pytest

from slicefast import Scenario, Simulator
from slicefast.errors import SlicefastError
from slicefast.settings import Settings

#: What sizes arrays: a scenario of a million users per cell is one, and takes the memory that it takes.
SIZES = {"n_sites", "users_per_cell", "window_ttis", "period_steps", "n_periods"}


def numbers(settings: type[Settings], *path: str) -> Iterator[tuple[tuple[str, ...], type, list[Any]]]:
    """Return every number among the fields of settings and those inside them: its path, type and bounds."""
    for name, field in settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield from numbers(field.annotation, *path, name)
            continue
        for kind, bounds in ((field.annotation, field.metadata), *_members(field.annotation)):
            if kind in (int, float) and name not in SIZES:
                yield (*path, name), kind, bounds


def _members(annotation: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Return the numbers among the members of a union, with their bounds."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for member in typing.get_args(annotation):
            if typing.get_origin(member) is typing.Annotated:
                kind, *metadata = typing.get_args(member)
                yield kind, [bound for item in metadata for bound in getattr(item, "metadata", [item])]


def extremes(kind: type, bounds: list[Any]) -> list[Any]:
    """Return the least and the greatest value that bounds allow."""
    found: list[Any] = []
    for bound in bounds:
        for name, step in (("ge", 0), ("le", 0), ("gt", 1), ("lt", -1)):
            if isinstance(bound, annotated_types.BaseMetadata) and hasattr(bound, name):
                limit = getattr(bound, name)
                inside = limit + step if kind is int else np.nextafter(limit, step * np.inf) if step else limit
                found.append(kind(inside))
    return found or ([0, 2**63] if kind is int else [0.0, -1e308, 1e308])


CASES = [(path, value) for path, kind, bounds in numbers(Scenario) for value in extremes(kind, bounds)]


def test_the_walk_finds_the_numbers_of_a_scenario() -> None:
    paths = {".".join(path) for path, _ in CASES}
    assert {"radio.n_prb", "radio.time_to_trigger_s", "step_s", "scheduler.retransmission_ttis"} <= paths
    assert len(paths) > 30


@pytest.mark.parametrize(("path", "value"), CASES, ids=lambda item: ".".join(item) if isinstance(item, tuple) else None)
def test_a_limit_is_taken_by_the_core_or_refused_in_one_line(path: tuple[str, ...], value: Any) -> None:
    fields: Any = value
    for name in reversed(path):
        fields = {name: fields}
    refused = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # plausibility
            scenario = Scenario.hexagonal(1).replace(window_ttis=5).replace(**fields)
            simulator = Simulator(scenario)
            simulator.reset()
            kpis = simulator.step(np.full((3, 4), 0.25))
    except SlicefastError as error:
        refused = str(error)
    if refused:
        assert path[-1].removeprefix("bs_") in refused  # a cell's mast, from whatever layout
        assert "\n" not in refused
        assert len(refused) < 400
    else:
        assert np.isfinite(kpis.delay_ms).all()
        assert np.isfinite(kpis.throughput_bps).all()


def test_phases_that_would_be_drawn_for_ever_are_refused() -> None:
    def slices(length_s: float) -> list[dict[str, Any]]:
        model = {"kind": "on_off", "on_s": length_s, "off_s": length_s}
        return [{"name": f"s{k}", "users_per_cell": 1, "rate_bps": 1e5, "traffic": model} for k in range(4)]

    with pytest.raises(SlicefastError, match=r"slices\[0\].traffic.on_s: got 1e-09, must be greater"):
        Scenario.hexagonal(1, slices=slices(1e-9))
    simulator = Simulator(Scenario.hexagonal(1, window_ttis=5, slices=slices(1e-5)))
    assert np.isfinite(simulator.reset().load).all()


def test_noise_of_next_to_no_length_warns_of_nothing() -> None:
    scenario = Scenario.hexagonal(1, window_ttis=5, traffic={"noise_steps": 5e-324})
    assert np.isfinite(Simulator(scenario).reset().load).all()
