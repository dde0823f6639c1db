"""`slicefast train`, `transfer` and `evaluate`: a user's own agents."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from slicefast.cli.app import (
    INTERRUPTED,
    JsonOption,
    NumbersOption,
    ScenarioOption,
    TraceOption,
    load_scenario,
    parse_numbers,
    reserves,
    traffic_note,
)
from slicefast.cli.display import print_table, step_bar
from slicefast.cli.options import (
    TRANSFER_SEED,
    ByPosition,
    ChoiceOption,
    CoordinationOption,
    CsvOption,
    EvaluationSeedOption,
    ExplorationOption,
    FeaturesOption,
    LearnerOption,
    NetworksOption,
    NewRun,
    RestartOption,
    ResumeOption,
    RewardOption,
    SeedOption,
    Settings,
    SettingsOption,
    SharedOption,
    StepsOption,
    StrategyOption,
    TensorBoardOption,
    TransferSeedOption,
    TransferStepsOption,
)
from slicefast.cli.own import check_reward_is_known, load_policy, load_reward
from slicefast.usual import TRANSFER_STEPS

if TYPE_CHECKING:
    from slicefast.callbacks import Recorder
    from slicefast.learn import Preset
    from slicefast.runs import Run, Scores
    from slicefast.training import History

#: Where --csv and --tensorboard write, in this order.
_Records = tuple[Path | None, Path | None]


@reserves
def train(
    out: NewRun,
    scenario: ScenarioOption = None,
    trace: TraceOption = None,
    seed: SeedOption = None,
    exploration: ExplorationOption = None,
    steps: StepsOption = None,
    reward: RewardOption = None,
    features: FeaturesOption = None,
    coordination: CoordinationOption = None,
    learner: LearnerOption = None,
    settings: SettingsOption = None,
    shared: SharedOption = None,
    networks: NetworksOption = None,
    restart: RestartOption = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads that the networks are shared among.")] = 1,
    numbers: NumbersOption = [],  # noqa: B006 - typer copies it
    csv: CsvOption = None,
    tensorboard: TensorBoardOption = None,
    resume: ResumeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train one agent per cell, or one for all, from scratch.

    An interrupted training can be resumed.
    """
    from slicefast import runs
    from slicefast.learn import PRESETS

    config = _given(exploration_steps=exploration) | parse_numbers(numbers)
    _refuse_settings(learner, settings)
    preset: Preset = "ours_shared" if shared and settings != "published" else settings or "ours"
    runs.configure(config, preset, learner or "td3")
    asked = _given(
        learner=learner,
        shared=shared,
        n_networks=networks,
        restart_steps=restart,
        seed=seed,
        train_steps=steps,
        reward=None if reward is None else load_reward(reward),
        features=None if features is None else features.split(","),
        coordination=coordination,
    )
    if resume:
        named = {} if settings is None else dict(PRESETS[preset])
        _resume("train", out, asked | named | config, scenario, trace, as_json, threads, (csv, tensorboard))
        return
    chosen = load_scenario(scenario, trace)
    run = runs.new_run(out, chosen, preset=preset, **asked, **config)
    if (note := traffic_note(chosen)) and not as_json:
        typer.echo(note)
    _learn(
        "train",
        run,
        run.total_steps,
        lambda tick, callbacks: runs.train(run, tick, threads, callbacks),
        as_json,
        (csv, tensorboard),
    )


@reserves
def transfer(
    out: NewRun,
    source: Annotated[
        Path | None, typer.Option(metavar="RUN", help="A folder that `slicefast train` or `transfer` wrote.")
    ] = None,
    target: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The target's scenario; the source's unless given.")
    ] = None,
    trace: TraceOption = None,
    seed: TransferSeedOption = None,
    steps: TransferStepsOption = None,
    strategy: StrategyOption = None,
    choice: ChoiceOption = "most",
    samples: Annotated[int, typer.Option(min=2, help="Default-action steps per network, to compare cells.")] = 500,
    reward: Annotated[
        str | None, typer.Option(metavar="FILE.py:FUNCTION", help="The source's reward, if it is your own.")
    ] = None,
    by_position: ByPosition = False,
    settings: SettingsOption = None,
    numbers: NumbersOption = [],  # noqa: B006 - typer copies it
    csv: CsvOption = None,
    tensorboard: TensorBoardOption = None,
    resume: ResumeOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train agents that start with what others have learned.

    Each cell of the target network starts with what the most similar cell of the source learned.
    """
    from slicefast import runs

    name = None if reward is None else load_reward(reward)
    if resume:
        asked = _given(seed=seed, train_steps=steps, reward=name) | _preset(settings, "_transfer")
        given = asked | parse_numbers(numbers)
        _resume("transfer", out, given, target, trace, as_json, records=(csv, tensorboard))
        return
    if source is None:
        raise typer.BadParameter("names the run whose agents are handed over", param_hint="--source")
    known = runs.load_run(source)
    if name is None:
        check_reward_is_known(known)
    _refuse_settings(known.learner, settings)
    chosen = load_scenario(target, trace) if target or trace else known.scenario
    run = runs.new_run(
        out,
        chosen,
        seed=TRANSFER_SEED if seed is None else seed,
        train_steps=TRANSFER_STEPS if steps is None else steps,
        features=known.features,
        coordination=known.coordination,
    )
    preset = _preset(settings or "ours", "_transfer") if known.learner == "td3" else {}
    numbers_of_learner = {**known.config.to_dict(), **preset, **parse_numbers(numbers)}
    config = runs.configure(numbers_of_learner, learner=known.learner)
    run = replace(run, config=config, reward=name or known.reward)
    _learn(
        "transfer",
        run,
        run.total_steps + (0 if known.shared else {"configuration": 0, "probe": samples}.get(choice, 2 * samples)),
        lambda tick, callbacks: runs.transfer(known, run, strategy, choice, samples, tick, by_position, callbacks),
        as_json,
        (csv, tensorboard),
    )


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `slicefast train` or `transfer` wrote.")],
    scenario: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Another scenario to play; the run's own unless given.")
    ] = None,
    seed: EvaluationSeedOption = None,
    steps: Annotated[int, typer.Option(min=1, help="Evaluation steps.")] = 250,
    oracle: Annotated[bool, typer.Option("--oracle", help="Also play the clairvoyant oracle (slow).")] = False,
    policy: Annotated[
        str, typer.Option(metavar="NAME", help="Also play a policy: a registered one, or FILE.py:FUNCTION of your own.")
    ] = "",
    by_position: ByPosition = False,
    as_json: JsonOption = False,
) -> None:
    """Play trained agents on a network they have not seen.

    Without noise, beside the baselines.
    """
    from slicefast import policies, runs
    from slicefast.rewards import MET

    trained = runs.load_run(run)
    chosen = trained.scenario if scenario is None else load_scenario(scenario)
    others = runs.baselines()
    if oracle:
        others["clairvoyant oracle"] = policies.oracle
    if policy:
        others[policy.rpartition(":")[2]] = load_policy(policy) if ":" in policy else policies.get(policy)
    network_seed = runs.EVALUATION_SEED if seed is None else seed
    with step_bar(f"evaluating the agents and {len(others)} policies", steps * (1 + len(others))) as tick:
        scores = runs.evaluate(trained, chosen, network_seed, steps, others, tick, by_position)
    if as_json:
        typer.echo(json.dumps({name: asdict(item) for name, item in scores.items()}, indent=1))
        return
    failing = f"cell-steps below {MET:g} [%]"
    headings = ("policy", "mean reward", "mean satisfaction", failing, "mean largest delay [ms]")
    print_table(headings, [[name, *_as_text(item)] for name, item in scores.items()])


def _as_text(scores: Scores) -> list[str]:
    return [
        f"{scores.mean_reward:.3f}",
        f"{scores.mean_satisfaction:.3f}",
        f"{100.0 * scores.failing_share:.1f}",
        f"{scores.mean_largest_delay_ms:.2f}",
    ]


def _given(**options: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _resume(
    command: str,
    out: Path,
    asked: Mapping[str, Any],
    scenario: Path | None,
    trace: Path | None,
    as_json: bool,
    threads: int = 1,
    records: _Records = (None, None),
) -> None:
    """Go on with an interrupted run, after refusing options that are not what it was begun with."""
    from slicefast import runs
    from slicefast.errors import RunError
    from slicefast.scenario.inputs import identity

    run, reached = runs.load_interrupted(out)
    begun = {
        **run.config.to_dict(),
        **{name: getattr(run, name) for name in ("learner", "seed", "train_steps", "reward", "shared")},
    }
    begun |= {name: getattr(run, name) for name in ("features", "coordination", "n_networks", "restart_steps")}
    for name, value in asked.items():
        if name not in begun:
            raise RunError(f"{name}: got {value!r}, allowed: nothing, its learner has no such number; leave it out")
        if _plain(value) != _plain(begun[name]):
            raise RunError(
                f"{name}: got {value!r}, allowed: {begun[name]!r}, with which {out} was begun; leave it out, or name a "
                "new --out"
            )
    if (scenario or trace) and identity(load_scenario(scenario, trace)) != identity(run.scenario):
        raise RunError(f"scenario: is not the one that {out} was begun with; leave it out, or name a new --out")
    check_reward_is_known(run)
    _learn(
        command,
        run,
        run.total_steps - reached,
        lambda tick, callbacks: runs.resume(run, tick, threads, callbacks),
        as_json,
        records,
    )


def _refuse_settings(learner: str | None, settings: Settings | None) -> None:
    if learner == "hindsight" and settings is not None:
        raise typer.BadParameter("is of TD3 alone", param_hint="--settings")


def _preset(settings: Settings | None, kind: Literal["_transfer"]) -> dict[str, Any]:
    """Return the numbers of a preset that was named, by TD3Config's names."""
    from slicefast.learn import PRESETS

    presets: dict[str, dict[str, Any]] = dict(PRESETS)  # type: ignore[arg-type]  # names as plain text
    return {} if settings is None else presets[f"{settings}{kind}"]


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _learn(
    command: str,
    run: Run,
    total: int,
    work: Callable[[Callable[[int], None], Sequence[Recorder]], History],
    as_json: bool,
    records: _Records,
) -> None:
    """Do the work under a bar, and say what was reached, or how to go on where it was interrupted."""
    from slicefast.callbacks import Csv, TensorBoard

    try:
        with contextlib.ExitStack() as stack:
            kinds = zip((Csv, TensorBoard), records, strict=True)
            callbacks = [stack.enter_context(kind(path, run.task())) for kind, path in kinds if path is not None]
            sampled = total - run.total_steps
            title = f"{command} to {run.folder}" + (f", {sampled} steps of samples first" if sampled > 0 else "")
            tick = stack.enter_context(step_bar(title, total))
            history = work(tick, callbacks)
    except KeyboardInterrupt:
        typer.echo(_how_to_continue(command, run), err=True)
        raise typer.Exit(INTERRUPTED) from None
    tail = max(1, min(250, run.total_steps // 4))
    first, last = (float(rows.mean()) for rows in (history.reward[:tail], history.reward[-tail:]))
    if as_json:
        told = {"steps": run.total_steps, "averaged_steps": tail, "first_reward": first, "last_reward": last}
        typer.echo(json.dumps({"run": str(run.folder), **told}))
        return
    typer.echo(f"mean reward {first:.3f} over the first {tail} steps, {last:.3f} over the last {tail}")
    typer.echo(f"agents in {run.folder}; play them with: slicefast evaluate {run.folder}")


def _how_to_continue(command: str, run: Run) -> str:
    from slicefast import runs
    from slicefast.errors import RunError

    try:
        _, reached = runs.load_interrupted(run.folder)
    except RunError:
        return "slicefast: interrupted before anything was kept; start again with the same command"
    return (
        f"slicefast: interrupted; {reached} of {run.total_steps} steps are kept. "
        f"Go on with: slicefast {command} --resume --out {run.folder}"
    )
