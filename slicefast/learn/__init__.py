"""Learning: TD3 for all agents at once, its replay ring, a variational autoencoder, checkpoints. Takes arrays only."""

from slicefast.errors import NonFiniteError
from slicefast.learn.config import PRESETS, Preset
from slicefast.learn.replay import ReplayRing
from slicefast.learn.td3 import TD3, TD3Config
from slicefast.learn.vae import VAE

__all__ = ["PRESETS", "TD3", "VAE", "NonFiniteError", "Preset", "ReplayRing", "TD3Config"]
