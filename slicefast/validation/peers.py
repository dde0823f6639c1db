"""Networks of other simulators, played here: their SINR with every cell at full power, and ours.

`benchmarks/peer_networks.py` computed them once, with the peers' own code, and says how; gains and SINRs are stored in
steps of 0.001 dB.

====== ==================================== ====
symbol meaning                              unit
====== ==================================== ====
U, N   users and cells of a peer's network  -
====== ==================================== ====
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from slicefast import load_coupling, radio
from slicefast.network import make_links
from slicefast.scenario import Scenario
from slicefast.simulator import Simulator
from slicefast.units import THERMAL_NOISE_DBM_PER_HZ, Float64

_FILE = Path(__file__).with_name("peer_networks.json")
_N_PRB = 100
_PRB_HZ = 180e3
#: Largest difference of a user's SINR that is let pass [dB].
ALLOWED_DB = 0.1


@dataclass(frozen=True, eq=False)
class PeerNetwork:
    """A network as another simulator had it.

    Attributes
    ----------
    peer, what : str
        The simulator with its version, and what was played.
    settings : dict
        Places [m], heights [m], carrier [Hz], power and noise [W], azimuths [degrees] and antenna gain [dBi].
    gain_db : ndarray, (U, N)
        Channel gains with antennas.
    sinr_db : ndarray, (U,)
        The peer's, of every user to its best cell.
    """

    peer: str
    what: str
    settings: dict[str, Any]
    gain_db: Float64
    sinr_db: Float64


@cache
def networks() -> dict[str, PeerNetwork]:
    """Return the stored networks by name."""
    stored = json.loads(_FILE.read_text(encoding="utf-8"))
    return {
        name: PeerNetwork(
            fields["peer"], fields["what"], fields, np.array(fields["gain_db"]), np.array(fields["sinr_db"])
        )
        for name, fields in stored.items()
    }


def scenario(network: PeerNetwork, folder: str) -> Scenario:
    """Return the scenario of a peer's network: its sites in a file in `folder`, full buffers everywhere.

    Power and noise are the peer's, over 100 PRBs of 180 kHz: only their ratio enters the SINR.
    """
    place = network.settings
    n_users, n_cells = network.gain_db.shape
    power_dbm = 10.0 * np.log10(1e3 * place["power_w"])
    azimuth = place["azimuth_deg"] or [0.0] * n_cells
    rows = [
        f"{x},{y},{place['bs_height_m']},{turn},0,{power_dbm}"
        for x, y, turn in zip(place["cell_x_m"], place["cell_y_m"], azimuth, strict=True)
    ]
    path = Path(folder) / "sites.csv"
    path.write_text("\n".join(("x_m,y_m,height_m,angle_deg,tilt_deg,power_dbm", *rows)), encoding="utf-8")
    density_dbm = 10.0 * np.log10(1e3 * place["noise_w"] / (_N_PRB * _PRB_HZ))
    return Scenario.paper(
        name=network.peer,
        layout={"sites_csv": str(path), "margin_m": 2000.0},
        radio={
            "path_loss_model": "tr38901_uma",
            "antenna": "tr38901_element",
            "shadowing": False,
            "line_of_sight": "always" if place["azimuth_deg"] is None else "never",
            "frequency_hz": place["frequency_hz"],
            "n_prb": _N_PRB,
            "noise_figure_db": float(density_dbm - THERMAL_NOISE_DBM_PER_HZ),
        },
        slices=[{"name": "all", "users_per_cell": n_users // n_cells, "traffic": "full_buffer"}],
        requirements=[{"cells": "all", "throughput_bps": [1e6], "delay_ms": [10.0]}],
        traffic={"low": 1.0, "high": 1.0},
        window_ttis=10,
    )


def sinr_of_its_gains_db(network: PeerNetwork) -> Float64:
    """Return the SINR (U,) [dB] of a `Simulator` that plays the peer's gains, every cell full."""
    with tempfile.TemporaryDirectory() as folder:
        played = scenario(network, folder)
        simulator = Simulator(played, gains=radio.GainSeries(10.0 ** (network.gain_db / 10.0)))
        kpis = simulator.step(np.ones((played.n_cells, 1)))
    assert kpis.load.min() > 0.99  # full, as the peer has it
    return np.asarray(10.0 * np.log10(simulator.sinr), np.float64)


def sinr_of_our_links_db(network: PeerNetwork) -> Float64:
    """Return the SINR (U,) [dB] of our own formulas at the peer's places, line of sight forced as it has it."""
    place = network.settings
    x_m, y_m = np.array(place["user_x_m"]), np.array(place["user_y_m"])
    with tempfile.TemporaryDirectory() as folder:
        played = scenario(network, folder)
        if place["azimuth_deg"] is None:  # omnidirectional
            distance = np.hypot(x_m[:, None] - place["cell_x_m"], y_m[:, None] - place["cell_y_m"])
            loss_db = radio.path_loss_db(
                "tr38901_uma", True, distance, place["frequency_hz"], place["bs_height_m"], place["ue_height_m"]
            )
            gain = 10.0 ** ((place["antenna_gain_dbi"] - loss_db) / 10.0)
        else:
            links = make_links(played, np.random.default_rng(0))
            gain = links.gains(x_m - played.area.origin_m[0], y_m - played.area.origin_m[1])
    power_w = np.full(played.n_cells, place["power_w"])
    sinr = load_coupling.sinr(gain, power_w, place["noise_w"], 1.0, gain.argmax(axis=1))
    return np.asarray(10.0 * np.log10(sinr), np.float64)


def differences_db() -> dict[str, tuple[float, float]]:
    """Return the largest difference of a user's SINR by network [dB]: of its gains, and of our links."""
    return {
        name: (
            float(np.abs(sinr_of_its_gains_db(network) - network.sinr_db).max()),
            float(np.abs(sinr_of_our_links_db(network) - network.sinr_db).max()),
        )
        for name, network in networks().items()
    }


def table(found: dict[str, tuple[float, float]] | None = None) -> str:
    """Return the comparison as a Markdown table."""
    lines: Sequence[str] = [
        "| peer | network | users | its SINR, 5 / 50 / 95 % | its gains played here | our links at its places |",
        "|---|---|---:|---:|---:|---:|",
        *(
            f"| {network.peer} | {network.what} | {network.sinr_db.size} | "
            f"{' / '.join(f'{value:.1f}' for value in np.percentile(network.sinr_db, (5, 50, 95)))} dB | "
            f"{played:.4f} dB | {linked:.4f} dB |"
            for network, (played, linked) in zip(
                networks().values(), (differences_db() if found is None else found).values(), strict=True
            )
        ),
    ]
    return "\n".join(lines)
