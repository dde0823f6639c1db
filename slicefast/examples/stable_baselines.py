"""stable-baselines3 in a few lines: one PPO policy for all cells of two networks (pip install stable-baselines3)."""

import torch
from stable_baselines3 import PPO

import slicefast as sf
from slicefast.envs.sb3 import PPO_SETTINGS, policy_of

torch.set_num_threads(1)  # networks as small as these are slower with more
STEPS = 4_000  # 20,000 learn more
scenario = sf.Scenario.paper()
env = sf.envs.to_sb3(scenario, n_replicas=2)
model = PPO("MlpPolicy", env, device="cpu", **PPO_SETTINGS)
model.learn(STEPS)

learned = policy_of(model, sf.Task(scenario))
unseen = range(100, 103)  # networks that it did not learn on
print(sf.compare({"equal split": (scenario, "equal_split"), "PPO": (scenario, learned)}, unseen, steps=50))
