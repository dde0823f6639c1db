"""What this process is granted: processor cores and memory, which are often less than the machine has.

Both versions of control groups are asked, every group from this process's own to the outermost.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path


def granted_cpus(root: Path = Path("/")) -> int:
    """Return how many cores this process may use: those it may run on, or fewer where a control group limits its time.

    Half a core counts as one.

    Parameters
    ----------
    root : Path
        Where the system's files are.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas: list[float] = []
    for group in _groups(root, "cpu"):
        quotas += _ratio(_words(group / "cpu.max"))
        quotas += _ratio(_words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us"))
    return max(1, min([allowed, *map(math.ceil, quotas)]))


def granted_bytes(root: Path = Path("/")) -> int:
    """Return how much memory this process may use [byte]: the machine's, or less where a limit says so.

    Parameters
    ----------
    root : Path
        Where the system's files are.
    """
    limits = [sys.maxsize]
    if hasattr(os, "sysconf"):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        import resource

        limits.append(resource.getrlimit(resource.RLIMIT_AS)[0])
    for group in _groups(root, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limits += [int(word) for word in _words(group / name) if word.isdecimal()]
    return min(limit for limit in limits if limit >= 0)  # RLIM_INFINITY is -1


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups that this process is in and that may limit it."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # a system without them
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / (controller if controllers else "")
        # A container sees its own group as the root, whatever it is called outside.
        inner = Path(path.lstrip("/"))
        for group in {inner, *inner.parents}:
            yield mount / group


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
