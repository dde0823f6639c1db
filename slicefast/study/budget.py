"""How many steps, samples and epochs the jobs of a study take, and the numbers of their learners."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field, model_validator

from slicefast.errors import ScenarioError, SlicefastError
from slicefast.settings import Settings
from slicefast.study.setting import SETTINGS, Setting
from slicefast.usual import TRAIN_STEPS, TRANSFER_STEPS

if TYPE_CHECKING:
    from slicefast.learn import TD3Config

GAIN_STEPS = (250, 500, 1000, 2000, 4000)
GAIN_WINDOW = 250
_RENAMED = {"best_steps": "counterfactual_steps"}
MORE_SAMPLES = 4  # times as many default-action samples, one of the remedies for the paper's distance

#: Steps that no study will ever take, and seeds whose list of jobs still fits in memory.
Count = Annotated[int, Field(strict=True, ge=1, le=10**9)]
CountFromZero = Annotated[int, Field(strict=True, ge=0, le=10**9)]
Seeds = Annotated[int, Field(strict=True, ge=1, le=100_000)]


# Imported when asked: learners bring torch along, which reading a finished study does not need.
def _paper_exploration_steps() -> int:
    from slicefast.learn import TD3Config

    return TD3Config().exploration_steps


class Budget(Settings):
    """The numbers that jobs read; the defaults are the full study's.

    Attributes
    ----------
    exploration_steps : int
        Steps of an agent from scratch with random partitions, as published; TD3Config's unless given. In our setting
        those of its preset, if they are fewer.
    train_steps : int
        Steps of its training after them.
    transfer_steps : int
        Training steps of a transfer, which has no exploration phase.
    pair_steps : int
        The same where all pairs of cells are transferred, of which only the start is looked at.
    hindsight_steps : int
        Steps in which a hindsight learner learns; it needs a few hundred, and each costs a dozen others.
    evaluation_steps : int
        Steps without exploration noise or learning at the end of every arm.
    sample_steps : int
        Default-action samples per cell for the similarity.
    vae_epochs : int
        Passes of the autoencoder over the pooled samples.
    early_steps : int
        The window of the early gain.
    mask_steps : int
        Steps of the traffic masks that are kept for the figure.
    counterfactual_steps : int
        Steps on training networks (the source network is one) from which the counterfactual policy is learned.
    shared_steps : int
        Steps in which one agent for all cells is trained on many networks.
    pairs : bool
        Whether to transfer over all ordered pairs of cells.
    remedies : bool
        Whether the remedies for the paper's distance are measured, too, some of which take more samples.
    td3 : dict
        Further numbers of `slicefast.learn.TD3Config` by name; those that are not named have its defaults.

    Raises
    ------
    ScenarioError
        A number is no integer or out of its range, or TD3Config refuses one of its numbers.
    """

    exploration_steps: CountFromZero = Field(default_factory=_paper_exploration_steps)
    train_steps: Count = TRAIN_STEPS
    transfer_steps: Count = TRANSFER_STEPS
    pair_steps: Count = 1000
    hindsight_steps: Count = 1000
    evaluation_steps: Count = 250
    sample_steps: Count = 500
    vae_epochs: Count = 60
    early_steps: Count = 1000
    mask_steps: Count = 200
    counterfactual_steps: Count = 2400
    shared_steps: Count = 1700
    pairs: Annotated[bool, Field(strict=True)] = True
    remedies: Annotated[bool, Field(strict=True)] = True
    td3: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _rename(cls, fields: Any) -> Any:
        """Take names of release 0.1.0."""
        if not isinstance(fields, dict) or not _RENAMED.keys() & fields.keys():
            return fields
        for old, new in _RENAMED.items():
            if old in fields:
                told = f"{old} is {new} now; the old name goes in 0.3.0"
                warnings.warn(told, DeprecationWarning, stacklevel=4)
        return {_RENAMED.get(name, name): value for name, value in fields.items()}

    @model_validator(mode="after")
    def _fit_together(self) -> Budget:
        if self.transfer_steps > self.learning_steps:
            allowed = f"at most exploration and training together, {self.learning_steps}"
            raise ScenarioError("transfer_steps", self.transfer_steps, allowed)
        # What was not asked for fits what was: a short study has short pairs and looks back on less.
        for name, most in (("pair_steps", self.transfer_steps), ("hindsight_steps", self.learning_steps)):
            if name not in self.model_fields_set:
                self.__dict__[name] = min(getattr(self, name), most)
        if self.pairs and self.pair_steps > self.transfer_steps:
            raise ScenarioError("pair_steps", self.pair_steps, f"at most transfer_steps, {self.transfer_steps}")
        if self.hindsight_steps > self.learning_steps:
            allowed = f"at most exploration and training together, {self.learning_steps}"
            raise ScenarioError("hindsight_steps", self.hindsight_steps, allowed)
        if self.early_steps > self.horizon:
            raise ScenarioError("early_steps", self.early_steps, f"at most all steps of an arm, {self.horizon}")
        if self.td3:
            self._check_td3()
        return self

    def _check_td3(self) -> None:
        """Refuse what TD3Config refuses, and keep of the rest what differs from its defaults."""
        from slicefast.learn import TD3Config

        defaults = TD3Config().to_dict()
        allowed = [name for name in defaults if name != "exploration_steps"]
        for name, value in self.td3.items():
            if name not in allowed:
                raise ScenarioError(f"td3.{name}", value, f"unknown; allowed: {', '.join(allowed)}")
        asked = self._asked("published")
        changed = {name: asked[name] for name in self.td3 if asked[name] != defaults[name]}
        # Frozen for its users; equal settings must compare equal, and this is still the construction.
        self.__dict__["td3"] = {
            name: list(value) if isinstance(value, tuple) else value for name, value in changed.items()
        }
        for setting, transferred in product(SETTINGS, (True, False)):
            self._asked(setting, transferred)

    def _asked(self, setting: Setting, transferred: bool = False) -> dict[str, Any]:
        """Return the numbers of a setting, or say which one cannot have those of `td3`."""
        try:
            return self.td3_config(setting, transferred).to_dict()
        except (ValueError, TypeError) as error:
            which = f"{setting}{', transferred' if transferred else ''}"
            raise ScenarioError("td3", self.td3, f"{error} (setting: {which})") from None

    @property
    def collected_steps(self) -> int:
        """Default-action steps of each network that are sampled."""
        return self.sample_steps * (MORE_SAMPLES if self.remedies else 1)

    @property
    def learning_steps(self) -> int:
        """Steps of exploration and training of an agent from scratch."""
        return self.exploration_steps + self.train_steps

    @property
    def horizon(self) -> int:
        """Steps every arm plays on the target network."""
        return self.learning_steps + self.evaluation_steps

    @property
    def gain_steps(self) -> tuple[int, ...]:
        """Steps of a transfer at which the gain of all pairs is read, each over the window before it."""
        return tuple(step for step in GAIN_STEPS if step <= self.pair_steps) or (self.pair_steps,)

    def td3_config(self, setting: Setting = "published", transferred: bool = False, **changes: Any) -> TD3Config:
        """Return the numbers of a learner: those of a preset of `slicefast.learn.config`, then `td3`, then changes.

        Parameters
        ----------
        setting : {"published", "ours"}
            Which preset.
        transferred : bool
            Whether it starts with what another learned: then it has no exploration phase.
        **changes
            Fields of TD3Config by name.
        """
        from slicefast.learn import TD3Config
        from slicefast.learn.config import PRESETS

        preset = PRESETS[f"{setting}_transfer" if transferred else setting]  # type: ignore[index]
        numbers: dict[str, Any] = {"exploration_steps": 0, **preset, **self.td3, **changes}
        if not transferred and "exploration_steps" not in changes:
            numbers["exploration_steps"] = min(
                preset.get("exploration_steps", self.exploration_steps), self.exploration_steps
            )
        return TD3Config(**numbers)

    def only(self, names: Collection[str]) -> Budget:
        """Return a view of these fields, and of what is computed from them; reading another is an error.

        So what a job says it reads, on which the fingerprint of its results rests, is all that it can read.
        """
        return cast(Budget, _View(self, frozenset(names)))


class _View:
    def __init__(self, budget: Budget, names: frozenset[str]) -> None:
        self._budget, self._names = budget, names

    def __getattr__(self, name: str) -> Any:
        if name in Budget.model_fields:
            if name not in self._names:
                raise SlicefastError(f"{name}: is read by a job that names only {', '.join(sorted(self._names))}")
            return getattr(self._budget, name)
        return getattr(Budget, name).__get__(self)
