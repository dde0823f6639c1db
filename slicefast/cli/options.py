"""The options of `slicefast train` and `transfer`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from slicefast.usual import EVALUATION_SEED, TRAIN_STEPS, TRANSFER_STEPS

# The words of slicefast.transfer, runs and task, which are not imported before a command runs; mypy compares them.
Strategy = Literal["model", "feature", "instance", "integrated"]
Choice = Literal["most", "least", "fast", "corrected", "configuration", "probe", "random"]
Coordination = Literal["mean", "none"]
Settings = Literal["ours", "published"]
LearnerName = Literal["td3", "hindsight"]

NewRun = Annotated[Path, typer.Option("--out", metavar="RUN", help="A new folder for the trained agents.")]
_SEEDS: dict[str, Any] = {"min": 0, "max": 2**64 - 1}
#: Of a target's network and learners: another than a source's.
TRANSFER_SEED = 1
SeedOption = Annotated[int | None, typer.Option(**_SEEDS, help="Seed of the network and the learners; 0 unless given.")]
TransferSeedOption = Annotated[
    int | None, typer.Option(**_SEEDS, help=f"Seed of the network and the learners; {TRANSFER_SEED} unless given.")
]
EvaluationSeedOption = Annotated[
    int | None,
    typer.Option(**_SEEDS, help=f"Seed of the network they are evaluated on; {EVALUATION_SEED} unless given."),
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on with what was interrupted in this folder.")]
SettingsOption = Annotated[
    Settings | None,
    typer.Option("--settings", help="The learner's numbers: ours, which learn with less regret, or the papers'."),
]
LearnerOption = Annotated[
    LearnerName | None,
    typer.Option("--learner", help="td3, or hindsight: from what every share would have earned, not exploring."),
]
SharedOption = Annotated[bool | None, typer.Option("--shared", help="One agent for all cells, learning from them all.")]
FeaturesOption = Annotated[
    str | None, typer.Option("--features", metavar="NAMES", help="What agents see: paper, or names joined by commas.")
]
CsvOption = Annotated[
    Path | None,
    typer.Option("--csv", metavar="FILE", help="Also a table of rewards, satisfaction and losses, a row per 25 steps."),
]
TensorBoardOption = Annotated[
    Path | None,
    typer.Option("--tensorboard", metavar="FOLDER", help="The same for TensorBoard, where it is installed."),
]
ByPosition = Annotated[bool, typer.Option("--by-position", help="Match slices of other names by their order.")]
ExplorationOption = Annotated[
    int | None, typer.Option(min=0, help="Steps of random partitions; as --settings has it unless given.")
]
StepsOption = Annotated[
    int | None, typer.Option(min=1, help=f"Training steps after them; {TRAIN_STEPS}, the paper's, unless given.")
]
RewardOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="max_min, logarithmic, or FILE.py:FUNCTION of your own.")
]
StrategyOption = Annotated[
    Strategy | None,
    typer.Option(
        help="What is handed over: model, all layers of the networks; feature, all but the last, which stay as they "
        "are then; instance, what the source remembers; integrated, model and instance. integrated unless given, "
        "model of a hindsight learner."
    ),
]
ChoiceOption = Annotated[
    Choice,
    typer.Option(
        help="How each cell's source is chosen: most, the most alike by the paper's distance; least, the least alike; "
        "fast, by a simpler distance; corrected, by the paper's less what a cell's own spread adds; configuration, by "
        "what is written down of the cells, unsampled; probe, by what each source would have earned in the target's "
        "first steps; random, any."
    ),
]
CoordinationOption = Annotated[
    Coordination | None, typer.Option(help="What agents hear of their neighbours: their mean load, or nothing.")
]
NetworksOption = Annotated[
    int | None, typer.Option(min=1, help="Networks side by side to learn from, of further seeds.")
]
RestartOption = Annotated[
    int | None, typer.Option(min=0, help="Steps after which the networks start anew with other seeds; 0: never.")
]
TransferStepsOption = Annotated[
    int | None,
    typer.Option("--steps", min=1, help=f"Training steps, none explores; {TRANSFER_STEPS}, the paper's, unless given."),
]
