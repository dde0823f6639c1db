"""What each library's user writes to learn here: a policy from a scenario, a seed and a number of agent steps.

Gamma is 0 for all, as a step's reward is its own action's; the networks behind policies have two layers of 64; PPO's
first deviation is e^-1 where a library lets one say so. Everything else is the library's own.
"""

from __future__ import annotations

import slicefast as sf
from slicefast.policies import Policy


def sb3_ppo(scenario: sf.Scenario, seed: int, steps: int) -> Policy:
    """PPO."""
    from stable_baselines3 import PPO

    env = sf.envs.to_sb3(scenario, n_replicas=2, seed=seed)
    model = PPO("MlpPolicy", env, seed=seed, device="cpu", **sf.envs.sb3.PPO_SETTINGS).learn(steps)
    return sf.envs.sb3.policy_of(model, sf.Task(scenario))


def sb3_sac(scenario: sf.Scenario, seed: int, steps: int) -> Policy:
    """SAC."""
    from stable_baselines3 import SAC

    env = sf.envs.to_sb3(scenario, n_replicas=2, seed=seed)
    model = SAC("MlpPolicy", env, seed=seed, device="cpu", gamma=0.0, policy_kwargs={"net_arch": [64, 64]}).learn(steps)
    return sf.envs.sb3.policy_of(model, sf.Task(scenario))


def sb3_td3(scenario: sf.Scenario, seed: int, steps: int) -> Policy:
    """TD3."""
    from stable_baselines3 import TD3

    env = sf.envs.to_sb3(scenario, n_replicas=2, seed=seed)
    model = TD3("MlpPolicy", env, seed=seed, device="cpu", gamma=0.0, policy_kwargs={"net_arch": [64, 64]}).learn(steps)
    return sf.envs.sb3.policy_of(model, sf.Task(scenario))


def rllib_ppo(scenario: sf.Scenario, seed: int, steps: int) -> Policy:
    """PPO, one policy for all cells."""
    from ray.rllib.algorithms.ppo import PPOConfig

    from slicefast.envs.rllib import PPO_MODULE, PPO_SETTINGS, RllibEnv, policies_of, policy_of

    task = sf.Task(scenario, actions="symmetric")
    config = PPOConfig().environment(RllibEnv, env_config={"scenario": scenario, "seed": seed})
    config.multi_agent(**policies_of(task)).env_runners(num_env_runners=0).debugging(seed=seed)
    config.rl_module(rl_module_spec=PPO_MODULE).training(**PPO_SETTINGS)
    algorithm = config.build_algo()
    for _ in range(steps // (128 * task.n_agents)):
        algorithm.train()
    module = algorithm.get_module("cell")
    algorithm.stop()
    return policy_of(module, task)


def torchrl_ppo(scenario: sf.Scenario, seed: int, steps: int) -> Policy:
    """PPO, one policy for all cells."""
    import torch
    from tensordict.nn import NormalParamExtractor, TensorDictModule
    from torchrl.collectors import Collector
    from torchrl.envs import PettingZooWrapper
    from torchrl.modules import MLP, ProbabilisticActor, TanhNormal, ValueOperator
    from torchrl.objectives import ClipPPOLoss

    torch.manual_seed(seed)
    network = sf.parallel_env(scenario, seed=seed, actions="symmetric")
    env = PettingZooWrapper(network)
    n_o, n_s = network.task.observation_size, network.task.action_size
    mean = torch.nn.Sequential(MLP(n_o, 2 * n_s, num_cells=[64, 64]), NormalParamExtractor())
    module = TensorDictModule(mean, [("cell", "observation")], [("cell", "loc"), ("cell", "scale")])
    actor = ProbabilisticActor(
        module,
        in_keys=[("cell", "loc"), ("cell", "scale")],
        out_keys=[("cell", "action")],
        distribution_class=TanhNormal,
        return_log_prob=True,
        log_prob_key=("cell", "sample_log_prob"),
    )
    critic = ValueOperator(MLP(n_o, 1, num_cells=[64, 64]), [("cell", "observation")], [("cell", "state_value")])
    loss = ClipPPOLoss(actor, critic, entropy_coeff=0.0, normalize_advantage=True)
    names = ("action", "sample_log_prob", "advantage", "value_target")
    loss.set_keys(**{name: ("cell", name) for name in names}, value=("cell", "state_value"))
    optimiser = torch.optim.Adam(loss.parameters(), lr=3e-4)
    frames = 128 * (steps // (128 * network.task.n_agents))
    for played in Collector(env, actor, frames_per_batch=128, total_frames=frames):
        reward = played["next", "cell", "reward"]
        with torch.no_grad():
            played["cell", "value_target"] = reward
            played["cell", "advantage"] = reward - critic(played)["cell", "state_value"]
        for _ in range(10):
            for rows in torch.randperm(128).split(32):
                found = loss(played[rows])
                optimiser.zero_grad()
                sum(found[name] for name in ("loss_objective", "loss_critic")).backward()
                optimiser.step()
    return sf.policies.of_actions(lambda rows: mean(torch.from_numpy(rows))[0].tanh().detach().numpy(), network.task)


def own_loop(scenario: sf.Scenario, seed: int, steps: int) -> Policy:
    """PPO in one loop of torch, over the vector environment, as CleanRL's programs are written."""
    import torch
    from gymnasium.vector import AutoresetMode
    from torch import nn
    from torch.distributions import Normal

    torch.manual_seed(seed)
    env = sf.VectorEnv(scenario, 2, seed, actions="symmetric", autoreset_mode=AutoresetMode.SAME_STEP)
    n_o, n_s = env.task.observation_size, env.task.action_size
    actor, critic = (
        nn.Sequential(nn.Linear(n_o, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, n)) for n in (n_s, 1)
    )
    log_std = nn.Parameter(torch.full((n_s,), -1.0))
    learned = [*actor.parameters(), *critic.parameters(), log_std]
    optimiser = torch.optim.Adam(learned, lr=3e-4)
    seen = torch.from_numpy(env.reset()[0])
    for _ in range(steps // (64 * env.num_envs)):
        kept = []
        for _ in range(64):
            with torch.no_grad():
                chosen = Normal(actor(seen), log_std.exp())
                action = chosen.sample()
            following, reward, *_ = env.step(action.numpy())
            earned = torch.from_numpy(reward.astype("float32"))
            kept.append((seen, action, chosen.log_prob(action).sum(-1), earned))
            seen = torch.from_numpy(following)
        observations, actions, likely, rewards = (torch.cat(part) for part in zip(*kept, strict=True))
        for _ in range(10):
            for rows in torch.randperm(len(rewards)).split(64):
                now = Normal(actor(observations[rows]), log_std.exp())
                value = critic(observations[rows]).squeeze(-1)
                more = rewards[rows] - value.detach()
                more = (more - more.mean()) / (more.std() + 1e-8)
                ratio = (now.log_prob(actions[rows]).sum(-1) - likely[rows]).exp()
                gained = torch.minimum(ratio * more, ratio.clip(0.8, 1.2) * more).mean()
                optimiser.zero_grad()
                (0.5 * (value - rewards[rows]).square().mean() - gained).backward()
                nn.utils.clip_grad_norm_(learned, 0.5)
                optimiser.step()
    return sf.policies.of_actions(lambda rows: actor(torch.from_numpy(rows)).detach().numpy(), env.task)


def our_td3(scenario: sf.Scenario, seed: int, steps: int) -> Policy:
    """Our TD3, one for all cells."""
    task, simulator = sf.Task(scenario), sf.Simulator(scenario, seed, n_replicas=2)
    simulator.reset()
    config = sf.learn.TD3Config.preset("ours_shared").per_row(2 * task.n_agents)
    agents = sf.training.new_agents(task, config, seed, n_agents=1)
    sf.training.train(simulator, agents, task, steps // (2 * task.n_agents))
    return sf.policies.greedy(agents)


def our_hindsight(scenario: sf.Scenario, seed: int, steps: int) -> Policy:
    """Ours in hindsight on the max-min rule, one network for all cells."""
    from slicefast.policies import hindsight

    task, simulator = sf.Task(scenario), sf.Simulator(scenario, seed)
    simulator.reset()
    config = sf.learn.HindsightConfig(sight="rich", basis="rule", federated=True)
    learner = hindsight.OnlineHindsight(hindsight.new_hindsight(task, config, seed), simulator)
    sf.training.train(simulator, learner, task, steps // task.n_agents)
    return hindsight.HindsightPlayer(learner.learner)
