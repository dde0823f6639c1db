"""Your network from a table of sites, on a map: SINR, and what another tilt does to it."""

from pathlib import Path

import matplotlib

import slicefast as sf

matplotlib.use("Agg")  # a file is written, no window opened
import matplotlib.pyplot as plt

TILT_DEG, OTHER_TILT_DEG = 6, 12
Path("sites.csv").write_text(
    "x_m,y_m,height_m,angle_deg,tilt_deg,power_dbm\n"
    + "".join(
        f"{x},{y},25,{azimuth},{TILT_DEG},46\n"
        for x, y in ((0, 0), (600, 100), (250, 500))
        for azimuth in (30, 150, 270)
    ),
    encoding="utf-8",
)
scenario = sf.Scenario(layout=sf.scenario.CsvLayout(kind="csv", sites_csv="sites.csv"))
other = scenario.replace(cell_settings=[{"cells": list(range(1, 10)), "tilt_deg": OTHER_TILT_DEG}])

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", sharey=True)
for axis, case in zip(axes, (scenario, other), strict=True):
    title = f"tilt {case.tilt_deg[0]:g} degrees"
    simulator = sf.Simulator(case, seed=0)
    sf.plot.sinr_map(simulator, ax=axis).set_title(title)  # x and y count from the area's corner
    print(f"{title}: median SINR {float(sf.coverage(simulator).sinr_db.median()):.1f} dB")
figure.savefig("network_from_csv.png", dpi=120)
