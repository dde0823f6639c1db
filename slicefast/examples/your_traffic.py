"""Your traffic: a table of volumes over a day drives the share of users that are active."""

from pathlib import Path

import numpy as np

import slicefast as sf

hours = np.arange(24)
volume = 40.0 + 60.0 * np.exp(-(((hours - 20) / 3.0) ** 2)) + 30.0 * np.exp(-(((hours - 9) / 2.0) ** 2))
Path("volumes.csv").write_text(
    "time,volume\n" + "".join(f"{hour * 3600},{value:.1f}\n" for hour, value in zip(hours, volume, strict=True)),
    encoding="utf-8",
)
scenario = sf.Scenario.paper(traffic_trace="volumes.csv", traffic={"period_steps": 24})

run = sf.Simulator(scenario, seed=0).run(sf.policies.get("max_min_rule"), steps=24)
load = run["load"].sum("slice").mean("cell")
for step in (3, 9, 20):
    print(f"step {step:2}: {float(load[step]):.2f} of the PRBs used, reward {float(run.reward[step].mean()):.2f}")
