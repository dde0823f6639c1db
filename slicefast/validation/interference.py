"""Whether what interferes is what is used, and what mean interference overstates; as tables.

`python -m slicefast.validation` prints them.

The activity that interferes is recovered from the users' SINR alone, without the load coupling: p_s g_us / SINR_u -
sigma^2 = sum over other cells k of rho_k p_k g_uk, by least squares over the users, rows divided by the left side. The
PRBs used are the KPI load of the same steps.

Mean interference (the default, as in the literature) gives a user the rate at its mean SINR. Where instead every PRB of
a neighbour is on with probability rho by itself, and every PRB is sent at its own rate, the mean rate is higher.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slicefast import load_coupling
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.validation.scheduler import Check

Float = NDArray[np.float64]

SHARES = (0.4, 0.3, 0.2, 0.1)
ALLOWED = 0.03
#: Dedicated PRBs that stay idle while their slice happens to need none are not foreseen where the others need them.
DEDICATED = "full cells, lending, half dedicated"
ALLOWED_DEDICATED = 0.12
#: Options, with the bits of a packet and the traffic over the default's where they differ.
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "flow level": {"fidelity": "flow"},
    "transport blocks": {"radio": {"efficiency": "transport_block"}},
    "transport blocks, two layers": {"radio": {"efficiency": "transport_block", "layers": 2}},
    "four layers": {"radio": {"layers": 4}},
    "transport blocks, flow level": {"radio": {"efficiency": "transport_block"}, "fidelity": "flow"},
    "CQI": {"radio": {"efficiency": "cqi"}},
    "TR 36.942": {"radio": {"efficiency": "tr36942"}},
    "HARQ, p = 0.1": {"scheduler": {"block_error_rate": 0.1}},
    "HARQ, p = 0.3": {"scheduler": {"block_error_rate": 0.3}},
    "resource block groups of 4": {"scheduler": {"rbg_prb": 4}},
    "resource block groups of 16": {"scheduler": {"rbg_prb": 16}},
    "packets of 1,000 bits": {"packet_bits": 1_000},
    "groups of 4, packets of 1,000 bits": {"packet_bits": 1_000, "scheduler": {"rbg_prb": 4}},
    "transport blocks, groups of 4, HARQ, p = 0.1": {
        "radio": {"efficiency": "transport_block"},
        "scheduler": {"rbg_prb": 4, "block_error_rate": 0.1},
    },
    "lending": {"scheduler": {"share_as": "guarantee"}},
    "lending, half dedicated": {"scheduler": {"share_as": "guarantee", "dedicated_part": (0.5, 0.5, 0.5, 0.5)}},
    "lending up to 0.3": {"scheduler": {"share_as": "guarantee", "max_ratio": (0.3, 0.3, 0.3, 0.3)}},
    "users out of reach (2,500 m between sites), CQI": {
        "rate": 0.5,
        "layout": {"inter_site_distance_m": 2500.0},
        "radio": {"efficiency": "cqi"},
    },
    "full cells: 2.5 times the traffic": {"rate": 2.5},
    "full cells, flow level": {"rate": 2.5, "fidelity": "flow"},
    "full cells, transport blocks": {"rate": 2.5, "radio": {"efficiency": "transport_block"}},
    "full cells, groups of 4, packets of 1,000 bits": {
        "rate": 2.5,
        "packet_bits": 1_000,
        "scheduler": {"rbg_prb": 4},
    },
    "full cells, HARQ, p = 0.3": {"rate": 2.5, "scheduler": {"block_error_rate": 0.3}},
    "full cells, lending": {"rate": 2.5, "scheduler": {"share_as": "guarantee"}},
    DEDICATED: {
        "rate": 2.5,
        "scheduler": {"share_as": "guarantee", "dedicated_part": (0.5, 0.5, 0.5, 0.5)},
    },
}
#: Activities of all neighbours at which the bias is measured.
ACTIVITIES = (0.2, 0.4, 0.7)

NOTE = """Activity and PRBs used are means over cells and 25 steps behind 15 of settling, shares 0.4, 0.3, 0.2 and 0.1;
the difference is that of the cell where it is largest. The bias is the mean rate with neighbours' PRBs on and off by
themselves, every PRB sent at its own rate, over the rate at the mean interference: an upper bound of what fluctuating
interference brings, as no scheduler adapts to single PRBs at no cost. Dedicated PRBs are idle whenever their own slice
needs none: in full cells more often than the coupling, which knows the mean, foresees."""


def scenario(packet_bits: int = 12_000, rate: float = 1.0, **options: Any) -> Scenario:
    """Return the default scenario with options, other packets and ``rate`` times the traffic."""
    tables = Scenario.paper(**options).model_dump()
    for item in tables["slices"]:
        item["packet_bits"] = packet_bits
        item["rate_bps"] *= rate
    return Scenario.model_validate(tables)


def recovered_activity(
    gain: Float, reach: Float, power_w: Float, noise_w: float, sinr: Float, serving: NDArray[np.int32]
) -> Float:
    """Return the cells' activities (N,) that the users' SINR (U,) lets on, see the module."""
    users = np.arange(serving.size)
    received = reach * power_w
    signal = (gain * power_w)[users, serving]
    disturbance = signal / sinr
    received[users, serving] -= signal
    found = np.linalg.lstsq(received / disturbance[:, None], 1.0 - noise_w / disturbance, rcond=None)[0]
    return np.asarray(found, np.float64)


def activity_and_load(network: Scenario, n_steps: int = 40, settling: int = 15) -> Float:
    """Return per cell, in the mean over the steps behind ``settling``, the activity and the PRBs used, (2, N)."""
    simulator = Simulator(network, seed=0)
    simulator.reset()
    shares = np.tile(SHARES, (network.n_cells, 1))
    pairs = []
    for _ in range(n_steps):
        gain, reach = simulator.gain.astype(np.float64), simulator.reach.astype(np.float64)
        serving = simulator.serving
        load = simulator.step(shares).load.sum(axis=1)
        sinr = simulator.sinr.astype(np.float64)
        power_w, noise_w = network.power_w_per_prb, network.noise_w_per_prb
        pairs.append((recovered_activity(gain, reach, power_w, noise_w, sinr, serving), load))
    return np.asarray(np.mean(pairs[settling:], axis=0), np.float64)


def checks() -> list[Check]:
    """Run every option; a row's difference is that of its worst cell."""
    found = []
    for name, options in OPTIONS.items():
        activity, load = activity_and_load(scenario(**options))
        worst = int(np.abs(activity / load - 1).argmax())
        allowed = ALLOWED_DEDICATED if name == DEDICATED else ALLOWED
        found.append(Check(name, float(load[worst]), float(activity[worst]), allowed, ""))
    return found


def mean_rate_over_rate_at_the_mean(
    activity: float, ceiling_bps_per_hz: float | None, n_prbs: int = 1_000, seed: int = 0
) -> Float:
    """Return per user of the default network the mean rate of single PRBs over the rate at mean interference, (U,)."""
    network = Scenario.paper()
    simulator = Simulator(network, seed=seed)
    served = simulator.gain.astype(np.float64) * network.power_w_per_prb
    received = simulator.reach.astype(np.float64) * network.power_w_per_prb
    users, serving = np.arange(network.n_users), simulator.serving
    signal = served[users, serving]
    received[users, serving] -= signal
    on = np.random.default_rng(seed).random((n_prbs, network.n_cells)) < activity

    def rate(interference: Float) -> Float:
        sinr = signal[:, None] / (interference + network.noise_w_per_prb)
        return load_coupling.spectral_efficiency("mogensen", sinr, ceiling_bps_per_hz=ceiling_bps_per_hz)

    ratio: Float = rate(received @ on.T).mean(axis=1) / rate(received.sum(axis=1, keepdims=True) * activity)[:, 0]
    return ratio


def table(found: Sequence[Check]) -> str:
    """Return the rows of `checks` as a Markdown table."""
    lines = ["| option | PRBs used | activity in the interference | difference | allowed |", "|---|---|---|---|---|"]
    for check in found:
        mark = "" if check.holds else " **missed**"
        values = f"{check.expected:.3f} | {check.measured:.3f} | {100 * check.deviation:+.2f} %{mark}"
        lines.append(f"| {check.what} | {values} | {100 * check.allowed:g} % |")
    return "\n".join(lines)


def bias_table() -> str:
    """Return what mean interference leaves out, by activity, as a Markdown table."""
    ceiling = Scenario.paper().ceiling_bps_per_hz
    lines = [
        "| activity of the neighbours | mean rate over that at mean interference | most concerned tenth of users "
        "| the same without the ceiling of the rate | tenth |",
        "|---|---|---|---|---|",
    ]
    for activity in ACTIVITIES:
        cells = [f"{activity}"]
        for ceiling_bps_per_hz in (ceiling, None):
            ratio = mean_rate_over_rate_at_the_mean(activity, ceiling_bps_per_hz)
            cells += [f"{ratio.mean():.2f}", f"{np.sort(ratio)[-ratio.size // 10 :].mean():.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
