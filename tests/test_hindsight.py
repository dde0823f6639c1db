"""The hindsight learner: its loss against torch's gradients, what it learns, what it refuses, how it is kept."""

from __future__ import annotations

import copy
import itertools
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import slicefast as sf
from slicefast.errors import CheckpointError, NonFiniteError
from slicefast.learn import Hindsight, HindsightConfig, checkpoint
from slicefast.learn.curve_loss import ascent, softmax, worst_slice

CONFIG = HindsightConfig(hidden=(8, 6), batch_size=5, n_levels=6, capacity=20)


def filled(steps: int = 30, config: HindsightConfig = CONFIG, seed: int = 1, n_agents: int = 3) -> Hindsight:
    learner = Hindsight(n_agents, 4, 2, config, seed)
    for number in range(steps):
        learner.store(*step_of(number, n_agents, config.n_levels))
        learner.update()
    return learner


def step_of(number: int, n_agents: int = 3, n_levels: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a step: what is seen says how much slice 0 needs, and the curves are lines up to that need."""
    rng = np.random.default_rng(number)
    seen = rng.normal(size=(n_agents, 4))
    base = 0.3 * seen[:, 1:3]
    need = np.stack([0.3 + 0.3 * (seen[:, 0] > 0), 0.6 - 0.3 * (seen[:, 0] > 0)], axis=1)
    levels = HindsightConfig(n_levels=n_levels).levels
    return seen, base, np.minimum(levels[None, :, None] / need[:, None, :], 1.0)


def torch_twin(layers: list[np.ndarray], seen: Any, base: Any, curves: Any, levels: Any) -> tuple[Any, list[Any]]:
    """Return J and its negated gradient by autograd, sample by sample and slice by slice."""
    leaves = [torch.tensor(layer, requires_grad=True) for layer in layers]
    n_agents, batch = seen.shape[:2]
    earned = []
    for a in range(n_agents):
        total = torch.tensor(0.0)
        for b in range(batch):
            x = torch.tensor(seen[a, b])
            for layer in range(0, len(leaves), 2):
                x = x @ leaves[layer][a] + leaves[layer + 1][a]
                x = torch.relu(x) if layer + 2 < len(leaves) else x
            share = torch.softmax(x + torch.tensor(base[a, b]), dim=0)
            met = []
            for s in range(len(share)):
                k = min(max(int(np.searchsorted(levels, share[s].item())), 1), len(levels) - 1)
                low, high = float(curves[a, b, k - 1, s]), float(curves[a, b, k, s])
                met.append(low + (share[s] - levels[k - 1]) / (levels[k] - levels[k - 1]) * (high - low))
            total = total + torch.stack(met).min()
        earned.append(total / batch)
    (-torch.stack(earned).sum()).backward()
    return torch.stack(earned).detach().numpy(), [leaf.grad.numpy() for leaf in leaves]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(2, 4))
def test_loss_and_gradient_are_autograds(seed: int, n_agents: int, n_slices: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = (5, 7, 6, n_slices)
    layers: list[np.ndarray] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [rng.normal(size=(n_agents, n_in, n_out)), rng.normal(size=(n_agents, n_out))]
    levels = np.linspace(0.0, 1.0, 7) ** 1.5
    curves = np.sort(rng.random((n_agents, 4, 7, n_slices)), axis=2)
    seen, base = rng.normal(size=(n_agents, 4, 5)), rng.normal(size=(n_agents, 4, n_slices))
    value, gradients = ascent(layers, seen, base, curves, levels)
    expected, expected_gradients = torch_twin(layers, seen, base, curves, levels)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    for got, wanted in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_the_worst_slice_of_curves_that_are_lines(seed: int) -> None:
    rng = np.random.default_rng(seed)
    levels = np.sort(np.concatenate([[0.0, 1.0], rng.random(5)]))
    slopes = 0.5 + rng.random((3, 4))
    share = rng.dirichlet(np.ones(4), 3)
    value, by_share = worst_slice(levels[None, :, None] * slopes[:, None, :], levels, share)
    np.testing.assert_allclose(value, (slopes * share).min(axis=1), rtol=1e-9)
    worst = np.arange(4) == (slopes * share).argmin(axis=1)[:, None]
    np.testing.assert_allclose(by_share, slopes * worst, rtol=1e-9)


def test_a_new_learner_plays_what_its_logits_are_added_to() -> None:
    learner, rng = Hindsight(3, 4, 2, CONFIG), np.random.default_rng(0)
    base = rng.normal(size=(3, 2)).astype(np.float32)
    np.testing.assert_allclose(learner.act(rng.normal(size=(3, 4)), base), softmax(base), rtol=1e-6)
    np.testing.assert_array_equal(learner.act(rng.normal(size=(3, 4))), np.full((3, 2), 0.5, np.float32))


@pytest.mark.parametrize("federated", [False, True])
def test_it_learns_the_division_that_what_it_sees_calls_for(federated: bool) -> None:
    """Needs are (0.6, 0.3) or (0.3, 0.6) by the sign of what is seen: two thirds to the one that needs more."""
    config = HindsightConfig(hidden=(16,), n_levels=24, learning_rate=0.02, federated=federated)
    learner = Hindsight(2, 4, 2, config, seed=3)
    for number in range(400):
        learner.store(*step_of(number, 2, 24))
        learner.update()
    earned = []
    for number in range(1000, 1100):
        seen, base, curves = step_of(number, 2, 24)
        earned.append(worst_slice(curves, config.levels, learner.act(seen, base))[0])
    assert np.mean(earned) > 0.97  # 0.83 is what the equal split earns
    same = bool((learner.network.bank[0] == learner.network.bank[1]).all())
    assert same == federated


def test_cells_learn_from_their_own_memory_alone_and_the_same_in_any_stack() -> None:
    whole, alone = filled(), Hindsight(1, 4, 2, CONFIG, seed=1, agent_ids=[2])
    for number in range(30):
        seen, base, curves = step_of(number)
        alone.store(seen[2:], base[2:], curves[2:])
        alone.update()
    np.testing.assert_allclose(alone.network.bank[0].numpy(), whole.network.bank[2].numpy(), rtol=1e-5, atol=1e-7)
    assert not np.allclose(whole.network.bank[0].numpy(), whole.network.bank[2].numpy())


def assert_same_future(left: Hindsight, right: Hindsight, steps: int = 8) -> None:
    for number in range(100, 100 + steps):
        seen, base, curves = step_of(number)
        np.testing.assert_array_equal(left.act(seen, base), right.act(seen, base))
        for learner in (left, right):
            learner.store(seen, base, curves)
            learner.update()
    assert left.step == right.step
    np.testing.assert_array_equal(left.network.bank.numpy(), right.network.bank.numpy())


@pytest.mark.parametrize("steps", [0, 7, 30])
def test_what_was_saved_goes_on_bit_for_bit_with_its_changed_learning_rate(tmp_path: Path, steps: int) -> None:
    original, path = filled(steps), tmp_path / "learner.safetensors"
    original.optimiser.lr = 1e-2
    original.save(path, extra={"note": 1}, view={"efficiency": np.arange(3.0)})
    loaded = Hindsight.load(path)
    assert loaded.extra == {"note": 1}
    assert loaded.optimiser.lr == 1e-2
    np.testing.assert_array_equal(loaded.view["efficiency"], np.arange(3.0))
    assert_same_future(original, loaded)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda learner: pickle.loads(pickle.dumps(learner))])
def test_copies_go_on_alike_and_apart(copied: Any) -> None:
    original = filled()
    twin = copied(original)
    before = twin.act(*step_of(99)[:2])
    other = copied(original)
    assert_same_future(original, other)
    np.testing.assert_array_equal(twin.act(*step_of(99)[:2]), before)


def test_a_source_hands_over_its_network_and_what_it_remembers_itself() -> None:
    source, target = filled(), Hindsight(3, 4, 2, replace(CONFIG, capacity=40), seed=9)
    target.copy_agent(source, 2, 0, memory=True)
    target.copy_agent(source, 1, 1)
    seen = np.ones((3, 4))
    np.testing.assert_array_equal(target.act(seen)[0], source.act(seen)[2])
    np.testing.assert_array_equal(target.act(seen)[1], source.act(seen)[1])
    assert target.replay.n_kept.tolist() == [20, 0, 0]
    newest = np.concatenate([part[2].ravel() for part in step_of(29)]).astype(np.float32)
    np.testing.assert_array_equal(target.replay.array[0, 19], newest)
    with pytest.raises(sf.SlicefastError, match="20 rows"):
        Hindsight(3, 4, 2, CONFIG).copy_agent(source, 0, 0, memory=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden": (8, 5)}, "layer sizes"),
        ({"n_levels": 7}, "n_levels of the source"),
        ({"basis": "rule"}, "basis"),
        ({"federated": True}, "federated of the source: got False"),
    ],
)
def test_sources_that_differ_are_refused_and_nothing_is_handed_over(changes: dict, message: str) -> None:
    target = Hindsight(3, 4, 2, HindsightConfig(**{**CONFIG.to_dict(), **changes}))
    before = target.network.bank.clone()
    with pytest.raises(sf.SlicefastError, match=message):
        target.copy_agent(filled(2), 0, 0, memory=True)
    assert (target.network.bank == before).all()
    assert target.replay.n_kept.sum() == 0


def test_what_is_no_number_is_refused_by_the_cell_and_nothing_is_stored() -> None:
    learner = filled(3)
    seen, base, curves = step_of(0)
    curves[1, 2, 0] = np.nan
    with pytest.raises(NonFiniteError, match="curves"):
        learner.store(seen, base, curves)
    with pytest.raises(sf.SlicefastError, match="base"):
        learner.store(seen, base[:, :1], np.abs(curves))
    with pytest.raises(NonFiniteError, match="observation"):
        learner.act(np.full((3, 4), np.inf))
    assert learner.step == 3
    assert len(learner.replay) == 3
    assert Hindsight(2, 4, 2, CONFIG).update() is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("sight", "far"), ("basis", "luck"), ("hidden", ()), ("hidden", (4, 0)), ("learning_rate", np.nan),
     ("n_levels", 2), ("capacity", 0), ("beta1", 1.0), ("batch_size", 0), ("updates_per_step", 0), ("epsilon", 0.0),
     ("epsilon", np.inf), ("n_levels", 1001)],
)  # fmt: skip
def test_numbers_out_of_range_are_named(name: str, value: Any) -> None:
    with pytest.raises(sf.SlicefastError, match=f"^{name}: got"):
        HindsightConfig(**{name: value})


def test_a_memory_that_there_is_no_room_for_is_named() -> None:
    with pytest.raises(sf.SlicefastError, match="capacity: got 1000000000000, allowed: a number that there is room"):
        Hindsight(3, 4, 2, HindsightConfig(capacity=10**12))


def damaged(path: Path, change: Any) -> None:
    arrays, document = checkpoint.read(path, "hindsight")
    change(arrays, document)
    checkpoint.write(path, "hindsight", arrays, document)


@pytest.mark.parametrize(
    "change",
    [
        lambda a, d: d.pop("learning_rate"),
        lambda a, d: d.update(memory_rows=3),
        lambda a, d: d.update(memory_rows="many"),
        lambda a, d: d["config"].update(n_levels=9),
        lambda a, d: d["config"].update(speed=9),
        lambda a, d: d.update(learning_rate=-1.0),
        lambda a, d: a.pop("network.weight_0"),
        lambda a, d: a["network.weight_0"].fill(np.nan),
        lambda a, d: a["memory.rows"].fill(np.inf),
        lambda a, d: a["memory.next_row"].fill(99),
        lambda a, d: a["memory.n_own"].fill(-1),
    ],
)
def test_damaged_files_are_refused_by_name(tmp_path: Path, change: Any) -> None:
    path = tmp_path / "learner.safetensors"
    filled(7).save(path)
    damaged(path, change)
    with pytest.raises(CheckpointError, match=r"learner\.safetensors"):
        Hindsight.load(path)


def test_truncated_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "learner.safetensors"
    filled(2).save(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CheckpointError, match="not a whole"):
        Hindsight.load(path)
    checkpoint.write(path, "td3", {}, json.loads("{}"))
    with pytest.raises(CheckpointError, match="expected a 'hindsight'"):
        Hindsight.load(path)
