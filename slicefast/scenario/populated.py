"""Holds what single cells do differently with their users and traffic against the rest of a scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slicefast.errors import ScenarioError

if TYPE_CHECKING:
    from slicefast.scenario.cells import CellSettings
    from slicefast.scenario.models import Scenario

_ROUNDING = 1e-9


def check_cells(scenario: Scenario) -> None:
    """Refuse settings of cells that do not fit the slices, and what leaves a cell without users, naming the field."""
    for k, item in enumerate(scenario.cell_settings):
        for field in ("activity", "rate_bps", "packet_bits"):
            own = getattr(item, field)
            if own is not None and len(own) != scenario.n_slices:
                raise ScenarioError(
                    f"cell_settings[{k}].{field}", own, f"needs {scenario.n_slices} values, one per slice"
                )
        _check_prbs(scenario, k, item)
        _check_activity(scenario, k, item)
        _check_traffic(scenario, k, item)
    _check_populated(scenario)


def _check_prbs(scenario: Scenario, k: int, item: CellSettings) -> None:
    low, high = scenario.scheduler.rbg_prb, scenario.radio.n_prb
    if item.n_prb is not None and not low <= item.n_prb <= high:
        allowed = f"{low} to {high}: at least scheduler.rbg_prb, at most radio.n_prb"
        raise ScenarioError(f"cell_settings[{k}].n_prb", item.n_prb, allowed)


def _check_activity(scenario: Scenario, k: int, item: CellSettings) -> None:
    high = scenario.traffic.high
    if item.activity is not None and max(item.activity) * high > 1.0 + _ROUNDING:
        problem = f"at most 1 / traffic.high = {1.0 / high:g}: no more users can be active than there are"
        raise ScenarioError(f"cell_settings[{k}].activity", item.activity, problem)


def _check_traffic(scenario: Scenario, k: int, item: CellSettings) -> None:
    """Only Poisson packets forget their past, so that a user may take another rate with another cell."""
    for field in ("rate_bps", "packet_bits"):
        own = getattr(item, field)
        if own is None:
            continue
        for s, of in enumerate(scenario.slices):
            if of.traffic.kind != "poisson" and own[s] != getattr(of, field):
                problem = f"must be slices[{s}].{field} = {getattr(of, field)} with {of.traffic.kind} traffic: only"
                raise ScenarioError(f"cell_settings[{k}].{field}[{s}]", own[s], f"{problem} poisson traffic may differ")
    if item.packet_bits is not None and scenario.fidelity == "flow":
        raise ScenarioError(
            f"cell_settings[{k}].packet_bits", item.packet_bits, "must be left out with fidelity = 'flow'"
        )


def _check_populated(scenario: Scenario) -> None:
    """Hold the users that are active in a cell at the busiest, on average, against 1."""
    density, parts = scenario.density, 1.0 / scenario.n_cells
    crowds = [(item.density, k) for k, item in enumerate(scenario.cell_settings) if item.density is not None]
    for cell in range(scenario.n_cells):
        where: str = "hotspots"
        value: object = len(scenario.hotspots)
        if crowds and not scenario.hotspots:  # the users of a cell that says nothing are with the densest others
            value, densest = max(crowds)
            where = f"cell_settings[{densest}].density"
        for k, item in enumerate(scenario.cell_settings):
            for field in ("density", "activity"):
                if cell + 1 in item.cells and getattr(item, field) is not None:
                    where, value = f"cell_settings[{k}].{field}", getattr(item, field)
        if density is not None:
            parts = float(density.parts[cell])
        elif where == "hotspots":
            continue
        busy = float(scenario.activity[cell] @ scenario.slice_users) * parts * scenario.traffic.high
        if busy < 1.0:
            problem = f"leaves cell {cell + 1} without users: {busy:.2g} active at the busiest, at least 1 is needed"
            raise ScenarioError(where, value, problem)
