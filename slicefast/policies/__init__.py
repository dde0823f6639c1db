"""Policies: simulator and observation -> shares (N, S), or (R, N, S) with several replicas.

A new one is a function in a file of this folder and its registration below.
"""

from slicefast.policies.base import POLICIES, Policy, get, names, register
from slicefast.policies.fixed import equal_split, traffic_aware
from slicefast.policies.learned import greedy, shared
from slicefast.policies.oracle import oracle

__all__ = [
    "POLICIES",
    "Policy",
    "equal_split",
    "get",
    "greedy",
    "names",
    "oracle",
    "register",
    "shared",
    "traffic_aware",
]

register("equal_split", equal_split)
register("traffic_aware", traffic_aware)
register("oracle", oracle)
