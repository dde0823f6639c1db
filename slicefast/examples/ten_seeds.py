"""Ten seeds with error bars: three policies on the same ten networks, means and paired differences."""

import matplotlib

import slicefast as sf

matplotlib.use("Agg")  # a file is written, no window opened
import matplotlib.pyplot as plt

scenario = sf.Scenario.paper()
names = ("traffic_aware", "equal_split", "max_min_rule")
compared = sf.compare({name: (scenario, name) for name in names}, seeds=10, steps=100)
print(compared)
apart = compared.differences("traffic_aware").reward
print(apart.to_pandas())

mean, low, high = compared.means().reward.transpose("bound", "case")
figure, axes = plt.subplots(figsize=(4, 3), layout="constrained")
sf.plot.intervals(names, mean, low, high, ax=axes)
axes.set(ylabel="mean reward, 95 % intervals")
figure.savefig("ten_seeds.png", dpi=120)
