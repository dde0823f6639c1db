"""Holds the fields of a carrier against its technology's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slicefast.errors import ScenarioError
from slicefast.radio.carrier import NR_PRBS

if TYPE_CHECKING:
    from slicefast.scenario.radio import Radio

_LTE_PRB_HZ = 180e3


def check_carrier(radio: Radio) -> None:
    """Refuse a carrier that LTE or NR does not have, naming the field."""
    if radio.tdd_pattern and "D" not in radio.tdd_pattern:
        raise ScenarioError("tdd_pattern", radio.tdd_pattern, "must have a slot D")
    if radio.technology == "lte":
        _check_lte(radio)
    else:
        _check_nr(radio)


def _check_lte(radio: Radio) -> None:
    for field, only in (("subcarrier_spacing_khz", 15), ("mcs_table", "qam64")):
        if getattr(radio, field) != only:
            raise ScenarioError(field, getattr(radio, field), f"must be {only!r} with technology = 'lte'")
    # Curves are per hertz; tables are of LTE's PRB of 12 x 15 kHz.
    if radio.efficiency in ("cqi", "transport_block") and radio.prb_bandwidth_hz != _LTE_PRB_HZ:
        problem = f"must be 180000 with efficiency = {radio.efficiency!r}; wider ones are technology = 'nr'"
        raise ScenarioError("prb_bandwidth_hz", radio.prb_bandwidth_hz, problem)


def _check_nr(radio: Radio) -> None:
    spacing_khz = radio.subcarrier_spacing_khz
    if radio.prb_bandwidth_hz != 12e3 * spacing_khz:
        problem = f"must be {12 * spacing_khz}000, 12 subcarriers of {spacing_khz} kHz; leave it out"
        raise ScenarioError("prb_bandwidth_hz", radio.prb_bandwidth_hz, problem)
    most = max(NR_PRBS[spacing_khz].values())
    if radio.n_prb > most:
        problem = f"must be at most {most} at {spacing_khz} kHz (3GPP TS 38.101-1 Table 5.3.2-1)"
        raise ScenarioError("n_prb", radio.n_prb, problem)
    if radio.efficiency == "cqi":
        problem = "is LTE's table; technology = 'nr' has 'transport_block'"
        raise ScenarioError("efficiency", radio.efficiency, problem)
