"""stable-baselines3 in a few lines: one PPO policy for all cells of two networks (pip install stable-baselines3)."""

import numpy as np
from stable_baselines3 import PPO

import slicefast as sf

STEPS = 4_000  # 60,000 learn more
scenario = sf.Scenario.paper()
task = sf.Task(scenario, actions="symmetric")
model = PPO("MlpPolicy", sf.envs.to_sb3(task, n_replicas=2), n_steps=64, batch_size=256, gamma=0.1, device="cpu")
model.learn(STEPS)


def learned(simulator: sf.Simulator, observation: np.ndarray) -> np.ndarray:
    """Return the shares that the trained model asks for."""
    return task.to_shares(model.predict(observation, deterministic=True)[0])


print(sf.compare({"equal split": (scenario, "equal_split"), "PPO": (scenario, learned)}, seeds=3, steps=50))
