"""Learning: TD3 and the hindsight learner for all agents at once, a variational autoencoder, checkpoints.

It takes arrays only.
"""

from slicefast.errors import NonFiniteError
from slicefast.learn.config import PRESETS, Preset
from slicefast.learn.hindsight import Hindsight
from slicefast.learn.hindsight_config import HindsightConfig
from slicefast.learn.replay import ReplayRing
from slicefast.learn.td3 import TD3, TD3Config
from slicefast.learn.vae import VAE

__all__ = [
    "PRESETS",
    "TD3",
    "VAE",
    "Hindsight",
    "HindsightConfig",
    "NonFiniteError",
    "Preset",
    "ReplayRing",
    "TD3Config",
]
