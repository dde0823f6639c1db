"""Names of release 0.1.0 import and say where they are now."""

import subprocess
import sys
from importlib import import_module

import pytest

import slicefast as sf
from slicefast._moved import PLACES
from slicefast.study.protocol import Protocol

# Names that users wrote, their modules in 0.1.0, and what they are now.
WRITTEN = [
    ("slicefast.study.runner", "open_study", "slicefast.study.folder"),
    ("slicefast.study.runner", "run_study", "slicefast.study.execute"),
    ("slicefast.study.results", "read", "slicefast.study.dataset"),
    ("slicefast.study.runs", "new_run", "slicefast.runs"),
    ("slicefast.study.runs", "transfer", "slicefast.runs"),
    ("slicefast.traffic_mask", "TrafficMask", "slicefast.traffic.mask"),
    ("slicefast.radio.models", "RangeWarning", "slicefast.errors"),
    ("slicefast.kpis", "reward", "slicefast.task"),
    ("slicefast.kpis", "satisfaction", "slicefast.rewards"),
    ("slicefast.simulator", "to_simplex", "slicefast.task"),
    ("slicefast.study.protocol", "ready", "slicefast.study.jobs"),
    ("slicefast.study.statistics", "stratified", "slicefast.study.intervals"),
]


@pytest.mark.parametrize(("module", "name", "place"), WRITTEN)
def test_an_old_name_is_the_new_one_and_says_so(module: str, name: str, place: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"^{module}.{name} is {place}.{name} now; .* 0.3.0$") as told:
        found = getattr(import_module(module), name)
    assert found is getattr(import_module(place), name)
    assert [str(item.filename) for item in told] == [__file__]


@pytest.mark.parametrize("module", PLACES)
def test_every_old_module_imports_and_its_places_are_there(module: str) -> None:
    old = import_module(module)
    for place in PLACES[module]:
        import_module(place)
    with pytest.raises(AttributeError, match=f"{module}.*no_such_name"):
        old.no_such_name  # noqa: B018 - looking it up is the test


def test_an_old_module_is_imported_from_its_package() -> None:
    code = "from slicefast.study import runs\nfrom slicefast.study.runner import load_study"
    said = subprocess.run(
        [sys.executable, "-P", "-W", "always", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "<string>:2: DeprecationWarning: slicefast.study.runner.load_study is" in said.stderr


def test_a_name_that_is_no_module_is_refused_as_ever() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        import_module("slicefast.no_such_module")
    with pytest.raises(AttributeError):
        sf.no_such_name  # noqa: B018


def test_a_number_of_a_study_is_known_by_its_old_name() -> None:
    with pytest.warns(DeprecationWarning, match="best_steps is counterfactual_steps") as told:
        assert Protocol(best_steps=40).counterfactual_steps == 40
    assert told[0].filename == __file__


def test_a_simulator_has_nothing_to_close_any_more() -> None:
    simulator = sf.Simulator(sf.Scenario.paper(), seed=0)
    with pytest.warns(DeprecationWarning, match=r"0\.3\.0"):
        simulator.close()
