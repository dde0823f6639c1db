"""The map of similarity: for which heterogeneity of the cells a more similar source helps; its points and their folder.

A point is a study of few arms whose network differs from seed to seed: every seed draws the patterns of its cells anew.
`map.json` says what is mapped; each point has a folder of parts beside it, so an interrupted map goes on as a study
does, and a map can grow by seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import Field, field_validator, model_validator

from slicefast import files, provenance
from slicefast.errors import RunError, ScenarioError
from slicefast.scenario import Scenario, inputs
from slicefast.scenario.heterogeneous import STRONGEST, HeterogeneityKind, with_patterns
from slicefast.settings import Settings
from slicefast.study.budget import Count, Seeds
from slicefast.study.folder import Study, hold_own
from slicefast.study.jobs import Job, refuse_impossible
from slicefast.study.preparations import EarlyBaselines, OurPairs, OurPretrain
from slicefast.study.protocol import Protocol
from slicefast.study.similarity_work import SimilarityOfCells

MAP_MANIFEST = "map.json"
KINDS: tuple[HeterogeneityKind, ...] = get_args(HeterogeneityKind)
#: What is done at every point; none of a study's arms is played.
_WORK = (SimilarityOfCells.name, OurPretrain.name, OurPairs.name, EarlyBaselines.name)
Level = Annotated[float, Field(gt=0.0, le=STRONGEST)]


class MapProtocol(Settings):
    """What a map holds and how long its agents learn; the defaults take an hour on two cores.

    Attributes
    ----------
    n_seeds : int
        Networks per point, each with patterns of its own.
    kinds : tuple of str
        What follows the cells' patterns, see `slicefast.scenario.heterogeneous`.
    levels : tuple of float
        Heterogeneities h above 0; h = 0 is the same for every kind and mapped once.
    train_steps : int
        Training steps of the sources after their exploration, in our setting.
    pair_steps : int
        Steps of the transfer over all pairs.
    sample_steps, vae_epochs : int
        Of the similarity.

    Raises
    ------
    ScenarioError
        A number is out of range, a kind is unknown, or a kind or level is named twice.
    """

    n_seeds: Seeds = 10
    kinds: tuple[HeterogeneityKind, ...] = KINDS
    levels: tuple[Level, ...] = (0.25, 0.5, 0.75, 1.0)
    train_steps: Count = 3500
    pair_steps: Count = 250
    sample_steps: Count = 250
    vae_epochs: Count = 60

    @field_validator("kinds", "levels")
    @classmethod
    def _check_once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if not values:
            raise ScenarioError("", values, "must name at least one")
        for index, value in enumerate(values):
            if value in values[:index]:
                raise ScenarioError("", value, "is named twice")
        return values

    @model_validator(mode="after")
    def _fit_together(self) -> MapProtocol:
        if self.pair_steps > self.train_steps:
            raise ScenarioError("pair_steps", self.pair_steps, f"at most train_steps, {self.train_steps}")
        return self

    @property
    def study(self) -> Protocol:
        """What is run at every point."""
        exploration, evaluation = 250, 250
        return Protocol(
            n_seeds=self.n_seeds,
            exploration_steps=exploration,
            train_steps=self.train_steps,
            transfer_steps=max(self.pair_steps, min(1000, self.train_steps)),
            pair_steps=self.pair_steps,
            hindsight_steps=min(1000, self.train_steps),
            evaluation_steps=evaluation,
            sample_steps=self.sample_steps,
            vae_epochs=self.vae_epochs,
            early_steps=min(1000, self.train_steps),
            remedies=False,
        )


@dataclass(frozen=True)
class Point(Study):
    """One heterogeneity and what follows it; the network of every seed has patterns of its own.

    Attributes
    ----------
    kind : str
        What follows the patterns; any at h = 0, where nothing does.
    h : float
        The heterogeneity.
    """

    kind: HeterogeneityKind = "both"
    h: float = 0.0

    @property
    def manifest(self) -> Path:
        """The file of the map that it is a point of."""
        return self.folder.parent / MAP_MANIFEST

    @property
    def jobs(self) -> list[Job]:
        """Every job, a seed's together and each after those that it needs."""
        return [Job(name, seed) for seed in self.protocol.seeds for name in _WORK]

    @property
    def name(self) -> str:
        """What its folder is called."""
        return self.folder.name

    def scenario_of(self, seed: int) -> Scenario:
        """Return the network of a seed."""
        return with_patterns(self.scenario, self.h, self.kind, seed)


@dataclass(frozen=True)
class Map:
    """Where a map's points live and what they are computed from.

    Attributes
    ----------
    folder : Path
        Of `map.json` and the points.
    scenario : Scenario
        What the patterns are laid over.
    protocol : MapProtocol
        What is mapped.
    """

    folder: Path
    scenario: Scenario
    protocol: MapProtocol

    @property
    def points(self) -> list[Point]:
        """Every point: h = 0, then kind by kind from the least heterogeneity to the strongest."""
        return [self._point(self.protocol.kinds[0], 0.0)] + [
            self._point(kind, h) for kind in self.protocol.kinds for h in sorted(self.protocol.levels)
        ]

    def point(self, name: str) -> Point:
        """Return a point by the name of its folder."""
        return next(point for point in self.points if point.name == name)

    def _point(self, kind: HeterogeneityKind, h: float) -> Point:
        name = f"{kind}-{h:g}" if h else "alike"
        return Point(self.folder / name, self.scenario, self.protocol.study, kind, h)


def open_map(folder: Path, scenario: Scenario, protocol: MapProtocol, resume: bool = False) -> Map:
    """Return the map of a folder, made if it is new.

    Parameters
    ----------
    folder : Path
        A new or empty folder, or one that holds a map.
    scenario : Scenario
        What the patterns are laid over.
    protocol : MapProtocol
        What is mapped. A map that is there can grow by seeds, kinds and levels.
    resume : bool
        Whether the folder may hold a map.

    Raises
    ------
    RunError
        The folder holds a map and `resume` was not asked for, or one of another scenario or of other numbers, or files
        that are no map; or the scenario allows no transfer. Nothing is changed then.
    """
    manifest = folder / MAP_MANIFEST
    hold_own(folder, manifest, "map", resume)
    found = Map(folder, scenario, protocol)
    for point in found.points:
        point.scenario_of(0)  # patterns that the scenario does not allow are refused before anything is run
    if scenario.n_cells < 2:
        raise RunError("scenario: a network of one cell has no other cell to transfer from, and no map")
    refuse_impossible(protocol.study, scenario)
    entries: list[provenance.Entry | None] = []
    if manifest.is_file():
        _refuse_another(load_map(folder), found)
        entries = provenance.read_entries(manifest)
    folder.mkdir(parents=True, exist_ok=True)
    asked = {**inputs.keep(scenario, folder), "protocol": protocol.model_dump(mode="json")}
    files.write_json(manifest, {**asked, provenance.KEY: provenance.extended(entries)})
    return load_map(folder)  # it reads the files that were kept


def load_map(folder: Path) -> Map:
    """Return the map that a folder holds, or raise RunError."""
    manifest = folder / MAP_MANIFEST
    if not manifest.is_file():
        raise RunError(f"{folder} holds no map ({MAP_MANIFEST} is missing)")
    try:
        fields = files.read_json(manifest)
        return Map(folder, Scenario.model_validate(inputs.kept(fields, folder)), MapProtocol(**fields["protocol"]))
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{manifest} cannot be read: {error}") from None


def _refuse_another(old: Map, new: Map) -> None:
    """Raise RunError unless a map can become another one."""
    if old.scenario != new.scenario:
        raise RunError(f"{old.folder} holds a map over another scenario: name another folder")
    if new.protocol.n_seeds < old.protocol.n_seeds:
        raise RunError(f"n_seeds = {new.protocol.n_seeds}: {old.folder} holds a map of {old.protocol.n_seeds}")
    for name in ("kinds", "levels"):
        missing = [item for item in getattr(old.protocol, name) if item not in getattr(new.protocol, name)]
        if missing:
            raise RunError(f"{name}: {old.folder} holds a map with {missing[0]} too, which can only grow")
    for name in ("train_steps", "pair_steps", "sample_steps", "vae_epochs"):
        before, now = getattr(old.protocol, name), getattr(new.protocol, name)
        if before != now:
            raise RunError(f"{old.folder} holds a map with other settings ({name} was {before}, now {now})")
