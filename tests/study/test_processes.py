"""The processes of a study: as many as are granted, gone when their parent is, stopped as Ctrl-C stops."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slicefast import Scenario
from slicefast.granted import granted_bytes, granted_cpus
from slicefast.study.folder import Study, open_study
from slicefast.study.protocol import Protocol

RUN = """
import sys
from pathlib import Path
from slicefast.study.execute import run_study
from slicefast.study.folder import load_study
if __name__ == "__main__":
    sys.exit(7 if not run_study(load_study(Path(sys.argv[1])), workers=2) else 0)
"""
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


@pytest.fixture
def study(tmp_path: Path, tiny: Protocol, tiny_scenario: Callable[..., Scenario]) -> Study:
    """Return a study that takes minutes."""
    return open_study(tmp_path / "run", tiny_scenario(), tiny.replace(n_seeds=40))


@pytest.fixture
def started(study: Study, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Return a process that runs the study in two workers."""
    program = tmp_path / "run.py"
    program.write_text(RUN)
    process = subprocess.Popen([sys.executable, "-P", str(program), str(study.folder)], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def status(pid: int) -> tuple[str, int]:
    """Return a process's state and its parent; ("", 0) where there is none."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:2]
    except OSError:
        return "", 0
    return state, int(parent)


def workers_of(parent: int) -> list[int]:
    found = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    own = [pid for pid in found if status(pid)[1] == parent]
    return [pid for pid in own if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def wait_until(true: Callable[[], object]) -> None:
    give_up = time.monotonic() + 120.0
    while not true() and time.monotonic() < give_up:
        time.sleep(0.05)
    assert true()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_workers_are_gone_when_their_parent_is(
    study: Study, started: subprocess.Popen[bytes], number: signal.Signals
) -> None:
    wait_until(lambda: any(study.finished(job) for job in study.jobs[:4]) or started.poll() is not None)
    workers = workers_of(started.pid)
    assert len(workers) == 2
    started.send_signal(number)
    assert started.wait(120) == (-9 if number == signal.SIGKILL else 7)
    wait_until(lambda: all(status(pid)[0] in ("", "Z") for pid in workers))


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "granted"),
    [
        ({}, 8),
        ({"proc/self/cgroup": "0::/\n"}, 8),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "250000 100000\n"}, 3),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"}, 8),
        ({"proc/self/cgroup": "0::/elsewhere\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        (
            {
                "proc/self/cgroup": "5:memory:/x\n4:cpu,cpuacct:/x\n",
                "sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000\n",
            },
            2,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            8,
        ),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "9900000 100000\n"}, 8),
    ],
)
def test_as_many_cores_as_the_control_groups_grant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], granted: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(8)))
    assert granted_cpus(write(tmp_path, files)) == granted


@pytest.mark.parametrize(
    "files",
    [
        {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/memory.max": "4096000\n",
            "sys/fs/cgroup/memory.max": "max\n",
        },
        {"proc/self/cgroup": "5:memory:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "4096000\n"},
    ],
)
def test_as_much_memory_as_the_control_groups_grant(tmp_path: Path, files: dict[str, str]) -> None:
    assert granted_bytes(write(tmp_path, files)) == 4096000
    assert granted_bytes(tmp_path / "elsewhere") > 2**27  # the machine's
