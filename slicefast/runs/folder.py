"""What a run is, and how it lies in its folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import TypeAdapter, ValidationError

from slicefast import features as _features
from slicefast import files, progress
from slicefast.arguments import checked
from slicefast.errors import CheckpointError, RunError, SlicefastError, refuse, shorten
from slicefast.learn import PRESETS, HindsightConfig, Preset, TD3Config
from slicefast.policies.hindsight import check_replayable
from slicefast.rng import Restarts
from slicefast.runs.checks import check_integer
from slicefast.scenario import Scenario, inputs
from slicefast.task import Coordination, Task
from slicefast.usual import TRAIN_STEPS

if TYPE_CHECKING:
    from slicefast.learn import TD3, Hindsight

#: What learns: TD3 from transitions, or in hindsight from what every share would have earned.
LearnerName = Literal["td3", "hindsight"]
LEARNERS: tuple[LearnerName, ...] = get_args(LearnerName)
RUN_FILE, AGENTS_FILE, LOG_FILE = "run.json", "agents.safetensors", "training.npz"
#: Of a run: at a step a millisecond, eleven days.
MOST_STEPS, MOST_SEED = 10**9, 2**64 - 1
_CONFIGS: dict[LearnerName, TypeAdapter[Any]] = {
    "td3": TypeAdapter(TD3Config),
    "hindsight": TypeAdapter(HindsightConfig),
}
_FIELDS = {"td3": TD3Config.__dataclass_fields__, "hindsight": HindsightConfig.__dataclass_fields__}


@dataclass(frozen=True)
class Run:
    """Agents trained on a scenario, and where they are kept.

    Attributes
    ----------
    folder : Path
        Where everything is written.
    scenario : Scenario
        The network.
    seed : int
        Of the network and of the learners, 0 to 2^64 - 1.
    train_steps : int
        Steps after the exploration phase.
    features, reward, coordination
        What agents see and earn; see `Task`.
    config : TD3Config or HindsightConfig
        The numbers of the learner, whose kind says which it is; TD3's steps are those of the networks, however many
        cells share an agent.
    shared : bool
        Whether one agent acts for all cells and learns from them all, in place of one agent per cell.
    n_networks : int
        Networks side by side that it learns from, replicas of one seed.
    restart_steps : int
        Steps after which the networks start anew with another seed; 0: never.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1)
    >>> run = sf.runs.new_run("RUN", scenario, reward="logarithmic", exploration_steps=5, train_steps=10)
    >>> run.task()
    Task('hexagonal-1', throughput+load+users+neighbour_load, reward='logarithmic')
    """

    folder: Path
    scenario: Scenario
    seed: int = 0
    train_steps: int = TRAIN_STEPS
    features: str | Sequence[str] = "paper"
    reward: str = "max_min"
    coordination: Coordination = "mean"
    config: TD3Config | HindsightConfig = field(default_factory=TD3Config)
    shared: bool = False
    n_networks: int = 1
    restart_steps: int = 0

    def __post_init__(self) -> None:
        """Raise RunError where a number is out of range, SlicefastError where a feature is unknown."""
        check_integer("seed", self.seed, 0, MOST_SEED)
        check_integer("train_steps", self.train_steps, 1, MOST_STEPS)
        check_integer("n_networks", self.n_networks, 1)
        check_integer("restart_steps", self.restart_steps, 0)
        if not isinstance(self.shared, bool):
            refuse("shared", self.shared, "true or false", RunError)
        if not isinstance(self.reward, str):
            refuse("reward", self.reward, "a registered name", RunError)
        object.__setattr__(self, "folder", Path(self.folder))
        object.__setattr__(self, "features", _features.expand(self.features))
        check_integer("exploration_steps", self.config.exploration_steps, 0, MOST_STEPS)
        if self.learner == "hindsight":
            self._check_hindsight()

    def _check_hindsight(self) -> None:
        check_replayable(self.scenario)
        if self.reward != "max_min":
            refuse("reward", self.reward, "'max_min', which the hindsight learner ascends", RunError)
        for name, one in (("shared", False), ("n_networks", 1), ("restart_steps", 0)):
            if getattr(self, name) != one:
                refuse(name, getattr(self, name), f"{one} for the hindsight learner (federated: one network)", RunError)

    @property
    def learner(self) -> LearnerName:
        """Which learner it is."""
        return "hindsight" if isinstance(self.config, HindsightConfig) else "td3"

    @property
    def agents_path(self) -> Path:
        """The file with the agents."""
        return self.folder / AGENTS_FILE

    @property
    def total_steps(self) -> int:
        """Exploration and training."""
        return self.config.exploration_steps + self.train_steps

    @property
    def n_agents(self) -> int:
        """Agents: one per cell, or one for all."""
        return 1 if self.shared else self.scenario.n_cells

    @property
    def restarts(self) -> Restarts | None:
        """When the networks start anew."""
        return Restarts(self.seed, self.restart_steps) if self.restart_steps else None

    @property
    def learner_config(self) -> TD3Config | HindsightConfig:
        """The learner's numbers as an agent counts them, in transitions."""
        if isinstance(self.config, HindsightConfig):
            return self.config
        return self.config.per_row(self.n_networks * self.scenario.n_cells // self.n_agents)

    def task(self, scenario: Scenario | None = None, reward: str | None = None) -> Task:
        """Return what the agents see and earn, on the run's own scenario and for its own reward unless given.

        Parameters
        ----------
        scenario : Scenario, optional
            What is played; of the sizes of the run's own.
        reward : str, optional
            A registered name.

        Raises
        ------
        RunError
            The reward is not registered.
        """
        try:
            return Task(scenario or self.scenario, self.features, reward or self.reward, self.coordination)
        except SlicefastError as error:
            raise RunError(str(error)) from None


@checked
def new_run(
    folder: str | os.PathLike[str],
    scenario: Scenario,
    *,
    seed: int = 0,
    train_steps: int = TRAIN_STEPS,
    features: str | Sequence[str] = "paper",
    reward: str = "max_min",
    coordination: Coordination = "mean",
    preset: Preset = "ours",
    shared: bool = False,
    n_networks: int = 1,
    restart_steps: int = 0,
    learner: LearnerName = "td3",
    **numbers: object,
) -> Run:
    """Return a run to be trained; nothing is written yet.

    Parameters
    ----------
    folder : path
        Where the run will be kept: new, or empty.
    scenario, seed, train_steps, features, reward, coordination, shared, n_networks, restart_steps
        See `Run`.
    preset : {"ours", "ours_transfer", "ours_shared", "published", "published_transfer"}
        The learner's named settings, see `slicefast.learn.TD3Config.preset`; "_transfer" for a target of `transfer`,
        "_shared" for one agent of all cells. The hindsight learner has its own defaults alone.
    learner : {"td3", "hindsight"}
        What learns.
    **numbers
        Any field of `slicefast.learn.TD3Config` (or `HindsightConfig`) that differs, such as ``batch_size=64``.

    Raises
    ------
    RunError
        The folder has files already, the reward is not registered, or a number is unknown or out of range.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> run = sf.runs.new_run("RUN", scenario, seed=0, exploration_steps=5, train_steps=10)
    >>> run.total_steps
    15
    """
    _hold_new(Path(folder))
    config = configure(numbers, preset, learner)
    networks = (shared, n_networks, restart_steps)
    run = Run(Path(folder), scenario, seed, train_steps, features, reward, coordination, config, *networks)
    run.task()
    return run


@checked
def configure(
    numbers: Mapping[str, object], preset: Preset = "published", learner: LearnerName = "td3"
) -> TD3Config | HindsightConfig:
    """Return the learner's numbers, those that are named changed from a preset's.

    Parameters
    ----------
    numbers : mapping of str to object
        Fields of TD3Config or HindsightConfig, by name.
    preset : str
        The preset that the others come from, of `learn.PRESETS`; of TD3 alone.
    learner : {"td3", "hindsight"}
        Whose numbers.

    Raises
    ------
    RunError
        A name is no field, a value is out of range, or there is no such preset or learner.

    Examples
    --------
    >>> sf.runs.configure({"batch_size": 64}, preset="ours").batch_size
    64
    """
    if learner not in LEARNERS:
        refuse("learner", learner, ", ".join(LEARNERS), RunError)
    known, kind = _FIELDS[learner], {"td3": "TD3Config", "hindsight": "HindsightConfig"}[learner]
    if preset not in PRESETS:
        refuse("preset", preset, ", ".join(PRESETS), RunError)
    for name, value in numbers.items():
        if name not in known:
            why = "; the hindsight learner does not explore" if name == "exploration_steps" else ""
            refuse(name, value, f"numbers of {kind}: {', '.join(known)}{why}", RunError)
    try:
        config: TD3Config | HindsightConfig = _CONFIGS[learner].validate_python(
            {**(PRESETS[preset] if learner == "td3" else {}), **numbers}
        )
    except ValidationError as error:
        first = error.errors()[0]
        message = str(first["msg"]).removeprefix("Value error, ")
        if not first["loc"]:  # the configuration's own check, which names the field
            raise RunError(message) from None
        refuse(str(first["loc"][0]), first["input"], message.removeprefix("Input should be "), RunError)
    return config


@checked
def load_run(folder: str | os.PathLike[str]) -> Run:
    """Return a trained run, or raise RunError.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> history = sf.runs.train(sf.runs.new_run("RUN", scenario, exploration_steps=5, train_steps=5))
    >>> sf.runs.load_run("RUN").scenario.n_cells
    3
    """
    path = Path(folder) / RUN_FILE
    if not path.is_file():
        unfinished = "; resume its training" * path.with_name(progress.PROGRESS_FILE).is_file()
        raise RunError(f"{Path(folder)} holds no trained run ({RUN_FILE} is missing{unfinished})")
    return _run_of(Path(folder), path, read_document(path))


@checked
def load_interrupted(folder: str | os.PathLike[str]) -> tuple[Run, int]:
    """Return a training or transfer that was interrupted, for `resume`, and how many steps of it are kept.

    Raises
    ------
    RunError
        The folder holds none, or its progress is damaged.

    Examples
    --------
    Progress is kept every 500 steps, and when Ctrl-C comes; here nothing but the beginning.

    >>> import contextlib
    >>> def press_ctrl_c(step):
    ...     raise KeyboardInterrupt
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> run = sf.runs.new_run("RUN", scenario, exploration_steps=5, train_steps=10)
    >>> with contextlib.suppress(KeyboardInterrupt):
    ...     sf.runs.train(run, callbacks=[press_ctrl_c])
    >>> interrupted, steps = sf.runs.load_interrupted("RUN")
    >>> interrupted == run, steps
    (True, 0)
    """
    path = Path(folder) / progress.PROGRESS_FILE
    if not path.is_file():
        raise RunError(f"{Path(folder)} holds no interrupted training ({progress.PROGRESS_FILE} is missing)")
    try:
        step, settings = progress.read_settings(Path(folder))
    except (ValueError, TypeError, KeyError) as error:
        raise RunError(f"{folder} cannot be resumed: {fault(error)}") from None
    return _run_of(Path(folder), path, settings), step


@checked
def load_agents(run: Run) -> TD3 | Hindsight:
    """Return a run's trained agents.

    Raises
    ------
    RunError
        Their file is missing, damaged, or not the one that the run wrote.

    Examples
    --------
    >>> scenario = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
    >>> history = sf.runs.train(sf.runs.new_run("RUN", scenario, exploration_steps=5, train_steps=5))
    >>> sf.runs.load_agents(sf.runs.load_run("RUN")).n_agents
    3
    """
    from slicefast.learn import TD3, Hindsight

    try:
        files.check_unchanged(run.agents_path, read_document(run.folder / RUN_FILE)["checksums"][AGENTS_FILE])
        return (Hindsight if run.learner == "hindsight" else TD3).load(run.agents_path)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(f"{run.agents_path} cannot be read: {fault(error)}") from error


def read_document(path: Path) -> dict[str, Any]:
    """Return a JSON document, or raise RunError."""
    try:
        return files.read_json(path)
    except CheckpointError as error:
        raise RunError(f"{path} cannot be read: {error}") from None


def _run_of(folder: Path, path: Path, document: Mapping[str, Any]) -> Run:
    """Return the run that a folder's document describes; whatever is wrong in it is a RunError that names the file."""
    try:
        scenario = Scenario.model_validate(inputs.kept(document, folder))
        names = ("seed", "train_steps", "features", "reward", "coordination")
        fields = {name: document[name] for name in names}
        # Runs of earlier versions say nothing of these.
        fields |= {name: document[name] for name in ("shared", "n_networks", "restart_steps") if name in document}
        learner = document.get("learner", "td3")
        return Run(folder, scenario, **fields, config=configure(document["config"], learner=learner))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RunError(f"{path} cannot be read: {fault(error)}") from None


def fault(error: Exception) -> str:
    """Return what was wrong with a document, cut where it is long; a KeyError says no more than a name by itself."""
    return f"no entry {shorten(error.args[0])}" if isinstance(error, KeyError) else str(error)[:500]


@contextlib.contextmanager
def claimed(run: Run) -> Iterator[None]:
    """Hold the folder of a new run, which is made first, and removed where nothing came to be written into it."""
    with files.claim(run.folder):
        _hold_new(run.folder)
        yield


def _hold_new(folder: Path) -> None:
    """Raise RunError where something is in a folder already, and say how an interrupted run in it goes on."""
    if files.is_empty(folder):
        return
    refusal = f"{folder} is not empty, and no run is ever overwritten: name a new folder"
    if (folder / progress.PROGRESS_FILE).is_file():
        refusal += (
            ", or go on with the interrupted run that it holds: "
            f"run, steps = slicefast.runs.load_interrupted({str(folder)!r}), then slicefast.runs.resume(run); "
            "in the shell --resume"
        )
    raise RunError(refusal)


def settings_of(run: Run) -> dict[str, Any]:
    """Return what a run's folder, which may be moved, says of it; the files of the scenario are copied there."""
    own = {"learner": run.learner, "config": run.config.to_dict()}
    settings = {**asdict(run), **own, **inputs.keep(run.scenario, run.folder)}
    del settings["folder"]
    return settings
