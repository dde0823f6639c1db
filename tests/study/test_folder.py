"""A study's folder: never overwritten, grown by arms and seeds, and only what cannot be used is made anew."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slicefast import Scenario, files, policies, provenance
from slicefast.errors import RunError
from slicefast.study import execute
from slicefast.study.arms import ARMS, Fixed, Handover, register
from slicefast.study.collect import collect
from slicefast.study.execute import Progress, run_study
from slicefast.study.folder import MANIFEST, Study, load_study, open_study
from slicefast.study.jobs import Job
from slicefast.study.protocol import Protocol
from slicefast.study.work import load_result, save_result

Maker = Callable[..., Scenario]


class Watcher(Progress):
    """Keeps what a runner reports."""

    def __init__(self) -> None:
        self.done: list[Job] = []
        self.faults: dict[Job, str] = {}

    def finished(self, job: Job) -> None:
        """Keep a job."""
        self.done.append(job)

    def replaced(self, job: Job, fault: str) -> None:
        """Keep a fault."""
        self.faults[job] = fault


def run(study: Study) -> Watcher:
    """Run a study and return what was reported."""
    watcher = Watcher()
    assert run_study(study, workers=1, progress=watcher)
    return watcher


@pytest.fixture(scope="module")
def short(tiny: Protocol) -> Protocol:
    """Return one seed, a fixed arm and a transfer."""
    return tiny.replace(n_seeds=1, arms=("equal_split", "transfer_most"), pairs=False)


@pytest.fixture
def small(tmp_path: Path, tiny_scenario: Maker, short: Protocol) -> Study:
    """Return a finished study."""
    study = open_study(tmp_path / "run", tiny_scenario(), short)
    assert [str(job.name) for job in run(study).done] == ["pretrain", "similarity", "equal_split", "transfer_most"]
    return study


def test_a_folder_of_the_first_release_is_refused_by_name(small: Study) -> None:
    fields = files.read_json(small.manifest)
    del fields["protocol"]["pair_steps"]
    files.write_json(small.manifest, fields)
    for open_again in (lambda: load_study(small.folder), lambda: reopen(small)):
        with pytest.raises(RunError, match=r"holds a study of slicefast 0\.1\.0.*pair_steps is missing"):
            open_again()


def reopen(study: Study) -> Study:
    return open_study(study.folder, study.scenario, study.protocol, resume=True)


@pytest.fixture
def unregistered() -> Iterator[None]:
    """Forget what a test registers."""
    before = dict(ARMS)
    yield
    ARMS.clear()
    ARMS.update(before)


def contents(study: Study) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in study.folder.rglob("*") if path.is_file() and path.name != MANIFEST}


def test_a_study_is_never_overwritten(tmp_path: Path, tiny: Protocol, tiny_scenario: Maker) -> None:
    folder = tmp_path / "run"
    study = open_study(folder, tiny_scenario(), tiny)
    before = (folder / MANIFEST).read_bytes()
    with pytest.raises(RunError, match="--resume"):
        open_study(folder, tiny_scenario(), tiny)
    with pytest.raises(RunError, match=r"another scenario.*step_s"):
        open_study(folder, tiny_scenario(step_s=2.0), tiny, resume=True)
    with pytest.raises(RunError, match=r"train_steps was 40, now 5500"):
        open_study(folder, tiny_scenario(), tiny.replace(train_steps=5500), True)
    fewer = tiny.replace(arms=tuple(name for name in tiny.arms if name != "oracle"))
    with pytest.raises(RunError, match=r"arms: .* with oracle too, which can only grow"):
        open_study(folder, tiny_scenario(), fewer, True)
    assert (folder / MANIFEST).read_bytes() == before
    assert load_study(folder) == study
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("mine")
    with pytest.raises(RunError, match="not empty"):
        open_study(tmp_path / "other", tiny_scenario(), tiny)
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.tex"]
    with pytest.raises(RunError, match="no study"):
        load_study(tmp_path / "other")


def test_a_study_can_grow_more_seeds(tmp_path: Path, tiny: Protocol, tiny_scenario: Maker) -> None:
    open_study(tmp_path / "run", tiny_scenario(), tiny)
    more = open_study(tmp_path / "run", tiny_scenario(), tiny.replace(n_seeds=3), True)
    assert load_study(more.folder).protocol.n_seeds == 3
    with pytest.raises(RunError, match="n_seeds = 2"):
        open_study(tmp_path / "run", tiny_scenario(), tiny, resume=True)
    assert load_study(more.folder).protocol.n_seeds == 3


def test_an_arm_added_to_a_finished_study_is_all_that_runs(
    small: Study, short: Protocol, finished: Study, unregistered: None
) -> None:
    before = contents(small)
    wider = short.replace(arms=("drl", *short.arms, "transfer_fast"))
    grown = open_study(small.folder, small.scenario, wider, resume=True)
    assert [job.name for job in run(grown).done] == ["drl", "transfer_fast"]
    assert contents(grown).items() >= before.items()
    for name in wider.arms:
        np.testing.assert_array_equal(grown.load(Job(name, 0))["reward"], finished.load(Job(name, 0))["reward"])
    assert list(collect(grown).policy.values) == list(wider.arms)
    # A new policy costs one registration.
    register(Fixed(name="half_and_half", label="a policy of one's own", policy=policies.equal_split))
    own = open_study(small.folder, small.scenario, wider.replace(arms=(*wider.arms, "half_and_half")), resume=True)
    assert [job.name for job in run(own).done] == ["half_and_half"]
    rewards = collect(own).reward
    np.testing.assert_array_equal(rewards.sel(policy="half_and_half"), rewards.sel(policy="equal_split"))
    assert run(own).done == []


def test_a_seed_added_to_a_finished_study_is_all_that_runs(small: Study, short: Protocol, finished: Study) -> None:
    before = contents(small)
    grown = open_study(small.folder, small.scenario, short.replace(n_seeds=2), resume=True)
    watcher = run(grown)
    assert {job.seed for job in watcher.done} == {1}
    assert len(watcher.done) == 4
    assert contents(grown).items() >= before.items()
    for job in watcher.done:
        np.testing.assert_array_equal(
            grown.load(job).get("reward", 0), finished.load(job).get("reward", 0), err_msg=str(job)
        )


def test_a_changed_number_is_refused_unless_asked_for_and_renews_only_what_reads_it(
    small: Study, short: Protocol
) -> None:
    before = contents(small)
    changed = short.replace(vae_epochs=3)
    with pytest.raises(RunError, match=r"vae_epochs was 2, now 3.*2 of its results would have to be made anew"):
        open_study(small.folder, small.scenario, changed, resume=True)
    assert contents(small) == before
    renewed = open_study(small.folder, small.scenario, changed, resume=True, renew=True)
    watcher = run(renewed)
    assert [job.name for job in watcher.done] == ["similarity", "transfer_most"]
    assert set(watcher.faults.values()) == {"was made with other settings"}
    after = contents(renewed)
    assert {path.name for path in before if before[path] != after[path]} == {"similarity.npz", "transfer_most.npz"}


def damage(study: Study, name: str) -> None:
    """Cut a file short."""
    path = study.path(Job(name, 0))
    path.write_bytes(path.read_bytes()[:-100])


def flip(study: Study, name: str) -> None:
    """Change a byte in the middle of a file."""
    path = study.path(Job(name, 0))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(bytes(data))


def swap(study: Study, name: str) -> None:
    """Put another job's file in its place."""
    study.path(Job(name, 0)).write_bytes(study.path(Job("equal_split", 0)).read_bytes())


def strip(study: Study, name: str) -> None:
    """Write a file that does not say what it is."""
    path = study.path(Job(name, 0))
    save_result(path, load_result(path)[0], "")


def forget(study: Study, name: str) -> None:
    """Lose the weights."""
    study.path(Job(name, 0)).with_suffix(".safetensors").unlink()


def exchange(study: Study, name: str) -> None:
    """Change the weights."""
    path = study.path(Job(name, 0)).with_suffix(".safetensors")
    path.write_bytes(path.read_bytes()[:-1] + b"?")


@pytest.mark.parametrize(
    ("harm", "name", "fault"),
    [
        (damage, "transfer_most", "is damaged"),
        (flip, "transfer_most", "is damaged"),
        (swap, "transfer_most", "is not of transfer_most, seed 0"),
        (strip, "transfer_most", "is not of transfer_most, seed 0"),
        (forget, "pretrain", "has lost the weights that belong to it"),
        (exchange, "pretrain", "has lost the weights that belong to it"),
    ],
)
def test_a_damaged_or_foreign_result_is_named_and_made_anew(
    small: Study, finished: Study, harm: Callable[[Study, str], None], name: str, fault: str
) -> None:
    job = Job(name, 0)
    assert (small.finished(job), small.fault(job)) == (True, "")
    harm(small, name)
    assert not small.finished(job)
    assert small.fault(job).startswith(fault)
    assert collect(small).attrs["complete"] == 0
    with pytest.raises(RunError, match=fault):
        small.load(job)
    watcher = run(small)
    assert watcher.done == [job]
    assert watcher.faults[job].startswith(fault)
    for key, values in finished.load(job).items():
        np.testing.assert_array_equal(small.load(job)[key], values)


def test_an_old_result_does_not_vouch_for_new_weights(small: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that is stopped after it wrote its weights leaves no file that says it is finished."""
    job = Job("pretrain", 0)

    def stop(steps: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute.run_job(small, job, stop)
    assert not small.path(job).exists()


def test_a_folder_is_held_while_its_study_runs(small: Study, short: Protocol) -> None:
    with files.claim(small.folder):
        with pytest.raises(RunError, match="in use by another process"):
            run_study(small, workers=1)
        with pytest.raises(RunError, match="in use by another process"):
            open_study(small.folder, small.scenario, short, resume=True)
    assert run(small).done == []


def test_a_study_says_what_ran_it_not_what_collected_it(
    tmp_path: Path, tiny: Protocol, tiny_scenario: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study(tmp_path / "run", tiny_scenario(), tiny)
    assert collect(study).attrs["versions_note"] == ""
    old = {"versions": {"slicefast": "0.0.1"}, "build": {"machine": "abacus"}}
    monkeypatch.setattr(provenance, "current_entry", lambda: old)
    assert "0.0.1" not in collect(study).attrs["versions"]
    open_study(tmp_path / "run", tiny_scenario(), tiny, resume=True)
    resumed = collect(study).attrs
    assert json.loads(resumed["versions"]) == old["versions"]
    assert "went on with other versions" in resumed["versions_note"]
    assert "to abacus" in resumed["versions_note"]
    manifest = files.read_json(study.manifest)
    del manifest[provenance.KEY]  # as written before it was kept
    files.write_json(study.manifest, manifest)
    assert "did not keep its versions" in collect(load_study(study.folder)).attrs["versions_note"]
    open_study(tmp_path / "run", tiny_scenario(), tiny, resume=True)
    note = collect(study).attrs["versions_note"]
    assert note == "What ran at first did not keep its versions and build"


def test_a_manifest_that_cannot_be_read_is_refused(tmp_path: Path, tiny: Protocol, tiny_scenario: Maker) -> None:
    study = open_study(tmp_path / "run", tiny_scenario(), tiny)
    for text in ("{", "{}", '{"scenario": 1, "protocol": 2}'):
        study.manifest.write_text(text)
        with pytest.raises(RunError, match="cannot be read"):
            load_study(study.folder)


def test_importing_what_reads_results_loads_no_simulator() -> None:
    """Not through any chain of imports either, nor the arms, nor torch."""
    code = "import slicefast.study.dataset, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"slicefast.simulator", "slicefast.study.arms", "torch"} & set(loaded.split())


def test_a_study_imports_torch_only_when_it_learns() -> None:
    code = "import slicefast.study.execute, slicefast.study.collect, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout
    assert "torch" not in loaded.split()


def test_the_study_offers_the_names_a_user_starts_from() -> None:
    from slicefast import study

    assert (study.Protocol, study.open_study, study.ARMS) == (Protocol, open_study, ARMS)
    assert (study.Study, study.load_study, study.run_study) == (Study, load_study, run_study)
    with pytest.raises(AttributeError, match="no attribute 'wisdom'"):
        _ = study.wisdom


def test_handover_settings_are_words_that_transfer_knows() -> None:
    from slicefast.transfer import SOURCE_CHOICES, STRATEGIES

    handovers: list[Any] = [arm for arm in ARMS.values() if isinstance(arm, Handover)]
    assert {arm.source for arm in handovers} == set(SOURCE_CHOICES)
    assert {arm.hands_over for arm in handovers} == set(STRATEGIES)
