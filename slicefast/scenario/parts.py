"""The parts of a scenario that hold for all its cells: their fields, units, limits and defaults.

Defaults are those of the paper's scenario; "ours" marks a value the papers do not state.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from slicefast.arguments import checked
from slicefast.errors import MISSING, ScenarioError
from slicefast.settings import Count, Fraction, NotNegative, Positive, Settings
from slicefast.traffic.models import AnyTraffic, PacketBits, PoissonTraffic

Name = Annotated[str, Field(min_length=1)]


@checked
class Slice(Settings):
    """One slice: what its active users ask for and how many users it has per cell on average (rates ours).

    Parameters
    ----------
    name : str
        What tables and figures call it.
    rate_bps : float, optional
        Mean rate of an active user; left out where the traffic model sets it (ftp2, full_buffer, trace).
    packet_bits : float
        Packet size of the models that send packets (poisson, constant, on_off).
    users_per_cell : int
        Users of the slice in the network, active or not, over the cells.
    sst, sd : int, optional
        S-NSSAI (3GPP TS 23.003) under which its measurements are reported, see `slicefast.kpm`; both left out: 1 and
        the slice's number.
    traffic : str or dict
        The traffic model, such as ``"ftp3"`` or ``{kind = "on_off", on_s = 2, off_s = 5}``.

    Examples
    --------
    >>> video = sf.scenario.Slice(name="video", traffic="constant", rate_bps=1e6, users_per_cell=5)
    >>> video.traffic.kind, video.packet_bits
    ('constant', 12000.0)
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


@checked
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
    low : float
        The mask's least value.
    high : float
        The mask's largest value.
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

    Examples
    --------
    >>> sf.Scenario.hexagonal(n_sites=1, traffic=sf.scenario.Traffic(period_steps=24)).traffic.n_periods
    5
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


@checked
class Mobility(Settings):
    """Users walk straight on and turn to a random direction now and then (mean time between turns ours).

    Parameters
    ----------
    speed_mps : float
        Speed of every user outdoors.
    turn_interval_s : float
        Mean time between two turns, which come at random.

    Examples
    --------
    >>> sf.Scenario.hexagonal(n_sites=1, mobility=sf.scenario.Mobility(speed_mps=10.0)).mobility.speed_mps
    10.0
    """

    speed_mps: NotNegative = 1.0
    turn_interval_s: Positive = 20.0


_ErrorRates = Annotated[tuple[Fraction, ...], Field(min_length=1)]


@checked
class Scheduler(Settings):
    """How a cell shares its PRBs among the slices and a slice's among its users.

    Parameters
    ----------
    kind : {"round_robin", "proportional_fair", "max_ci"}
        How a slice's PRBs are dealt to its users.
    alpha : float
        Exponent of the rate that a user would have, of proportional fair.
    beta : float
        Exponent of the rate that it had on average, of proportional fair.
    averaging_ttis : float
        Averaging time of proportional fair.
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
    max_retransmissions : int
        Retransmissions of a block, after which it is lost.
    retransmission_ttis : int
        Round trip of one.
    share_as : {"partition", "guarantee"}
        What a share is in terms of RRMPolicyRatio (3GPP TS 28.541). ``"partition"``, as in the paper: dedicated = min =
        max, idle PRBs stay idle. ``"guarantee"``: min, with dedicated 0 and max 1: PRBs that are there when needed and
        lent to the other slices when not.
    dedicated_part, max_ratio : tuple of float, (S,)
        Beside ``"guarantee"``, one value per slice: the part of the share that is dedicated, kept free when idle (left
        out: 0), and max, or the share where that is more (left out: 1).
    bands : {"anywhere", "in_order"}
        Where a slice's PRBs lie. ``"anywhere"``, as in the literature: spread over the carrier, so that a slice
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

    Examples
    --------
    >>> sf.Scenario.hexagonal(n_sites=1, scheduler=sf.scenario.Scheduler(kind="proportional_fair")).scheduler.alpha
    1.0
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
