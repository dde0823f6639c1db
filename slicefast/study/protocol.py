"""What a study runs: its arms, how long each trains, and the parts it is made of.

A study repeats, for every seed, one experiment on two networks of the scenario: the *source* network, where agents
learn from scratch, and the *target* network (another seed: other users, shadowing and traffic mask), where every arm
plays the same steps. All arms are evaluated over the same last steps of the target network.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from slicefast.task import Coordination

PRETRAIN = "pretrain"
KNOWN_PRETRAIN = "known_pretrain"
SIMILARITY = "similarity"
GENERALIST_TRAINING = "generalist_training"
BEST_TRAINING = "best_training"
PAIRS = "pairs"
#: What the progress bars call the parts that are no arms.
PREPARATIONS = {
    PRETRAIN: "training on the source network",
    KNOWN_PRETRAIN: "training before the traffic changes",
    SIMILARITY: "similarity of the cells",
    GENERALIST_TRAINING: "training of the generalist",
    BEST_TRAINING: "training of the best policy",
    PAIRS: "transfer over all pairs",
}
# About how many steps of one network a step of these costs; only the progress bar rests on it.
PAIRS_WORK, ORACLE_WORK, PROBE_WORK = 12, 50, 20
GAIN_STEPS = (250, 500, 1000, 2000, 4000)
GAIN_WINDOW = 250
MORE_SAMPLES = 4  # times as many default-action samples, one of the remedies for the paper's distance


@dataclass(frozen=True)
class Arm:
    """One competitor on the target network.

    Attributes
    ----------
    name, label
        Key in the result file, and what figures and tables print.
    kind
        "fixed": a policy without learning. "oracle": the clairvoyant reference, over the evaluation steps only. "drl":
        agents from scratch. "centralised": one agent for all cells. "transfer": agents that start with a source's
        knowledge. "generalist": the agent trained on all source cells, as it is. "specialist": the same, fine-tuned by
        every cell. "best": the policy of `slicefast.policies.informed`.
    source
        Which source cell a transfer takes: the "most" or "least" similar, the most similar by the "fast" or by the
        "corrected" distance (see `slicefast.transfer.without_spread`), a "random" one, the most similar of the "other"
        requirement group, or the cell "itself" before its users and traffic changed.
    strategy
        What a transfer hands over, see `slicefast.transfer.transfer`; for "best" what is left out of it, if anything.
    coordination
        What agents hear of their neighbours: the "mean" of their loads, or "none".
    """

    name: str
    label: str
    kind: str
    source: str = "most"
    strategy: str = "integrated"
    coordination: Coordination = "mean"

    @property
    def short(self) -> bool:
        """Whether the arm trains for `transfer_steps` only."""
        return self.kind in ("transfer", "specialist")


ARMS = {
    arm.name: arm
    for arm in (
        Arm("equal_split", "equal split", "fixed"),
        Arm("traffic_aware", "traffic-aware baseline", "fixed"),
        Arm("oracle", "clairvoyant oracle", "oracle"),
        Arm("drl", "DRL from scratch", "drl"),
        Arm("drl_alone", "DRL without coordination", "drl", coordination="none"),
        Arm("centralised", "one centralised agent", "centralised"),
        Arm("transfer_most", "transfer, most similar source", "transfer", "most"),
        Arm("transfer_least", "transfer, least similar source", "transfer", "least"),
        Arm("transfer_random", "transfer, random source", "transfer", "random"),
        Arm("transfer_fast", "transfer, most similar by fast distance", "transfer", "fast"),
        Arm("transfer_corrected", "transfer, most similar without spread", "transfer", "corrected"),
        Arm("transfer_other", "transfer, most similar of the other group", "transfer", "other"),
        Arm("transfer_itself", "transfer, known cell whose traffic changed", "transfer", "itself"),
        Arm("model_most", "model transfer, most similar", "transfer", "most", "model"),
        Arm("feature_most", "feature transfer, most similar", "transfer", "most", "feature"),
        Arm("instance_most", "instance transfer, most similar", "transfer", "most", "instance"),
        Arm("generalist", "generalist, not fine-tuned", "generalist"),
        Arm("specialist", "specialists from the generalist", "specialist"),
        Arm("best", "best, past the paper", "best", strategy="full"),
        Arm("best_no_delay", "best without delay", "best", strategy="delay"),
        Arm("best_no_neighbours", "best without neighbours", "best", strategy="neighbours"),
        Arm("best_no_action", "best without its own action", "best", strategy="action"),
        Arm("best_no_requirements", "best without requirements", "best", strategy="requirements"),
        Arm("best_no_queue", "best without queues", "best", strategy="queue"),
        Arm("best_no_radio", "best without its users' radio", "best", strategy="radio"),
        Arm("best_one_round", "best from the source network alone", "best", strategy="own_states"),
        Arm("best_no_sharing", "best without weights shared by slices", "best", strategy="shared_weights"),
    )
}
QUICK_ARMS = ("equal_split", "traffic_aware", "oracle", "drl", "transfer_most", "transfer_least")


@dataclass(frozen=True)
class Protocol:
    """How many seeds and steps a study takes; the defaults are the full run.

    Attributes
    ----------
    n_seeds
        Repetitions; seed k uses the networks of seed 2k (source) and 2k + 1 (target).
    exploration_steps, train_steps
        DRL from scratch: random partitions, then training.
    transfer_steps
        Training steps of a transfer run, which has no exploration phase.
    evaluation_steps
        Steps without exploration noise or learning at the end of every arm.
    sample_steps
        Default-action samples per cell for the similarity.
    vae_epochs
        Passes of the autoencoder over the pooled samples.
    early_steps
        The window of the early gain.
    mask_steps
        Steps of the traffic masks that are kept for the figure.
    best_steps
        Steps on training networks (the source network is one) from which `policy="best"` is learned.
    arms
        Names from `ARMS`.
    pairs
        Whether to transfer over all ordered pairs of cells.
    """

    n_seeds: int = 10
    exploration_steps: int = 3000
    train_steps: int = 5500
    transfer_steps: int = 4000
    evaluation_steps: int = 250
    sample_steps: int = 500
    vae_epochs: int = 60
    early_steps: int = 1000
    mask_steps: int = 200
    best_steps: int = 2400
    arms: tuple[str, ...] = tuple(ARMS)
    pairs: bool = True

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name not in ("arms", "pairs") and value < (0 if name == "exploration_steps" else 1):
                raise ValueError(f"{name} = {value}: must be positive")
        unknown = [name for name in self.arms if name not in ARMS]
        if unknown:
            raise ValueError(f"arms: {', '.join(unknown)} unknown; allowed are {', '.join(ARMS)}")
        if self.transfer_steps > self.learning_steps:
            raise ValueError(f"transfer_steps = {self.transfer_steps}: at most exploration and training together")

    @classmethod
    def full(cls, n_seeds: int = 10) -> Protocol:
        """Return the paper's step counts over ten seeds unless told otherwise."""
        return cls(n_seeds=n_seeds)

    @classmethod
    def quick(cls, n_seeds: int = 2) -> Protocol:
        """Return a study that takes a minute or two and still shows the ordering."""
        return cls(
            n_seeds=n_seeds,
            exploration_steps=1500,
            train_steps=5500,
            transfer_steps=2500,
            sample_steps=250,
            vae_epochs=30,
            early_steps=500,
            arms=QUICK_ARMS,
            pairs=False,
        )

    @property
    def collected_steps(self) -> int:
        """Default-action steps of each network that are sampled."""
        return self.sample_steps * (MORE_SAMPLES if self.pairs else 1)

    @property
    def learning_steps(self) -> int:
        """Steps of exploration and training of an agent from scratch."""
        return self.exploration_steps + self.train_steps

    @property
    def horizon(self) -> int:
        """Steps every arm plays on the target network."""
        return self.learning_steps + self.evaluation_steps

    @property
    def seeds(self) -> range:
        """The study's seeds."""
        return range(self.n_seeds)

    @property
    def gain_steps(self) -> tuple[int, ...]:
        """Steps of a transfer run at which the gain of all pairs is read, each over the window before it."""
        return tuple(step for step in GAIN_STEPS if step <= self.transfer_steps) or (self.transfer_steps,)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return {**asdict(self), "arms": list(self.arms)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Protocol:
        """Return the protocol that `to_dict` wrote."""
        return cls(**{**fields, "arms": tuple(fields["arms"])})

    def without_seeds(self) -> Protocol:
        """Return the protocol with one seed: what must agree for a study to be continued with more seeds."""
        return replace(self, n_seeds=1)


def source_network_seed(seed: int) -> int:
    """Return the simulator seed of a study seed's source network."""
    return 2 * seed


def target_network_seed(seed: int) -> int:
    """Return the simulator seed of a study seed's target network."""
    return 2 * seed + 1


def training_network_seed(seed: int, number: int) -> int:
    """Return the simulator seed of a network that `policy="best"` learns on: the source network, then others.

    They are even, as source networks' are, so that none is the target network of any seed.
    """
    return source_network_seed(seed) + 1_000_000 * number


def stream_seed(seed: int, part: str) -> int:
    """Return the learner seed of a part: independent of every other part and of the order they run in."""
    return int(np.random.SeedSequence([seed, zlib.crc32(part.encode())]).generate_state(1)[0])


@dataclass(frozen=True)
class Part:
    """A unit of work that is run, written and resumed as a whole."""

    seed: int
    name: str

    def __str__(self) -> str:
        return f"seed {self.seed}: {ARMS[self.name].label if self.name in ARMS else PREPARATIONS[self.name]}"


def parts(protocol: Protocol) -> list[Part]:
    """Return every part of a study, a seed's parts together and before anything that needs them."""
    kinds = {ARMS[name].kind for name in protocol.arms}
    names = [PRETRAIN, SIMILARITY]
    if kinds & {"generalist", "specialist"}:
        names.append(GENERALIST_TRAINING)
    if "best" in kinds:
        names.append(BEST_TRAINING)
    if any(_takes_itself(name) for name in protocol.arms):
        names.append(KNOWN_PRETRAIN)
    if protocol.pairs:
        names.append(PAIRS)
    return [Part(seed, name) for seed in protocol.seeds for name in (*names, *protocol.arms)]


def needs(part: Part) -> list[Part]:
    """Return the parts that must be finished before a part can start."""
    if _takes_itself(part.name):
        return [Part(part.seed, KNOWN_PRETRAIN)]
    kind = ARMS[part.name].kind if part.name in ARMS else part.name
    wanted = {
        "transfer": (PRETRAIN, SIMILARITY),
        PAIRS: (PRETRAIN,),
        "best": (BEST_TRAINING,),
        "generalist": (GENERALIST_TRAINING,),
        "specialist": (GENERALIST_TRAINING,),
    }
    return [Part(part.seed, name) for name in wanted.get(kind, ())]


def _takes_itself(name: str) -> bool:
    return name in ARMS and ARMS[name].kind == "transfer" and ARMS[name].source == "itself"


def work(part: Part, protocol: Protocol) -> int:
    """Return the steps a part reports to the progress bar; those that play many networks report more."""
    if part.name in (PRETRAIN, KNOWN_PRETRAIN, GENERALIST_TRAINING):
        return protocol.learning_steps
    if part.name == SIMILARITY:
        return 2 * protocol.collected_steps
    if part.name == BEST_TRAINING:
        return PROBE_WORK * protocol.best_steps
    if part.name == PAIRS:
        return PAIRS_WORK * protocol.transfer_steps
    if ARMS[part.name].kind == "oracle":
        return protocol.horizon - protocol.evaluation_steps + ORACLE_WORK * protocol.evaluation_steps
    return protocol.horizon


def ready(pending: Iterable[Part], finished: set[Part]) -> list[Part]:
    """Return the pending parts whose needs are finished."""
    return [part for part in pending if all(need in finished for need in needs(part))]
