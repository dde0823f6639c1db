"""`slicefast examples`: programs to start from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from slicefast.cli.app import JsonOption


def examples(
    name: Annotated[str | None, typer.Argument(help="Which one to copy out; without it they are listed.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; NAME.py in this folder unless given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the examples, or copy one out to run and change."""
    from slicefast import examples as programs
    from slicefast import files
    from slicefast.errors import refuse

    if name is None and as_json:
        typer.echo(json.dumps({known: programs.summary(known) for known in programs.names()}, indent=1))
        return
    if name is None:
        width = max(map(len, programs.names()))
        for known in programs.names():
            typer.echo(f"{known.ljust(width)}  {programs.summary(known)}")
        return
    text = programs.text(name)
    path = Path(f"{name}.py") if out is None else out
    if path.exists():
        refuse("--out", str(path), "a file that does not exist yet; nothing is overwritten")
    files.write_text(path, text)
    typer.echo(json.dumps({"file": str(path)}) if as_json else f"python {path}")
