"""The border to the core: threads, memory and what cannot be there, refused by name or made harmless; never a crash."""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

import slicefast as sf
from slicefast import _core, scheduling
from slicefast.kpis import KPIS
from slicefast.learn import TD3, TD3Config
from slicefast.network import make_links


def agents_of(n_agents=12, **changes):
    rng = np.random.default_rng(0)
    agents = TD3(n_agents, 16, 4, TD3Config(exploration_steps=0, **changes), seed=0)
    for _ in range(100):
        agents.store(
            rng.random((n_agents, 16)),
            rng.dirichlet(np.ones(4), n_agents),
            rng.random(n_agents),
            rng.random((n_agents, 16)),
        )
    return agents


def in_threads(*work, n_calls=60):
    """Call every function ``n_calls`` times in a thread of its own; return the messages of InUseError."""
    refused, failed = [], []

    def loop(call):
        for _ in range(n_calls):
            try:
                call()
            except _core.InUseError as error:
                refused.append(str(error))
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=loop, args=(call,)) for call in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    return refused


def test_a_simulator_refuses_the_second_thread_and_goes_on():
    simulator = sf.Simulator(sf.Scenario.paper(window_ttis=100), seed=0)
    twin = sf.Simulator(sf.Scenario.paper(window_ttis=100), seed=0)
    share = np.full(simulator.shares_shape, 0.25)
    steps = []
    refused = in_threads(*[lambda: steps.append(simulator.step(share))] * 3)
    assert refused
    assert set(refused) <= {"Simulator: in use by another thread", "Network: in use by another thread"}
    # The steps that were played are those of one thread.
    expected = [twin.step(share) for _ in steps]
    loads = sorted(kpis.load.tobytes() for kpis in steps)
    assert loads == sorted(kpis.load.tobytes() for kpis in expected)


@pytest.mark.parametrize("call", ["probe", "snapshot", "reset"])
def test_a_simulators_other_calls_mind_each_other_too(call):
    simulator = sf.Simulator(sf.Scenario.paper(window_ttis=100), seed=0)
    share = np.full(simulator.shares_shape, 0.25)
    other = {"probe": lambda: simulator.probe(share, share), "snapshot": simulator.snapshot, "reset": simulator.reset}
    refused = in_threads(lambda: simulator.step(share), other[call], n_calls=15)
    assert set(refused) <= {"Simulator: in use by another thread", "Network: in use by another thread"}
    twin = sf.Simulator(sf.Scenario.paper(window_ttis=100), seed=7)
    twin.restore(simulator.snapshot())
    np.testing.assert_array_equal(simulator.step(share).delay_ms, twin.step(share).delay_ms)


def test_the_core_refuses_the_second_thread():
    scheduler = scheduling.Scheduler(1, 1, 200, 100)
    user = np.tile(np.arange(200), 50)
    window = (500, user, np.sort(np.arange(user.size) % 500), np.full(user.size, 9e4), np.full(200, 300.0))
    refused = in_threads(*[lambda: scheduler.run(*window)] * 3, n_calls=20)
    assert refused
    assert set(refused) == {"Scheduler: in use by another thread"}
    assert (60 - len(refused)) * 500 == scheduler.clock_ttis


def test_act_beside_update_comes_of_whole_weights():
    agents = agents_of(actor_lr=1e-30)
    observation = np.random.default_rng(1).random((12, 16)).astype(np.float32)
    expected = np.asarray(agents.act(observation)).copy()
    wrong = []

    def act():
        wrong.append(not np.allclose(agents.act(observation), expected, atol=1e-5))

    assert in_threads(act, agents.update, act, n_calls=300) == []
    assert len(wrong) == 600
    assert not any(wrong)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_second_update_is_refused(n_threads):
    agents = agents_of()
    learner = _core_learner(agents, n_threads)
    index = np.zeros((12, agents.config.batch_size), np.int64)
    losses = np.full((3, 2, 12), np.nan, np.float32)
    calls = [lambda k=k: learner.update(index, 1, False, losses[k, 0], losses[k, 1]) for k in range(3)]
    refused = in_threads(*calls, n_calls=150)
    assert set(refused) == {"Learner: in use by another thread"}
    # A thread whose calls all met another's has no losses; the others' are whole.
    updated = ~np.isnan(losses[:, 0]).all(axis=1)
    assert updated.any()
    assert np.isfinite(losses[updated, 0]).all()


def _core_learner(agents, n_threads):
    """Return a core learner on arrays of its own, which nobody else holds."""
    config = _core.LearnerConfig()
    config.n_agents, config.obs_dim, config.action_dim, config.seed = agents.n_agents, agents.obs_dim, 4, 0
    for name in set(dir(config)) & set(vars(agents.config)):
        setattr(config, name, getattr(agents.config, name))
    arrays = {
        "agent_ids": agents.agent_ids.copy(),
        "frozen": agents.frozen.view(np.uint8).copy(),
        "ring": agents.replay.array.copy(),
    }
    networks = (("actor", agents.actor_target), ("critic", agents.critic_target))
    for (name, target), adam in zip(networks, (agents.actor_optimiser, agents.critic_optimiser), strict=True):
        arrays[f"{name}.online"] = adam.network.bank.numpy().copy()
        arrays[f"{name}.target"] = target.bank.numpy().copy()
        arrays[f"{name}.first_moment"] = adam.first_moment.numpy().copy()
        arrays[f"{name}.second_moment"] = adam.second_moment.numpy().copy()
        arrays[f"{name}.steps"] = adam.steps.numpy().copy()
    learner = _core.Learner(config, n_threads, _core.default_isa(), arrays)
    arrays.clear()
    gc.collect()
    return learner


def test_a_learner_holds_its_arrays_whatever_becomes_of_the_dict():
    agents = agents_of()
    learner = _core_learner(agents, 1)
    junk = [np.full((12, 100_000), np.nan, np.float32) for _ in range(20)]  # what was freed would be here
    losses = np.empty((2, 12), np.float32)
    index = np.arange(agents.config.batch_size) % 100
    learner.update(np.tile(index, (12, 1)), 1, True, losses[0], losses[1])
    assert np.isfinite(losses).all()
    assert len(junk) == 20
    config = _core.LearnerConfig()
    config.n_agents = config.obs_dim = config.action_dim = config.batch_size = 1
    config.actor_hidden = config.critic_hidden = [4]
    with pytest.raises(ValueError, match=r"arrays: got no 'actor\.online'"):
        _core.Learner(config, 1, _core.default_isa(), {})


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("actor_hidden", [65_536, 65_536], "actor_hidden: got layers of more than"),
        ("critic_hidden", [2**31 - 1], "critic_hidden: layer 0 has 2147483647"),
        ("critic_hidden", [0], "critic_hidden: layer 0 has 0"),
        ("actor_hidden", [4] * 9, "actor_hidden: got 9 hidden layers"),
        ("obs_dim", 2**30, "obs_dim: got 1073741824"),
        ("batch_size", 0, "batch_size: got 0"),
    ],
)
def test_widths_that_an_int_cannot_hold_are_refused(name, value, word):
    config = _core.LearnerConfig()
    config.n_agents = config.obs_dim = config.action_dim = config.batch_size = 1
    config.actor_hidden = config.critic_hidden = [4]
    setattr(config, name, value)
    with pytest.raises(ValueError, match=word):
        _core.Learner(config, 1, _core.default_isa(), {})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_updates_with_threads_of_its_own():
    agents = agents_of(2)
    learner = _core_learner(agents, 2)
    losses = np.empty((2, 2), np.float32)
    index = np.zeros((2, agents.config.batch_size), np.int64)
    learner.update(index, 1, False, losses[0], losses[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads is what this is about
        child = multiprocessing.get_context("fork").Process(
            target=lambda: learner.update(index, 2, False, losses[0], losses[1])
        )
        child.start()
    child.join(60)
    hangs = child.is_alive()
    child.kill()
    assert not hangs
    assert child.exitcode == 0


REFUSED_THREADS = """
import resource
from slicefast import _core
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**27,) * 2)  # stacks of 1,000 threads take more
done = []
for _ in range(4):
    _core.for_each(1000, 1000, done.append)
print(len(done))
"""


def test_work_goes_on_where_the_system_refuses_threads(tmp_path):
    command = [sys.executable, "-c", REFUSED_THREADS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, cwd=tmp_path)
    assert done.stdout == "4000\n"


def misaligned(array):
    """Return a copy of ``array`` one byte off its alignment."""
    memory = np.zeros(array.nbytes + 1, np.uint8)
    view = memory[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    assert not view.flags.aligned or array.itemsize == 1
    return view


def test_misaligned_inputs_are_copied_and_outputs_refused():
    simulator = sf.Simulator(sf.Scenario.paper(window_ttis=20), seed=0)
    replica = simulator._replicas[0]
    share = np.full((12, 4), 0.25)
    expected, out = np.empty((len(_core.CELL_KPIS), 12, 4)), np.empty((len(_core.CELL_KPIS), 12, 4))
    state = replica.network.state()
    arguments = (replica.serving, *replica.arrivals, replica.active)
    replica.network.step(share, *arguments, expected, None)
    replica.network.set_state(state)
    with pytest.raises(ValueError, match="kpis: got misaligned memory, allowed: aligned memory"):
        replica.network.step(share, *arguments, misaligned(out), None)
    replica.network.step(misaligned(share), *map(misaligned, arguments), out, None)
    np.testing.assert_array_equal(out, expected)


def test_a_network_without_links_is_refused_by_name():
    config = _core.SchedulerConfig(n_cells=12, n_slices=1, n_users=1)
    keywords = {
        "power_w": np.ones(12),
        "noise_w": 1e-15,
        "prb_bandwidth_hz": 180e3,
        "efficiency": "shannon",
        "window_ttis": 10,
        "handover_margin_db": 3.0,
        "time_to_trigger_steps": 0,
        "slice_of": [0],
        "isa": _core.default_isa(),
        "lend": False,
        "fidelity": "tti",
        "packet_bits": [1.0],
    }
    with pytest.raises(ValueError, match="links: got none"):
        _core.Network(links=None, scheduler=config, **keywords)
    links = make_links(sf.Scenario.paper(), np.random.default_rng(0))
    for name, value, word in (
        ("power_w", [1.0, 1.0], "power_w"),
        ("power_w", np.r_[np.nan, np.ones(11)], "power_w: cell 0"),
        ("noise_w", -1.0, "noise_w"),
        ("window_ttis", 0, "window_ttis"),
        ("slice_of", [1], "slice_of: row 0"),
        ("fidelity", "packet", "fidelity"),
    ):
        with pytest.raises(ValueError, match=word):
            _core.Network(links=links, scheduler=config, **keywords | {name: value})


def test_indices_are_those_that_were_checked():
    # Another thread writes what a call has checked and uses without the GIL: harmless, as the call has its own copy.
    simulator = sf.Simulator(sf.Scenario.paper(window_ttis=20), seed=0)
    replica = simulator._replicas[0]
    share, serving = np.full((12, 4), 0.25), replica.serving.copy()
    out, stop = np.empty((len(_core.CELL_KPIS), 12, 4)), threading.Event()

    def spoil():
        while not stop.is_set():
            serving[:] = 2**31 - 1
            serving[:] = replica.serving

    writer = threading.Thread(target=spoil)
    writer.start()
    said, played = [], 0
    for _ in range(2000):
        try:
            replica.network.step(share, serving, *replica.arrivals, replica.active, out, None)
            played += 1
        except ValueError as error:
            said.append(str(error))
            time.sleep(1e-4)  # a refusal never lets the other thread run
        if played == 50:
            break
    stop.set()
    writer.join()
    assert played
    assert all(message.startswith("serving: row") for message in said)
    assert np.isfinite(out).all()


def test_the_core_names_its_kpis():
    assert _core.CELL_KPIS[:4] == ("throughput_bps", "delay_ms", "load", "users")
    assert set(KPIS) == {*_core.CELL_KPIS, *_core.USER_KPIS}
