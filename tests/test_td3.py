"""TD3: the stacked update against a hand-written one, exploration, transfer, refusals."""

import copy

import numpy as np
import pytest
import torch
from scipy import stats

from slicefast.learn import TD3, NonFiniteError, TD3Config

ENGINES = ["torch"]
OBS, ACT = 16, 4


def filled(n_agents=3, engine="torch", rows=60, seed=0, first=0, config=None, **settings):
    """Return a stack with random transitions; agent i's data depend on first + i only."""
    config = config or TD3Config(exploration_steps=0, capacity=100, **settings)
    agents = TD3(n_agents, OBS, ACT, config, seed=seed, engine=engine, agent_ids=range(first, first + n_agents))
    data = [agent_data(first + i, rows) for i in range(n_agents)]
    for row in range(rows):
        agents.store(*(np.stack([parts[k][row] for parts in data]) for k in range(4)))
    return agents


def agent_data(agent, rows):
    rng = np.random.default_rng(1000 + agent)
    observation = rng.random((rows + 1, OBS), np.float32)
    action = rng.dirichlet(np.ones(ACT), rows).astype(np.float32)
    reward = (observation[1:, 0] * action[:, 0]).astype(np.float32)
    return observation[:-1], action, reward, observation[1:]


def one_agent_layers(network, agent, critic=None):
    pick = lambda p: p[agent].detach().numpy() if critic is None else p[agent, critic].detach().numpy()  # noqa: E731
    return [
        [pick(getattr(network, f"weight_{layer}")), pick(getattr(network, f"bias_{layer}"))]
        for layer in range(network.n_layers)
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_update_equals_the_hand_written_agent(reference, engine):
    twin = reference("learning")
    agents = filled(engine=engine)
    config = agents.config
    alone = [
        twin.OneAgentTD3(
            one_agent_layers(agents.actor, i),
            [one_agent_layers(agents.critic, i, k) for k in range(2)],
            config.gamma,
            config.tau,
            config.policy_delay,
            config.target_noise,
            config.noise_clip,
            config.actor_lr,
            config.critic_lr,
        )
        for i in range(3)
    ]
    for step in range(20):
        losses = agents.update()
        assert ("actor_loss" in losses) == (step % 2 == 1)
        for i, agent in enumerate(alone):
            rows = twin.batch_rows(0, i, step, 0, 60, -1, 32)
            noise = twin.normals(0, 1, i, step, 32, ACT)
            o, a, r, o2 = (part[rows].astype(float) for part in agent_data(i, 60))
            critic_loss, actor_loss = agent.update(o, a, r, o2, noise)
            assert losses["critic_loss"][i] == pytest.approx(critic_loss, rel=1e-4, abs=1e-7)
            if actor_loss is not None:
                assert losses["actor_loss"][i] == pytest.approx(actor_loss, rel=1e-4, abs=1e-6)
    for i, agent in enumerate(alone):
        pairs = [(agents.actor, None, agent.actor), (agents.actor_target, None, agent.actor_bar)]
        pairs += [(agents.critic, k, agent.critics[k]) for k in range(2)]
        pairs += [(agents.critic_target, k, agent.critics_bar[k]) for k in range(2)]
        for network, k, expected in pairs:
            for got, want in zip(one_agent_layers(network, i, k), expected, strict=True):
                for g, w in zip(got, want, strict=True):
                    # 20 Adam steps of 1e-3 move weights by up to 2e-2; float32 gradients of near-zero size may tip
                    # the first normalised steps by a few 1e-6.
                    np.testing.assert_allclose(g, w, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_same_seed_same_weights_whatever_the_stack(engine):
    stack, alone = filled(4, engine), filled(1, engine, first=2)
    for _ in range(20):
        stack.update()
        alone.update()
    for mine, other in zip(stack._networks().values(), alone._networks().values(), strict=True):
        if engine == "native":
            assert torch.equal(mine.bank[2], other.bank[0])
        else:  # torch's batched products may sum in another order for another stack
            torch.testing.assert_close(mine.bank[2], other.bank[0], atol=2e-6, rtol=1e-5)
    assert not torch.equal(stack.actor.bank[0], stack.actor.bank[1])


@pytest.mark.parametrize("engine", ENGINES)
def test_learns_a_bandit(engine):
    # Reward is the first share: the policy must move there.
    agents = TD3(2, 4, 3, TD3Config(exploration_steps=200, capacity=1000, actor_lr=2e-3), engine=engine)
    observation = np.full((2, 4), 0.5, np.float32)
    for _ in range(200):
        action = agents.act(observation, explore=True)
        assert agents.update() is None
        agents.store(observation, action, action[:, 0], observation)
    for _ in range(1500):
        agents.update()
    assert (agents.act(observation)[:, 0] > 0.8).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_exploration_stays_on_the_simplex(engine):
    agents = TD3(3, OBS, ACT, TD3Config(exploration_steps=2, exploration_noise=0.5), engine=engine)
    observation = np.random.default_rng(0).random((3, OBS), np.float32)
    first, second = agents.act(observation, explore=True), agents.act(observation, explore=True)
    assert not np.array_equal(first, second)
    for _ in range(2):
        agents.store(observation, first, np.zeros(3), observation)
    greedy = agents.act(observation)
    np.testing.assert_array_equal(greedy, agents.act(observation))
    noisy = np.stack([agents.act(observation, explore=True) for _ in range(3000)])
    np.testing.assert_allclose(noisy.sum(axis=-1), 1.0, atol=1e-6)
    assert (noisy > 0).all()
    # ln of a ratio of shares is the policy's own plus sqrt(2) sigma eps: unbiased, of that spread.
    ratio = np.log(noisy[..., 0] / noisy[..., 1]) - np.log(greedy[:, 0] / greedy[:, 1])
    assert stats.kstest(ratio.ravel() / (0.5 * np.sqrt(2)), "norm").pvalue > 1e-3


@pytest.mark.parametrize("engine", ENGINES)
def test_exploration_at_the_centre_is_unbiased_and_fades_in_the_corners(engine):
    agents = TD3(1, OBS, ACT, TD3Config(exploration_steps=0, exploration_noise=0.5), engine=engine)
    observation = np.zeros((1, OBS), np.float32)
    agents.actor.bank.zero_()
    centre = np.concatenate([agents.act(observation, explore=True) for _ in range(4000)])
    error = centre.std(axis=0) / np.sqrt(len(centre))
    assert (np.abs(centre.mean(axis=0) - 0.25) < 4 * error).all()
    with torch.no_grad():
        agents.actor.bias_2[0] = torch.tensor([200.0, 0.0, 0.0, -200.0])
    corner = np.concatenate([agents.act(observation, explore=True) for _ in range(10)])
    np.testing.assert_allclose(corner, np.tile([1.0, 0.0, 0.0, 0.0], (10, 1)), atol=1e-6)
    assert np.isfinite(corner).all()


def test_equals_stable_baselines3_on_the_same_batch():
    import stable_baselines3
    from gymnasium import spaces
    from stable_baselines3.common.type_aliases import ReplayBufferSamples

    agents = filled(1, target_noise=0.0)
    box = spaces.Box(-10, 10, (OBS,)), spaces.Box(0, 1, (ACT,))
    env = blank_env(*box)
    other = stable_baselines3.TD3(
        "MlpPolicy", env, batch_size=32, gamma=0.1, tau=0.005, policy_delay=2, target_policy_noise=0.0, device="cpu",
        policy_kwargs={"net_arch": {"pi": [48, 24], "qf": [64, 24]}}, learning_rate=1e-3, seed=0,
    )  # fmt: skip
    actor_layers = [m for m in other.actor.mu if isinstance(m, torch.nn.Linear)]
    for actor in (other.actor, other.actor_target):
        actor.mu[-1] = torch.nn.Softmax(dim=-1)
    with torch.no_grad():
        fill(actor_layers, one_agent_layers(agents.actor, 0))
        for k, critic in enumerate(other.critic.q_networks):
            fill([m for m in critic if isinstance(m, torch.nn.Linear)], one_agent_layers(agents.critic, 0, k))
    other.actor_target.load_state_dict(other.actor.state_dict())
    other.critic_target.load_state_dict(other.critic.state_dict())
    other.actor.optimizer.param_groups[0]["lr"] = 5e-4
    other._update_learning_rate = lambda optimizers: None
    other._logger = type("Silent", (), {"record": lambda *a, **k: None})()
    for step in range(20):
        index = agents.replay.sample(0, agents.agent_ids, step, 32, np.array([-1]))
        o, a, r, o2 = (torch.tensor(part[index[0]]) for part in agent_data(0, 60))
        batch = ReplayBufferSamples(o, a, o2, torch.zeros(32, 1), r[:, None])
        other.replay_buffer.sample = lambda *args, batch=batch, **kwargs: batch
        other.train(gradient_steps=1, batch_size=32)
        agents.update()
    for layer, (weight, bias) in zip(actor_layers, one_agent_layers(agents.actor, 0), strict=True):
        np.testing.assert_allclose(layer.weight.detach().T, weight, atol=1e-5)
        np.testing.assert_allclose(layer.bias.detach(), bias, atol=1e-5)
    for k, critic in enumerate(other.critic_target.q_networks):
        layers = [m for m in critic if isinstance(m, torch.nn.Linear)]
        for layer, (weight, _) in zip(layers, one_agent_layers(agents.critic_target, 0, k), strict=True):
            np.testing.assert_allclose(layer.weight.detach().T, weight, atol=1e-6)


def fill(layers, values):
    for layer, (weight, bias) in zip(layers, values, strict=True):
        layer.weight.copy_(torch.tensor(weight.T))
        layer.bias.copy_(torch.tensor(bias))


def blank_env(observation_space, action_space):
    import gymnasium

    class Blank(gymnasium.Env):
        def __init__(self):
            self.observation_space, self.action_space = observation_space, action_space

    return Blank()


# Transfer


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("optimiser", [False, True])
def test_copied_agent_acts_and_learns_like_its_source(engine, optimiser):
    source, target = filled(3, engine), filled(2, engine, seed=9)
    for _ in range(10):
        source.update()
    target.copy_agent(source, 2, 1, optimiser=optimiser)
    observation = np.random.default_rng(0).random((3, OBS), np.float32)
    np.testing.assert_array_equal(target.act(observation[:2])[1], source.act(observation[[0, 0, 1]])[2])
    steps = target.critic_optimiser.steps
    assert steps[1] == (10 if optimiser else 0)
    assert target.critic_optimiser.first_moment[1].any() == optimiser
    assert not torch.equal(target.actor.bank[0], source.actor.bank[2])


@pytest.mark.parametrize("engine", ENGINES)
def test_lower_layers_are_copied_and_frozen(engine):
    source, target = filled(1, engine), filled(2, engine, seed=9)
    for _ in range(4):
        target.update()
    fresh = copy.deepcopy(target.actor.weight_2)
    target.copy_agent(source, 0, 1, layers="lower")
    assert torch.equal(target.actor.weight_2, fresh)
    target.freeze_lower([False, True])
    for _ in range(10):
        target.update()
    for network in ("actor", "critic"):
        for name in ("weight_0", "bias_0", "weight_1", "bias_1"):
            assert torch.equal(getattr(getattr(target, network), name)[1], getattr(getattr(source, network), name)[0])
            assert not torch.equal(
                getattr(getattr(target, network), name)[0], getattr(getattr(source, network), name)[0]
            )
    assert not torch.equal(target.actor.weight_2[1], fresh[1])


def test_copy_refuses_other_sizes():
    target = TD3(1, OBS, ACT, TD3Config(actor_hidden=(8,)))
    with pytest.raises(ValueError, match="layer sizes"):
        target.copy_agent(filled(1), 0, 0)
    with pytest.raises(ValueError, match="agent_mask"):
        target.freeze_lower([True, False])


# Refusals


@pytest.mark.parametrize("engine", ENGINES)
def test_non_finite_numbers_stop_with_agent_and_step(engine):
    agents = filled(engine=engine)
    bad = np.zeros((3, OBS), np.float32)
    bad[2, 3] = np.nan
    with pytest.raises(NonFiniteError, match="observation of agent 2 at step 60"):
        agents.act(bad)
    with torch.no_grad():
        agents.critic.weight_2[1] = torch.inf
    before = agents.actor.bank.clone()
    with pytest.raises(NonFiniteError, match="critic loss of agent 1 at step 0"):
        agents.update()
    assert torch.equal(agents.actor.bank, before)
    assert agents.n_updates == 0


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"gamma": 1.0}, "gamma"),
        ({"batch_size": 0}, "batch_size"),
        ({"tau": 0.0}, "tau"),
        ({"actor_hidden": (0,)}, "actor_hidden"),
        ({"transferred_fraction": 1.5}, "transferred_fraction"),
        ({"critic_lr": float("nan")}, "critic_lr"),
    ],
)
def test_config_refuses_by_name(settings, named):
    with pytest.raises(ValueError, match=named):
        TD3Config(**settings)


def test_constructor_refuses_by_name():
    for settings, named in (({"n_agents": 0}, "n_agents"), ({"seed": -1}, "seed"), ({"engine": "gpu"}, "engine")):
        with pytest.raises(ValueError, match=named):
            TD3(**({"n_agents": 1, "obs_dim": OBS, "action_dim": ACT} | settings))
    with pytest.raises(ValueError, match="agent_ids"):
        TD3(2, OBS, ACT, agent_ids=[1])
