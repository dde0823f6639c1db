"""Where an interrupted run stands: what its folder says of it, held against what the run is."""

from __future__ import annotations

from slicefast import progress
from slicefast.errors import RunError
from slicefast.runs.folder import Run, fault
from slicefast.simulator import Simulator


def reached_progress(run: Run) -> progress.Progress:
    """Return where an interrupted run stands, or raise RunError."""
    try:
        reached = progress.load(run.folder)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(f"{run.folder} cannot be resumed: {fault(error)}") from None
    if reached.reward.shape != (run.total_steps, run.n_networks * run.scenario.n_cells):
        raise RunError(f"{run.folder} cannot be resumed: its rewards are of another shape than its settings say")
    return reached


def resume_network(simulator: Simulator, run: Run, reached: progress.Progress) -> None:
    """Put an interrupted run's network where it stood, or raise RunError."""
    try:
        simulator.restore(reached.simulator)
        _ = simulator.kpis  # a snapshot may say that no step was played
    except (ValueError, RuntimeError) as error:
        raise RunError(f"{run.folder} cannot be resumed: {fault(error)}") from None
