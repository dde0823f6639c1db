"""Networks of other simulators, computed by them once: ``slicefast/validation/peer_networks.json`` comes from here.

::

    python -m venv peers && peers/bin/pip install crrm==2.0.2 sionna==2.2.0
    peers/bin/python benchmarks/peer_networks.py slicefast/validation/peer_networks.json

Each peer places sites and users and computes gains and the SINR with every cell at full power; nothing here imports
slicefast, and the peers' code runs as it is. What is Sionna's own in its SINR are places, path loss, angles and antenna
field; the sum over interferers is written out below, as its system level module works on subcarriers of faded channels.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import Any

import numpy as np


def crrm() -> dict[str, Any]:
    """CRRM: seven omnidirectional cells, TR 38.901 UMa in line of sight, its own hexagons and Poisson users."""
    from CRRM import Parameters, Simulator

    parameters = Parameters(
        rng_seeds=1, n_cell_locations=7, n_ues=105, h_BS_default=25.0, h_UT_default=1.5, fc_GHz=3.5, bw_MHz=20.0,
        p_W=40.0, pathloss_model_name="UMa", LOS=True, distance_scale=500.0,
    )  # fmt: skip
    peer = Simulator(parameters)
    peer.update()
    cells, users = peer.cell_locations.data, peer.ue_locations.data
    return {
        "peer": f"CRRM {version('crrm')}",
        "what": "7 omnidirectional sites of 8 dBi, TR 38.901 UMa, all in line of sight, 40 W over 20 MHz, 3.5 GHz",
        "frequency_hz": 3.5e9,
        "power_w": 40.0,
        "noise_w": float(parameters.noise_power),
        "antenna_gain_dbi": 8.0,
        **_places(cells, users),
        "azimuth_deg": None,
        "gain_db": _rounded(10.0 * np.log10(peer.g.data)),
        "serving": peer.a.data.tolist(),
        "sinr_db": _rounded(10.0 * np.log10(peer.sinr.data[:, 0])),
    }


def sionna() -> dict[str, Any]:
    """Sionna: the hexagonal topology of its system level module, TR 38.901 UMa without line of sight and shadowing."""
    import torch
    from sionna.phy import config
    from sionna.phy.channel.tr38901 import AntennaElement, PanelArray, UMa
    from sionna.sys import gen_hexgrid_topology

    config.seed = 1
    single = {"num_rows_per_panel": 1, "num_cols_per_panel": 1, "polarization": "single", "polarization_type": "V"}
    mast = PanelArray(**single, antenna_pattern="38.901", carrier_frequency=3.5e9)
    phone = PanelArray(**single, antenna_pattern="omni", carrier_frequency=3.5e9)
    channel = UMa(3.5e9, "low", phone, mast, "downlink", enable_shadow_fading=False)
    topology = gen_hexgrid_topology(
        1, 1, 5, "uma", isd=500.0, bs_height=25.0, min_ut_height=1.5, max_ut_height=1.5, indoor_probability=0.0,
        downtilt_to_sector_center=False,
    )  # fmt: skip
    # Without the mirror places of a torus: the plane, and every link without line of sight.
    channel.set_topology(*topology[:6], los=False)
    scene = channel._scenario
    yaw = topology[3][0, :, 0]
    turned = torch.remainder(torch.deg2rad(scene.los_aod[0]) - yaw[:, None] + np.pi, 2.0 * np.pi) - np.pi
    field = AntennaElement("38.901").field(torch.deg2rad(scene.los_zod[0]), turned)
    antenna = (field[0] ** 2 + field[1] ** 2).numpy().astype(np.float64)
    gain = antenna * 10.0 ** (-scene.basic_pathloss[0].numpy().astype(np.float64) / 10.0)
    power_w, noise_w = 40.0, 10.0 ** (-17.4 - 3.0) * 18e6 * 10.0**0.9
    received = power_w * gain.T
    best = received.argmax(axis=1)
    wanted = received.max(axis=1)
    return {
        "peer": f"Sionna {version('sionna')}",
        "what": "7 three-sector sites of TR 38.901 elements, UMa, no link in line of sight, 40 W over 18 MHz, 3.5 GHz",
        "frequency_hz": 3.5e9,
        "power_w": power_w,
        "noise_w": noise_w,
        "antenna_gain_dbi": None,
        **_places(topology[1][0].numpy(), topology[0][0].numpy()),
        "azimuth_deg": _rounded(np.degrees(yaw.numpy())),
        "gain_db": _rounded(10.0 * np.log10(gain.T)),
        "serving": best.tolist(),
        "sinr_db": _rounded(10.0 * np.log10(wanted / (received.sum(axis=1) - wanted + noise_w))),
    }


def _places(cells: Any, users: Any) -> dict[str, Any]:
    cells, users = np.asarray(cells, np.float64), np.asarray(users, np.float64)
    return {
        "cell_x_m": _rounded(cells[:, 0]),
        "cell_y_m": _rounded(cells[:, 1]),
        "bs_height_m": float(cells[0, 2]),
        "user_x_m": _rounded(users[:, 0]),
        "user_y_m": _rounded(users[:, 1]),
        "ue_height_m": float(users[0, 2]),
    }


def _rounded(values: Any) -> Any:
    return np.round(np.asarray(values, np.float64), 3).tolist()


if __name__ == "__main__":
    networks = {"crrm": crrm(), "sionna": sionna()}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(networks, file, separators=(",", ":"))
        file.write("\n")
