"""The jobs of a study: which there are, which must be finished before which, and what each one's results rest on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from slicefast import files
from slicefast.errors import RunError
from slicefast.scenario import Scenario
from slicefast.scenario.inputs import identity
from slicefast.study.arms import ARMS
from slicefast.study.budget import Budget
from slicefast.study.preparations import PREPARATIONS, OurPairs, Pairs
from slicefast.study.protocol import Protocol
from slicefast.study.similarity_work import SimilarityOfCells
from slicefast.study.work import Work

#: What every study does: its figures show the distances of the cells.
_ALWAYS = (SimilarityOfCells.name,)
#: Transfers over all pairs, in the settings of the study's arms.
_PAIRS: dict[str, str] = {"published": Pairs.name, "ours": OurPairs.name}
#: What a job may hold in memory; beyond it a study is refused before it starts.
MEMORY_LIMIT_BYTES = 8 * 2**30


@dataclass(frozen=True)
class Job:
    """A unit of work for one seed, by the names of `ARMS` and `PREPARATIONS`."""

    name: str
    seed: int

    @property
    def work(self) -> Work:
        """What is done."""
        return ARMS[self.name] if self.name in ARMS else PREPARATIONS[self.name]

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.work.label}"


def needs(job: Job) -> list[Job]:
    """Return the jobs that must be finished before a job can start."""
    return [Job(name, job.seed) for name in job.work.needs()]


def jobs(protocol: Protocol, scenario: Scenario) -> list[Job]:
    """Return every job of a study, a seed's jobs together and before anything that needs them."""
    arms = [name for name in protocol.arms if name not in left_out(protocol, scenario)]
    wanted = {*_ALWAYS, *(need for name in arms for need in ARMS[name].needs())}
    if protocol.pairs and not PREPARATIONS[Pairs.name].impossible(scenario):
        settings = {ARMS[name].explores for name in arms} & _PAIRS.keys() or {"ours"}
        for pairs in (_PAIRS[setting] for setting in settings):
            wanted |= {pairs, *PREPARATIONS[pairs].needs()}
    names = [*(name for name in PREPARATIONS if name in wanted), *arms]
    return [Job(name, seed) for seed in protocol.seeds for name in names]


def left_out(protocol: Protocol, scenario: Scenario) -> dict[str, str]:
    """Return the arms that the scenario's network does not allow, and why."""
    reasons = {name: ARMS[name].impossible(scenario) for name in protocol.arms}
    return {name: reason for name, reason in reasons.items() if reason}


def refuse_impossible(protocol: Protocol, scenario: Scenario) -> None:
    """Raise RunError where no arm is left, or where a job would hold more than `MEMORY_LIMIT_BYTES`."""
    reasons = left_out(protocol, scenario)
    if len(reasons) == len(protocol.arms):
        raise RunError(f"arms: none of {', '.join(reasons)} is left: {'; '.join(sorted(set(reasons.values())))}")
    for name in {job.name: None for job in jobs(protocol, scenario)}:
        work = Job(name, 0).work
        size = work.memory_bytes(protocol, scenario)
        if size > MEMORY_LIMIT_BYTES:
            raise RunError(
                f"{name}: {work.label} of {scenario.n_cells} cells would hold {size / 2**30:.1f} GiB per seed, "
                f"allowed: {MEMORY_LIMIT_BYTES / 2**30:.0f} GiB; leave it out ({name}=False)"
            )


def steps(job: Job, protocol: Protocol, scenario: Scenario) -> int:
    """Return the steps a job reports to the progress bar; slow ones count more than once."""
    return job.work.steps(protocol, scenario.n_cells)


def ready(pending: Iterable[Job], finished: set[Job]) -> list[Job]:
    """Return the pending jobs whose needs are finished."""
    return [job for job in pending if all(need in finished for need in needs(job))]


def fingerprint(job: Job, budget: Budget, scenario: Scenario) -> str:
    """Return a hash of everything a job's results rest on besides the package itself.

    That is the scenario, the seed, what the job does and with which settings, exactly the numbers that it reads, and
    the fingerprints of the jobs that it needs.

    Parameters
    ----------
    job : Job
        Which.
    budget : Budget
        The study's numbers.
    scenario : Scenario
        What is played.
    """
    return _fingerprint(job, budget, identity(scenario))


def _fingerprint(job: Job, budget: Budget, scenario: dict[str, Any]) -> str:
    work = job.work
    numbers = {name: getattr(budget, name) for name in work.reads}
    needed = {need.name: _fingerprint(need, budget, scenario) for need in needs(job)}
    return files.digest(type(work).__qualname__, work.stream, work.settings(), job.seed, numbers, needed, scenario)
