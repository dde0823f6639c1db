"""Policies: simulator and observation -> shares (N, S), or (R, N, S) with several replicas."""

from slicefast.policies.base import Policy
from slicefast.policies.fixed import equal_split, traffic_aware
from slicefast.policies.oracle import oracle

__all__ = ["Policy", "equal_split", "oracle", "traffic_aware"]
