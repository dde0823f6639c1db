"""A study's folder: what is studied, which results are there, and whether they are what this study would make.

`study.json` says what is studied and what ran it. A job is finished when its file is there, is whole, bears the job's
name and seed, and carries the fingerprint of what the job rests on now. So an arm or a seed can be added to a finished
study and only the new jobs run, and after a number is changed only the jobs that read it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slicefast import files, provenance
from slicefast.arguments import checked
from slicefast.errors import RunError, shorten
from slicefast.scenario import Scenario, inputs
from slicefast.study import jobs as _jobs
from slicefast.study.jobs import Job, fingerprint
from slicefast.study.protocol import Protocol
from slicefast.study.work import Context, load_result, save_result
from slicefast.training import Tick
from slicefast.units import Arrays

MANIFEST = "study.json"
#: A number of the protocol that 0.1.0 did not have, whose arms and oracle were others: its results cannot be used.
_SINCE_0_1 = "pair_steps"


@checked
@dataclass(frozen=True)
class Study:
    """Where a study's results live and what they are computed from.

    Examples
    --------
    >>> study = sf.study.open_study("STUDY", sf.Scenario.hexagonal(n_sites=1), sf.study.Protocol.quick(n_seeds=1))
    >>> study.scenario_of(seed=0).n_cells
    3
    """

    folder: Path
    scenario: Scenario
    protocol: Protocol

    @property
    def manifest(self) -> Path:
        """The file that says what is studied, and what ran it."""
        return self.folder / MANIFEST

    def scenario_of(self, seed: int) -> Scenario:
        """Return the network of a seed, the same for all but in the points of a map."""
        return self.scenario

    @property
    def jobs(self) -> list[Job]:
        """Every job, each after those that it needs."""
        return _jobs.jobs(self.protocol, self.scenario)

    @property
    def left_out(self) -> dict[str, str]:
        """The arms that the scenario's network does not allow, and why."""
        return _jobs.left_out(self.protocol, self.scenario)

    def path(self, job: Job) -> Path:
        """Return the file of a finished job."""
        return self._folder_of(job.seed) / f"{job.name}.npz"

    def files(self, job: Job) -> list[Path]:
        """Return all files of a finished job: its weights, and last the one that vouches for them."""
        context = self.context(job, lambda steps: None)
        return [*(context.own_weights_path(variant) for variant in job.work.variants), self.path(job)]

    def finished(self, job: Job) -> bool:
        """Whether the job's results are there, whole, and what this study would make."""
        return self._examine(job)[0] is not None

    def fault(self, job: Job) -> str:
        """Return why the file that is there cannot be used, or nothing where it can or where there is none."""
        return self._examine(job)[1]

    def read(self, job: Job) -> Arrays | None:
        """Return the arrays of a job, or None where it is not finished."""
        return self._examine(job)[0]

    def load(self, job: Job) -> Arrays:
        """Return the arrays of a finished job; RunError where it is not finished."""
        arrays, fault = self._examine(job)
        if arrays is None:
            raise RunError(f"{self.path(job)}: {fault or 'is missing'}")
        return arrays

    def context(self, job: Job, tick: Tick) -> Context:
        """Return what a job is handed.

        Parameters
        ----------
        job : Job
            Which.
        tick : callable
            Called with how many steps were played since the last call; may raise to stop the job.
        """
        budget = self.protocol.only(job.work.reads)
        return Context(job.work, self.scenario_of(job.seed), budget, job.seed, self._folder_of(job.seed), tick)

    def begin(self, job: Job) -> None:
        """Remove an old result: its weights are about to change, and its file must not vouch for new ones."""
        self.path(job).unlink(missing_ok=True)

    def save(self, job: Job, arrays: Arrays) -> None:
        """Write a job's results, after which it is finished; its weights are there."""
        save_result(self.path(job), arrays, json.dumps({**self._identity(job), "files": self._checksums(job)}))

    def _folder_of(self, seed: int) -> Path:
        return self.folder / "parts" / f"seed-{seed:03d}"

    def _identity(self, job: Job) -> dict[str, Any]:
        return {
            "job": job.name,
            "seed": job.seed,
            "fingerprint": fingerprint(job, self.protocol, self.scenario_of(job.seed)),
        }

    def _checksums(self, job: Job) -> dict[str, str]:
        return {path.name: files.checksum(path) for path in self.files(job)[:-1]}

    def _examine(self, job: Job) -> tuple[Arrays | None, str]:
        """Return a job's arrays if it is finished, and what is wrong with its file."""
        path = self.path(job)
        if not path.exists():
            return None, ""
        try:
            arrays, text = load_result(path)
            about = json.loads(text or "{}")
            if not isinstance(about, dict):
                raise ValueError("says nothing of its job")
        except (OSError, ValueError) as error:
            return None, f"is damaged ({error})"
        wanted = self._identity(job)
        if (about.get("job"), about.get("seed")) != (wanted["job"], wanted["seed"]):
            return None, f"is not of {job.name}, seed {job.seed}"
        if about.get("fingerprint") != wanted["fingerprint"]:
            return None, "was made with other settings"
        try:
            whole = about.get("files") == self._checksums(job)
        except OSError:
            whole = False
        return (arrays, "") if whole else (None, "has lost the weights that belong to it")


def hold_own(folder: Path, manifest: Path, kind: str, resume: bool) -> None:
    """Raise RunError unless a folder is new, or holds by its manifest what is to be continued: a study, or a map."""
    if not manifest.is_file() and not files.is_empty(folder):
        raise RunError(f"{folder} is not empty and holds no {kind}: name another folder")
    if manifest.is_file() and not resume:
        on = "continue it (resume, in the shell --resume)"
        raise RunError(f"{folder} already holds a {kind}: {on}, or name another folder")


@checked
def open_study(
    folder: str | os.PathLike[str], scenario: Scenario, protocol: Protocol, resume: bool = False, renew: bool = False
) -> Study:
    """Return the study of a folder, made if it is new.

    Parameters
    ----------
    folder : path-like
        A new or empty folder, or one that holds a study.
    scenario : Scenario
        The network.
    protocol : Protocol
        What is run. A study that is there can grow: by seeds and by arms.
    resume : bool
        Whether the folder may hold a study.
    renew : bool
        Whether that study's numbers may change; the jobs that read them are run anew, and only those.

    Raises
    ------
    RunError
        The folder holds a study and `resume` was not asked for; or one of another scenario, of more seeds or of further
        arms; or one of other numbers and `renew` was not asked for; or files that are no study. Or the study would hold
        too much in memory, or another process is at work in the folder. Nothing is changed then.

    Examples
    --------
    >>> study = sf.study.open_study("STUDY", sf.Scenario.hexagonal(n_sites=1), sf.study.Protocol.quick(n_seeds=1))
    >>> sf.study.load_study("STUDY").protocol.n_seeds
    1
    """
    _jobs.refuse_impossible(protocol, scenario)
    folder = Path(folder)
    manifest = folder / MANIFEST
    hold_own(folder, manifest, "study", resume)
    with files.claim(folder):
        entries: list[provenance.Entry | None] = []
        if manifest.is_file():
            _refuse_another(load_study(folder), scenario, protocol, renew)
            entries = provenance.read_entries(manifest)
        study = Study(folder, scenario, protocol)
        if not all(study.finished(job) for job in study.jobs):
            entries = provenance.extended(entries)
        asked = {**inputs.keep(scenario, folder), "protocol": protocol.to_dict()}
        files.write_json(manifest, {**asked, provenance.KEY: entries})
    return load_study(folder)  # it reads the files that were kept, whatever becomes of the others


@checked
def load_study(folder: str | os.PathLike[str]) -> Study:
    """Return the study that a folder holds, or raise RunError.

    Examples
    --------
    >>> study = sf.study.open_study("STUDY", sf.Scenario.hexagonal(n_sites=1), sf.study.Protocol.quick(n_seeds=1))
    >>> sf.study.load_study("STUDY").scenario == study.scenario
    True
    """
    folder = Path(folder)
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise RunError(f"{folder} holds no study ({MANIFEST} is missing)")
    try:
        fields = files.read_json(manifest)
        scenario, numbers = Scenario.model_validate(inputs.kept(fields, folder)), fields["protocol"]
        if _SINCE_0_1 in numbers:
            return Study(folder, scenario, Protocol.from_dict(numbers))
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{manifest} cannot be read: {error}") from None
    raise RunError(
        f"{folder} holds a study of slicefast 0.1.0, whose arms are others ({_SINCE_0_1} is missing): report it with "
        "that version, or name another folder"
    )


def _refuse_another(old: Study, scenario: Scenario, protocol: Protocol, renew: bool) -> None:
    """Raise RunError unless a study can become one of this scenario and protocol."""
    folder = old.folder
    changed = _difference(inputs.identity(old.scenario), inputs.identity(scenario))
    if changed:
        raise RunError(f"{folder} holds a study of another scenario ({changed}): name another folder")
    if protocol.n_seeds < old.protocol.n_seeds:
        raise RunError(
            f"n_seeds = {protocol.n_seeds}: {folder} holds a study of {old.protocol.n_seeds}, which can only grow"
        )
    missing = [name for name in old.protocol.arms if name not in protocol.arms]
    if missing:
        raise RunError(f"arms: {folder} holds a study with {', '.join(missing)} too, which can only grow")
    growing = {"n_seeds": protocol.n_seeds, "arms": protocol.arms}
    changed = _difference(old.protocol.replace(**growing).to_dict(), protocol.to_dict())
    if changed and not renew:
        new = Study(folder, scenario, protocol)
        lost = sum(old.finished(job) and not new.finished(job) for job in new.jobs)
        raise RunError(
            f"{folder} holds a study with other settings ({changed}): name another folder; {lost} of its "
            "results would have to be made anew"
        )


def _difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            return f"{name} was {shorten(old.get(name))}, now {shorten(new.get(name))}"
    return ""
