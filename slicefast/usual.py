"""Numbers of trainings and evaluations unless told otherwise, apart from what takes them: the shell's help names them.

Help is printed without importing what learns.
"""

from __future__ import annotations

#: Steps of a training after its exploration phase: the paper's.
TRAIN_STEPS = 5500
#: The same of a training that starts with transferred knowledge and does not explore.
TRANSFER_STEPS = 4000
#: The network that trained agents are evaluated on unless another is named; the study trains on none of this seed.
EVALUATION_SEED = 1_000_003
