"""A network over its steps as a moving picture."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from slicefast import files
from slicefast.arguments import checked
from slicefast.errors import GivenBy, refuse
from slicefast.plot.backend import prepare
from slicefast.plot.rendering import Picture
from slicefast.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from slicefast.policies import Policy
    from slicefast.simulator import Simulator

#: What a moving picture may be: matplotlib's writers by the file's suffix.
WRITERS = {".gif": "pillow", ".mp4": "ffmpeg"}


@checked
def animate(
    simulator: Simulator,
    policy: Policy,
    path: str | Path,
    steps: int = 100,
    frames_per_s: float = 10.0,
    tick: Callable[[int], None] = lambda steps: None,
    every: int = 1,
) -> Path:
    """Play a network on under a policy and write what its steps looked like, as `VectorEnv.render` draws them.

    Parameters
    ----------
    simulator : Simulator
        One replica; it goes on from where it is, after a `reset` where nothing was played yet.
    policy : Policy
        Such as those of `slicefast.policies`.
    path : str or Path
        A file ending in .gif or .mp4; the latter needs ffmpeg.
    steps : int
        Steps that are played; the first frame is the network before them.
    frames_per_s : float
        How fast it is shown.
    tick : callable
        Called with 1 after each step.
    every : int
        Steps from frame to frame.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    SlicefastError
        The file's suffix is another, its writer is not installed, there are several replicas, or a number is too small.

    Examples
    --------
    >>> simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1, window_ttis=20), seed=0)
    >>> sf.plot.animate(simulator, sf.policies.equal_split, "day.gif", steps=2).name
    'day.gif'
    """
    prepare()
    from matplotlib import animation
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    path = Path(path)
    if path.suffix not in WRITERS:
        refuse("path", str(path), "a name ending in " + " or ".join(WRITERS))
    if not animation.writers.is_available(WRITERS[path.suffix]):
        refuse("path", str(path), f"a .gif: {WRITERS[path.suffix]}, which writes {path.suffix}, is not installed")
    for name, value, least in (("steps", steps, 1), ("frames_per_s", frames_per_s, 0.1), ("every", every, 1)):
        if not value >= least:
            refuse(name, value, f"at least {least}")
    if simulator.n_replicas > 1:
        refuse("simulator", f"{simulator.n_replicas} replicas", "one")
    task, picture = Task(simulator.scenario), Picture("rgb_array")
    try:
        kpis = simulator.kpis
    except RuntimeError:
        kpis = simulator.reset()
    first = picture.of_all(simulator, task)
    assert first is not None
    height, width = first[0].shape[:2]
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    image = axes.imshow(first[0])
    writer = animation.writers[WRITERS[path.suffix]](fps=frames_per_s)  # type: ignore[arg-type]  # its stub wants whole frames
    with tempfile.TemporaryDirectory() as aside:  # what is begun and not ended replaces nothing
        drawing = Path(aside) / f"drawn{path.suffix}"
        with writer.saving(figure, str(drawing), dpi=100):
            writer.grab_frame()  # Pillow cannot end a picture without a frame
            for step in range(1, steps + 1):
                with GivenBy("policy"):
                    kpis = simulator.step(policy(simulator, task.observe(kpis)))
                if step % every == 0:
                    drawn = picture.of_all(simulator, task)
                    assert drawn is not None
                    image.set_data(drawn[0])
                    writer.grab_frame()
                tick(1)
        files.write_bytes(path, drawing.read_bytes())
    return path
