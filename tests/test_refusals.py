"""Whatever public function gets it: what is no value of an argument's kind is refused by the argument's name."""

from __future__ import annotations

import inspect
import re
import sys
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))
import targets

import slicefast as sf
from slicefast import policies, radio, scheduling
from slicefast.arguments import checked
from slicefast.errors import InUseError, RunError, ScenarioError, SlicefastError
from slicefast.learn import VAE
from slicefast.settings import Settings

LONGEST = 400

#: What an annotation's words say that an argument may be.
KINDS = {
    "array": r"ArrayLike|NDArray|Float64|Float32|Int64|Int32|Bool|LinkStates|Indices|ndarray",
    "int": r"int|Indices|Seed",
    "float": r"float",
    "bool": r"bool",
    "text": r"str|Literal|Kind|Preset|Strategy|Choice|Distance|Coordination|Actions|EngineName|Engine|Layers|Release"
    r"|SourceChoice|Efficiency|McsTable|HeterogeneityKind|LearnerName|PathLike|Path",
    "sequence": r"Sequence|tuple|list|Indices|Seed",
    "mapping": r"Mapping|dict|Arrays",
    "function": r"Callable|Policy|Tick|Reward|Progress|Feature|Bounds|type",
    "none": r"None|NoneType|Optional",
    "anything": r"Any|object|Entry|Learner|Sources|Snapshot",
}
#: What no argument takes but those of the kinds beside it.
WRONG: list[tuple[Any, tuple[str, ...]]] = [
    (np.ma.masked_array([1.0, 2.0], [True, False]), ()),
    (np.array([1j, 2.0]), ()),
    (b"bytes", ()),
    (object(), ()),
    (1j, ()),
    (np.timedelta64(1, "s"), ()),
    (np.array(["2020-01-01", "2020-01-02"], "M8[D]"), ()),
    (np.array([1, 2], "m8[s]"), ()),
    ("text", ("text",)),
    ([[1.0], [1.0, 2.0]], ("sequence",)),
    ([Fraction(1, 2)], ("sequence",)),
    (["1", "2"], ("sequence",)),
    ({"a": 1}, ("mapping",)),
    (2.9, ("float", "array")),
    (2.0, ("float", "array", "whole")),
    (float("nan"), ("array",)),
    (True, ("bool", "float", "array")),
    (None, ("none",)),
    (10**400, ("int",)),
    (lambda *args: 0, ("function",)),
]

#: Settings, whose whole numbers may be written 2.0, as in a file.
SETTINGS = [name for name, item in targets.public().items() if isinstance(item, type) and issubclass(item, Settings)]


def kinds_of(annotation: Any) -> set[str]:
    """Return the kinds that stand in an annotation, by its words."""
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    found = {kind for kind, words in KINDS.items() if re.search(rf"\b({words})\b", re.sub(r"\[.*\]", "", text))}
    if "pydantic" in text or text.startswith("typing."):  # a field, evaluated
        found |= {kind for kind, words in KINDS.items() if re.search(rf"\b({words})\b", text)}
    return found


def tries(name: str) -> list[tuple[str, Any]]:
    """Return every argument of a public function with every value that it must not take."""
    parameters = inspect.signature(targets.public()[name]).parameters
    found = []
    for argument in targets.TAKEN[name](targets.world()):
        item = parameters.get(argument)
        if item is None or item.annotation is inspect.Parameter.empty:
            continue  # one of several options, which go on to another public function
        kinds = kinds_of(item.annotation)
        if "int" in kinds and name in SETTINGS:
            kinds.add("whole")
        if "anything" not in kinds:
            found += [(argument, value) for value, taken in WRONG if not kinds & set(taken)]
    return found


def test_every_public_function_is_in_the_table() -> None:
    assert targets.TAKEN.keys() == targets.public().keys()


@pytest.mark.parametrize("name", targets.TAKEN)
def test_every_argument_that_must_be_given_is_tried(name: str) -> None:
    needed = {
        argument
        for argument, item in inspect.signature(targets.public()[name]).parameters.items()
        if item.default is inspect.Parameter.empty and item.kind not in (item.VAR_KEYWORD, item.VAR_POSITIONAL)
    }
    assert needed - {"self", "cls"} <= targets.TAKEN[name](targets.world()).keys()


@pytest.mark.parametrize("name", [name for name in targets.TAKEN if name not in targets.COSTLY + targets.CLOSING])
def test_what_is_replaced_was_taken(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # plausibility
        targets.call_of(name)(**targets.TAKEN[name](targets.world()))


@pytest.mark.parametrize("name", targets.TAKEN)
def test_what_is_of_another_kind_is_refused_by_name(name: str) -> None:
    call: Callable[..., Any] = targets.call_of(name)
    good = targets.TAKEN[name](targets.world())
    for argument, value in tries(name):
        with pytest.raises((ValueError, TypeError)) as caught:
            call(**{**good, argument: value})
        message = str(caught.value)
        assert re.match(rf"{argument}(\[\d+\])?: got ", message), (argument, value, message)
        assert "\n" not in message
        assert len(message) <= LONGEST


def test_positions_are_refused_by_name_too() -> None:
    with pytest.raises(ValueError, match="distance_2d_m: got a masked array"):
        radio.path_loss_db("tr38901_uma", True, np.ma.masked_array([1.0]), 2e9)


def test_arrays_that_do_not_go_together_are_named_with_their_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "__name__", "slicefast.sums")

    @checked
    def add(first: ArrayLike, second: ArrayLike, third: float = 0.0) -> Any:
        return np.asarray(first) + np.asarray(second)

    with pytest.raises(SlicefastError, match=r"^first \(2,\), second \(3,\): got arrays .*: operands could not"):
        add([1, 2], second=[1, 2, 3])


@pytest.mark.parametrize(
    "error",
    [
        TypeError("len() of unsized object"),
        IndexError("tuple index out of range"),
        ZeroDivisionError("division by zero"),
        RuntimeError("The size of tensor a (2) must match"),
        TypeError("incompatible arguments:\n 1. _core.f(rows: int)"),
    ],
)
def test_whatever_numpy_torch_and_the_core_say_becomes_a_refusal_by_name(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    @checked
    def add(rows: ArrayLike, scale: float = 1.0) -> Any:
        raise error

    monkeypatch.setitem(globals(), "__name__", "numpy.core")
    reason = "" if "\n" in str(error) else f": {error}"
    wanted = re.escape(f"rows (2,): got arrays that are not taken together{reason}")
    with pytest.raises(SlicefastError, match=f"^{wanted}$") as caught:
        add([1, 2], scale=2.0)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("error", "module"),
    [
        (IndexError("list index out of range"), "a.user"),  # raised in a function of the user's
        (RuntimeError("no more threads"), "numpy.core"),
        (MemoryError("no room"), "numpy.core"),
        (KeyError("name"), "numpy.core"),
        (ValueError("rows are too few"), "numpy.core"),  # names one
        (InUseError("agents: in use by another thread"), "numpy.core"),
    ],
)
def test_an_error_that_is_not_of_the_arguments_is_let_through(
    error: Exception, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    @checked
    def add(rows: ArrayLike) -> Any:
        raise error

    monkeypatch.setitem(globals(), "__name__", module)
    with pytest.raises(type(error)) as caught:
        add([1, 2])
    assert caught.value is error


def test_of_what_a_path_is_given_for_it_is_said_where_it_comes_from() -> None:
    for refused, whence in (
        (lambda: sf.runs.train("RUN"), "a Run \\(from slicefast.runs.new_run, or load_run\\(folder\\)\\)"),
        (lambda: sf.Simulator("mine.toml"), "a Scenario \\(from a file by slicefast.Scenario.from_toml\\(path\\)\\)"),
    ):
        with pytest.raises(sf.SlicefastError, match=f"allowed: {whence}$"):
            refused()


def test_a_setting_that_is_fixed_says_so_in_one_line() -> None:
    for settings, name in ((targets.world().scenario, "window_ttis"), (targets.world().scenario.radio, "n_prb")):
        with pytest.raises(ScenarioError, match=f"^{name}: got 5, is fixed; what is to differ is said"):
            setattr(settings, name, 5)


def test_a_missing_argument_is_told_by_python() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'coupled_shares'"):
        targets.world().simulator.probe(np.ones((3, 4)))


class _Actor:
    def act(self, observation: Any, explore: bool = False) -> Any:
        """Act."""


def test_an_object_is_refused_for_the_methods_that_it_lacks() -> None:
    policies.greedy(_Actor())
    for value in (_Actor, object(), type("", (), {"act": 1})()):
        with pytest.raises(SlicefastError, match=r"^agents: got .*, allowed: an object with act$"):
            policies.greedy(value)


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("scheduling.Scheduler.run", "active", [float("nan"), 1.0]),
        ("scheduling.flow_window", "active", [2, 1]),
        ("scheduling.flow_window", "packet_bits", [100.0, 100.0, 100.0]),
        ("learn.TD3.freeze_lower", "agent_mask", [float("nan"), 0.0, 1.0]),
        ("learn.TD3Config.per_row", "n_rows", 0),
        ("scenario.neighbours", "centre_x_m", np.array([0.0, float("nan"), 1.0])),
        ("scenario.neighbours", "centre_y_m", np.zeros(2)),
        ("scenario.Radio.filter_weight", "step_s", -1.0),
        ("scenario.Radio.filter_weight", "step_s", float("inf")),
        ("training.CentralAgent.store", "action", np.full((3, 4), np.nan)),
        ("training.CentralAgent.store", "observation", np.full((3, 16), np.nan)),
        ("training.CentralAgent.store", "reward", np.ones(2)),
        ("training.train", "simulators", np.array(1.0)),
        ("radio.path_loss_db", "ue_height_m", [1.5, 1.5, 1.5]),
        ("coverage", "activity", [0.5, 0.5]),
        ("radio.calibrate", "seed", -1),
        ("training.collect_samples", "steps", -1),
        ("policies.register", "entry", float("nan")),
        ("policies.NonClairvoyant", "seed", -1),
        ("transfer.similarity_matrix", "vae_epochs", -1),
        ("learn.ReplayRing", "action_dim", 2**31),
        ("scheduling.schedule_window", "bits_per_prb", []),
        ("scheduling.schedule_window", "share", np.empty((0, 1))),
        ("radio.link_model", "site_y_m", [0.0, 1.0]),
        ("radio.link_model", "cell_site", [[0]]),
        ("radio.link_model", "azimuth_deg", [0.0, 120.0]),
        ("kpis.coordinates", "shape", (3,)),
        ("training.train", "simulators", np.empty((0, 4))),
        ("envs.CellEnv.reset", "seed", -1),
        ("VectorEnv", "n_replicas", 2**63),
        ("policies.register", "name", "x" * 101),
        ("policies.register", "name", "two\nlines"),
        ("policies.register", "name", ""),
        ("study.Study.save", "arrays", {"reward": [[1.0], [1.0, 2.0]]}),
        ("radio.calibrate", "elements", 2**31 - 1),
        ("envs.cell_vector_env", "num_envs", 2**31 - 1),
        ("study.Protocol", "n_seeds", 10**30),
        ("runs.transfer", "sample_steps", 2**31),
    ],
)
def test_what_is_of_the_kind_and_no_good_is_refused_by_name(name: str, argument: str, value: Any) -> None:
    good = targets.TAKEN[name](targets.world())
    with pytest.raises(SlicefastError, match=rf"^{argument}: got "):
        targets.call_of(name)(**{**good, argument: value})


def test_a_row_that_a_table_has_not_is_refused_by_the_name_of_the_argument() -> None:
    with pytest.raises(ValueError, match=r"^index: got -5, allowed: -1 to 26$"):
        scheduling.transport_block_bits(-5, 10)


def test_networks_that_there_is_no_room_for_are_refused() -> None:
    for sizes in ({"input_dim": 2**63}, {"hidden": np.array([2**63 - 1])}, {"input_dim": 2**15, "hidden": (2**14,)}):
        with pytest.raises(SlicefastError, match=r"^input_dim, hidden, latent_dim: got .* weights, allowed: at most"):
            VAE(**sizes)


def test_a_word_that_is_too_long_is_cut_where_it_is_quoted() -> None:
    good = targets.TAKEN["radio.link_model"](targets.world())
    with pytest.raises(SlicefastError, match=r"^fold_db: got 0\.1, allowed: 0 beside line_of_sight = 'xx") as caught:
        radio.link_model(**{**good, "line_of_sight": "x" * 100_000})
    assert len(str(caught.value)) <= LONGEST


def test_a_message_is_one_line_whatever_a_file_is_called() -> None:
    assert str(RunError("a\nb: is no run")) == "a?b: is no run"
    assert str(ScenarioError("file", "a\nb", "has\tno\nrows")) == "file: got 'a\\nb', has?no?rows"


@pytest.mark.parametrize("value", [1e308, 1.5, -0.25, np.nan, np.inf])
def test_shares_of_a_probe_are_parts(value):
    simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0)
    simulator.reset()
    good = np.full((3, 4), 0.25)
    with pytest.raises(SlicefastError, match=r"^shares of cell 0: got \[.*, allowed: numbers from 0 to 1$"):
        simulator.probe(np.full((3, 4), value), good)


@pytest.mark.parametrize("value", [-1, 2.9, np.inf, "one", 2**70])
def test_the_step_of_a_snapshot_is_a_number_of_steps(value):
    simulator = sf.Simulator(sf.Scenario.hexagonal(n_sites=1), seed=0)
    simulator.reset()
    with pytest.raises(SlicefastError, match="snapshot"):
        simulator.restore({**simulator.snapshot(), "step_index": value})
    assert simulator.step_index == 0


@pytest.mark.parametrize("name", ["Simulator.run", "training.play", "plot.animate"])
@pytest.mark.parametrize("shares", [np.full((3, 4), np.nan), np.ones(1), [[1.0], [1.0, 2.0]]], ids=str)
def test_what_a_policy_gives_is_refused_by_the_policys_name(name: str, shares: Any) -> None:
    good = targets.TAKEN[name](targets.world())
    with pytest.raises(SlicefastError, match=r"^policy: shares( of cell 0)?: got "):
        targets.call_of(name)(**{**good, "policy": lambda simulator, observation: shares})


@pytest.mark.parametrize("reward", [[[1.0], [1.0, 2.0]], "text", [None]])
def test_rewards_that_are_no_list_of_numbers_are_refused_by_the_name_of_what_is_loaded(reward: Any) -> None:
    good = targets.TAKEN["learn.ReplayRing.load"](targets.world())
    with pytest.raises(SlicefastError, match=r"^arrays(\['| row 0)"):
        targets.call_of("learn.ReplayRing.load")(**{**good, "arrays": {**good["arrays"], "reward": reward}})


def test_a_seed_may_be_one_of_numpys() -> None:
    first, _ = targets.world().cell_env.reset(seed=np.int64(3))
    again, _ = targets.world().cell_env.reset(seed=3)
    np.testing.assert_array_equal(first, again)
