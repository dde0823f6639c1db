"""The `slicefast` command: parses and calls; everything heavy is imported when a command runs."""

from slicefast.cli.animate import animate
from slicefast.cli.app import app, main
from slicefast.cli.examples import examples
from slicefast.cli.networks import info, scenario
from slicefast.cli.runs import evaluate, train, transfer
from slicefast.cli.study import report, reproduce

__all__ = ["app", "main"]

for command in (reproduce, report, train, transfer, evaluate, scenario, animate, examples, info):
    app.command()(command)
