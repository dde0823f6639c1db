"""Draw the main kernels under the roof that memory and arithmetic put over them, all measured in one run.

    python benchmarks/roofline.py [--into benchmarks/README.md] [--figure benchmarks/figures/roofline.png]

A kernel has operations and bytes counted by hand below, from what it is asked for: every array that goes in or comes
out is moved once, what it keeps to itself and reads again is left to the caches. Operations are additions,
multiplications, divisions and comparisons of one element, a multiply-add being two, in float32 but for KL; conversions,
selections and addresses are not counted, but in drawing replay rows, which is whole numbers. The roof is the smaller of
intensity times the memory's rate and the rate of multiply-adds (machine.py). Where the arrays fit into the caches, as
those of 12 cells or agents do, a kernel may lie above the memory's slope, but not above that of the caches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tables
from machine import Machine, least, measure
from matplotlib import rc_context
from matplotlib.figure import Figure
from networks import NOISE_W, POWER_W, network

from slicefast import kernels, load_coupling, scheduling
from slicefast.colours import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION
from slicefast.learn import TD3, TD3Config
from slicefast.study.style import COLUMN_IN, STYLE, WIDE, plain_ticks

MARK = "roofline"
LOOKS = ((BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (PURPLE, "D"), (VERMILION, "v"), (SKY, "P"), (BLACK, "X"))

# Operations of cpp/src/kernels/lanes.hpp: polynomials by Horner's rule, Newton's steps.
LOG2, EXP2, INVERSE, INVERSE_ROOT, ATAN = 19, 16, 9, 13, 14
INTERPOLATE = 8  # of four nodes, two along one axis and one along the other, and the scale
# Of a user and a site (radio.cpp, evaluate_site): the nearest image on the torus, distance squared and azimuth; state
# of the line of sight; distance, depression; its probability and the comparison; path losses; shadowing.
IMAGE, BEARING = 39, 5 + INVERSE + ATAN + 3
SITE = IMAGE + BEARING + (INTERPOLATE + 1) + (INVERSE_ROOT + 1) + (3 + ATAN) + (EXP2 + 5) + (EXP2 + 5)
SITE += (LOG2 + 1) + 7 + (INTERPOLATE + 4)
CELL = 11 + EXP2 + 1  # of a user and a cell: the antenna's two cuts and their sum, and the gain out of the logarithm
# Of one of the ten rounds of Philox: two products of whole numbers, four exclusive ors, two additions to the key.
PHILOX = 10 * 8
ADAM, POLYAK = 12, 3  # of a parameter


class Kernel(NamedTuple):
    """What a call does and takes."""

    name: str
    operations: float
    n_bytes: float
    seconds: float

    @property
    def intensity(self) -> float:
        """Operations for every byte."""
        return self.operations / self.n_bytes

    @property
    def rate(self) -> float:
        """Operations in a second."""
        return self.operations / self.seconds

    def roof(self, machine: Machine) -> float:
        """Return the operations in a second that memory and arithmetic allow at most."""
        return min(self.intensity * machine.memory_bytes_s, machine.operations_s)


def links(n_sites: int) -> Kernel:
    """Gains of all links: a site's part for three cells each."""
    model, _, _, x, y = network(n_sites)
    gain = model.gains(x, y)
    operations = len(x) * (n_sites * SITE + model.n_cells * CELL)
    seconds = least(lambda: model.gains(x, y, 1, gain))
    return Kernel(f"links, {model.n_cells} cells", operations, gain.nbytes + x.nbytes + y.nbytes, seconds)


def interference(n_sites: int) -> Kernel:
    """SINR at given loads: of every link one multiply-add, and one gain that is read."""
    model, _, _, x, y = network(n_sites)
    gain = model.gains(x, y)
    serving = gain.argmax(axis=1).astype(np.int32)
    load, power = np.full(model.n_cells, 0.5), np.full(model.n_cells, POWER_W)
    seconds = least(lambda: load_coupling.sinr(gain, power, NOISE_W, load, serving))
    return Kernel(f"interference, {model.n_cells} cells", 2 * gain.size, gain.nbytes + 8 * len(x), seconds)


def scheduler(n_cells: int) -> Kernel:
    """Proportional fair, everybody backlogged: a metric, a comparison and a decaying average by user and TTI."""
    n_users, n_ttis = 128 * n_cells, 200
    generator = np.random.default_rng(0)
    window: dict[str, Any] = {
        "arrival_user": np.arange(n_users, dtype=np.int32),
        "arrival_tti": np.zeros(n_users, np.int32),
        "arrival_bits": np.full(n_users, 1e9, np.float32),
        "bits_per_prb": generator.uniform(90, 800, n_users).astype(np.float32),
        "share": np.full((n_cells, 4), 0.25),
        "serving": np.repeat(np.arange(n_cells), 128).astype(np.int32),
        "slice_of": np.tile(np.arange(4), n_users // 4).astype(np.int32),
    }
    start = scheduling.Scheduler(n_cells, 4, n_users, 100, "proportional_fair")
    copies = [start.copy() for _ in range(8)]
    seconds = least(lambda: copies.pop().run(n_ttis=n_ttis, **window), rounds=7)
    n_bytes = sum(array.nbytes for array in window.values()) + 3 * 8 * n_users  # bits delivered, queued, an average
    return Kernel(f"scheduler, {n_cells} cells", 4 * n_users * n_ttis, n_bytes, seconds)


def weights(sizes: Sequence[int]) -> int:
    """Return how many weights join layers of these sizes."""
    return sum(a * b for a, b in pairwise(sizes))


def update(n_agents: int) -> Kernel:
    """TD3's update of all agents, the policy's every second time; biases and activations are not counted."""
    config, seen, acts = TD3Config(exploration_steps=0, capacity=2000), 16, 4
    policy, critic = (seen, *config.actor_hidden, acts), (seen + acts, *config.critic_hidden, 1)
    of_policy, of_critic = 2 * weights(policy), 2 * weights(critic)  # of a sample, forward
    inwards = of_critic - 2 * critic[0] * critic[1]  # gradients with respect to hidden layers
    # Target policy and two target critics; two critics there and back, the weights' gradients costing as much again.
    learned = of_policy + 2 * of_critic + 2 * (2 * of_critic + inwards)
    # The policy there and back, through one critic there and back to its action.
    improved = 2 * of_policy + (of_policy - 2 * policy[0] * policy[1]) + of_critic + of_critic
    n_policy, n_critic = weights(policy) + sum(policy[1:]), 2 * (weights(critic) + sum(critic[1:]))
    operations = config.batch_size * (learned + improved / 2)
    operations += (ADAM + POLYAK / 2) * n_critic + (ADAM + POLYAK) / 2 * n_policy
    # Parameters, two moments: read and written; targets read, and written every second time. The policy's every second.
    n_bytes = 4 * (7.5 * n_critic + 4.5 * n_policy) + 4 * config.batch_size * (2 * seen + acts + 1)
    agents = TD3(n_agents, seen, acts, config)
    agents.replay.array[...] = np.random.default_rng(0).random(agents.replay.array.shape, np.float32)
    agents.replay.n_own[:] = config.capacity
    agents.step = config.capacity
    seconds = least(lambda: (agents.update(), agents.update()), rounds=20) / 2
    return Kernel(f"update, {n_agents} agents", n_agents * operations, n_agents * n_bytes, seconds)


def replay(n_agents: int) -> Kernel:
    """Rows drawn and gathered by Numba: a word of Philox and a product for each, read and written once."""
    batch, width, rows = 32, 37, 8750
    ring = np.random.default_rng(0).random((n_agents, rows, width), np.float32)
    index, out = np.empty((n_agents, batch), np.int64), np.empty((n_agents, batch, width), np.float32)
    ids, kept, own = np.arange(n_agents), np.zeros(n_agents, np.int64), np.full(n_agents, rows)
    steps = iter(range(10**9))

    def sample() -> None:
        kernels.sample_indices(np.uint64(0), ids, next(steps), kept, own, kept - 1, index)
        kernels.gather(ring, index, out)

    operations = index.size * (PHILOX / 4 + 2)
    return Kernel(f"replay, {n_agents} agents", operations, 2 * out.nbytes + index.nbytes, least(sample, 20))


def divergence(n_agents: int, n_samples: int) -> Kernel:
    """All-pairs KL in float64: eight operations of a number in each of two passes, ten of a pair and dimension."""
    generator = np.random.default_rng(0)
    shape = (n_agents * n_samples, 4)
    mean, variance = generator.normal(size=shape), generator.uniform(0.1, 2.0, shape)
    offsets = np.arange(n_agents + 1) * n_samples
    seconds = least(lambda: kernels.gaussian_kl_matrix(mean, variance, offsets))
    operations = 16 * mean.size + 10 * 4 * n_agents**2
    return Kernel(
        f"KL in float64, {n_agents} agents", operations, mean.nbytes + variance.nbytes + 8 * n_agents**2, seconds
    )


#: The kernels at the size of the default network and at that of a large one.
MEASURED: tuple[tuple[Callable[..., Kernel], tuple[tuple[int, ...], ...]], ...] = (
    (links, ((4,), (100,))),
    (interference, ((4,), (100,))),
    (scheduler, ((12,), (300,))),
    (update, ((12,), (300,))),
    (replay, ((12,), (300,))),
    (divergence, ((12, 200), (300, 1000))),
)


def table(found: Sequence[Kernel], machine: Machine) -> Iterator[str]:
    """Yield a row per kernel."""
    yield "| kernel | operations | bytes | operations a byte | Gop/s | the roof | of the roof |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for kernel in found:
        roof = kernel.roof(machine)
        counts = f"{kernel.operations:.3g} | {kernel.n_bytes:.3g} | {kernel.intensity:.3g}"
        yield f"| {kernel.name} | {counts} | {kernel.rate / 1e9:.3g} | {roof / 1e9:.3g} | {kernel.rate / roof:.0%} |"
    yield ""
    yield (
        f"One thread reads {machine.memory_bytes_s / 1e9:.3g} GB/s from memory and {machine.cache_bytes_s / 1e9:.3g} "
        f"GB/s from its caches, and multiplies and adds {machine.operations_s / 1e9:.3g} Gop/s in float32."
    )


def drawn(found: Sequence[Kernel], machine: Machine) -> Figure:
    """Return the figure: a colour and a marker for each kind of kernel, hollow where the network is small."""
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDE * COLUMN_IN, 0.72 * WIDE * COLUMN_IN), layout="constrained")
        axes = figure.subplots()
        intensity = np.array([0.05, 100.0])
        for rate, dashes, name in (
            (machine.memory_bytes_s, "-", "memory"),
            (machine.cache_bytes_s, (0, (4, 2)), "caches"),
        ):
            roof = np.minimum(np.geomspace(*intensity, 200) * rate, machine.operations_s) / 1e9
            label = f"{name}, {rate / 1e9:.0f} GB/s"
            axes.plot(np.geomspace(*intensity, 200), roof, color=GREY, linestyle=dashes, label=label)
        kinds = list(dict.fromkeys(kernel.name.partition(",")[0] for kernel in found))
        for kernel in found:
            kind, _, size = kernel.name.partition(", ")
            colour, marker = LOOKS[kinds.index(kind)]
            is_small = size.startswith("12 ")
            axes.plot(
                kernel.intensity, kernel.rate / 1e9, marker, color=colour, markersize=5.5, linestyle="none",
                markerfacecolor="white" if is_small else colour, label=None if is_small else kind,
            )  # fmt: skip
        axes.set(xscale="log", yscale="log", xlim=intensity, xlabel="operations per byte moved", ylabel="Gop/s")
        for axis, limits in ((axes.xaxis, intensity), (axes.yaxis, axes.get_ylim())):
            plain_ticks(axis, *limits, WIDE)
        most = machine.operations_s / 1e9
        axes.annotate(
            f"multiply-adds, {most:.0f} Gop/s", (intensity[1], most), (0, 3), textcoords="offset points", ha="right"
        )
        axes.set_title("one thread; hollow: 12 cells or agents, filled: 300", loc="left")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write where the command line tells it to."""
    parser = tables.parser(__doc__)
    parser.add_argument("--figure", type=Path, help="the picture's file")
    chosen = parser.parse_args(arguments)
    machine = measure()
    found = [kernel(*size) for kernel, sizes in MEASURED for size in sizes]
    tables.put(table(found, machine), MARK, chosen.into)
    if chosen.figure:
        with rc_context(STYLE):
            drawn(found, machine).savefig(chosen.figure)


if __name__ == "__main__":
    main()
