"""How many processor cores this process is granted, which are often fewer than the machine has."""

from __future__ import annotations

import math
import os
from pathlib import Path


def granted_cpus(root: Path = Path("/")) -> int:
    """Return how many cores this process may use: those it may run on, or fewer where a control group limits its time.

    Both versions of control groups are asked, every group from this process's own to the outermost; half a core counts
    as one.

    Parameters
    ----------
    root : Path
        Where the system's files are.
    """
    allowed = len(os.sched_getaffinity(0))
    return max(1, min([allowed, *(math.ceil(quota) for quota in _quotas(root))]))


def _quotas(root: Path) -> list[float]:
    """Return the limits on processor time, in cores."""
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # a system without them
        return []
    found = []
    for line in groups:
        _, controllers, path = line.split(":", 2)
        mount, read = ("", _version_2) if not controllers else ("cpu", _version_1)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # A container sees its own group as the root, whatever it is called outside.
        inner = Path(path.lstrip("/"))
        for group in {inner, *inner.parents}:
            found += read(root / "sys/fs/cgroup" / mount / group)
    return found


def _version_2(group: Path) -> list[float]:
    return _ratio(_words(group / "cpu.max"))


def _version_1(group: Path) -> list[float]:
    return _ratio(_words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us"))


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _ratio(words: list[str]) -> list[float]:
    """Return quota over period [cores], nothing where there is no limit ("max", or -1)."""
    if len(words) != 2 or not all(word.isdecimal() for word in words) or int(words[1]) == 0:
        return []
    return [int(words[0]) / int(words[1])]
