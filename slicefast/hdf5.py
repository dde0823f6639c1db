"""Files of the HDF5 library, which comes to no end with some that are damaged: tried by another process first.

Whatever checksum they bear, such files may come from anywhere, and a library of C that has lost its way takes the
process along: no exception is raised, and no Ctrl-C is heard.
"""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

#: Processor time that reading takes at most, for small files and for each MiB [s]; ten times what it needs.
_LEAST_S, _S_PER_MIB = 20, 1.0
#: What is larger is not read here, and refused by who asks.
_MOST_VALUES = 2**29
_READING = f"""
import math, resource, sys
hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
seconds = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_CPU, (seconds if hard == resource.RLIM_INFINITY else min(seconds, hard), hard))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
import h5netcdf
with h5netcdf.File(sys.argv[1], "r") as file:
    dict(file.attrs)
    for variable in file.variables.values():
        dict(variable.attrs)
        if math.prod(variable.shape) <= {_MOST_VALUES}:
            variable[...]
"""


def fatal_fault(path: str | os.PathLike[str]) -> str:
    """Return what is wrong with a file that the HDF5 library does not survive; "" if it does, or says what is wrong.

    The file is read by a process of its own, once as long as it does not change: some 0.4 s.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    OSError
        It cannot be looked at.
    """
    state = os.stat(path)
    return _tried(os.path.abspath(path), state.st_size, state.st_mtime_ns, state.st_ino)


@functools.lru_cache(maxsize=64)
def _tried(path: str, size: int, *changed: int) -> str:
    if not sys.executable:  # Python in another program, which has none to start
        return ""
    seconds = _LEAST_S + int(_S_PER_MIB * size / 2**20)
    code = subprocess.run(
        [sys.executable, "-c", _READING, path, str(seconds)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
        cwd=Path(path).anchor,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    ).returncode
    if code >= 0:
        return ""
    if -code in (signal.SIGXCPU, signal.SIGKILL):
        return f"the HDF5 library comes to no end with it in {seconds} s"
    return f"the HDF5 library dies of it (signal {-code})"
