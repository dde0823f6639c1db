"""A study on a cluster: what travels to a node and back, and Ray itself, of which a node is killed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from slicefast import Scenario, __version__
from slicefast.errors import RunError
from slicefast.study import cluster
from slicefast.study.execute import run_study
from slicefast.study.folder import Study, open_study
from slicefast.study.jobs import Job, needs, steps
from slicefast.study.protocol import Protocol
from slicefast.study.running import Progress

ARMS = ("equal_split", "drl_ours", "transfer_most_ours")
Maker = Callable[..., Scenario]
Checker = Callable[[Study, Study], None]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, tiny: Protocol, tiny_scenario: Maker) -> Study:
    """Return a study of two seeds that was run in this process."""
    folder = tmp_path_factory.mktemp("local") / "run"
    study = open_study(folder, tiny_scenario(), tiny.replace(arms=ARMS, pairs=False))
    assert run_study(study, workers=1)
    return study


def contents(study: Study, *jobs: Job) -> cluster.Contents:
    paths = [path for job in jobs for path in study.files(job)]
    return {path.relative_to(study.folder).as_posix(): path.read_bytes() for path in paths}


def test_a_job_needs_only_what_travelled_and_its_files_come_back(local: Study, tmp_path: Path) -> None:
    common = {"study.json": local.manifest.read_bytes()}
    again = open_study(tmp_path / "again", local.scenario, local.protocol)
    told: list[cluster.Report] = []
    for job in [job for job in local.jobs if job.seed == 1]:
        made = cluster.run_on_node(
            common, job, contents(local, *needs(job)), __version__, lambda *line: told.append(line)
        )
        assert told[-1][0] == job
        cluster.keep(again, job, made)
        assert contents(again, job).keys() == made.keys()
        assert again.finished(job)
        for name, values in local.load(job).items():
            np.testing.assert_array_equal(again.load(job)[name], values)


def test_what_cannot_be_used_is_refused(local: Study, tmp_path: Path) -> None:
    job = next(job for job in local.jobs if job.work.variants)
    again = open_study(tmp_path / "again", local.scenario, local.protocol)
    made = contents(local, job)
    weights, result = made
    with pytest.raises(RunError, match="what came back from its node has lost the weights that belong to it"):
        cluster.keep(again, job, {**made, weights: made[weights][:-1]})
    with pytest.raises(RunError, match=rf"{job}: what came back from its node is damaged"):
        cluster.keep(again, job, {weights: made[weights]})
    with pytest.raises(RunError, match="what came back from its node is not of "):
        cluster.keep(again, job, {**made, result: contents(local, Job("equal_split", 0)).popitem()[1]})
    with pytest.raises(RunError, match=rf"its node has slicefast {__version__}, the driver 0.1.0: install the same"):
        cluster.run_on_node({}, job, {}, "0.1.0", lambda *line: None)


def test_a_job_that_runs_again_is_heard_of_where_it_is_further() -> None:
    heard: list[tuple[str, int]] = []

    class Log(Progress):
        def started(self, job: Job) -> None:
            heard.append(("started", job.seed))

        def advanced(self, job: Job, steps: int) -> None:
            heard.append(("advanced", steps))

    told: dict[Job, int] = {}
    job = Job("equal_split", 3)
    cluster.watch([(job, 0), (job, 5)], told, Log())
    cluster.watch([(job, 0), (job, 4), (job, 7)], told, Log())
    assert heard == [("started", 3), ("advanced", 5), ("advanced", 2)]


DRIVER = """
import json, sys, time
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from slicefast.study import cluster as engine
from slicefast.study.execute import run_study
from slicefast.study.folder import load_study
from slicefast.study.running import Progress

nodes, folder = sys.argv[1], Path(sys.argv[2])
if nodes == "two":
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    doomed = cluster.add_node(num_cpus=1, resources={"place": 1})
    cluster.add_node(num_cpus=1, resources={"place": 1})
    ray.init(address=cluster.address, log_to_driver=False)
else:
    ray.init("local", num_cpus=1, resources={"place": 1}, include_dashboard=False, log_to_driver=False)

mailboxes, mailbox = [], engine._mailbox
engine._mailbox = lambda ray: mailboxes.append(mailbox(ray)) or mailboxes[0]
lines = []
class Log(Progress):
    def started(self, job):
        lines.append(("started", str(job), 0))
        if nodes == "two" and len(lines) == 2:  # nothing has come back yet
            cluster.remove_node(doomed, allow_graceful=False)
        if nodes == "one" and len(lines) == 1:
            ray.kill(mailboxes[0], no_restart=False)
    def advanced(self, job, steps):
        lines.append(("advanced", str(job), steps))
    def finished(self, job):
        lines.append(("finished", str(job), 0))

assert run_study(load_study(folder), engine="ray", progress=Log(), resources={"num_cpus": 1, "place": 1})
ray.get(mailboxes[0].take.remote())  # it hears again
while nodes == "two" and sum(node["Alive"] for node in ray.nodes()) > 2:
    time.sleep(1.0)
ray.shutdown()
if nodes == "two":
    cluster.shutdown()
print(json.dumps(lines))
"""


@pytest.mark.parametrize("nodes", ["one", "two"])
def test_ray_makes_what_this_process_makes_though_a_node_is_killed(
    local: Study, tmp_path: Path, nodes: str, assert_same: Checker
) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    # The first seed by another engine: the cluster goes on with it.
    started = open_study(tmp_path / "run", local.scenario, local.protocol.replace(n_seeds=1))
    if nodes == "two":
        assert run_study(started, workers=1)
    wanted = local.protocol if nodes == "two" else started.protocol
    study = open_study(tmp_path / "run", local.scenario, wanted, resume=True)
    todo = [job for job in study.jobs if not study.finished(job)]
    (tmp_path / "driver.py").write_text(DRIVER, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "driver.py", nodes, str(study.folder)],
        cwd=tmp_path, capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    lines = json.loads(ran.stdout.splitlines()[-1])
    for what in ("started", "finished"):
        assert sorted(line[1] for line in lines if line[0] == what) == sorted(map(str, todo))
    for job in todo:
        played = [line[2] for line in lines if line[:2] == ["advanced", str(job)]]
        assert sum(played) == steps(job, study.protocol, study.scenario)
    assert_same(study, local)
