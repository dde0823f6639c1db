"""matplotlib, whatever the environment says of windows."""

from __future__ import annotations

import contextlib
import os
import sys


def prepare() -> None:
    """Import matplotlib; where ``MPLBACKEND`` names what is none, as another program's may, go on without it.

    Our figures have their own canvas and need no backend, but matplotlib cannot be imported beside a name it does not
    know, nor be imported again after it has failed.
    """
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.pop("MPLBACKEND", "")
    try:
        import matplotlib as mpl

        if backend:
            with contextlib.suppress(ValueError):
                mpl.rcParams["backend"] = backend
    finally:
        if backend:
            os.environ["MPLBACKEND"] = backend
