"""The `slicefast` command: parses and calls; everything heavy is imported when a command runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from slicefast.scenario import Scenario

app = typer.Typer(
    name="slicefast",
    help="Network slicing in radio access networks, learned by one agent per cell, and transferred between cells.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

REFUSED, INTERRUPTED = 2, 130

ScenarioOption = Annotated[
    Path | None, typer.Option("--scenario", metavar="FILE", help="A scenario as TOML; the paper's unless given.")
]
TraceOption = Annotated[
    Path | None, typer.Option("--trace", metavar="FILE", help="A CSV traffic trace that drives the traffic mask.")
]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where everything is written.")]


def main() -> None:
    """Run the command line."""
    app()


@contextmanager
def refusals() -> Iterator[None]:
    """Turn an input that cannot be used into one message and exit code 2."""
    from slicefast.errors import RunError
    from slicefast.scenario import ScenarioError

    try:
        yield
    except (ScenarioError, RunError, FileNotFoundError, IsADirectoryError) as error:
        text = f"{error.filename}: no such file" if isinstance(error, FileNotFoundError) else str(error)
        typer.echo(f"slicefast: {text}", err=True)
        raise typer.Exit(REFUSED) from None


def load_scenario(path: Path | None, trace: Path | None = None) -> Scenario:
    """Return the scenario of a file, or the paper's, with its traffic trace replaced where one is given."""
    from slicefast.scenario import Scenario

    scenario = Scenario.paper() if path is None else Scenario.from_toml(path)
    if trace is None:
        return scenario
    return scenario.replace(traffic_trace=str(trace.resolve()))


def traffic_note(scenario: Scenario) -> str:
    """Read the scenario's trace, so that a bad one is refused before anything is written, and say what was done."""
    if scenario.traffic_trace is None:
        return ""
    from slicefast.rng import Streams
    from slicefast.traffic.mask import TrafficMask

    return str(TrafficMask.from_trace(scenario.traffic_trace, scenario, Streams(0).mask).note)


@app.command()
def reproduce(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer seeds and steps: a few minutes.")] = False,
    seeds: Annotated[int | None, typer.Option(min=1, help="Repetitions; 10, 2 with --quick, or as resumed.")] = None,
    out: OutOption = None,
    engine: Annotated[str, typer.Option(help="local, or ray for a Ray cluster.")] = "local",
    resume: Annotated[bool, typer.Option("--resume", help="Continue the study that the folder holds.")] = False,
    trace: TraceOption = None,
    scenario: ScenarioOption = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one per core unless given.")] = None,
) -> None:
    """Run the paper's experiment and write results.nc, figures, report.html and report.md."""
    with refusals():
        from slicefast import provenance
        from slicefast.study.execute import run_study
        from slicefast.study.folder import MANIFEST, load_study, open_study
        from slicefast.study.protocol import Protocol

        folder = out or Path("slicefast-quick" if quick else "slicefast-study")
        if seeds is None and resume and (folder / MANIFEST).is_file():
            seeds = load_study(folder).protocol.n_seeds
        protocol = (Protocol.quick if quick else Protocol.full)(**({} if seeds is None else {"n_seeds": seeds}))
        chosen = load_scenario(scenario, trace)
        note = traffic_note(chosen)
        if engine not in ("local", "ray"):
            raise typer.BadParameter(f"{engine!r}: allowed are local, ray", param_hint="--engine")
        study = open_study(folder, chosen, protocol, resume)
        left_out = [f"{name} is left out: {reason}" for name, reason in study.left_out.items()]
        for said in (note, provenance.note(provenance.kept(study.manifest)), *left_out):
            if said:
                typer.echo(said)
        with progress_bars(study) as progress:
            finished = run_study(study, workers, engine, progress)  # type: ignore[arg-type]  # checked above
    write_outcome(study)
    if not finished:
        typer.echo(
            f"interrupted; what is finished is in {folder}. Continue with the same command and --resume.", err=True
        )
        raise typer.Exit(INTERRUPTED)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A study's folder.")],
    into: Annotated[
        Path | None, typer.Option(metavar="FILE.md", help="Also put verdicts and tables between this file's marks.")
    ] = None,
) -> None:
    """Write results.nc, figures, report.html and report.md again from a study's finished parts."""
    with refusals():
        from slicefast.study.folder import load_study

        study = load_study(folder)
    comparison = write_outcome(study)
    if into is not None:
        from slicefast.study.report import put_section

        try:
            put_section(comparison, into)
        except (ValueError, OSError) as error:
            typer.echo(f"slicefast: {error}", err=True)
            raise typer.Exit(REFUSED) from None


def write_outcome(study: Any) -> Any:
    """Collect the result file, draw the figures, write the report, print the table, and return the comparison."""
    from slicefast.study import dataset as results
    from slicefast.study import figures
    from slicefast.study import report as page
    from slicefast.study.claims import verdicts
    from slicefast.study.collect import collect
    from slicefast.study.comparison import Comparison

    dataset = collect(study)
    results.write(dataset, study.folder / results.RESULT_FILE)
    comparison = Comparison(dataset)
    page.write(comparison, figures.write_all(comparison, study.folder / "figures"), study.folder / "report.html")
    table = page.comparison_table(comparison)
    print_table(list(table.headings), [[str(cell) for cell in row] for row in table.rows])
    for item in verdicts(comparison):
        typer.echo(f"{item.verdict:>9}  {item.claim} {item.evidence}")
    typer.echo(f"{study.folder / 'report.html'}  {study.folder / results.RESULT_FILE}")
    return comparison


def print_table(headings: list[str], rows: list[list[str]]) -> None:
    """Print a table whose cells hold a value and, below it, an interval."""
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text  # plain text: "[ms]" is no markup

    first, *others = (Text(heading) for heading in headings)
    shown = Table(Column(first), *(Column(other, justify="right") for other in others), box=None, pad_edge=False)
    for row in rows:
        shown.add_row(*(Text(cell.replace(" [", "\n[")) for cell in row))
    console = Console()
    Console(width=None if console.is_terminal else 170).print(shown)


@contextmanager
def progress_bars(study: Any) -> Iterator[Any]:
    """Show a bar for the study, with the time left, and one per running part; plain lines without a terminal."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from slicefast.study import execute
    from slicefast.study.jobs import steps

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    bars = Progress(*columns, TextColumn("left"), TimeRemainingColumn(), speed_estimate_period=120.0)
    total, done = execute.total_steps(study), execute.total_steps(study, only_finished=True)
    whole = bars.add_task("study", total=total, completed=done)

    class Bars(execute.Progress):
        def __init__(self) -> None:
            self.tasks: dict[Any, Any] = {}

        def started(self, job: Any) -> None:
            self.tasks[job] = bars.add_task(str(job), total=steps(job, study.protocol, study.scenario))

        def advanced(self, job: Any, steps: int) -> None:
            if job in self.tasks:
                bars.advance(self.tasks[job], steps)
            bars.advance(whole, steps)

        def finished(self, job: Any) -> None:
            if job in self.tasks:
                bars.remove_task(self.tasks.pop(job))
            if not bars.console.is_terminal:
                bars.console.print(f"finished {job}")

        def replaced(self, job: Any, fault: str) -> None:
            bars.console.print(f"{study.path(job)} {fault}: is made anew")

    with bars:
        yield Bars()


@app.command(name="scenario")
def show_scenario(
    preset: Annotated[str, typer.Argument(help="paper or hexagonal.")] = "paper",
    sites: Annotated[int, typer.Option(min=1, help="Sites of the hexagonal preset, three cells each.")] = 4,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it here instead of printing it.")] = None,
    check: Annotated[Path | None, typer.Option(metavar="FILE", help="Only check this scenario file.")] = None,
) -> None:
    """Print or write a preset scenario as TOML, or check one of yours."""
    import tempfile

    with refusals():
        from slicefast.scenario import Scenario

        if check is not None:
            mine = Scenario.from_toml(check)
            typer.echo(f"{check}: {mine.name}, {mine.n_cells} cells, {mine.n_slices} slices, {mine.n_users} users")
            return
        if preset not in ("paper", "hexagonal"):
            raise typer.BadParameter(f"{preset!r}: allowed are paper, hexagonal", param_hint="PRESET")
        made = Scenario.paper() if preset == "paper" else Scenario.hexagonal(n_sites=sites)
        if out is not None:
            made.to_toml(out)
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "scenario.toml"
            made.to_toml(path)
            typer.echo(path.read_text(), nl=False)


@app.command()
def info() -> None:
    """Print the build, the instruction set and the versions."""
    from slicefast.provenance import build, versions

    for name, value in {**versions(), **build()}.items():
        typer.echo(f"{name:>16}  {value}")


NewRun = Annotated[Path, typer.Option("--out", metavar="RUN", help="A new folder for the trained agents.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Seed of the network and of the learners.")]
RewardOption = Annotated[str, typer.Option(help="max_min, logarithmic, or FILE.py:FUNCTION of your own.")]


def load_function(what: str, text: str) -> Any:
    """Return a function of the user's own named `FILE.py:FUNCTION`."""
    import runpy

    from slicefast.errors import RunError

    path, _, name = text.rpartition(":")
    if not Path(path).is_file():
        raise RunError(f"{what} = {text!r}: no such file")
    try:
        found = runpy.run_path(path).get(name)
    except Exception as error:
        raise RunError(f"{what} = {text!r}: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise RunError(f"{what} = {text!r}: {path} defines no function {name}")
    return found


def load_reward(text: str) -> str:
    """Return the name of a reward; `FILE.py:FUNCTION` is imported and registered under that text, its path absolute."""
    from slicefast import rewards

    name = absolute(text)
    if name not in rewards.names() and ":" in name:
        rewards.register(name, load_function("reward", name))
    return name


def absolute(text: str) -> str:
    """Return `FILE.py:FUNCTION` with the file's absolute path, found from any folder; other text as is."""
    path, colon, name = text.rpartition(":")
    return f"{Path(path).resolve()}:{name}" if colon else text


def refuse_changes(context: typer.Context, run: Any, asked: dict[str, Any]) -> None:
    """Raise RunError where options that were given, option: (field, value), are not what a run was begun with."""
    from slicefast.errors import RunError

    for option, (name, value) in asked.items():
        source = context.get_parameter_source(option)
        if source is None or source.name == "DEFAULT":
            continue
        begun = getattr(run, name)
        if value != begun:
            shown = "" if name == "scenario" else f" = {value!r}, begun with {begun!r}"
            raise RunError(f"{name}{shown}: not what {run.folder} was begun with; leave it out or name a new --out")


@app.command()
def train(
    context: typer.Context,
    out: NewRun,
    scenario: ScenarioOption = None,
    trace: TraceOption = None,
    seed: SeedOption = 0,
    exploration: Annotated[int, typer.Option(min=0, help="Steps of random partitions.")] = 3000,
    steps: Annotated[int, typer.Option(min=1, help="Training steps after them.")] = 5500,
    reward: RewardOption = "max_min",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the folder's interrupted training.")] = False,
) -> None:
    """Train one agent per cell from scratch and keep them; an interrupted training can be resumed."""
    with refusals():
        from slicefast import runs

        if resume:
            run, reached = runs.interrupted(out)
            run = replace(run, reward=load_reward(run.reward))
            asked: dict[str, Any] = {
                "seed": ("seed", seed),
                "exploration": ("exploration_steps", exploration),
                "steps": ("train_steps", steps),
                "reward": ("reward", absolute(reward)),
            }
            if scenario or trace:
                asked["scenario" if scenario else "trace"] = ("scenario", load_scenario(scenario, trace))
            refuse_changes(context, run, asked)
            with step_bar("training", run.total_steps - reached.step) as tick:
                rewards = runs.train(run, tick, reached)
        else:
            chosen = load_scenario(scenario, trace)
            settings = {"seed": seed, "exploration_steps": exploration, "train_steps": steps}
            run = runs.new_run(out, chosen, reward=load_reward(reward), **settings)
            note = traffic_note(chosen)
            if note:
                typer.echo(note)
            with step_bar("training", run.total_steps) as tick:
                rewards = runs.train(run, tick)
    tell_training(run, rewards)


@app.command()
def transfer(
    source: Annotated[Path, typer.Option(metavar="RUN", help="A folder that `slicefast train` wrote.")],
    out: NewRun,
    target: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The target's scenario; the source's unless given.")
    ] = None,
    trace: TraceOption = None,
    seed: SeedOption = 1,
    steps: Annotated[int, typer.Option(min=1, help="Training steps; there is no exploration phase.")] = 4000,
    strategy: Annotated[str, typer.Option(help="model, feature, instance or integrated.")] = "integrated",
    choice: Annotated[str, typer.Option(help="The source of each cell: most, least, fast or random.")] = "most",
    samples: Annotated[int, typer.Option(min=2, help="Default-action steps by which cells are compared.")] = 500,
    by_position: Annotated[
        bool, typer.Option("--by-position", help="Match slices of other names by their order.")
    ] = False,
) -> None:
    """Train agents on a target network that start with what the most similar source cells learned."""
    with refusals():
        from slicefast import runs

        known = runs.load_run(source)
        known = replace(known, reward=load_reward(known.reward))
        chosen = load_scenario(target, trace) if target or trace else known.scenario
        settings = {"seed": seed, "exploration_steps": 0, "train_steps": steps}
        run = runs.new_run(out, chosen, reward=known.reward, **settings)
        with step_bar("transfer", run.total_steps + 2 * samples) as tick:
            rewards = runs.transfer(known, run, strategy, choice, samples, tick, by_position)
    tell_training(run, rewards)


def tell_training(run: Any, rewards: Any) -> None:
    """Say what a training run reached."""
    tail = max(1, min(250, run.total_steps // 4))
    first, last = rewards[:tail].mean(), rewards[-tail:].mean()
    typer.echo(f"mean reward {first:.3f} over the first {tail} steps, {last:.3f} over the last {tail}")
    typer.echo(f"agents in {run.folder}; play them with: slicefast evaluate {run.folder}")


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `slicefast train` or `transfer` wrote.")],
    scenario: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Another scenario to play; the run's own unless given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the network they are evaluated on.")] = 1_000_003,
    steps: Annotated[int, typer.Option(min=1, help="Evaluation steps.")] = 250,
    oracle: Annotated[bool, typer.Option("--oracle", help="Also play the clairvoyant oracle (slow).")] = False,
    policy: Annotated[str, typer.Option(metavar="FILE.py:FUNCTION", help="Also play a policy of your own.")] = "",
) -> None:
    """Play trained agents without noise on a network they have not seen, beside the baselines."""
    with refusals():
        from slicefast import policies, runs

        trained = runs.load_run(run)
        chosen = trained.scenario if scenario is None else load_scenario(scenario)
        others = {"equal split": policies.equal_split, "traffic-aware": policies.traffic_aware}
        if oracle:
            others["clairvoyant oracle"] = policies.oracle
        if policy:
            others[policy.rpartition(":")[2]] = load_function("policy", policy)
        with step_bar("evaluating", steps * (1 + len(others))) as tick:
            rows = runs.evaluate(trained, chosen, seed, steps, others, tick)
    print_table(["policy", *runs.SUMMARY], rows)


@contextmanager
def step_bar(title: str, total: int) -> Iterator[Any]:
    """Show one bar over steps with the time left; yield the function that advances it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda steps: bar.advance(task, steps)


if __name__ == "__main__":
    main()
