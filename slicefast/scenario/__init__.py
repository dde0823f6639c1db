"""What the network is: a frozen, validated description with units in its field names, read from and written to TOML.

A scenario chooses among round robin, proportional fair and max C/I, hard partition or lent guarantees
(``scheduler.share_as``), resource block groups, finite buffers, HARQ, transport blocks (``radio.efficiency``), seven
traffic models, any layout of sites from a CSV file, users in buildings (``indoor.share``), and the flow level in
place of the TTI loop (``fidelity = "flow"``). Cells may differ (``cell_settings``): in power, tilt and height, in how
many of a slice's users are active, how dense users are, what they send; ``hotspots`` draw users, and
`Scenario.heterogeneous` gives every cell a pattern of its own. ``traffic_trace = "file.csv"`` drives the traffic mask
from a trace with the columns time, volume and, where there are several, cell and slice.

Of `Scenario.paper` the paper (arXiv 2301.03262) states 12 cells, 4 slices and the throughput requirements. Ours,
because its values were not to be had: inter-site distance, tilt, noise figure, link adaptation (the fit of Mogensen
et al., since a truncated one leaves users at the edge without any rate), packet sizes and rates, the traffic mask,
the neighbour set (six nearest cell centres), the handover margin, and two that shape the results:

- *Delay requirements* are one and a half times what a packet takes at the required throughput. With 12,000-bit
  packets and a TTI of 1 ms, 1.5 ms for every slice would drown the throughput requirement in the minimum.
- *Packets are dropped after 100 ms* (discardTimer of 3GPP TS 36.323) and count with their age. Without it one bad
  partition starves a slice for minutes, whatever the agent does next.
"""

from slicefast.errors import ScenarioError
from slicefast.scenario.cells import CellSettings, CsvLayout, Hotspot, Layout, RequirementGroup
from slicefast.scenario.layouts import Area, neighbours
from slicefast.scenario.models import Scenario
from slicefast.scenario.parts import Mobility, Scheduler, Slice, Traffic
from slicefast.scenario.radio import Indoor, Radio

__all__ = [
    "Area",
    "CellSettings",
    "CsvLayout",
    "Hotspot",
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
