"""A study of your own: a policy, a reward and a question: what helps in busy hours."""

import numpy as np

import slicefast as sf


def proportional_to_load(simulator: sf.Simulator, observation: np.ndarray) -> np.ndarray:
    """Divide the cell as its slices' loads were divided in the last step."""
    load = simulator.kpis.load + 0.01
    return np.asarray(load / load.sum(axis=-1, keepdims=True))


def worst_load(kpis: sf.Kpis, scenario: sf.Scenario) -> np.ndarray:
    """Return how much of a cell is free."""
    return np.asarray(1.0 - kpis.load.sum(axis=-1))


sf.policies.register("proportional_to_load", proportional_to_load)
sf.rewards.register("free", worst_load)

calm = sf.Scenario.paper()
rates_bps = 1.5 * calm.slice_rate_bps
busy = calm.replace(
    slices=[part.model_copy(update={"rate_bps": rate}) for part, rate in zip(calm.slices, rates_bps, strict=True)]
)
for title, scenario in {"calm": calm, "busy": busy}.items():
    cases = {name: (scenario, name) for name in ("max_min_rule", "max_min_rule_by_user", "proportional_to_load")}
    compared = sf.compare(cases, seeds=5, steps=50)
    print(f"{title}\n{compared}\n{compared.differences().reward.to_pandas().round(3)}\n")
print(sf.compare({"free": (busy, "max_min_rule")}, seeds=3, steps=20, task={"reward": "free"}))
