"""Views of one batched step for reinforcement-learning libraries.

They are thin: the simulator plays the step for all cells and replicas at once, the environment renames and reshapes.
Where Ray is installed, `slicefast.envs.rllib` is RLlib's: ``RllibEnv``, ``policies_of``, ``PPO_MODULE``, ``policy_of``.
"""

from typing import TYPE_CHECKING

from slicefast import _lazy
from slicefast.envs.cell import CellEnv, cell_vector_env
from slicefast.envs.parallel import SlicingParallelEnv, parallel_env
from slicefast.envs.vector import VectorEnv

if TYPE_CHECKING:
    from slicefast.envs import rllib as rllib
    from slicefast.envs import sb3
    from slicefast.envs.sb3 import to_sb3

__all__ = ["CellEnv", "SlicingParallelEnv", "VectorEnv", "cell_vector_env", "parallel_env", "sb3", "to_sb3"]

# Of extras; Ray is too large to come with the reference's.
_lazy.import_when_used(__name__, {"to_sb3": "sb3", "sb3": "sb3", "rllib": "rllib"})
