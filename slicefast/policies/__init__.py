"""Policies: simulator and observation -> shares (N, S), or (R, N, S) with several replicas.

A new one is a function in a file of this folder, or a class where it remembers, and its registration below.
"""

from slicefast.policies.base import POLICIES, Policy, get, names, ready, register
from slicefast.policies.fixed import equal_split, traffic_aware
from slicefast.policies.learned import greedy, of_actions
from slicefast.policies.non_clairvoyant import NonClairvoyant
from slicefast.policies.oracle import oracle
from slicefast.policies.rule import MaxMinRule, MaxMinRuleByUser

__all__ = [
    "POLICIES",
    "MaxMinRule",
    "MaxMinRuleByUser",
    "NonClairvoyant",
    "Policy",
    "equal_split",
    "get",
    "greedy",
    "names",
    "of_actions",
    "oracle",
    "ready",
    "register",
    "traffic_aware",
]

register("equal_split", equal_split)
register("traffic_aware", traffic_aware)
register("max_min_rule", MaxMinRule)
register("max_min_rule_by_user", MaxMinRuleByUser)
register("oracle", oracle)
register("non_clairvoyant", NonClairvoyant)
