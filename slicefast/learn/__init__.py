"""Learning: TD3 for all agents at once, its replay ring, a variational autoencoder, checkpoints. Takes arrays only."""

from slicefast.errors import NonFiniteError
from slicefast.learn.replay import ReplayRing
from slicefast.learn.td3 import TD3, TD3Config
from slicefast.learn.vae import VAE

__all__ = ["TD3", "VAE", "NonFiniteError", "ReplayRing", "TD3Config"]
