"""Holds a scenario's radio against what its models are made for, before anything is built."""

from __future__ import annotations

from slicefast import _core
from slicefast.errors import ScenarioError
from slicefast.scenario.parts import Indoor, Radio
from slicefast.scenario.placement import Placement

HIGHEST_OUTDOOR_USER_M = 13.0  # above it users see further, by height: indoor users only
HIGHEST_MAST_M = 300.0
_TR36873_BUILDING_UP_TO_HZ = 6e9


def check_radio(radio: Radio, placement: Placement) -> None:
    """Refuse a carrier, heights or a column of elements that the models do not know, naming the field."""
    limits = _core.model_parameters(radio.path_loss_model)
    low, high = limits["min_frequency_hz"], limits["max_frequency_hz"]
    if not low <= radio.frequency_hz <= high:
        problem = f"{radio.path_loss_model} allows {low:g} to {high:g}"
        raise ScenarioError("radio.frequency_hz", radio.frequency_hz, problem)
    if radio.antenna_elements > 1 and radio.antenna != "tr38901_element":
        problem = f"columns of 2 and more need antenna = 'tr38901_element', not {radio.antenna!r}"
        raise ScenarioError("radio.antenna_elements", radio.antenna_elements, problem)
    if radio.ue_height_m > HIGHEST_OUTDOOR_USER_M:
        raise ScenarioError("radio.ue_height_m", radio.ue_height_m, f"must be at most {HIGHEST_OUTDOOR_USER_M:g}")
    for site, height_m in enumerate(placement.site_height_m):
        if not radio.ue_height_m < height_m <= HIGHEST_MAST_M:
            problem = f"site {site + 1} must be above radio.ue_height_m = {radio.ue_height_m:g}, at most 300 m"
            raise ScenarioError("height_m", float(height_m), problem)


def check_indoor(indoor: Indoor, radio: Radio) -> None:
    """Refuse indoor users where the path loss model has none, and buildings of another document than its own."""
    if indoor.share == 0.0:
        return
    model = radio.path_loss_model
    if not model.startswith(("tr36873", "tr38901")):
        problem = f"radio.path_loss_model = {model!r} knows no indoor users; tr36873_* and tr38901_* do"
        raise ScenarioError("indoor.share", indoor.share, problem)
    if indoor.building == "tr38901" and model.startswith("tr36873"):
        raise ScenarioError("indoor.building", indoor.building, f"must be 'tr36873' beside {model}")
    if indoor.building == "tr36873" and radio.frequency_hz > _TR36873_BUILDING_UP_TO_HZ:
        problem = f"is made for carriers up to 6 GHz, radio.frequency_hz is {radio.frequency_hz:g}"
        raise ScenarioError("indoor.building", indoor.building, problem)
