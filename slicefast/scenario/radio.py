"""The radio of a scenario and its users indoors: their fields, units, limits and defaults.

Defaults are those of the paper's scenario; "ours" marks a value the papers do not state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from slicefast.arguments import checked
from slicefast.errors import ScenarioError, refuse
from slicefast.link_adaptation import McsTable
from slicefast.radio.carrier import SUBCARRIER_SPACINGS_KHZ, downlink_share
from slicefast.radio.models import MOST_ELEMENTS, AntennaPatternName, PathLossModelName
from slicefast.scenario.carriers import check_carrier
from slicefast.settings import Fraction, InputFile, NotNegative, Positive, Settings

_NR_TABLES: Mapping[str, McsTable] = {
    "qam64": "nr_qam64",
    "qam256": "nr_qam256",
    "qam64_low_se": "nr_qam64_low_se",
}


_MEASURED_EVERY_S = 0.2  # 3GPP TS 36.331 5.5.3.2: what k assumes


@checked
class Radio(Settings):
    """Carrier, propagation, antennas and link adaptation (LTE, 2.6 GHz, 20 MHz; tilt and noise figure ours).

    Link adaptation is ours too: the fit of Mogensen et al. 2007, which unlike the truncated one of TR 36.942 leaves no
    user of a cell without any rate. ``efficiency = "transport_block"`` goes from SINR to CQI to the transport block
    that the PRBs of a TTI carry, as a base station does: see `slicefast.link_adaptation`, LTE and NR. Every
    other efficiency ends at the carrier's highest rate, that of its longest transport block (LTE's 100 PRBs: 75.376
    Mbit/s, 4.19 bit/s/Hz); but for ``"shannon"``, the bound of theory, which has no ceiling.

    NR (``technology = "nr"``) has slots of 1, 0.5 and 0.25 ms at 15, 30 and 60 kHz, which are the TTIs of the
    scheduler and of ``window_ttis``, and PRBs of 12 subcarriers, up to the ``n_prb`` of 3GPP TS 38.101-1 v17 Table
    5.3.2-1 (`slicefast.radio.carrier.n_prb`).

    In networks of more than 37 sites far cells fold into a remainder that, at the loads of the step, moves no user's
    SINR by more than ``fold_db`` (see `slicefast.radio.link_model`); 0 computes every link, as networks with
    indoor users or the RMa and InH models do. With ``resolution_m`` a user keeps its links until it has moved farther
    than that, as a planning map of such pixels would have it: large networks step faster. 0, the default, follows
    every step of a user.

    Users nearer to a mast than the path loss model's least distance have the loss of that distance; a ``RangeWarning``
    reports where that is more than 1 % of the area, or where links exceed the greatest.

    ``interference`` is what a user's rate follows from. ``"mean"``, as in the literature: neighbours interfere with
    their mean activity, which understates the rate where their PRBs are on or off one by one (by how much: see
    `slicefast.load_coupling`). ``"fluctuating"`` (ours): the mean rate over the states of the six strongest neighbours,
    each PRB sent at its own rate, which is the most that adaptation can bring; not with ``"transport_block"``, whose
    blocks have one rate for all their PRBs. The other neighbours stay in the mean: against all states a cell's load is
    within 2 %, and within 7 % with ``"shannon"``, whose rate has no ceiling where the six are silent. SINRs are those
    of the mean interference with both.

    Parameters
    ----------
    path_loss_model : str
        Path loss, line of sight and shadowing, named after their document.
    antenna : str
        Pattern of a cell's antenna, named after its document.
    antenna_elements : int
        Elements of a column, of the patterns that have columns.
    frequency_hz : float
        Centre of the carrier.
    technology : {"lte", "nr"}
        Which radio access technology the carrier has.
    subcarrier_spacing_khz : {15, 30, 60}
        Subcarrier spacing, of LTE 15.
    mcs_table : {"qam64", "qam256", "qam64_low_se"}
        Modulation and coding of NR, 3GPP TS 38.214 v17 Tables 5.1.3.1-1 to -3: up to 64QAM, up to 256QAM, or low rates.
    prb_bandwidth_hz : float
        12 subcarriers, so it follows from the spacing in NR; LTE's tables need 180 kHz.
    tdd_pattern : str
        Slots of a TDD period, such as ``"DDDSU"``; none for FDD. Of their symbols those of D and 10 of S's 14 (ours)
        are the downlink's: 0.743 of all. The downlink's slots are spread evenly, that part of all; the others deal no
        PRB. Load and interference are those of downlink slots.
    n_prb : int
        PRBs of the carrier.
    power_dbm : float
        Whole power of a cell, spread evenly over the PRBs.
    tilt_deg : float
        Downtilt below the horizon.
    bs_height_m : float
        Height of the masts.
    ue_height_m : float
        Height of users outdoors.
    noise_figure_db : float
        Noise figure of the users' receivers.
    shadowing : bool
        Whether links are shadowed.
    site_correlation : float
        Correlation of the shadowing towards different sites.
    efficiency : {"shannon", "tr36942", "mogensen", "cqi", "transport_block"}
        What makes a rate of a SINR; "mogensen" a fitted curve, "transport_block" whole blocks.
    interference : {"mean", "fluctuating"}
        Whether a rate follows from neighbours' mean activity, or from their PRBs being on or off one by one.
    layers : int
        Most layers of a link, 1 to 4 (default ours). The best rank for a user's SINR is taken; ceilings grow with the
        layers. Ours: parallel layers of equal strength, see `slicefast.load_coupling.spectral_efficiency`.
    handover_margin_db : float
        By how much another cell must be better before a user moves to it (3GPP TS 36.331, event A3).
    time_to_trigger_s : float
        For how long it must be better, a multiple of ``step_s``; 0: at the first step that finds it better. Each
        neighbour has a timer of its own.
    filter_coefficient : int
        k of the L3 filter (3GPP TS 36.331 5.5.3.2) of what decides on handovers, in dB: F' = (1 - a) F + a M with
        a = 2^(-k / 4) for a measurement every 200 ms, 1 - (1 - a)^(step_s / 0.2 s) for one every step. 0: no filter;
        far cells do not fold with one.
    fold_db : float
        By how much folding far cells may move a user's SINR, 0: every link is computed.
    resolution_m : float
        How far a user moves before its links are computed anew.
    line_of_sight : {"model", "soft", "always", "never"}
        How links are in sight: drawn per link with the model's probability, with a soft transition between the two
        states (3GPP TR 38.901 7.6.3.3, gains in and out of sight added in power), or forced, as other tools' examples
        have it. Far cells fold with ``"model"`` only.
    car_share : float
        Probability that a user outdoors sits in a car, whose body costs it N(9, 5) dB towards every cell, drawn once
        (3GPP TR 38.901 7.4.3.2; ITU-R M.2135 has all of its UMa users there).
    gain_map : path, optional
        A NetCDF file of gains by pixel in place of all of the above propagation and antennas
        (`slicefast.radio.read_gain_map`).

    Examples
    --------
    >>> sf.Scenario.hexagonal(n_sites=1, radio=sf.scenario.Radio(n_prb=50)).radio.prb_bandwidth_hz
    180000.0
    """

    path_loss_model: PathLossModelName = "winner_plus_c2"
    antenna: AntennaPatternName = "tr36814"
    antenna_elements: Annotated[int, Field(ge=1, le=MOST_ELEMENTS)] = 1
    frequency_hz: Annotated[float, Field(ge=0.45e9, le=100e9)] = 2.6e9
    technology: Literal["lte", "nr"] = "lte"
    subcarrier_spacing_khz: Literal[15, 30, 60] = 15
    mcs_table: Literal["qam64", "qam256", "qam64_low_se"] = "qam64"
    tdd_pattern: Annotated[str, Field(pattern="^[DSU]{0,160}$")] = ""
    n_prb: Annotated[int, Field(ge=1, le=65_535)] = 100
    prb_bandwidth_hz: Positive = 180e3
    power_dbm: Annotated[float, Field(ge=-50.0, le=100.0)] = 46.0
    tilt_deg: Annotated[float, Field(ge=-90.0, le=90.0)] = 15.0
    bs_height_m: Annotated[float, Field(gt=1.0, le=1000.0)] = 25.0
    ue_height_m: Annotated[float, Field(gt=1.0, le=1000.0)] = 1.5
    noise_figure_db: Annotated[float, Field(ge=0.0, le=50.0)] = 9.0
    shadowing: bool = True
    site_correlation: Fraction = 0.5
    efficiency: Literal["shannon", "tr36942", "mogensen", "cqi", "transport_block"] = "mogensen"
    interference: Literal["mean", "fluctuating"] = "mean"
    layers: Annotated[int, Field(ge=1, le=4)] = 1
    handover_margin_db: NotNegative = 3.0
    time_to_trigger_s: Annotated[float, Field(ge=0.0, le=1e6)] = 0.0
    filter_coefficient: Annotated[int, Field(ge=0, le=19)] = 0
    fold_db: Annotated[float, Field(ge=0.0, le=10.0)] = 0.1
    resolution_m: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.0
    line_of_sight: Literal["model", "soft", "always", "never"] = "model"
    car_share: Fraction = 0.0
    gain_map: InputFile | None = None

    @model_validator(mode="before")
    @classmethod
    def _prb_of_the_spacing(cls, fields: Any) -> Any:
        """Set the PRB's bandwidth of NR where it is left out, or still LTE's."""
        if not isinstance(fields, dict) or str(fields.get("technology")) != "nr":
            return fields
        spacing_khz = fields.get("subcarrier_spacing_khz", 15)
        if spacing_khz in SUBCARRIER_SPACINGS_KHZ and fields.get("prb_bandwidth_hz", 180e3) == 180e3:
            return {**fields, "prb_bandwidth_hz": 12e3 * spacing_khz}
        return fields

    @model_validator(mode="after")
    def _carrier(self) -> Self:
        check_carrier(self)
        return self

    @property
    def ttis_per_s(self) -> float:
        """TTIs in a second: subframes of LTE, slots of NR."""
        return 1000.0 * self.subcarrier_spacing_khz / 15.0

    @property
    def tti_s(self) -> float:
        """Length of a TTI [s]."""
        return 1.0 / self.ttis_per_s

    def filter_weight(self, step_s: float) -> float:
        """Return the weight of a step's measurement in the L3 filter, in (0, 1]; SlicefastError unless 0 < step_s.

        Examples
        --------
        >>> sf.scenario.Radio().filter_weight(step_s=1.0)
        1.0
        """
        if not 0.0 < step_s < math.inf:
            refuse("step_s", step_s, "above 0, finite")
        kept = float((1.0 - 2.0 ** (-self.filter_coefficient / 4.0)) ** (step_s / _MEASURED_EVERY_S))
        return 1.0 - kept

    @property
    def downlink_share(self) -> float:
        """Part of the time that is the downlink's, 1 without TDD."""
        return downlink_share(self.tdd_pattern)

    @property
    def link_table(self) -> McsTable:
        """CQIs and transport blocks of the technology, as `slicefast.link_adaptation` calls them."""
        return "lte" if self.technology == "lte" else _NR_TABLES[self.mcs_table]


@checked
class Indoor(Settings):
    """Users in buildings (TR 36.873 and TR 38.901 models): each stays where it is, on one floor of one building.

    The floor's height enters path loss, breakpoint, line of sight and the antennas' angle; the building's loss and the
    way inside are the user's own, the same towards every site.

    Parameters
    ----------
    share : float
        Probability that a user is indoors (3GPP drops: 0.8).
    building : {"tr36873", "tr38901"}
        What buildings cost. ``"tr36873"``: 20 dB + 0.5 dB per metre inside, shadowing of 7 dB, up to 6 GHz;
        ``"tr38901"``: low- and high-loss buildings with their random part.
    high_loss_share : float
        Share of high-loss buildings among those of ``"tr38901"``.
    release : {"v17", "v19"}
        Release of TR 38.901, for their coated glass: ``"v17"``, with which 3GPP calibrated in 2016, or ``"v19"``, 2 dB
        more at 1 GHz and 3 dB less at 28 GHz.
    min_floors : int
        Fewest floors of a building.
    max_floors : int
        Most floors; any number between them has equal probability.

    Examples
    --------
    >>> indoor = sf.scenario.Indoor(share=0.8)
    >>> sf.Scenario.hexagonal(n_sites=1, indoor=indoor, radio={"path_loss_model": "tr36873_uma"}).indoor.building
    'tr36873'
    """

    share: Fraction = 0.0
    building: Literal["tr36873", "tr38901"] = "tr36873"
    high_loss_share: Fraction = 0.5
    release: Literal["v17", "v19"] = "v19"
    min_floors: Annotated[int, Field(ge=1, le=8)] = 4
    max_floors: Annotated[int, Field(ge=1, le=8)] = 8

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_floors > self.max_floors:
            raise ScenarioError("min_floors", self.min_floors, f"must be at most max_floors = {self.max_floors}")
        return self
