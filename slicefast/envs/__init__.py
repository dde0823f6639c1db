"""Views of one batched step for reinforcement-learning libraries.

They are thin: the simulator plays the step for all cells and replicas at once, the environment renames and reshapes.
"""

from slicefast.envs.parallel import SlicingParallelEnv, parallel_env
from slicefast.envs.vector import VectorEnv

__all__ = ["SlicingParallelEnv", "VectorEnv", "parallel_env"]
