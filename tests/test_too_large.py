"""Sizes that no memory holds are refused by name before anything is made of them, and names are the caller's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import slicefast as sf
from slicefast.learn import TD3, Hindsight, HindsightConfig, TD3Config


@pytest.mark.parametrize("widths", [(10**9, 10**9), (10**5, 10**6)])
@pytest.mark.parametrize("name", ["actor_hidden", "critic_hidden"])
def test_layers_that_no_memory_holds_are_refused(name: str, widths: tuple[int, ...]) -> None:
    with pytest.raises(sf.SlicefastError, match=rf"^obs_dim, {name}, action_dim: got .* of 3 agents, .* bytes, "):
        TD3(3, 16, 4, TD3Config(**{name: widths}))


def test_layers_of_a_hindsight_learner_are_refused_too() -> None:
    with pytest.raises(sf.SlicefastError, match=r"^obs_dim, hidden, action_dim: got .* of 3 agents, .* bytes, "):
        Hindsight(3, 4, 4, HindsightConfig(hidden=(10**9, 10**9)))


def test_a_refusal_names_the_seeds_that_the_caller_gave() -> None:
    scenario = sf.Scenario.hexagonal(1, window_ttis=5)
    with pytest.raises(sf.SlicefastError, match=r"^seeds: got "):
        sf.compare({"a": (scenario, "equal_split")}, seeds=[-1], steps=1)
    with pytest.raises(sf.SlicefastError, match=r"^place_seed: got -1"):
        sf.Simulator(scenario, place_seed=-1)


def test_pictures_are_drawn_beside_a_backend_that_is_none(tmp_path: Path) -> None:
    program = tmp_path / "draw.py"
    program.write_text(
        "import os\n"
        "import slicefast as sf\n"
        "scenario = sf.Scenario.hexagonal(1, window_ttis=5)\n"
        "env = sf.parallel_env(scenario, render_mode='rgb_array')\n"
        "env.reset()\n"
        "print(env.render().ndim, sf.plot.layout(scenario).get_xlabel(), os.environ['MPLBACKEND'])\n"
    )
    environment = {**os.environ, "MPLBACKEND": "nonsense"}
    found = subprocess.run([sys.executable, program], capture_output=True, text=True, env=environment, check=False)
    assert found.stdout.split() == ["3", "x", "[km]", "nonsense"], found.stderr
