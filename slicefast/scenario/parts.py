"""The parts of a scenario that hold for all its cells: their fields, units, limits and defaults.

Defaults are those of the paper's scenario; "ours" marks a value the papers do not state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from slicefast.errors import MISSING, ScenarioError
from slicefast.link_adaptation import McsTable
from slicefast.radio.carrier import SUBCARRIER_SPACINGS_KHZ, downlink_share
from slicefast.radio.models import AntennaPatternName, PathLossModelName
from slicefast.scenario.carriers import check_carrier
from slicefast.settings import Count, Fraction, InputFile, NotNegative, Positive, Settings
from slicefast.traffic.models import AnyTraffic, PacketBits, PoissonTraffic

Name = Annotated[str, Field(min_length=1)]


_NR_TABLES: Mapping[str, McsTable] = {
    "qam64": "nr_qam64",
    "qam256": "nr_qam256",
    "qam64_low_se": "nr_qam64_low_se",
}


class Radio(Settings):
    """Carrier, propagation, antennas and link adaptation (LTE, 2.6 GHz, 20 MHz; tilt and noise figure ours).

    Link adaptation is ours too: the fit of Mogensen et al. 2007, which unlike the truncated one of TR 36.942 leaves no
    user of a cell without any rate. ``efficiency = "transport_block"`` goes from SINR to CQI to the transport block
    that the PRBs of a TTI carry, as a base station does: see `slicefast.link_adaptation`, one layer, LTE and NR. Every
    other efficiency ends at the carrier's highest rate, that of its longest transport block (LTE's 100 PRBs: 75.376
    Mbit/s, 4.19 bit/s/Hz); but for ``"shannon"``, the bound of theory, which has no ceiling.

    NR (``technology = "nr"``) has slots of 1, 0.5 and 0.25 ms at 15, 30 and 60 kHz, which are the TTIs of the
    scheduler and of ``window_ttis``, and PRBs of 12 subcarriers, up to the ``n_prb`` of 3GPP TS 38.101-1 v17 Table
    5.3.2-1 (`slicefast.radio.carrier.n_prb`).

    In networks of more than 37 sites far cells fold into a remainder that, at equal activity of all cells, moves no
    user's SINR by more than ``fold_db`` (see `slicefast.radio.link_model`); 0 computes every link, as networks with
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
    technology : {"lte", "nr"}
        The carrier's; see above.
    subcarrier_spacing_khz : {15, 30, 60}
        Of NR; LTE has 15 kHz.
    mcs_table : {"qam64", "qam256", "qam64_low_se"}
        Of NR, 3GPP TS 38.214 v17 Tables 5.1.3.1-1 to -3: up to 64QAM, up to 256QAM, or low rates.
    prb_bandwidth_hz : float
        12 subcarriers, so it follows from the spacing in NR; LTE's tables need 180 kHz.
    tdd_pattern : str
        Slots of a TDD period, such as ``"DDDSU"``; none for FDD. Of their symbols those of D and 10 of S's 14 (ours)
        are the downlink's: 0.743 of all. The downlink's slots are spread evenly, that part of all; the others deal no
        PRB. Load and interference are those of downlink slots.
    handover_margin_db : float
        By how much another cell must be better before a user moves to it (3GPP TS 36.331, event A3).
    time_to_trigger_s : float
        For how long, a multiple of ``step_s``; 0: at the first step that finds it better.
    line_of_sight : {"model", "always", "never"}
        ``"model"``: drawn per link with the model's probability; ``"always"`` and ``"never"``: forced, as other tools'
        examples have it; far cells do not fold then.
    gain_map : path, optional
        A NetCDF file of gains by pixel in place of all of the above propagation and antennas
        (`slicefast.radio.read_gain_map`).
    """

    path_loss_model: PathLossModelName = "winner_plus_c2"
    antenna: AntennaPatternName = "tr36814"
    antenna_elements: Count = 1
    frequency_hz: Annotated[float, Field(ge=0.45e9, le=100e9)] = 2.6e9
    technology: Literal["lte", "nr"] = "lte"
    subcarrier_spacing_khz: Literal[15, 30, 60] = 15
    mcs_table: Literal["qam64", "qam256", "qam64_low_se"] = "qam64"
    tdd_pattern: Annotated[str, Field(pattern="^[DSU]{0,160}$")] = ""
    n_prb: Count = 100
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
    handover_margin_db: NotNegative = 3.0
    time_to_trigger_s: NotNegative = 0.0
    fold_db: Annotated[float, Field(ge=0.0, le=10.0)] = 0.1
    resolution_m: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.0
    line_of_sight: Literal["model", "always", "never"] = "model"
    gain_map: InputFile | None = None

    @model_validator(mode="before")
    @classmethod
    def _prb_of_the_spacing(cls, fields: Any) -> Any:
        """Set the PRB's bandwidth of NR where it is left out, or still LTE's."""
        if not isinstance(fields, dict) or fields.get("technology") != "nr":
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

    @property
    def downlink_share(self) -> float:
        """Part of the time that is the downlink's, 1 without TDD."""
        return downlink_share(self.tdd_pattern)

    @property
    def link_table(self) -> McsTable:
        """CQIs and transport blocks of the technology, as `slicefast.link_adaptation` calls them."""
        return "lte" if self.technology == "lte" else _NR_TABLES[self.mcs_table]


class Indoor(Settings):
    """Users in buildings (TR 36.873 and TR 38.901 models): each stays where it is, on one floor of one building.

    The floor's height enters path loss, breakpoint, line of sight and the antennas' angle; the building's loss and the
    way inside are the user's own, the same towards every site.

    Parameters
    ----------
    share : float
        Probability that a user is indoors (3GPP drops: 0.8).
    building : {"tr36873", "tr38901"}
        ``"tr36873"``: 20 dB + 0.5 dB per metre inside, shadowing of 7 dB, up to 6 GHz; ``"tr38901"``: low- and
        high-loss buildings with their random part.
    high_loss_share : float
        Of the ``"tr38901"`` buildings.
    release : {"v17", "v19"}
        Of TR 38.901, for their coated glass: ``"v17"``, with which 3GPP calibrated in 2016, or ``"v19"``, 2 dB more at
        1 GHz and 3 dB less at 28 GHz.
    min_floors, max_floors : int
        A building has any number of floors between them, with equal probability.
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


class Slice(Settings):
    """One slice: what its active users ask for and how many users it has per cell on average (rates ours).

    Parameters
    ----------
    rate_bps : float, optional
        Mean rate of an active user; left out where the traffic model sets it (ftp2, full_buffer, trace).
    packet_bits : float
        Packet size of the models that send packets (poisson, constant, on_off).
    sst, sd : int, optional
        S-NSSAI (3GPP TS 23.003) under which its measurements are reported, see `slicefast.kpm`; both left out: 1 and
        the slice's number.
    traffic : str or dict
        The traffic model, such as ``"ftp3"`` or ``{kind = "on_off", on_s = 2, off_s = 5}``.
    """

    name: Name
    rate_bps: Positive | None = None
    packet_bits: PacketBits = 12_000.0
    users_per_cell: Count = 32
    sst: Annotated[int, Field(ge=0, le=255)] | None = None
    sd: Annotated[int, Field(ge=0, le=0xFFFFFF)] | None = None
    traffic: AnyTraffic = Field(default_factory=PoissonTraffic)

    @model_validator(mode="after")
    def _rate_as_the_model_needs_it(self) -> Self:
        kind = self.traffic.kind
        if self.traffic.needs_rate and self.rate_bps is None:
            raise ScenarioError("rate_bps", MISSING, f"is required for {kind} traffic")
        if not self.traffic.needs_rate and self.rate_bps is not None:
            raise ScenarioError("rate_bps", self.rate_bps, f"follows from {kind} traffic; leave it out")
        return self


class Traffic(Settings):
    """How the traffic mask tau in [0, 1], the share of a slice's users that is active, moves over the steps (ours).

    The range leaves the default scenario its headroom: the traffic-aware baseline meets the throughput requirement in
    two thirds to four fifths of the cell-steps, a clairvoyant oracle nearly always.

    Parameters
    ----------
    period_steps : int
        Decision steps per day of the mask, generated or from a trace.
    n_periods : int
        Days of a generated mask before it repeats; the daily shape stays, the noise differs.
    low, high : float
        The range of the mask.
    noise : float
        Standard deviation of the smooth noise on top of the daily shape, as a fraction of the range.
    noise_steps : float
        Correlation length of that noise.
    phase_spread_days : float
        How far the cells' busy hours lie apart in a generated mask, standard deviation in days: 0 puts all cells in
        phase, from 1 on their hours are independent. A cell's slices spread by half of it around the cell's hours.
    trace_percentile : float
        The percentile of a trace's volumes that is mapped to ``high``.
    trace_levels : {"own", "common"}
        Whether the percentile is each series' own, so that every cell and slice of the trace is as busy as the others,
        or that of all their volumes together: quiet cells and slices stay quiet then.
    """

    period_steps: Annotated[int, Field(ge=2, le=1_000_000)] = 200
    n_periods: Annotated[int, Field(ge=1, le=1000)] = 5
    low: Fraction = 0.2
    high: Fraction = 0.85
    noise: NotNegative = 0.1
    noise_steps: Positive = 8.0
    phase_spread_days: Annotated[float, Field(ge=0.0, le=10.0)] = 0.06
    trace_percentile: Annotated[float, Field(gt=0.0, le=100.0)] = 95.0
    trace_levels: Literal["own", "common"] = "own"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ScenarioError("low", self.low, f"must be at most high = {self.high}")
        return self


class Mobility(Settings):
    """Users walk straight on and turn to a random direction now and then (mean time between turns ours)."""

    speed_mps: NotNegative = 1.0
    turn_interval_s: Positive = 20.0


_ErrorRates = Annotated[tuple[Fraction, ...], Field(min_length=1)]


class Scheduler(Settings):
    """How a cell shares its PRBs among the slices and a slice's among its users.

    Parameters
    ----------
    kind : {"round_robin", "proportional_fair", "max_ci"}
        How a slice's PRBs are dealt to its users.
    alpha, beta, averaging_ttis : float
        Exponents and averaging time of proportional fair.
    discard_timer_ms : int
        Age at which packets are dropped (3GPP TS 36.323, discardTimer; 0: never, default ours), so that a starved slice
        recovers within a step instead of carrying its past along for minutes. Files (ftp2, ftp3) and full buffers have
        none.
    rbg_prb : int
        PRBs of a resource block group, the unit that is dealt (3GPP TS 36.213 has 4 at 100 PRBs).
    buffer_bits : float
        What a user's queue holds, 0: anything; a packet that does not fit is dropped.
    block_error_rate : float or tuple of float
        Probability that a transmission fails and HARQ sends it again, 0: never; or one for each attempt, the last for
        all further ones, such as ``[0.1, 0.001]``: what combining with the attempts before leaves.
    max_retransmissions, retransmission_ttis : int
        After so many the block is lost; round trip of one.
    share_as : {"partition", "guarantee"}
        What a share is in terms of RRMPolicyRatio (3GPP TS 28.541). ``"partition"``, as in the paper: dedicated = min =
        max, idle PRBs stay idle. ``"guarantee"``: min, with dedicated 0 and max 1: PRBs that are there when needed and
        lent to the other slices when not.
    dedicated_part, max_ratio : tuple of float, (S,)
        Beside ``"guarantee"``, one value per slice: the part of the share that is dedicated, kept free when idle (left
        out: 0), and max, or the share where that is more (left out: 1).

    bands : where a slice's PRBs lie. ``"anywhere"``, as in the literature: spread over the carrier, so that a slice
        meets the mean of what its neighbours use. ``"in_order"`` (ours): shares are laid out from the carrier's start
        in the order of the slices, and slices of two cells interfere as far as their bands overlap, with the activity
        that each has within its band, so that neighbours' partitions decide who meets whom. A slice without PRBs meets
        its neighbours' mean. Not beside ``"guarantee"``; far cells do not fold then.

    Notes
    -----
    What interferes is what is used: the load coupling counts with the scheduler's bits per PRB, its expected
    transmissions, shares in whole resource block groups and the limits of lending; users out of reach wait and do not
    interfere. What depends on how packets bunch (the rest of a resource block group that a queue leaves empty, short
    transport blocks, what stays queued or is refused) is measured per cell and slice, PRBs used over those that the
    rates alone ask for, and corrects the demand of the coming windows, the past counting half from window to window
    (ours). It is part of the state, and 1 to the last bit with the default scheduler.
    """

    kind: Literal["round_robin", "proportional_fair", "max_ci"] = "round_robin"
    alpha: NotNegative = 1.0
    beta: NotNegative = 1.0
    averaging_ttis: Annotated[float, Field(gt=1.0, le=1e12)] = 100.0
    discard_timer_ms: Annotated[int, Field(ge=0, le=1_000_000_000)] = 100
    rbg_prb: Count = 1
    buffer_bits: Annotated[float, Field(ge=0.0, le=1e15)] = 0.0
    block_error_rate: Annotated[float, Field(ge=0.0, lt=1.0)] | Annotated[tuple[Fraction, ...], Field(min_length=1)] = (
        0.0
    )
    max_retransmissions: Annotated[int, Field(ge=0, le=1000)] = 3
    retransmission_ttis: Annotated[int, Field(ge=1, le=1_000_000)] = 8
    share_as: Literal["partition", "guarantee"] = "partition"
    bands: Literal["anywhere", "in_order"] = "anywhere"
    dedicated_part: tuple[Fraction, ...] = ()
    max_ratio: tuple[Fraction, ...] = ()
