"""The front page: its code runs, what it names is there, its length is kept, and the pages it leads to have marks."""

import json
import re
import runpy
from pathlib import Path

import pytest

from slicefast.cli import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
PAGES = ("README.md", "benchmarks/README.md", "benchmarks/study/README.md", "slicefast/validation/README.md",
         "tests/README.md")  # fmt: skip


def test_it_is_short():
    lines = README.splitlines()
    assert len(lines) <= 150
    assert [line for line in lines if len(line) > 120] == []


def test_its_code_runs_and_prints_what_it_says(tmp_path, monkeypatch, capsys):
    assert len(BLOCKS) == 3
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    geometry = [float(text) for text in printed[0].strip("[]").split()]
    assert geometry == pytest.approx([-3.1, 4.9, 22.6], abs=0.5)  # as tests/test_calibration.py allows
    assert printed[1] == "[107.6 143.3]"
    assert -5.0 < float(printed[2]) < 30.0
    assert 0.0 < float(printed[3]) <= 1.0
    assert printed[4].startswith("3 seeds")
    assert [row.split()[0] for row in printed[5:7]] == ["traffic_aware", "max_min_rule"]
    assert printed[7].startswith("Means, in brackets")
    assert printed[8] == "[0.5]"
    assert printed[9] == "(2, 2)"
    assert (tmp_path / "RUN" / "run.json").is_file()


def test_the_two_commands_that_are_tested_before_every_change_are_there():
    commands = [line for line in README.splitlines() if line.startswith("pip install torch==")]
    assert [line.partition(" && ")[2].split()[0] for line in commands] == ["slicefast", "pytest"]


@pytest.mark.parametrize("page", PAGES)
def test_what_it_names_is_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    folder = (ROOT / page).parent
    for picture in re.findall(r"!\[.+?\]\((.+?)\)", text):
        assert (folder / picture).is_file(), picture
    named = re.findall(r"(?:slicefast|tests|benchmarks|cpp)/[\w/]+\.(?:py|md|cpp|hpp|png)", text.replace("../", ""))
    assert named
    for name in named:
        assert (ROOT / name).is_file(), name


def test_the_commands_it_names_are_there():
    names = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert set(re.findall(r"slicefast (\w+) --", README)) <= names


@pytest.mark.parametrize(
    ("page", "marks"),
    [
        ("README.md", ["study facts", "study short", "speed short"]),
        (
            "benchmarks/README.md",
            [
                "machine",
                "speed",
                "paired",
                "scaling",
                "folding",
                "threads",
                "overhead",
                "roofline",
                "sharing",
                "libraries",
                "coverage",
            ],
        ),
        ("benchmarks/study/README.md", ["map", "rule", "sources", "study", "settings", "coordination"]),
        (
            "slicefast/validation/README.md",
            ["headroom", "radio", "torus", "seeds", "handover", "peers", "interference", "scheduler", "replay"],
        ),
    ],
)
def test_generated_parts_have_their_marks(page, marks):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert re.findall(r"<!-- (.+?) begins -->", text) == marks
    assert re.findall(r"<!-- (.+?) ends -->", text) == marks


def measured(name, seconds, **extra):
    """One benchmark as pytest-benchmark writes it."""
    return {"name": name, "stats": {"min": seconds}, "extra_info": extra}


def speed_tables(folder, monkeypatch, benchmarks):
    """Return the lines of the short and of the whole table of speeds that benchmarks/speed_table.py makes."""
    (folder / "speed.json").write_text(json.dumps({"benchmarks": benchmarks}))
    pages = [folder / "front.md", folder / "all.md"]
    for page, name in zip(pages, ("speed short", "speed"), strict=True):
        page.write_text(f"<!-- {name} begins -->\n<!-- {name} ends -->\n")
    arguments = ["speed_table.py", str(folder / "speed.json"), "--into", *map(str, pages)]
    monkeypatch.setattr("sys.argv", arguments)
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    runpy.run_path(str(ROOT / "benchmarks" / "speed_table.py"), run_name="__main__")
    return [page.read_text().splitlines()[4:-2] for page in pages]


def test_tables_of_speeds_are_made_from_what_was_measured(tmp_path, monkeypatch, capsys):
    benchmarks = [
        measured("test_update[12-native]", 1.5e-3, updates_per_round=10),
        measured("test_update_stable_baselines3[12]", 13.2e-3),
        measured("test_slicefast_whole_step", 1.0, us_per_step=476.0, steps_per_s=2099.4, limit="links", limit_s=2e-5),
        measured("test_large_network[1-tti]", 0.9, us_per_step=45e3, steps_per_s=22.2, limit="links", limit_s=9e-3),
        measured("test_large_network[2-tti]", 0.5, us_per_step=25e3, steps_per_s=40.0),
        measured("test_kl_factorised[300-1000]", 4.59e-3, limit="bytes", limit_s=1e-3),
    ]
    front, everything = speed_tables(tmp_path, monkeypatch, benchmarks)
    step = "step, 12 cells, 1,536 users, 200 TTIs"
    assert front == [
        f"| a {step} | 476 us | limit: links 20 us | 2,099 steps/s, 23.8 times the limit |",
        "| TD3 update of 12 agents | 150 us | stable-baselines3 13.2 ms | 88x |",
    ]
    assert everything == [
        f"| whole {step}, mean of 200 steps | 476 us | limit: links 20 us "
        "| 2,099 steps/s, 23.8 times the limit | 2,000 |",
        "| the same, 300 cells, 38,400 users | 45 ms | limit: links 9 ms | 22 steps/s, 5 times the limit |  |",
        "| the same, two threads | 25 ms | one thread 45 ms | 1.8x | 1.7x |",
        "| TD3 update of 12 agents, native | 150 us | stable-baselines3 13.2 ms | 88x | 75x |",
        "| all-pairs KL, 300 agents x 1,000 samples | 4.59 ms | limit: bytes 1 ms | 4.59 times the limit |  |",
    ]
    assert everything[2] in capsys.readouterr().out


def test_a_speed_beside_nothing_is_an_error(tmp_path, monkeypatch):
    row = measured("test_kl_factorised[300-1000]", 4.59e-3)
    lonely, *pair = (measured(f"test_{name}", 1.0) | {"group": name[0]} for name in ("alone", "both", "brother"))
    with pytest.raises(SystemExit, match=r"beside nothing: all-pairs KL, 300 agents x 1,000 samples, test_alone$"):
        speed_tables(tmp_path, monkeypatch, [row, lonely, *pair])
