"""stable-baselines3 in a few lines: one PPO policy for all cells of two networks (pip install stable-baselines3)."""

from stable_baselines3 import PPO

import slicefast as sf
from slicefast.envs.sb3 import PPO_SETTINGS, policy_of

STEPS = 4_000  # 20,000 learn more
scenario = sf.Scenario.paper()
env = sf.envs.to_sb3(scenario, n_replicas=2)
model = PPO("MlpPolicy", env, device="cpu", **PPO_SETTINGS)
model.learn(STEPS)

learned = policy_of(model, sf.Task(scenario))
print(sf.compare({"equal split": (scenario, "equal_split"), "PPO": (scenario, learned)}, seeds=3, steps=50))
