"""Slow twins of the learner: one agent's TD3 update by hand in float64, pairwise KL, Philox and the replay ring."""

import numpy as np

M32 = 0xFFFFFFFF


def philox4x32(counter, key):
    """Philox4x32-10, straight from the paper's definition, on Python integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & M32, (p0 >> 32) ^ c[3] ^ k[1], p0 & M32]
        k = [(k[0] + 0x9E3779B9) & M32, (k[1] + 0xBB67AE85) & M32]
    return c


def words(seed, purpose, agent, step, place):
    """Return the four words at one place of a stream."""
    counter = (place, step & M32, agent, purpose | ((step >> 32) << 8))
    return philox4x32(counter, (seed & M32, seed >> 32))


def batch_rows(seed, agent, step, n_kept, n_own, kept_in_batch, batch):
    """Draw the rows of one agent's batch."""
    rows = []
    for b in range(batch):
        base, count = 0, n_kept + n_own
        if kept_in_batch >= 0 and n_own and n_kept:
            base, count = (0, n_kept) if b < kept_in_batch else (n_kept, n_own)
        rows.append(base + (words(seed, 0, agent, step, b // 4)[b % 4] * count >> 32))
    return rows


def normals(seed, purpose, agent, step, batch, length):
    """Return Box-Muller normals (batch, length) of one agent."""
    out = np.empty((batch, length))
    blocks = -(-length // 4)
    for b in range(batch):
        for s in range(length):
            w = words(seed, purpose, agent, step, b * blocks + s // 4)
            lane = s % 4
            u = [((x >> 9) + 0.5) / 2**23 for x in w]
            radius = np.sqrt(-2 * np.log(u[lane - lane % 2]))
            angle = 2 * np.pi * u[lane - lane % 2 + 1]
            out[b, s] = radius * (np.sin(angle) if lane % 2 else np.cos(angle))
    return out


def pairwise_kl(mean_i, variance_i, mean_j, variance_j):
    """Mean over all pairs of the KL divergence, pair by pair, in the widest float there is."""
    mean_i, variance_i, mean_j, variance_j = (
        np.asarray(a, np.longdouble) for a in (mean_i, variance_i, mean_j, variance_j)
    )
    total = np.longdouble(0)
    for m, v in zip(mean_i, variance_i, strict=True):
        total += np.sum((np.log(variance_j / v) + (v + (m - mean_j) ** 2) / variance_j - 1) / 2)
    return float(total / (len(mean_i) * len(mean_j)))


class Ring:
    """A replay ring as a list, for one agent."""

    def __init__(self, capacity):
        self.capacity, self.kept, self.own = capacity, [], []

    def load(self, rows):
        """Replace everything by transferred rows."""
        self.kept, self.own = list(rows), []

    def add(self, row):
        """Append, dropping the oldest own row when full."""
        self.own.append(row)
        self.own = self.own[-(self.capacity - len(self.kept)) :]


def forward(layers, x, kinks=None):
    """Return the activations of every layer, inputs first; ReLU between layers, the last linear.

    The smallest distance of a pre-activation to ReLU's kink is appended to `kinks`.
    """
    activations = [x]
    for number, (weight, bias) in enumerate(layers):
        x = x @ weight + bias
        if number + 1 < len(layers):
            if kinks is not None:
                kinks.append(np.abs(x).min())
            x = np.maximum(x, 0)
        activations.append(x)
    return activations


def backward(layers, activations, gradient):
    """Return ([(dW, db) per layer], d input) from the gradient of the last layer's output."""
    found = []
    for number in range(len(layers) - 1, -1, -1):
        if number + 1 < len(layers):
            gradient = gradient * (activations[number + 1] > 0)
        found.insert(0, (activations[number].T @ gradient, gradient.sum(axis=0)))
        gradient = gradient @ layers[number][0].T
    return found, gradient


def softmax(z):
    """Return softmax over the last axis."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class Adam:
    """Adam of one list of (weight, bias) pairs, in place."""

    def __init__(self, layers, lr):
        self.lr, self.t = lr, 0
        self.m = [[np.zeros_like(p) for p in pair] for pair in layers]
        self.v = [[np.zeros_like(p) for p in pair] for pair in layers]

    def step(self, layers, gradients):
        """Follow the gradients."""
        self.t += 1
        for pair, grads, ms, vs in zip(layers, gradients, self.m, self.v, strict=True):
            for p, g, m, v in zip(pair, grads, ms, vs, strict=True):
                m[...] = 0.9 * m + 0.1 * g
                v[...] = 0.999 * v + 0.001 * g * g
                p -= self.lr * (m / (1 - 0.9**self.t)) / (np.sqrt(v / (1 - 0.999**self.t)) + 1e-8)


class OneAgentTD3:
    """TD3 of one agent in float64. Networks are lists of [weight (in, out), bias (out,)]."""

    def __init__(self, actor, critics, gamma, tau, delay, sigma, clip, actor_lr, critic_lr, penalty=0.0):
        copy = lambda layers: [[p.astype(float).copy() for p in pair] for pair in layers]  # noqa: E731
        self.actor, self.critics = copy(actor), [copy(c) for c in critics]
        self.actor_bar, self.critics_bar = copy(actor), [copy(c) for c in critics]
        self.adam_actor = Adam(self.actor, actor_lr)
        self.adam_critics = [Adam(c, critic_lr) for c in self.critics]
        self.penalty = penalty
        self.gamma, self.tau, self.delay, self.sigma, self.clip, self.n = gamma, tau, delay, sigma, clip, 0
        # Distances to ReLU's kink in passes whose gradient is followed: within float32's rounding of it, two right
        # implementations may take different branches, and differ from then on.
        self.kinks = []

    def critic_gradient(self, o, a, r, o2, noise):
        """Return (loss, gradients of both critics)."""
        smoothing = np.clip(self.sigma * noise, -self.clip, self.clip)
        a2 = softmax(forward(self.actor_bar, o2)[-1] + smoothing)
        x2 = np.concatenate([o2, a2], axis=1)
        y = r + self.gamma * np.minimum(*[forward(c, x2)[-1][:, 0] for c in self.critics_bar])
        x, loss, gradients = np.concatenate([o, a], axis=1), 0.0, []
        for critic in self.critics:
            activations = forward(critic, x, self.kinks)
            error = activations[-1][:, 0] - y
            loss += np.mean(error**2)
            gradients.append(backward(critic, activations, (2 * error / len(r))[:, None])[0])
        return loss, gradients

    def actor_gradient(self, o):
        """Return (loss, gradients) of the policy."""
        policy = forward(self.actor, o, self.kinks)
        a = softmax(policy[-1])
        activations = forward(self.critics[0], np.concatenate([o, a], axis=1), self.kinks)
        z = policy[-1]
        loss = -np.mean(activations[-1]) + self.penalty * np.mean(z**2)
        _, d_input = backward(self.critics[0], activations, np.full((len(o), 1), -1 / len(o)))
        d_a = d_input[:, o.shape[1] :]
        d_logits = a * (d_a - np.sum(a * d_a, axis=1, keepdims=True)) + 2 * self.penalty * z / z.size
        return loss, backward(self.actor, policy, d_logits)[0]

    def update(self, o, a, r, o2, noise):
        """Do one update in the paper's order; return the losses."""
        self.n += 1
        critic_loss, gradients = self.critic_gradient(o, a, r, o2, noise)
        for critic, gradient, adam in zip(self.critics, gradients, self.adam_critics, strict=True):
            adam.step(critic, gradient)
        if self.n % self.delay:
            return critic_loss, None
        actor_loss, gradient = self.actor_gradient(o)
        self.adam_actor.step(self.actor, gradient)
        for target, online in [(self.actor_bar, self.actor), *zip(self.critics_bar, self.critics, strict=True)]:
            for pair, source in zip(target, online, strict=True):
                for p, q in zip(pair, source, strict=True):
                    p += self.tau * (q - p)
        return critic_loss, actor_loss
