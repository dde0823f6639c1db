"""The readable engine: one torch graph for all agents, on the CPU or a CUDA device.

Symbols: o observation, a action, r reward, o' next observation, pi policy, Q1 Q2 critics, bar = target network,
eps standard normal noise, B batch size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from slicefast import kernels
from slicefast.errors import NonFiniteError
from slicefast.learn.networks import StackedMLP
from slicefast.learn.optimiser import StackedAdam
from slicefast.learn.state import LearnerState
from slicefast.learn.threads import one_thread
from slicefast.units import Float32, Int64

#: Sees a loss and its name before it is followed, and may refuse it.
Check = Callable[[Tensor, str], None]
_DENORMAL, _ONE = np.float32(1e-39), np.float32(1.0)


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Flush denormals to zero meanwhile: Adam's moments of dead units decay through them, at a tenth of the speed."""
    was_on = bool(_DENORMAL * _ONE == 0.0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(was_on)


def for_both_critics(x: Tensor) -> Tensor:
    """Repeat every agent's batch for its two critics: (A, B, n) -> (2 A, B, n)."""
    return x.unsqueeze(1).expand(-1, 2, -1, -1).reshape(-1, x.shape[1], x.shape[2])


class Leaves:
    """A network's parameters as autograd's leaves, in the shapes torch.baddbmm takes: no views in the graph.

    They share the bank's memory. With every network an item of its own (2 A of them for twin critics), weights are
    (items, in, out) and biases (items, 1, out).

    Parameters
    ----------
    network : StackedMLP
        Whose parameters.
    optimiser : StackedAdam, optional
        Follows their gradients; without it nothing is differentiated.
    rows : slice
        Which items, such as the first of every two critics.
    """

    def __init__(self, network: StackedMLP, optimiser: StackedAdam | None = None, rows: slice = slice(None)) -> None:
        items = network.bank.view(-1, network.stride)[rows]
        self.optimiser = optimiser
        self.tensors: list[Tensor] = []
        for _, offset, shape in network.layout:
            part = items[:, offset : offset + math.prod(shape)]
            leaf = part.view(-1, 1, *shape) if len(shape) == 1 else part.view(-1, *shape)
            self.tensors.append(leaf.detach().requires_grad_(optimiser is not None))

    def __call__(self, x: Tensor) -> Tensor:
        """Return the last layer's outputs: x (items, B, in) -> (items, B, out)."""
        for layer in range(0, len(self.tensors), 2):
            x = torch.baddbmm(self.tensors[layer + 1], x, self.tensors[layer])
            if layer + 2 < len(self.tensors):
                x = torch.relu_(x)
        return x

    def follow(self, loss: Tensor, what: str, check: Check | None) -> None:
        """Take one optimiser step down the losses (A,); summed, so that each agent's gradient is its own.

        Parameters
        ----------
        loss : Tensor, (A,)
            Each agent's.
        what : str
            What the loss is called in errors.
        check : callable or None
            Gets the loss and its name before the step; raises to prevent it.
        """
        assert self.optimiser is not None
        gradients = torch.autograd.grad(loss.sum(), self.tensors)
        if check is not None:
            check(loss.detach(), what)
        with torch.no_grad():
            self.optimiser.follow(gradients)


def _refuse_non_finite(loss: Float32, what: str, step: int) -> None:
    if not np.isfinite(loss).all():
        raise NonFiniteError(what, int(np.argmin(np.isfinite(loss))), step)


class TorchEngine:
    """An `Engine` through autograd. Losses are summed over agents, so each agent's gradient is its own.

    Parameters
    ----------
    state : LearnerState
        On any device. A captured CUDA graph holds which layers are frozen: make a new engine when that changes.
    """

    def __init__(self, state: LearnerState) -> None:
        self.state = state
        self._graphs: dict[bool, Callable[[], tuple[Tensor, Tensor]]] = {}
        self._batch = self._noise = torch.empty(0)
        self._gamma = torch.tensor(state.config.gamma, device=state.device)
        self._actor = Leaves(state.actor, state.actor_optimiser)
        self._critic = Leaves(state.critic, state.critic_optimiser)
        self._actor_target, self._critic_target = Leaves(state.actor_target), Leaves(state.critic_target)
        self._first_critic = Leaves(state.critic, rows=slice(None, None, 2))

    def act(self, observation: Float32, noise: float, step: int) -> Float32:
        """Return actions (k A, S), softmax(logits + noise eps), with eps from the agents' counter-based streams."""
        agents, copies = self.state.n_agents, len(observation) // self.state.n_agents
        with torch.no_grad(), one_thread():
            rows = torch.from_numpy(observation).to(self.state.device).view(copies, agents, -1)
            logits = self._actor(rows.transpose(0, 1))
            if noise > 0.0:
                normals = [self._normal(kernels.LOGIT_NOISE, step + k, 1) for k in range(copies)]
                logits = logits + noise * torch.cat(normals, dim=1)
            actions: Float32 = torch.softmax(logits, dim=-1).transpose(0, 1).reshape(copies * agents, -1).cpu().numpy()
        return actions

    def update(self, index: Int64, step: int, with_policy: bool) -> tuple[Float32, Float32 | None]:
        """Do one update on the given replay rows; return the critics' and the policy's losses, (A,) each."""

        def check(loss: Tensor, what: str) -> None:
            _refuse_non_finite(loss.numpy(), what, step)

        batch = self.state.replay.gather(index)
        noise = self._normal(kernels.SMOOTHING, step, self.state.config.batch_size)
        if self.state.device.type == "cuda":
            critic_loss, actor_loss = self._replay_graph(batch, noise, with_policy)
        else:
            with flushed_denormals(), one_thread():  # as in a hindsight learner
                critic_loss, actor_loss = self.compute(batch, noise, with_policy, check)
        losses = critic_loss.cpu().numpy(), actor_loss.cpu().numpy()
        _refuse_non_finite(losses[0], "critic loss", step)
        _refuse_non_finite(losses[1], "actor loss", step)
        return losses[0], losses[1] if with_policy else None

    def _normal(self, purpose: int, step: int, batch: int) -> Tensor:
        state = self.state
        noise = np.empty((state.n_agents, batch, state.action_dim), np.float32)
        kernels.normal_noise(np.uint64(state.seed), purpose, state.agent_ids, step, noise)
        return torch.from_numpy(noise).to(state.device)

    def compute(
        self, batch: Tensor, noise: Tensor, with_policy: bool, check: Check | None = None
    ) -> tuple[Tensor, Tensor]:
        """Do one TD3 update in the paper's order, in place; return the losses (A,) and (A,).

        y = r + gamma min(Q1bar, Q2bar)(o', softmax(logits_bar(o') + clip(sigma eps, -c, c)));
        critic loss = mean_B (Q1(o, a) - y)^2 + mean_B (Q2(o, a) - y)^2;
        every policy_delay updates: policy loss = mean_B(-Q1(o, pi(o)) + logit_penalty mean_S z^2), z the logits, then
        target <- (1 - tau) target + tau online.

        Parameters
        ----------
        batch : Tensor, (A, B, W)
            Transitions, as the replay ring lays them out.
        noise : Tensor, (A, B, S)
            Standard normals.
        with_policy : bool
            Whether the policy and the target networks move too.
        check : callable, optional
            Sees each loss before it is followed.
        """
        state, config = self.state, self.state.config
        n_o, n_a = state.obs_dim, state.action_dim
        observation, next_observation = batch[..., :n_o], batch[..., n_o + n_a + 1 :]
        with torch.no_grad():
            smoothing = (noise * config.target_noise).clamp_(-config.noise_clip, config.noise_clip)
            next_action = torch.softmax(self._actor_target(next_observation).add_(smoothing), dim=-1)
            next_value = self._critic_target(for_both_critics(torch.cat((next_observation, next_action), dim=-1)))
            target = next_value.view(state.n_agents, 2, -1).amin(dim=1)
            target = torch.addcmul(batch[..., n_o + n_a], target, self._gamma)

        value = self._critic(for_both_critics(batch[..., : n_o + n_a])).view(state.n_agents, 2, -1)
        critic_loss = (value - target.unsqueeze(1)).square().sum(dim=(1, 2)) / config.batch_size
        self._critic.follow(critic_loss, "critic loss", check)

        if not with_policy:
            return critic_loss.detach(), torch.zeros_like(critic_loss)
        logits = self._actor(observation)
        first = self._first_critic(torch.cat((observation, torch.softmax(logits, dim=-1)), dim=-1))
        actor_loss = (config.logit_penalty * logits.square().mean(dim=2) - first.squeeze(2)).mean(dim=1)
        self._actor.follow(actor_loss, "actor loss", check)
        state.actor_target.bank.lerp_(state.actor.bank, config.tau)
        state.critic_target.bank.lerp_(state.critic.bank, config.tau)
        return critic_loss.detach(), actor_loss.detach()

    def _replay_graph(self, batch: Tensor, noise: Tensor, with_policy: bool) -> tuple[Tensor, Tensor]:
        """Run `compute` through a captured CUDA graph: one launch instead of about a hundred small kernels."""
        if with_policy not in self._graphs:
            self._capture(batch, noise, with_policy)
        self._batch.copy_(batch)
        self._noise.copy_(noise)
        return self._graphs[with_policy]()

    def _capture(self, batch: Tensor, noise: Tensor, with_policy: bool) -> None:
        if self._batch.numel() == 0:
            self._batch, self._noise = batch.clone(), noise.clone()
        # The warm-up that capture needs would move the weights: they are put back.
        tensors = self.state.tensors()
        saved = [tensor.clone() for tensor in tensors]
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.compute(self._batch, self._noise, with_policy)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            losses = self.compute(self._batch, self._noise, with_policy)
        for tensor, value in zip(tensors, saved, strict=True):
            tensor.copy_(value)

        def replay() -> tuple[Tensor, Tensor]:
            graph.replay()
            return losses

        self._graphs[with_policy] = replay
