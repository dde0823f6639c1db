"""Holds the parts of a scenario against each other and against what the models are made for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slicefast.errors import MISSING, ScenarioError
from slicefast.radio.models import COLUMN_PATTERN, INDOOR_MODELS, path_loss_model
from slicefast.scenario.populated import check_cells

if TYPE_CHECKING:
    from slicefast.scenario.models import Scenario

HIGHEST_OUTDOOR_USER_M = 13.0  # above it users see further, by height: indoor users only
_TR36873_BUILDING_UP_TO_HZ = 6e9


def check_network(scenario: Scenario) -> None:
    """Refuse a radio, indoor users or a handover that cannot be, naming the field."""
    _check_radio(scenario)
    _check_indoor(scenario)
    _check_gain_map(scenario)
    radio, steps = scenario.radio, scenario.radio.time_to_trigger_s / scenario.step_s
    if not steps < 2**31 or abs(steps - round(steps)) > 1e-6:
        problem = f"must be a multiple of step_s = {scenario.step_s:g}"
        raise ScenarioError("radio.time_to_trigger_s", radio.time_to_trigger_s, problem)


def _check_radio(scenario: Scenario) -> None:
    radio = scenario.radio
    if radio.interference == "fluctuating" and radio.efficiency == "transport_block":
        problem = "must be 'mean' with efficiency = 'transport_block', whose blocks have one rate for all their PRBs"
        raise ScenarioError("radio.interference", radio.interference, problem)
    model = path_loss_model(radio.path_loss_model)
    low, high = model.frequency_range_hz
    if not low <= radio.frequency_hz <= high:
        problem = f"{model.name} allows {low:g} to {high:g}"
        raise ScenarioError("radio.frequency_hz", radio.frequency_hz, problem)
    if radio.antenna_elements > 1 and radio.antenna != COLUMN_PATTERN:
        problem = f"columns of 2 and more need antenna = {COLUMN_PATTERN!r}, not {radio.antenna!r}"
        raise ScenarioError("radio.antenna_elements", radio.antenna_elements, problem)
    lowest_m, highest_m = model.ue_height_m[0], min(model.ue_height_m[1], HIGHEST_OUTDOOR_USER_M)
    if not lowest_m <= radio.ue_height_m <= highest_m:
        problem = f"must be from {lowest_m:g} to {highest_m:g} with {model.name}"
        raise ScenarioError("radio.ue_height_m", radio.ue_height_m, problem)
    lowest_m, highest_m = model.bs_height_m
    for site, height_m in enumerate(scenario.site_height_m):
        if not (lowest_m <= height_m <= highest_m and height_m > radio.ue_height_m):
            above = f"above radio.ue_height_m = {radio.ue_height_m:g}"
            problem = f"site {site + 1} must be {above}, from {lowest_m:g} to {highest_m:g} m"
            raise ScenarioError("height_m", float(height_m), problem)


def _check_indoor(scenario: Scenario) -> None:
    """Refuse indoor users where the path loss model has none, and buildings of another document than its own."""
    indoor, radio = scenario.indoor, scenario.radio
    if indoor.share == 0.0:
        return
    buildings = path_loss_model(radio.path_loss_model).buildings
    if not buildings:
        knowing = ", ".join(INDOOR_MODELS)
        problem = f"radio.path_loss_model = {radio.path_loss_model!r} knows no indoor users; those that do: {knowing}"
        raise ScenarioError("indoor.share", indoor.share, problem)
    if indoor.building not in buildings:
        allowed = " or ".join(map(repr, buildings))
        raise ScenarioError("indoor.building", indoor.building, f"must be {allowed} beside {radio.path_loss_model}")
    if indoor.building == "tr36873" and radio.frequency_hz > _TR36873_BUILDING_UP_TO_HZ:
        problem = f"is made for carriers up to 6 GHz, radio.frequency_hz is {radio.frequency_hz:g}"
        raise ScenarioError("indoor.building", indoor.building, problem)


def _check_gain_map(scenario: Scenario) -> None:
    name = scenario.radio.gain_map
    if name is None:
        return
    if scenario.indoor.share > 0.0:
        problem = "must be 0 beside radio.gain_map: what buildings cost is in the map, or nowhere"
        raise ScenarioError("indoor.share", scenario.indoor.share, problem)
    if scenario.radio.car_share > 0.0:
        problem = "must be 0 beside radio.gain_map: what cars cost is in the map, or nowhere"
        raise ScenarioError("radio.car_share", scenario.radio.car_share, problem)


def check_slices(scenario: Scenario) -> None:
    """Refuse slices, requirements, a scheduler or a trace that do not go together, naming the field."""
    names = [item.name for item in scenario.slices]
    for s, name in enumerate(names):
        if name in names[:s]:
            raise ScenarioError(f"slices[{s}].name", name, "must differ from the other slices' names")
    _check_requirements(scenario)
    check_cells(scenario)
    _check_scheduler(scenario)


def _check_requirements(scenario: Scenario) -> None:
    """Every cell in exactly one group, and every group complete."""
    n_slices, n_cells = scenario.n_slices, scenario.n_cells
    group_of: dict[int, int] = {}
    for g, group in enumerate(scenario.requirements):
        for field in ("throughput_bps", "delay_ms"):
            values = getattr(group, field)
            if len(values) != n_slices:
                raise ScenarioError(f"requirements[{g}].{field}", values, f"needs {n_slices} values, one per slice")
        for cell in group.cells_of(n_cells):
            where = f"requirements[{g}].cells"
            if cell > n_cells:
                raise ScenarioError(where, cell, f"cells are numbered 1 to {n_cells}")
            if cell in group_of:
                raise ScenarioError(where, cell, f"the cell is in requirements[{group_of[cell]}] already")
            group_of[cell] = g
    for cell in range(1, n_cells + 1):
        if cell not in group_of:
            raise ScenarioError("requirements", MISSING, f"no group names cell {cell} of {n_cells}")


def _check_scheduler(scenario: Scenario) -> None:
    rule, n_prb = scenario.scheduler, scenario.radio.n_prb
    if rule.rbg_prb > n_prb:
        raise ScenarioError("scheduler.rbg_prb", rule.rbg_prb, f"must be at most radio.n_prb = {n_prb}")
    for field in ("dedicated_part", "max_ratio"):
        values = getattr(rule, field)
        if values and rule.share_as != "guarantee":
            raise ScenarioError(f"scheduler.{field}", values, "needs share_as = 'guarantee'")
        if values and len(values) != scenario.n_slices:
            problem = f"needs {scenario.n_slices} values, one per slice, or none"
            raise ScenarioError(f"scheduler.{field}", values, problem)
    if rule.bands == "in_order" and rule.share_as == "guarantee":
        problem = "must be 'anywhere' with share_as = 'guarantee': PRBs that are lent have no place of their own"
        raise ScenarioError("scheduler.bands", rule.bands, problem)
    if rule.buffer_bits > 0:
        _check_buffers(scenario)
    if scenario.fidelity == "flow":
        for field, allowed in (
            ("share_as", ("partition",)),
            ("kind", ("round_robin", "proportional_fair")),
        ):
            value = getattr(rule, field)
            if value not in allowed:
                problem = f"must be {' or '.join(map(repr, allowed))} with fidelity = 'flow'"
                raise ScenarioError(f"scheduler.{field}", value, problem)


def _check_buffers(scenario: Scenario) -> None:
    """Refuse a buffer that a slice's packets never fit into."""
    limit = scenario.scheduler.buffer_bits
    for s, item in enumerate(scenario.slices):
        least = item.traffic.least_buffer_bits(item.packet_bits)
        if least == float("inf"):
            problem = f"must be 0 (unlimited) beside {item.traffic.kind} traffic, slices[{s}]"
            raise ScenarioError("scheduler.buffer_bits", limit, problem)
        least = max([least, *(own.packet_bits[s] for own in scenario.cell_settings if own.packet_bits)])
        if limit < least:
            problem = f"must be 0 (unlimited) or hold a packet of slices[{s}], {least:g} bits"
            raise ScenarioError("scheduler.buffer_bits", limit, problem)
