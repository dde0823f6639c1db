"""A whole study on a tiny network: its result file, resuming, interrupting, refusing, figures and report."""

import base64
import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr

from slicefast import Scenario, provenance
from slicefast.study import claims as verdicts
from slicefast.study import dataset as results
from slicefast.study import figures, report
from slicefast.study.arms import requirement_groups
from slicefast.study.execute import Progress, RunError, load_study, open_study, run_study, total_work
from slicefast.study.jobs import MANIFEST, Study, collect_samples, load_arrays, run_part, save_arrays
from slicefast.study.protocol import ARMS, Part, Protocol, needs, parts, ready, stream_seed

TINY = Protocol(
    n_seeds=2,
    exploration_steps=20,
    train_steps=40,
    transfer_steps=40,
    evaluation_steps=10,
    sample_steps=20,
    vae_epochs=2,
    early_steps=20,
    mask_steps=12,
    best_steps=8,
)


def tiny_scenario(**overrides: Any) -> Scenario:
    """Return one site, three cells, few TTIs."""
    return Scenario.hexagonal(n_sites=1, window_ttis=20, **overrides)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Return a finished study, run in this process."""
    study = open_study(tmp_path_factory.mktemp("study") / "run", tiny_scenario(), TINY)
    assert run_study(study, workers=1)
    return study


@pytest.fixture(scope="module")
def dataset(finished: Study) -> xr.Dataset:
    """Return its result file, written and read back."""
    path = finished.folder / results.RESULT_FILE
    results.write(results.collect(finished), path)
    return results.read(path)


def test_every_part_has_a_file_and_nothing_half_written_is_left(finished: Study) -> None:
    assert all(finished.finished(part) for part in parts(TINY))
    assert not list(finished.folder.rglob("*.partial*"))


def test_result_file_has_the_dimensions_and_says_what_it_rests_on(dataset: xr.Dataset, finished: Study) -> None:
    sizes = {"policy": len(TINY.arms), "seed": 2, "step": TINY.horizon, "cell": 3, "slice": 4}
    assert {name: dataset.sizes[name] for name in sizes} == sizes
    assert dataset.reward.dims == ("policy", "seed", "step", "cell")
    assert dataset.delay_ms.dims == ("policy", "seed", "evaluation_step", "cell", "slice")
    assert dataset.delay_ms.attrs["units"] == "ms"
    assert dataset.attrs["complete"] == 1
    assert json.loads(dataset.attrs["seeds"]) == [0, 1]
    assert Scenario.model_validate_json(dataset.attrs["scenario"]) == finished.scenario
    assert Protocol.from_dict(json.loads(dataset.attrs["protocol"])) == TINY
    assert {"slicefast", "numpy", "torch"} <= json.loads(dataset.attrs["versions"]).keys()
    assert "instruction_set" in json.loads(dataset.attrs["build"])
    learned = dataset.reward.drop_sel(policy="oracle")
    assert ((learned >= 0.0) & (learned <= 1.0)).all()
    assert np.isnan(dataset.reward.sel(policy="oracle")[:, :-10]).all()
    assert (dataset.reward.sel(policy="oracle")[:, -10:] >= 0.0).all()


def test_fixed_policies_and_masks_do_not_depend_on_the_learners(dataset: xr.Dataset, finished: Study) -> None:
    """The evaluation's rewards follow from the stored KPIs: reward = min over slices of both satisfactions."""
    worst = np.minimum(dataset.throughput_satisfaction, dataset.delay_satisfaction).min("slice")
    np.testing.assert_allclose(worst.values, dataset.reward.isel(step=slice(-10, None)).values, atol=1e-6)
    assert ((dataset.traffic_mask >= 0.0) & (dataset.traffic_mask <= 1.0)).all()


def test_transfers_take_the_nearest_and_the_farthest_other_cell(dataset: xr.Dataset) -> None:
    for seed in range(2):
        distance = dataset.distance.values[seed].copy()
        for name, pick, own in (("transfer_most", np.argmin, np.inf), ("transfer_least", np.argmax, -np.inf)):
            np.fill_diagonal(distance, own)
            np.testing.assert_array_equal(dataset.source_cell.sel(policy=name)[seed], pick(distance, axis=0) + 1)
    assert (dataset.source_cell.sel(policy="drl") == 0).all()


def test_known_cells_start_with_what_they_learned_before_their_traffic_changed(
    dataset: xr.Dataset, finished: Study
) -> None:
    np.testing.assert_array_equal(dataset.source_cell.sel(policy="transfer_itself"), [[1, 2, 3]] * 2)
    known, new = (finished.load(Part(0, name))["reward"] for name in ("known_pretrain", "pretrain"))
    assert known.shape == new.shape
    assert not np.array_equal(known, new)


def test_cells_of_equal_requirements_share_a_group() -> None:
    np.testing.assert_array_equal(requirement_groups(Scenario.paper()), [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1])


def test_pairs_hold_every_ordered_pair(dataset: xr.Dataset) -> None:
    """A pair of the same numbers is kept as reward but gains are between different cells."""
    assert dataset.pair_reward.dims == ("seed", "gain_step", "source", "target")
    assert ((dataset.pair_reward >= 0.0) & (dataset.pair_reward <= 1.0)).all()
    gains = results.pair_gains_percent(dataset)
    assert gains is not None
    assert gains.shape == (2, 1, 3, 3)
    np.testing.assert_array_equal(np.isnan(gains), np.broadcast_to(np.eye(3, dtype=bool), gains.shape))
    own = dataset.reward.sel(policy="drl").values[:, :40].mean(axis=1)
    expected = 100.0 * (dataset.pair_reward.values[:, 0] / own[:, None] - 1.0)
    np.testing.assert_allclose(gains[:, 0, 0, 1], expected[:, 0, 1], rtol=1e-5)


def test_same_seeds_give_the_same_numbers_in_any_order_and_process(tmp_path: Path, finished: Study) -> None:
    study = open_study(tmp_path / "again", tiny_scenario(), TINY)
    assert run_study(study, workers=2)
    for part in parts(TINY):
        first, second = finished.load(part), study.load(part)
        for name, values in first.items():
            np.testing.assert_array_equal(values, second[name], err_msg=f"{part}: {name}")


def test_figures_are_pictures(dataset: xr.Dataset, tmp_path: Path) -> None:
    written = figures.write_all(dataset, tmp_path)
    assert {drawing.name for drawing, _ in written} >= {drawing.name for drawing in figures.DRAWINGS[:6]}
    for _, path in written:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 5_000
    assert not list(tmp_path.glob("*.partial*"))


class Page(HTMLParser):
    """Collects what the report is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[str] = []
        self.links: list[str] = []
        self.rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep images, links and table rows."""
        found = dict(attrs)
        if tag == "img":
            self.images.append(found["src"] or "")
        self.links += [found[name] or "" for name in ("href", "src") if name in found]
        self.rows += tag == "tr"


def test_report_stands_alone_with_every_figure_arm_and_claim(dataset: xr.Dataset, tmp_path: Path) -> None:
    drawings = figures.write_all(dataset, tmp_path / "figures")
    report.write(dataset, drawings, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert len(page.images) == len(drawings)
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert base64.b64decode(page.images[0].split(",")[1]) == drawings[0][1].read_bytes()
    for name in TINY.arms:
        assert escape(ARMS[name].label) in text
    assert [item.claim[:3] for item in verdicts.verdicts(dataset)] == ["(a)", "(b)", "(c)", "(c)", "(d)", "(e)"]
    assert len(re.findall(r"<b>(confirmed|refuted|undecided)</b>", text)) == 6
    assert "With 2 seeds" in text
    assert "not finished" not in text


def test_report_is_markdown_too_and_goes_into_a_file_with_marks(dataset: xr.Dataset, tmp_path: Path) -> None:
    drawings = figures.write_all(dataset, tmp_path / "figures")
    text = report.markdown(dataset, drawings)
    for drawing, _ in drawings:
        assert f"![{drawing.title}](figures/{drawing.name}.png)" in text
    for name in TINY.arms:
        assert f"| {ARMS[name].label} |" in text
    widths = {line.count("|") for line in text.splitlines() if line.startswith("| ")}
    assert widths == {len(report.headings()) + 1, len(TINY.gain_steps) + 2, 4}
    ablated = [name for name in TINY.arms if ARMS[name].kind == "best" and name != "best"]
    assert [len(item.rows) for item in report.ablation_table(dataset)] == [len(ablated)]
    assert text.count("- **") == 6
    page = tmp_path / "README.md"
    page.write_text(f"mine\n{report.SECTION_BEGINS}\nold\n{report.SECTION_ENDS}\nalso mine\n")
    for _ in range(2):
        report.put_section(dataset, page)
    lines = page.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("mine", "also mine")
    assert "old" not in lines
    assert sum(line.startswith("| DRL from scratch |") for line in lines) == 1
    page.write_text("no marks")
    with pytest.raises(ValueError, match="study begins"):
        report.put_section(dataset, page)
    assert page.read_text() == "no marks"


def test_table_has_one_estimate_per_column_and_drl_gains_nothing_over_itself(dataset: xr.Dataset) -> None:
    rows = {row[0]: row for row in report.table(dataset)}
    assert all(len(row) == len(report.headings()) for row in rows.values())
    own = rows["DRL from scratch"]
    assert own[6].startswith("+0.0")
    assert own[8] == "-"


def test_logarithmic_ticks_thin_out_with_the_decades() -> None:
    counts = []
    for decades in (1.0, 2.0, 5.0):
        _, (axis,) = figures._new(3.35, 2.0)
        axis.plot([1.0, 10.0**decades], [0.0, 1.0])
        figures._log_axis(axis)
        ticks = axis.xaxis.get_major_locator().tick_values(1.0, 10.0**decades)
        counts.append(sum(1.0 <= tick <= 10.0**decades * 1.0001 for tick in ticks))
    assert counts[0] == 4
    assert all(3 <= count <= 6 for count in counts)


def test_interrupted_study_is_readable_and_resumes_to_the_same_numbers(tmp_path: Path, finished: Study) -> None:
    class Impatient(Progress):
        done = 0

        def finished(self, part: Part) -> None:
            self.done += 1
            if self.done == 9:
                raise KeyboardInterrupt

    study = open_study(tmp_path / "run", tiny_scenario(), TINY)
    assert not run_study(study, workers=1, progress=Impatient())
    assert 0 < total_work(study, only_finished=True) < total_work(study)
    dataset = results.collect(study)
    assert dataset.attrs["complete"] == 0
    assert np.isnan(dataset.reward.sel(seed=1)).all()
    drawings = figures.write_all(dataset, tmp_path / "figures")
    assert "not finished" in report.render(dataset, drawings)

    again = open_study(tmp_path / "run", tiny_scenario(), TINY, resume=True)
    assert run_study(again, workers=1)
    for part in parts(TINY):
        first, second = finished.load(part), again.load(part)
        for name, values in first.items():
            np.testing.assert_array_equal(values, second[name], err_msg=f"{part}: {name}")


def test_killed_study_resumes_to_the_same_numbers(tmp_path: Path, finished: Study) -> None:
    """SIGKILL leaves no time to tidy up: the parts under way are lost, those with a file are whole."""
    short = replace(TINY, n_seeds=1, arms=("drl", "transfer_most"), pairs=False)
    study = open_study(tmp_path / "run", tiny_scenario(), short)
    code = (
        "import sys; from pathlib import Path; from slicefast.study.execute import load_study, run_study;"
        "run_study(load_study(Path(sys.argv[1])), workers=1)"
    )
    process = subprocess.Popen([sys.executable, "-P", "-c", code, str(study.folder)])
    give_up = time.monotonic() + 90.0
    while not study.finished(Part(0, "similarity")) and process.poll() is None and time.monotonic() < give_up:
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert study.finished(Part(0, "similarity"))
    again = open_study(tmp_path / "run", tiny_scenario(), short, resume=True)
    assert run_study(again, workers=1)
    for part in parts(short):
        first, second = finished.load(part), again.load(part)
        for name, values in second.items():
            np.testing.assert_array_equal(values, first[name], err_msg=f"{part}: {name}")


def test_stopping_inside_a_part_leaves_no_file(tmp_path: Path) -> None:
    study = open_study(tmp_path / "run", tiny_scenario(), TINY)

    def stop(steps: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_part(study, Part(0, "equal_split"), stop)
    assert sorted(path.name for path in study.folder.rglob("*")) == [MANIFEST]
    report.render(results.collect(study), [])  # nothing finished is still readable


def test_arrays_appear_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_arrays(tmp_path / "a.npz", {"x": np.arange(3)})
    np.testing.assert_array_equal(load_arrays(tmp_path / "a.npz")["x"], [0, 1, 2])

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        save_arrays(tmp_path / "a.npz", {"x": np.arange(4)})
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    np.testing.assert_array_equal(load_arrays(tmp_path / "a.npz")["x"], [0, 1, 2])


def test_a_study_is_never_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    study = open_study(folder, tiny_scenario(), TINY)
    before = (folder / MANIFEST).read_bytes()
    with pytest.raises(RunError, match="--resume"):
        open_study(folder, tiny_scenario(), TINY)
    with pytest.raises(RunError, match=r"another scenario.*step_s"):
        open_study(folder, tiny_scenario(step_s=2.0), TINY, resume=True)
    with pytest.raises(RunError, match=r"train_steps was 40, now 5500"):
        open_study(
            folder, tiny_scenario(), Protocol(**{**TINY.to_dict(), "arms": TINY.arms, "train_steps": 5500}), True
        )
    assert (folder / MANIFEST).read_bytes() == before
    assert load_study(folder) == study
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("mine")
    with pytest.raises(RunError, match="not empty"):
        open_study(tmp_path / "other", tiny_scenario(), TINY)
    with pytest.raises(RunError, match="no study"):
        load_study(tmp_path / "other")


def test_a_study_can_grow_more_seeds(tmp_path: Path) -> None:
    open_study(tmp_path / "run", tiny_scenario(), TINY)
    more = open_study(
        tmp_path / "run", tiny_scenario(), Protocol(**{**TINY.to_dict(), "arms": TINY.arms, "n_seeds": 3}), True
    )
    assert load_study(more.folder).protocol.n_seeds == 3
    with pytest.raises(RunError, match="n_seeds = 2"):
        open_study(tmp_path / "run", tiny_scenario(), TINY, resume=True)
    assert load_study(more.folder).protocol.n_seeds == 3


def test_a_study_says_what_ran_it_not_what_collected_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = open_study(tmp_path / "run", tiny_scenario(), TINY)
    assert results.collect(study).attrs["versions_note"] == ""
    old = {"versions": {"slicefast": "0.0.1"}, "build": {"machine": "abacus"}}
    monkeypatch.setattr(provenance, "present", lambda: old)
    assert "0.0.1" not in results.collect(study).attrs["versions"]
    open_study(tmp_path / "run", tiny_scenario(), TINY, resume=True)
    resumed = results.collect(study).attrs
    assert json.loads(resumed["versions"]) == old["versions"]
    assert "went on with other versions" in resumed["versions_note"]
    assert "to abacus" in resumed["versions_note"]
    kept = json.loads(study.manifest.read_text())
    del kept[provenance.KEY]  # as written before it was kept
    study.manifest.write_text(json.dumps(kept))
    assert "did not keep its versions" in report.provenance(results.collect(load_study(study.folder)))
    open_study(tmp_path / "run", tiny_scenario(), TINY, resume=True)
    note = results.collect(study).attrs["versions_note"]
    assert note == "What ran at first did not keep its versions and build"


def test_unknown_engine_is_refused(tmp_path: Path) -> None:
    study = open_study(tmp_path / "run", tiny_scenario(), TINY)
    with pytest.raises(RunError, match="slurm"):
        run_study(study, engine="slurm")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"train_steps": 0}, "train_steps = 0"),
        ({"arms": ("magic",)}, "magic"),
        ({"transfer_steps": 9000}, "transfer_steps"),
    ],
)
def test_protocols_that_cannot_be_run_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Protocol(**fields)


def test_parts_are_called_by_words() -> None:
    assert not [str(part) for part in parts(Protocol.full()) if "_" in str(part)]


def test_samples_are_scored_by_the_reward_that_is_asked_for() -> None:
    scored = collect_samples(tiny_scenario(), 0, 4, lambda steps: None, lambda kpis, _: kpis.load.sum(axis=-1))
    paper = collect_samples(tiny_scenario(), 0, 4, lambda steps: None)
    np.testing.assert_array_equal(scored[..., :-1], paper[..., :-1])
    np.testing.assert_allclose(scored[:, 0, -1], scored[:, 1, 4:8].sum(axis=-1), rtol=1e-5)
    assert not np.array_equal(scored[..., -1], paper[..., -1])


def test_parts_come_after_what_they_need() -> None:
    order = parts(Protocol.full())
    assert len(order) == len(set(order))
    assert all(order.index(need) < order.index(part) for part in order for need in needs(part))
    assert Part(0, "transfer_most") not in ready(order, set())
    assert Part(0, "transfer_most") in ready(order, {Part(0, "pretrain"), Part(0, "similarity")})


def test_learner_seeds_differ_between_parts_and_seeds() -> None:
    seeds = {stream_seed(part.seed, part.name) for part in parts(Protocol.full())}
    assert len(seeds) == len(parts(Protocol.full()))


def test_ray_engine_runs_parts_when_their_needs_are_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Study
) -> None:
    """A stand-in for Ray that runs tasks at once, last submitted first: results do not depend on the order."""

    class Ray:
        tasks: ClassVar[list[tuple[Any, ...]]] = []

        def is_initialized(self) -> bool:
            return True

        def remote(self, **_: Any) -> Any:
            return lambda function: SimpleNamespace(remote=lambda *given: self.submit(function, *given))

        def submit(self, *task: Any) -> int:
            self.tasks.append(task)
            return len(self.tasks) - 1

        def wait(self, references: list[int], num_returns: int) -> tuple[list[int], list[int]]:
            return references[-num_returns:], references[:-num_returns]

        def get(self, reference: int) -> None:
            function, *given = self.tasks[reference]
            function(*given)

        def cancel(self, reference: int, force: bool) -> None:
            raise AssertionError("nothing is left to cancel")

    monkeypatch.setitem(sys.modules, "ray", Ray())
    study = open_study(
        tmp_path / "run", tiny_scenario(), replace(TINY, n_seeds=1, arms=("drl", "transfer_most"), pairs=False)
    )
    assert run_study(study, engine="ray")
    assert all(study.finished(part) for part in parts(study.protocol))
    for name in ("drl", "transfer_most"):
        np.testing.assert_array_equal(study.load(Part(0, name))["reward"], finished.load(Part(0, name))["reward"])
