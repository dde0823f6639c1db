"""`slicefast scenario` and `slicefast info`: what is simulated, and by what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from slicefast.cli.app import JsonOption

# The words of slicefast.scenario, which is not imported before a command runs; mypy compares them.
Preset = Literal["paper", "hexagonal", "nr_3500_100mhz", "heterogeneous"]
Kind = Literal["mix", "requirements", "both", "anti"]


def scenario(
    preset: Annotated[Preset, typer.Argument(help="Which one.")] = "paper",
    sites: Annotated[
        int | None, typer.Option(min=1, help="Sites of the hexagonal preset, three cells each; 4 unless given.")
    ] = None,
    h: Annotated[
        float | None,
        typer.Option(
            "--heterogeneity",
            min=0.0,
            max=2.0,
            help="How much the heterogeneous preset's cells differ; 1 unless given.",
        ),
    ] = None,
    kind: Annotated[
        Kind | None,
        typer.Option(help="In what they differ: traffic mix, requirements, both (unless given), or against."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Draws their patterns; 0 unless given.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it to a new file, not to the screen.")] = None,
    check: Annotated[Path | None, typer.Option(metavar="FILE", help="Only check this scenario file.")] = None,
    mistaken: Annotated[Path | None, typer.Option("--scenario", hidden=True)] = None,
) -> None:
    """Print or write a scenario as TOML, or check one of yours."""
    import tempfile

    from slicefast.errors import one_line, refuse
    from slicefast.scenario import Scenario

    if mistaken is not None:
        raise typer.BadParameter(f"a file is checked by --check {mistaken}", param_hint="--scenario")
    if check is not None:
        mine = Scenario.from_toml(check)
        typer.echo(
            f"{check}: {one_line(mine.name)}, {mine.n_cells} cells, {mine.n_slices} slices, {mine.n_users} users"
        )
        return
    given = {"--sites": sites, "--heterogeneity": h, "--kind": kind, "--seed": seed}
    for option, value in given.items():
        of = "hexagonal" if option == "--sites" else "heterogeneous"
        if value is not None and preset != of:
            refuse(option, value, f"with the preset {of} only; this is {preset}")
    if preset == "heterogeneous":
        made = Scenario.heterogeneous(1.0 if h is None else h, kind or "both", seed or 0)
    else:
        made = Scenario.hexagonal(n_sites=sites or 4) if preset == "hexagonal" else getattr(Scenario, preset)()
    if out is not None:
        if out.exists():
            refuse("--out", str(out), "a file that does not exist yet; nothing is overwritten")
        made.to_toml(out)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scenario.toml"
        made.to_toml(path)
        typer.echo(path.read_text(encoding="utf-8"), nl=False)


def info(as_json: JsonOption = False) -> None:
    """Print the versions, the folder that slicefast runs from, the build and the instruction set.

    SLICEFAST_ISA=avx2 or baseline in the environment chooses a lower instruction set.
    """
    from slicefast.provenance import build, versions

    facts = {**versions(), "folder": str(Path(__file__).parents[1]), **build()}
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
        return
    for name, value in facts.items():
        typer.echo(f"{name:>26}  {value}")
