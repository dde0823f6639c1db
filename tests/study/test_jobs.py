"""The jobs of a study: their order, their needs, their fingerprints, and what is refused or left out beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slicefast import Scenario
from slicefast.study.arms import ARMS
from slicefast.study.collect import collect
from slicefast.study.execute import run_study
from slicefast.study.folder import open_study
from slicefast.study.jobs import Job, fingerprint, jobs, left_out, needs, ready, steps
from slicefast.study.preparations import PREPARATIONS
from slicefast.study.protocol import Protocol
from slicefast.study.seeds import stream_seed

EVERYTHING = Protocol.full().replace(arms=tuple(ARMS))
TRANSFERS = {name for name, arm in ARMS.items() if arm.family == "transfer"}
COUNTERFACTUAL = {name for name, arm in ARMS.items() if arm.family in ("informed", "ablation")}
BY_SIMILARITY = TRANSFERS - {"transfer_itself", "transfer_configuration", "transfer_probe"}
FROM_GENERALIST = {"generalist", "specialist"}


def test_jobs_come_after_what_they_need() -> None:
    order = jobs(EVERYTHING, Scenario.paper())
    assert len(order) == len(set(order))
    assert all(order.index(need) < order.index(job) for job in order for need in needs(job))
    assert Job("transfer_most", 0) not in ready(order, set())
    assert Job("transfer_most", 0) in ready(order, {Job("pretrain", 0), Job("similarity", 0)})
    assert {job.name for job in order} == {*ARMS, *PREPARATIONS} - {"baselines"}


def test_only_what_an_arm_needs_is_prepared() -> None:
    def prepared(*arms: str, pairs: bool = False) -> list[str]:
        protocol = Protocol.quick(n_seeds=1).replace(arms=arms, pairs=pairs)
        return [job.name for job in jobs(protocol, Scenario.paper()) if job.name in PREPARATIONS]

    assert prepared("drl") == ["similarity"]  # which the figures show
    assert prepared("specialist") == ["similarity", "generalist_training"]
    assert prepared("oracle") == ["similarity", "offered"]
    assert prepared("drl_ours", pairs=True) == ["similarity", "pretrain_ours", "pairs_ours"]
    assert prepared("equal_split", pairs=True) == ["similarity", "pretrain_ours", "pairs_ours"]
    assert prepared("transfer_itself", pairs=True) == ["pretrain", "similarity", "known_pretrain", "pairs"]
    assert prepared(*COUNTERFACTUAL) == ["similarity", "counterfactual_training"]


def test_jobs_are_called_by_words() -> None:
    assert not [str(job) for job in jobs(EVERYTHING, Scenario.paper()) if "_" in str(job)]


def test_learner_seeds_differ_between_jobs_and_seeds() -> None:
    every = jobs(EVERYTHING, Scenario.paper())
    assert len({stream_seed(job.seed, job.work.stream) for job in every}) == len(every)


def test_cells_of_equal_requirements_share_a_group() -> None:
    np.testing.assert_array_equal(Scenario.paper().requirement_groups, [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1])


HINDSIGHT = {"hindsight_pretrain", *(name for name, arm in ARMS.items() if arm.family == "hindsight")}


def changed_jobs(old: Protocol, new: Protocol, scenario: Scenario | None = None) -> set[str]:
    """Return the jobs of seed 0 whose fingerprints differ."""
    first, second = Scenario.paper(), scenario or Scenario.paper()
    every = {job.name for job in jobs(old, first) if job.seed == 0}
    pairs = ((fingerprint(Job(name, 0), old, first), fingerprint(Job(name, 0), new, second)) for name in every)
    return {name for name, (before, after) in zip(every, pairs, strict=True) if before != after}


LEARNING = {"pretrain", "pretrain_ours", "known_pretrain", "generalist_training", "source_distances"}
PAIRS = {"pairs", "pairs_ours"}
FROM_NOTHING = {name for name, arm in ARMS.items() if arm.family in ("scratch", "centralised")}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"counterfactual_steps": 9}, {"counterfactual_training", *COUNTERFACTUAL}),
        ({"vae_epochs": 9}, {"similarity", "hindsight_most", *BY_SIMILARITY}),
        ({"mask_steps": 9}, {"similarity", "hindsight_most", *BY_SIMILARITY}),
        ({"evaluation_steps": 9}, {*ARMS, "offered"}),
        ({"transfer_steps": 1999}, {"specialist", *TRANSFERS}),
        ({"hindsight_steps": 999}, HINDSIGHT),
        ({"pair_steps": 999}, PAIRS),
        ({"train_steps": 6000}, {*ARMS, *LEARNING, *PAIRS, "offered"}),
        (
            {"td3": {"gamma": 0.2}},
            {*LEARNING, *PAIRS, *FROM_NOTHING, *FROM_GENERALIST, *TRANSFERS},
        ),
        ({"shared_steps": 9}, {"shared_training", "shared"}),
        ({"early_steps": 9}, set()),
        ({"n_seeds": 11}, set()),
        ({"arms": ("drl",)}, set()),
    ],
)
def test_a_number_changes_the_fingerprints_of_the_jobs_that_read_it(change: dict[str, Any], expected: set[str]) -> None:
    assert changed_jobs(EVERYTHING, EVERYTHING.replace(**change)) == expected


def test_another_scenario_changes_every_fingerprint() -> None:
    full = EVERYTHING
    assert changed_jobs(full, full, Scenario.paper(step_s=2.0)) == {*ARMS, *PREPARATIONS} - {"baselines"}


def test_fingerprints_differ_between_seeds_and_settings_but_not_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    full, paper = EVERYTHING, Scenario.paper()
    every = jobs(full, paper)
    assert len({fingerprint(job, full, paper) for job in every}) == len(every)
    before = fingerprint(Job("transfer_most", 0), full, paper)
    arm = ARMS["transfer_most"]
    for changes, same in (({"label": "another"}, True), ({"source": "least"}, False), ({"random_stream": "x"}, False)):
        monkeypatch.setitem(ARMS, "transfer_most", type(arm)(**{**vars(arm), **changes}))
        assert (fingerprint(Job("transfer_most", 0), full, paper) == before) == same


def test_the_progress_of_all_pairs_grows_with_the_network() -> None:
    quick = Protocol.quick()
    for n_sites in (1, 4):
        scenario = Scenario.hexagonal(n_sites=n_sites)
        assert steps(Job("pairs", 0), quick, scenario) == 3 * n_sites * quick.pair_steps


def test_pairs_that_do_not_fit_are_refused_with_their_size(tmp_path: Path) -> None:
    large = Scenario.hexagonal(n_sites=27)
    folder = tmp_path / "run"
    with pytest.raises(ValueError, match=r"pairs: .* of 81 cells would hold 8\.6 GiB per seed, allowed: 8 GiB"):
        open_study(folder, large, EVERYTHING)
    assert not folder.exists()
    without = EVERYTHING.replace(pairs=False)
    assert open_study(folder, large, without).protocol == without
    # 81^2 agents keep 8,500 + 1,000 transitions of 16 + 4 + 1 + 16 float32 each.
    assert PREPARATIONS["pairs"].memory_bytes(EVERYTHING, large) == 81**2 * 9_500 * 37 * 4


@pytest.fixture
def lonely(tmp_path: Path) -> Scenario:
    """Return a network of one cell."""
    sites = tmp_path / "one.csv"
    sites.write_text("x_m,y_m,height_m,angle_deg,tilt_deg,power_dbm\n0,0,25,30,12,46\n")
    return Scenario.paper(
        layout={"kind": "csv", "sites_csv": str(sites)},
        requirements=[{"cells": "all", "throughput_bps": [4e6, 3e6, 2e6, 1e6], "delay_ms": [4.5, 6, 9, 18]}],
        window_ttis=20,
    )


def test_a_network_of_one_cell_is_studied_without_what_needs_another(
    tmp_path: Path, lonely: Scenario, tiny: Protocol
) -> None:
    protocol = tiny.replace(n_seeds=1, arms=("equal_split", "drl", "transfer_most", "transfer_itself", "model_most"))
    study = open_study(tmp_path / "run", lonely, protocol)
    reason = "a network of one cell has no other cell to transfer from"
    assert study.left_out == {"transfer_most": reason, "model_most": reason}
    assert run_study(study, workers=1)
    dataset = collect(study)
    assert list(dataset.policy.values) == ["equal_split", "drl", "transfer_itself"]
    assert dataset.sizes["cell"] == 1
    assert dataset.attrs["complete"] == 1
    assert reason in dataset.attrs["left_out"]
    assert np.isfinite(dataset.reward).all()
    assert "pair_reward" not in dataset
    with pytest.raises(ValueError, match="arms: none of transfer_most is left: a network of one cell"):
        open_study(tmp_path / "other", lonely, protocol.replace(arms=("transfer_most",)))
    assert left_out(protocol, Scenario.paper()) == {}
