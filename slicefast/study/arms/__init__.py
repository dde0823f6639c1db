"""The competitors on the target network: one class per kind, one line of `ARMS` per competitor.

Every arm plays the same steps of the target network; the last ones, without noise or learning, are what it is judged
by. A further competitor is a line in the call of `register` below, or a class beside the others and its line.
"""

from __future__ import annotations

from slicefast import policies
from slicefast.errors import refuse
from slicefast.study.arms.base import Arm, Played
from slicefast.study.arms.hindsight import HindsightFromSource, InHindsight
from slicefast.study.arms.learning import Centralised, Handover, KnownCell, Scratch, Specialists
from slicefast.study.arms.playing import Ablated, Bound, Counterfactual, Fixed, Generalist, Oracle
from slicefast.study.preparations import SharedTraining

__all__ = ["ARMS", "FULL_ARMS", "QUICK_ARMS", "Arm", "Played", "register"]

#: The registered arms by name, in the order of tables.
ARMS: dict[str, Arm] = {}


def register(*arms: Arm) -> None:
    """Make arms known; SlicefastError where a name or a random stream is taken by another."""
    for arm in arms:
        streams = [known.stream for known in ARMS.values()]
        if arm.name in ARMS or arm.stream in streams:
            refuse("arm", arm.name, "a name and a random stream that no other arm has")
        ARMS[arm.name] = arm


register(
    Fixed(name="equal_split", label="equal split", policy=policies.equal_split),
    Fixed(name="traffic_aware", label="traffic-aware baseline", policy=policies.traffic_aware),
    Fixed(name="max_min_rule", label="max-min rule", policy=policies.MaxMinRule),
    Fixed(name="max_min_rule_by_user", label="max-min rule by users' SINR", policy=policies.MaxMinRuleByUser),
    Oracle(name="oracle", label="clairvoyant oracle"),
    Bound(name="non_clairvoyant", label="bound without foresight of packets"),
    Scratch(name="drl", label="DRL from scratch"),
    Scratch(name="drl_ours", label="DRL from scratch, ours", setting="ours"),
    Scratch(name="drl_alone", label="DRL without coordination", coordination="none"),
    Scratch(name="drl_alone_ours", label="DRL without coordination, ours", coordination="none", setting="ours"),
    Centralised(name="centralised", label="one centralised agent"),
    Centralised(name="centralised_ours", label="one centralised agent, ours", setting="ours"),
    Handover(name="transfer_most", label="transfer, most similar source", source="most"),
    Handover(name="transfer_most_ours", label="transfer, most similar source, ours", source="most", setting="ours"),
    Handover(name="transfer_least", label="transfer, least similar source", source="least"),
    Handover(name="transfer_least_ours", label="transfer, least similar source, ours", source="least", setting="ours"),
    Handover(name="transfer_random", label="transfer, random source", source="random"),
    Handover(name="transfer_random_ours", label="transfer, random source, ours", source="random", setting="ours"),
    Handover(name="transfer_fast", label="transfer, most similar by fast distance", source="fast"),
    Handover(name="transfer_corrected", label="transfer, most similar without spread", source="corrected"),
    Handover(name="transfer_configuration", label="transfer, most similar configuration", source="configuration"),
    Handover(name="transfer_probe", label="transfer, best in hindsight on the first steps", source="probe"),
    Handover(name="transfer_own", label="transfer, most similar of the own group", source="own"),
    Handover(name="transfer_other", label="transfer, most similar of the other group", source="other"),
    KnownCell(name="transfer_itself", label="transfer, known cell whose traffic changed"),
    Handover(name="model_most", label="model transfer, most similar", source="most", hands_over="model"),
    Handover(
        name="model_most_ours",
        label="model transfer, most similar, ours",
        source="most",
        hands_over="model",
        setting="ours",
    ),
    Handover(name="feature_most", label="feature transfer, most similar", source="most", hands_over="feature"),
    Handover(
        name="feature_most_ours",
        label="feature transfer, most similar, ours",
        source="most",
        hands_over="feature",
        setting="ours",
    ),
    Handover(name="instance_most", label="instance transfer, most similar", source="most", hands_over="instance"),
    Handover(
        name="instance_most_ours",
        label="instance transfer, most similar, ours",
        source="most",
        hands_over="instance",
        setting="ours",
    ),
    Generalist(name="generalist", label="generalist, not fine-tuned"),
    Generalist(name="shared", label="one agent for all cells, many networks", trained_by=SharedTraining.name),
    Specialists(name="specialist", label="specialists from the generalist"),
    InHindsight(name="hindsight", label="hindsight, the paper's observation"),
    InHindsight(name="hindsight_on_rule", label="hindsight on the rule, all measurements", sight="rich", basis="rule"),
    InHindsight(
        name="hindsight_federated",
        label="hindsight on the rule, one network for all cells",
        sight="rich",
        basis="rule",
        federated=True,
    ),
    HindsightFromSource(name="hindsight_most", label="hindsight from the most similar source", source="most"),
    Counterfactual(name="counterfactual", label="counterfactual policy"),
    Ablated(name="counterfactual_no_delay", label="counterfactual without delay", part="delay"),
    Ablated(name="counterfactual_no_neighbours", label="counterfactual without neighbours", part="neighbours"),
    Ablated(name="counterfactual_no_action", label="counterfactual without its own action", part="action"),
    Ablated(name="counterfactual_no_requirements", label="counterfactual without requirements", part="requirements"),
    Ablated(name="counterfactual_no_queue", label="counterfactual without queues", part="queue"),
    Ablated(name="counterfactual_no_radio", label="counterfactual without its users' radio", part="radio"),
    Ablated(
        name="counterfactual_no_own_states", label="counterfactual from the source network alone", part="own_states"
    ),
    Ablated(
        name="counterfactual_no_shared_weights", label="counterfactual without shared weights", part="shared_weights"
    ),
)
#: What the claims and the first figure need: a full study. The other arms, such as further choices of a source and the
#: counterfactual policy's ablations, take as long again (`slicefast reproduce --all-arms`).
FULL_ARMS = (
    *("equal_split", "traffic_aware", "max_min_rule", "oracle", "non_clairvoyant"),
    *("drl", "drl_ours", "drl_alone", "drl_alone_ours", "centralised", "centralised_ours"),
    *("transfer_most", "transfer_most_ours", "transfer_least", "transfer_least_ours"),
    *("transfer_random", "transfer_random_ours", "model_most", "model_most_ours"),
    *("feature_most", "feature_most_ours", "instance_most", "instance_most_ours"),
    *(
        "shared",
        "specialist",
        "hindsight",
        "hindsight_on_rule",
        "hindsight_federated",
        "hindsight_most",
        "counterfactual",
    ),
)
QUICK_ARMS = (
    *("equal_split", "traffic_aware", "max_min_rule", "oracle", "drl", "drl_ours"),
    *("transfer_most", "transfer_most_ours", "transfer_least_ours", "hindsight", "hindsight_on_rule"),
)
