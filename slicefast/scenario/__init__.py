"""What the network is: a frozen, validated description with units in its field names, read from and written to TOML."""

from slicefast.errors import ScenarioError
from slicefast.scenario.layouts import Area, neighbours
from slicefast.scenario.models import Scenario
from slicefast.scenario.parts import (
    CellSettings,
    CsvLayout,
    Indoor,
    Layout,
    Mobility,
    Radio,
    RequirementGroup,
    Scheduler,
    Slice,
    Traffic,
)

__all__ = [
    "Area",
    "CellSettings",
    "CsvLayout",
    "Indoor",
    "Layout",
    "Mobility",
    "Radio",
    "RequirementGroup",
    "Scenario",
    "ScenarioError",
    "Scheduler",
    "Slice",
    "Traffic",
    "neighbours",
]
