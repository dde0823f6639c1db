"""Radio propagation: path loss, line of sight, shadowing, antennas, link gains, and their calibration.

The functions of `models` are the reference in double precision; `link_model` evaluates the same formulas for a whole
network in the C++ core.
"""

from slicefast.errors import RangeWarning
from slicefast.radio.calibration import CALIBRATION_CASES, Calibration, calibrate
from slicefast.radio.fields import Fields, make_fields
from slicefast.radio.gain_map import GainMap, Gains, GainSeries, read_gain_map
from slicefast.radio.indoor import Buildings, building_loss_db, draw_buildings, draw_car_loss_db
from slicefast.radio.links import link_model, update_serving
from slicefast.radio.models import (
    ANTENNA_PATTERNS,
    PATH_LOSS_MODELS,
    antenna_gain_db,
    los_probability,
    path_loss_db,
)

__all__ = [
    "ANTENNA_PATTERNS",
    "CALIBRATION_CASES",
    "PATH_LOSS_MODELS",
    "Buildings",
    "Calibration",
    "Fields",
    "GainMap",
    "GainSeries",
    "Gains",
    "RangeWarning",
    "antenna_gain_db",
    "building_loss_db",
    "calibrate",
    "draw_buildings",
    "draw_car_loss_db",
    "link_model",
    "los_probability",
    "make_fields",
    "path_loss_db",
    "read_gain_map",
    "update_serving",
]
