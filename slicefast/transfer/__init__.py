"""Transfer between agents: how alike two cells are, which source to take, and what to hand over.

Four distances rank the sources of a target, each (sources, targets) and the smaller, the better:

- `similarity_matrix`: the paper's, of what agents see and earn under the default action (arXiv 2301.03262), and
  `without_spread`, which takes out of it what source and target have by themselves;
- its fast form, the squared distance of the latent means;
- `configuration_distance`: of what an operator has written down about two cells, no sample needed;
- minus `hindsight_rewards`: what each source's policy would have earned in the target's first steps.
"""

from slicefast.transfer.choice import SOURCE_CHOICES, SourceChoice, choose_sources, rank_sources
from slicefast.transfer.configuration import configuration_distance, describe_cells
from slicefast.transfer.handover import (
    STRATEGIES,
    USUAL_STRATEGY,
    Indices,
    Strategy,
    check_compatible,
    transfer,
    transfer_hindsight,
)
from slicefast.transfer.hindsight import Sources, hindsight_rewards
from slicefast.transfer.similarity import (
    DISTANCES,
    Distance,
    Similarity,
    floored_variance,
    latent_distance,
    mean_squared_distance,
    median_distance,
    similarity_matrix,
    without_spread,
)

__all__ = [
    "DISTANCES",
    "SOURCE_CHOICES",
    "STRATEGIES",
    "USUAL_STRATEGY",
    "Distance",
    "Indices",
    "Similarity",
    "SourceChoice",
    "Sources",
    "Strategy",
    "check_compatible",
    "choose_sources",
    "configuration_distance",
    "describe_cells",
    "floored_variance",
    "hindsight_rewards",
    "latent_distance",
    "mean_squared_distance",
    "median_distance",
    "rank_sources",
    "similarity_matrix",
    "transfer",
    "transfer_hindsight",
    "without_spread",
]
