"""Key performance indicators of one step: one row of `Kpis` each.

A new indicator is one row there, in the order in which the core writes them; names, units and tables everywhere else
follow from it. N cells, S slices, U users; R replicas lead where there are several.

How things are counted, beside the measurement of 3GPP TS 28.552 whose name is used:

``throughput_bps``, DRB.UEThpDl
    28.552: sum over users of the volume of their bursts / sum of their durations, of which the piece sent in the slot
    that empties the buffer and that slot are left out; durations run from the first transmission; bursts that fit into
    one slot do not count. Ours: the same sums over the users that had data, but

    - time runs from the packet's arrival, so that waiting and starving show;
    - the last slot counts in part, up to the place of the user's last PRB among those that its slice could have had,
      dealt one by one, less what the last piece does not fill. At a constant rate this is the rate that 28.552 leaves;
      and a burst within one slot shows the rate that it could have had: a lone packet its channel, whatever its size;
    - bits of a packet that is then discarded (timer, HARQ) are taken back when it is; those of a packet under way at
      the window's end count if its user got a packet through in the window, always where no packet can be discarded.

    It is no mean of users' rates, in which one user with a lone packet outweighs many that starve; it is what processor
    sharing says, W eff (a - l). It is the reward's phi: continuous in the share and, but for a ripple of whole PRBs,
    increasing with it.
``delay_ms``, DRB.RlcSduDelayDl
    28.552: mean over packets whose last piece was sent, from their arrival. Ours: packets dropped or still queued count
    too, with their age, so that starving shows; an agent must not gain by not sending.
``load``, RRU.PrbUsedDl / RRU.PrbTotDl
    28.552: PRBs used for traffic, and the share of the cell's. Ours: the same, per slice over the cell's PRBs.
``dropped_bits``, ``user_delivered_bits``
    Whole packets, in the window in which they are dropped or complete; where packets cannot be discarded, bits as they
    are sent.

What 28.552 says is given from memory and the vendors' counters that are named after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_type_hints

import numpy as np

from slicefast.arguments import checked
from slicefast.energy import MACRO, Station, power_w
from slicefast.errors import refuse
from slicefast.notebooks import rows_html
from slicefast.packets import PacketKpis
from slicefast.units import TTI_S, Float64

if TYPE_CHECKING:
    import xarray as xr

    from slicefast.scenario import Scenario


class Kpi(NamedTuple):
    """What one indicator is.

    Attributes
    ----------
    symbol : str
        Its symbol in equations, or nothing.
    unit : str
        Its unit as a table prints it.
    long_name : str
        What it is, in words.
    standard : str
        The measurement of 3GPP TS 28.552 that it is or follows, or nothing.
    per : {"cell", "user"}
        Whether there is one per cell and slice, (N, S), or one per user, (U,).
    """

    symbol: str
    unit: str
    long_name: str
    standard: str = ""
    per: Literal["cell", "user"] = "cell"

    def texts(self) -> dict[str, str]:
        """Return what a labelled array says of itself: units, long name and 3GPP's name."""
        standard = {"standard_3gpp": f"TS 28.552 {self.standard}"} if self.standard else {}
        return {"units": self.unit, "long_name": self.long_name, **standard}


def _unmeasured() -> Float64:
    """Return what stands for an indicator that was not given: NaN, shaped like the others on construction."""
    return np.array(np.nan)


@dataclass(frozen=True, eq=False, repr=False)
class Kpis:
    """What every cell measured in one step: float64 arrays, (N, S) or (R, N, S); per user (U,) or (R, U).

    Throughput is bits / time with data in the buffer, both summed over a slice's users in a cell; delay counts packets
    still queued with their age, is 0 where the slice had no packet, and any packet takes at least 1 ms: see above.
    Dropped are bits that grew too old, found no room in the buffer or failed HARQ's last transmission. Spectral
    efficiency is of what was sent, over the PRBs used, 0 where none were. The cell-edge throughput is the 5th
    percentile over the users that had data, linear between them. Indicators that are not given are NaN; those per user
    are None unless the simulator was made with ``per_user=True``, and ``packets`` with ``per_packet=True``. A TTI takes
    ``tti_s`` [s], LTE's 1 ms unless given.

    Examples
    --------
    >>> kpis = sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0, per_user=True).reset()
    >>> kpis.throughput_bps.shape, kpis.user_delivered_bits.shape  # (cells, slices), (users,)
    ((3, 4), (384,))
    """

    throughput_bps: Annotated[Float64, Kpi("phi_ns", "bit/s", "user throughput", "DRB.UEThpDl")]
    delay_ms: Annotated[Float64, Kpi("d_ns", "ms", "packet delay", "DRB.RlcSduDelayDl")]
    load: Annotated[Float64, Kpi("l_ns", "1", "share of PRBs used", "RRU.PrbUsedDl / total")]
    users: Annotated[Float64, Kpi("u_ns", "1", "active users")]
    dropped_bits: Annotated[Float64, Kpi("", "bit", "bits dropped")] = field(default_factory=_unmeasured)
    spectral_efficiency: Annotated[Float64, Kpi("", "bit/s/Hz", "spectral efficiency")] = field(
        default_factory=_unmeasured
    )
    throughput_p5_bps: Annotated[Float64, Kpi("", "bit/s", "cell-edge user throughput")] = field(
        default_factory=_unmeasured
    )
    user_delivered_bits: Annotated[Float64 | None, Kpi("", "bit", "bits delivered", per="user")] = None
    user_busy_ttis: Annotated[Float64 | None, Kpi("", "TTI", "time with data in the buffer", per="user")] = None
    user_dropped_bits: Annotated[Float64 | None, Kpi("", "bit", "bits dropped", per="user")] = None
    user_throughput_bits: Annotated[
        Float64 | None, Kpi("", "bit", "bits that count for the throughput", per="user")
    ] = None
    packets: PacketKpis | None = field(default=None, kw_only=True)
    tti_s: float = field(default=TTI_S, kw_only=True)

    def __post_init__(self) -> None:
        shape = np.shape(self.throughput_bps)
        for name in CELL_KPIS:
            value = getattr(self, name)
            # An array's own attribute first: it is several times faster, and every step comes here.
            if shape and not getattr(value, "ndim", 0) and np.ndim(value) == 0:
                # Frozen for its users; this is still its construction.
                object.__setattr__(self, name, np.full(shape, value))

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}, shape {self.load.shape}, mean (smallest to largest):"]
        for name, kpi in KPIS.items():
            if (values := getattr(self, name)) is not None and np.size(values):
                unit = "" if kpi.unit == "1" else f" {kpi.unit}"
                lines.append(f"  {name} {np.mean(values):.4g} ({np.min(values):.4g} to {np.max(values):.4g}){unit}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        known = {name: values for name in KPIS if (values := getattr(self, name)) is not None and np.size(values)}
        rows = [
            (name, *(f"{value:.4g}" for value in (v.mean(), v.min(), v.max())), KPIS[name].unit, KPIS[name].long_name)
            for name, v in known.items()
        ]
        title = f"{type(self).__name__}, shape {self.load.shape}"
        return rows_html(title, ("", "mean", "smallest", "largest", "unit", ""), rows)

    @property
    def user_throughput_bps(self) -> Float64:
        """Each user's bits that count / its time with data in the buffer, (U,) or (R, U); NaN for one without data.

        The mean over a slice's users in a cell, weighted with these times, is ``throughput_bps``.

        Raises
        ------
        SlicefastError
            The simulator was made without ``per_user=True``.
        """
        if self.user_throughput_bits is None or self.user_busy_ttis is None:
            refuse("user_throughput_bps", None, "the series of every user, Simulator(..., per_user=True)")
        busy_s = np.where(self.user_busy_ttis > 0, self.user_busy_ttis * self.tti_s, np.nan)
        return self.user_throughput_bits / busy_s

    def power_w(self, station: Station = MACRO, sleeps: bool = False) -> Float64:
        """Return the power that each cell drew, (N,) or (R, N) [W]: see `slicefast.energy.power_w`; times s, joules.

        Examples
        --------
        >>> kpis = sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0).reset()
        >>> kpis.power_w().shape, bool((kpis.power_w() >= 260.0).all())  # cells; two idle transceivers draw 260 W
        ((3,), True)
        """
        return power_w(self.load.sum(axis=-1), station, sleeps)

    def to_xarray(self, scenario: "Scenario | None" = None) -> "xr.Dataset":
        """Return these as a Dataset with names and units: dimensions ([replica,] cell, slice), and user.

        Parameters
        ----------
        scenario : Scenario, optional
            Names the slices; they are counted from 1 unless given.

        Returns
        -------
        xarray.Dataset
            One variable per KPI that was measured, with ``units``, ``long_name`` and, where 3GPP TS 28.552 has one,
            ``standard_3gpp``; cells are counted from 1.

        Examples
        --------
        >>> scenario = sf.Scenario.hexagonal(n_sites=1)
        >>> kpis = sf.Simulator(scenario, seed=0).reset().to_xarray(scenario)
        >>> kpis.delay_ms.dims, kpis.delay_ms.units, str(kpis.slice.values[0])
        (('cell', 'slice'), 'ms', 'slice1')
        """
        import xarray as xr

        lead = ("replica",) * (self.load.ndim - 2)
        variables = {}
        for name, kpi in KPIS.items():
            if (values := getattr(self, name)) is not None:
                own = ("cell", "slice") if kpi.per == "cell" else ("user",)
                variables[name] = ((*lead, *own), np.asarray(values), kpi.texts())
        return xr.Dataset(variables, coords=coordinates(self.load.shape[-2:], scenario))


@checked
def coordinates(shape: tuple[int, ...], scenario: "Scenario | None" = None) -> dict[str, Any]:
    """Return the coordinates of cells, counted from 1, and slices, by name where a scenario names them, for xarray.

    Examples
    --------
    >>> sorted(sf.kpis.coordinates((3, 4), sf.Scenario.hexagonal(n_sites=1)))
    ['cell', 'slice']
    """
    if len(shape) != 2:
        refuse("shape", shape, "two numbers, of cells and of slices")
    n_cells, n_slices = shape
    slices = range(1, n_slices + 1) if scenario is None else [item.name for item in scenario.slices]
    values = {"cell": np.arange(1, n_cells + 1), "slice": list(slices)}
    return {name: (name, items, {"long_name": name}) for name, items in values.items()}


#: Every indicator by name, in the order in which the core writes them.
KPIS: Mapping[str, Kpi] = MappingProxyType(
    {
        name: hint.__metadata__[0]
        for name, hint in get_type_hints(Kpis, include_extras=True).items()
        if hasattr(hint, "__metadata__")
    }
)
#: The indicators per cell and slice, and per user.
CELL_KPIS = tuple(name for name, kpi in KPIS.items() if kpi.per == "cell")
USER_KPIS = tuple(name for name, kpi in KPIS.items() if kpi.per == "user")


@checked
def read_only(kpis: Kpis) -> Kpis:
    """Return the KPIs with arrays that refuse to be written.

    Examples
    --------
    >>> kpis = sf.kpis.read_only(sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0).reset())
    >>> kpis.load.flags.writeable
    False
    """
    for name in KPIS:
        if (values := getattr(kpis, name)) is not None:
            values.setflags(write=False)
    return kpis


class Curves(NamedTuple):
    """What every slice would get in a step at L levels of share, the interference held; see `Simulator.curves`.

    Attributes
    ----------
    throughput_bps, delay_ms : ndarray of float64, (L, N, S) or (L, R, N, S)
        As in `Kpis`.
    """

    throughput_bps: Float64
    delay_ms: Float64
