"""The numbers of a study: what is refused, what has a default where, and what views of them show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slicefast.errors import ScenarioError
from slicefast.learn import TD3Config
from slicefast.study.arms import ARMS, FULL_ARMS
from slicefast.study.claims import CLAIMS
from slicefast.study.protocol import Protocol


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"train_steps": 0}, "train_steps: got 0"),
        ({"arms": ("magic",)}, "magic"),
        ({"transfer_steps": 9000}, "transfer_steps"),
        ({"hindsight_steps": 8501}, "hindsight_steps: got 8501, at most exploration and training together, 8500"),
        ({"pair_steps": 4001}, "pair_steps: got 4001, at most transfer_steps, 4000"),
        ({"td3": {"exploration_noise": 0.01}}, r"noise never grows.*\(setting: ours\)"),
        ({"arms": ("drl", "drl")}, "arms: got 'drl', is named twice"),
        ({"arms": ()}, "at least one arm"),
        ({"n_seeds": 2.5}, "n_seeds: got 2.5"),
        ({"n_seeds": True}, "n_seeds: got True"),
        ({"pairs": 1}, "pairs: got 1"),
        ({"early_steps": 10**6}, "early_steps: got 1000000, at most all steps of an arm, 8750"),
        ({"exploration_steps": -1}, "exploration_steps: got -1"),
        ({"td3": {"actor_learning_rate": 1e-3}}, r"td3.actor_learning_rate: got 0.001, unknown; allowed: actor_hidden"),
        ({"td3": {"gamma": 1.5}}, "gamma: got 1.5"),
        ({"td3": {"exploration_steps": 5}}, r"td3.exploration_steps: got 5, unknown"),
        ({"steps": 5}, "steps: got 5, unknown field"),
    ],
)
def test_protocols_that_cannot_be_run_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Protocol(**fields)


def test_the_learners_numbers_are_those_of_td3_unless_named() -> None:
    plain = Protocol.full()
    assert plain.td3_config() == TD3Config()
    named = Protocol(exploration_steps=7, td3={"actor_lr": 1e-2, "actor_hidden": [8, 8]})
    assert named.td3_config() == TD3Config(exploration_steps=7, actor_lr=1e-2, actor_hidden=(8, 8))
    assert named.td3_config(gamma=0.5, exploration_steps=0).gamma == 0.5
    assert named.td3_config(exploration_steps=0).exploration_steps == 0
    for number, value in TD3Config().to_dict().items():
        if number != "exploration_steps":
            assert Protocol(td3={number: value}) == plain  # a default that is named is still the default


def test_our_setting_is_a_preset_with_the_studys_numbers() -> None:
    plain = Protocol.full()
    assert plain.td3_config("ours") == TD3Config.preset("ours")
    assert plain.td3_config("ours", transferred=True) == TD3Config.preset("ours_transfer")
    assert plain.td3_config(transferred=True) == TD3Config.preset("published_transfer")
    named = Protocol(exploration_steps=7, td3={"batch_size": 16})
    assert named.td3_config("ours") == TD3Config.preset("ours", exploration_steps=7, batch_size=16)
    assert named.td3_config("ours", transferred=True) == TD3Config.preset("ours_transfer", batch_size=16)


def test_protocols_survive_json() -> None:
    protocol = Protocol.quick().replace(td3={"actor_hidden": (9,)}, n_seeds=4)
    again = Protocol.from_dict(protocol.to_dict())
    assert again == protocol
    assert again.td3_config().actor_hidden == (9,)
    assert again.arms == protocol.arms
    assert list(again.seeds) == [0, 1, 2, 3]


def test_a_protocol_is_frozen() -> None:
    with pytest.raises(ScenarioError, match="n_seeds: got 3, is fixed"):
        Protocol.quick().n_seeds = 3  # type: ignore[misc]


def test_full_is_the_paper_and_all_arms() -> None:
    full = Protocol.full()
    assert (full.exploration_steps, full.train_steps, full.transfer_steps, full.n_seeds) == (3000, 5500, 4000, 10)
    assert full.arms == FULL_ARMS
    assert set(FULL_ARMS) < set(ARMS)
    assert {need for claim in CLAIMS for need in claim.needs} <= set(FULL_ARMS)
    assert {f"{need}_ours" for claim in CLAIMS if claim.by_setting for need in claim.needs} <= set(FULL_ARMS)
    assert (full.learning_steps, full.horizon, full.collected_steps) == (8500, 8750, 2000)
    assert full.gain_steps == (250, 500, 1000)
    assert (Protocol.quick().collected_steps, Protocol.quick().replace(pair_steps=100).gain_steps) == (250, (100,))


def test_views_show_what_is_named_and_what_follows_from_it() -> None:
    protocol = Protocol.quick()
    view = protocol.only(("exploration_steps", "train_steps", "td3"))
    assert view.learning_steps == protocol.learning_steps
    assert view.td3_config() == protocol.td3_config()
    with pytest.raises(ValueError, match="evaluation_steps: is read"):
        _ = view.horizon
    with pytest.raises(AttributeError):
        _ = view.wisdom
    assert np.isscalar(view.train_steps)


def test_what_is_not_asked_for_fits_what_is() -> None:
    """A study of few steps need not name the numbers that follow from them; every name of 0.1.0 goes on working."""
    short = Protocol(exploration_steps=40, train_steps=60, transfer_steps=50, early_steps=20)
    assert (short.pair_steps, short.hindsight_steps) == (50, 100)
    assert (Protocol().pair_steps, Protocol().hindsight_steps) == (1000, 1000)
