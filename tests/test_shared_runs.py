"""Runs of one agent for all cells, or on several networks at once: kept, resumed, played, handed on."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import slicefast as sf
from slicefast import files, progress, runs
from slicefast.cli import app
from slicefast.errors import RunError, SlicefastError
from slicefast.learn import TD3Config
from slicefast.training import train

SCENARIO = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
LARGER = sf.Scenario.hexagonal(n_sites=3, window_ttis=20)
STEPS = {"exploration_steps": 20, "train_steps": 50, "batch_size": 16, "updates_per_step": 1}


def shared_run(folder, **fields):
    settings = {"preset": "ours_shared", "shared": True, "n_networks": 2, "restart_steps": 16, **STEPS, **fields}
    return runs.new_run(folder, SCENARIO, seed=3, **settings)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    run = shared_run(tmp_path_factory.mktemp("shared") / "run")
    runs.train(run)
    return run


def test_a_shared_run_is_one_agent_on_networks_side_by_side(trained):
    agents = runs.load_agents(trained)
    assert (agents.n_agents, agents.step, trained.n_agents) == (1, 70 * 2 * 3, 1)
    config = TD3Config.preset("ours_shared", exploration_steps=20, batch_size=16, updates_per_step=1)
    assert (trained.config, agents.config) == (config, config.per_row(6))
    assert agents.n_updates == 50 + 1  # from the last step of exploration on, after which there is enough
    simulator = sf.Simulator(SCENARIO, seed=3, n_replicas=2)
    simulator.reset()
    again = sf.training.new_agents(trained.task(), config.per_row(6), 3, n_agents=1)
    expected = train(simulator, again, trained.task(), 70, restarts=sf.rng.Restarts(3, 16)).reward
    found = np.load(trained.folder / runs.LOG_FILE)["reward"]
    np.testing.assert_array_equal(found, expected)
    assert found.shape == (70, 6)
    assert runs.load_run(trained.folder) == trained


@pytest.mark.parametrize("fields", [{}, {"shared": False, "preset": "ours"}])
def test_a_killed_run_goes_on_to_the_last_bit_whatever_the_threads(tmp_path, monkeypatch, fields):
    monkeypatch.setattr(progress, "KEEP_STEPS", 16)  # at every restart
    whole, killed = (shared_run(tmp_path / name, **fields) for name in ("whole", "killed"))
    expected = runs.train(whole)
    played = []

    def tick(steps):
        played.append(steps)
        if sum(played) >= 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.train(killed, tick)
    again, reached = runs.load_interrupted(killed.folder)
    assert (again, reached) == (killed, 48)
    np.testing.assert_array_equal(runs.resume(again, n_threads=2).reward, expected.reward)
    assert killed.agents_path.read_bytes() == whole.agents_path.read_bytes()


def test_a_shared_agent_plays_any_number_of_cells_and_others_do_not(trained, tmp_path):
    scores = runs.evaluate(trained, LARGER, steps=4)
    assert 0.0 < scores["trained agents"].mean_reward <= 1.0
    own = runs.new_run(tmp_path / "own", SCENARIO, **STEPS)
    runs.train(own)
    with pytest.raises(RunError, match="n_cells of the scenario: got 9, allowed: 3, as the agents learned"):
        runs.evaluate(own, LARGER, steps=4)


def test_a_shared_agent_hands_its_networks_to_every_cell(trained, tmp_path):
    target = runs.new_run(tmp_path / "target", LARGER, preset="ours_transfer", train_steps=1, actor_lr=1e-12)
    runs.transfer(trained, target, "model")
    source, agents = runs.load_agents(trained), runs.load_agents(target)
    np.testing.assert_allclose(agents.actor.bank, np.repeat(source.actor.bank.numpy(), 9, axis=0), atol=1e-6)
    other = runs.new_run(tmp_path / "other", LARGER, preset="ours_transfer", train_steps=1)
    with pytest.raises(RunError, match="strategy: got 'integrated', allowed: 'model' or 'feature': a shared agent's"):
        runs.transfer(trained, other)
    for fields in ({"shared": True}, {"n_networks": 2}, {"restart_steps": 5}):
        wrong = runs.new_run(tmp_path / "wrong", LARGER, preset="ours_transfer", train_steps=1, **fields)
        with pytest.raises(RunError, match="a transfer's target has an agent per cell on one network"):
            runs.transfer(trained, wrong, "model")
        assert not wrong.folder.exists()


def test_runs_of_earlier_versions_have_an_agent_per_cell(trained, tmp_path):
    path = tmp_path / runs.RUN_FILE
    document = files.read_json(trained.folder / runs.RUN_FILE)
    for name in ("shared", "n_networks", "restart_steps"):
        del document[name]
    path.write_text(json.dumps(document))
    run = runs.load_run(tmp_path)
    assert (run.shared, run.n_networks, run.restart_steps, run.restarts) == (False, 1, 0, None)
    assert (run.n_agents, run.learner_config) == (3, run.config)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"n_networks": 0}, "n_networks: got 0, allowed: an integer of at least 1"),
        ({"restart_steps": -1}, "restart_steps: got -1, allowed: an integer of at least 0"),
        ({"shared": "yes"}, "shared: got 'yes', allowed: True or False"),
    ],
)
def test_networks_that_cannot_be_are_refused(fields, message, tmp_path):
    with pytest.raises(SlicefastError, match=message):
        shared_run(tmp_path / "run", **fields)


def test_the_command_line_trains_one_agent_for_all_and_plays_it_elsewhere(tmp_path):
    for name, scenario in (("tiny", SCENARIO), ("larger", LARGER)):
        scenario.to_toml(tmp_path / f"{name}.toml")
    out = str(tmp_path / "run")
    options = ["--shared", "--networks", "2", "--restart", "8", "--threads", "2", "--exploration", "3", "--steps", "9"]
    found = CliRunner().invoke(app, ["train", "--scenario", str(tmp_path / "tiny.toml"), "--out", out, *options])
    assert found.exit_code == 0, (found.output, found.exception)
    run = runs.load_run(out)
    assert (run.shared, run.n_networks, run.restart_steps) == (True, 2, 8)
    assert run.config == TD3Config.preset("ours_shared", exploration_steps=3)
    played = CliRunner().invoke(app, ["evaluate", out, "--scenario", str(tmp_path / "larger.toml"), "--steps", "3"])
    assert played.exit_code == 0, (played.output, played.exception)
    assert "trained agents" in played.output
