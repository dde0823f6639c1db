"""Watching a training: a bar, a table, TensorBoard, checkpoints, and what a tracker of your own is made of.

All are callbacks of `slicefast.training.train` and of `slicefast.runs.train`, called after every step::

    with Csv("run.csv", task) as table, Bar("training", 1000) as bar:
        train(simulator, agents, task, steps=1000, callbacks=[bar, table])
"""

from slicefast.callbacks.bar import Bar
from slicefast.callbacks.checkpoints import Checkpoints
from slicefast.callbacks.recorders import Csv, Recorder, TensorBoard, measures

__all__ = ["Bar", "Checkpoints", "Csv", "Recorder", "TensorBoard", "measures"]
