"""Views of one batched step for reinforcement-learning libraries.

They are thin: the simulator plays the step for all cells and replicas at once, the environment renames and reshapes.
"""

from typing import TYPE_CHECKING

from slicefast import _lazy
from slicefast.envs.cell import CellEnv, cell_vector_env
from slicefast.envs.parallel import SlicingParallelEnv, parallel_env
from slicefast.envs.vector import VectorEnv

if TYPE_CHECKING:
    from slicefast.envs.sb3 import to_sb3

__all__ = ["CellEnv", "SlicingParallelEnv", "VectorEnv", "cell_vector_env", "parallel_env", "to_sb3"]

_lazy.import_when_used(__name__, {"to_sb3": "sb3"})  # stable-baselines3 is an extra
