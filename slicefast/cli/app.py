"""The application: its name, its version, what it says of errors, and the options that several commands share."""

from __future__ import annotations

import functools
import os
import sys
import tomllib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from slicefast.cli.streams import Streams

if TYPE_CHECKING:
    from slicefast.scenario import Scenario

REFUSED, INTERRUPTED = 2, 130
_WRITES_FILES = {"reproduce", "report", "train", "transfer"}  # what these print, their files say too

ScenarioOption = Annotated[
    Path | None, typer.Option("--scenario", metavar="FILE", help="A scenario as TOML; the paper's unless given.")
]
TraceOption = Annotated[
    Path | None, typer.Option("--trace", metavar="FILE", help="A CSV traffic trace that drives the traffic mask.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

NumbersOption = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A number of the learner, such as actor_lr=1e-4 or actor_hidden=[64,32]; as often as needed. A wrong name "
        "lists the right ones.",
    ),
]


class Commands(TyperGroup):
    """Commands whose errors of the user's making are one line and exit code 2."""

    def invoke(self, ctx: Any) -> Any:  # typer keeps the type to itself
        """Run a command; other errors than of input, files and interruption are programming faults and pass."""
        from slicefast.errors import SlicefastError

        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("slicefast: interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except SlicefastError as error:
            message = str(error)
        except OSError as error:
            message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        typer.echo(f"slicefast: {' '.join(message.split())}", err=True)
        raise typer.Exit(REFUSED)


app = typer.Typer(
    name="slicefast",
    cls=Commands,
    help="Network slicing in radio access networks, learned by one agent per cell, and transferred between cells.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line."""
    # A notebook's own backend, which our figures do not use, need not be installed here.
    os.environ.pop("MPLBACKEND", None)
    warnings.showwarning = _tell
    streams = Streams()
    try:
        app()
    except SystemExit as end:
        if (lost := streams.lost()) and not end.code:
            typer.echo(f"slicefast: what was to be printed could not be: {lost}", err=True)
            if not _WRITES_FILES & set(sys.argv[1:2]):
                raise SystemExit(REFUSED) from None
        raise


def _tell(message: Warning | str, category: type[Warning], *where: Any, **also: Any) -> None:
    """Show a warning as what it says: lines of code mean nothing to who types commands."""
    typer.echo(f"slicefast: warning: {' '.join(str(message).split())}", err=True)


def _show_version(asked: bool) -> None:
    if asked:
        from slicefast import __version__

        typer.echo(f"slicefast {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Options of the program itself."""


def reserves(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command hold its new folder from its first moment, so that of two the one that was started first goes on.

    Parameters
    ----------
    command : callable
        With an option `out`.
    """

    @functools.wraps(command)
    def run(*, out: Path, **options: Any) -> None:
        from slicefast import files

        with files.claim(out, files.COMMAND):
            command(out=out, **options)

    return run


def load_scenario(path: Path | None, trace: Path | None = None) -> Scenario:
    """Return the scenario of a file, or the paper's, with its traffic trace replaced where one is given."""
    from slicefast.scenario import Scenario

    scenario = Scenario.paper() if path is None else Scenario.from_toml(path)
    if trace is None:
        return scenario
    return scenario.replace(traffic_trace=str(trace.resolve()))


def traffic_note(scenario: Scenario) -> str:
    """Read the scenario's trace, so that a bad one is refused before anything is written, and say what was done."""
    from slicefast.traffic.series import note

    return note(scenario)


def parse_numbers(numbers: list[str], example: str = "actor_lr=1e-4", option: str = "--set") -> dict[str, Any]:
    """Return NAME=VALUE texts as a dictionary, values as TOML has them."""
    parsed: dict[str, Any] = {}
    for text in numbers:
        name, equals, value = text.partition("=")
        try:
            parsed[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            equals = ""
        if not equals:
            said = f"{text!r} is not NAME=VALUE in TOML, text in quotes, such as {example}"
            raise typer.BadParameter(said, param_hint=option)
    return parsed
