"""A user's own runs: what is trained, handed over, scored and refused, by hand and by the parts they are made of."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import slicefast as sf
from slicefast import files, policies, rewards, runs, transfer
from slicefast.errors import RunError, SlicefastError
from slicefast.learn import TD3, TD3Config
from slicefast.runs import checks
from slicefast.training import History, collect_samples

SCENARIO = sf.Scenario.hexagonal(n_sites=1, window_ttis=20)
STEPS = {"exploration_steps": 20, "train_steps": 60}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    run = runs.new_run(tmp_path_factory.mktemp("trained") / "run", SCENARIO, seed=3, **STEPS)
    runs.train(run)
    return run


def started(scenario, seed):
    simulator = sf.Simulator(scenario, seed=seed)
    simulator.reset()
    return simulator


def test_scores_by_hand():
    # Two steps, two cells, two slices.
    throughput = [[[1.0, 0.9], [0.95, 1.0]], [[0.5, 1.0], [1.0, 1.0]]]
    delay = [[[1.0, 3.0], [2.0, 1.0]], [[8.0, 4.0], [0.0, 5.0]]]
    arrays = {"throughput_satisfaction": np.array(throughput), "delay_ms": np.array(delay)}
    history = History(np.array([[0.2, 0.4], [0.6, 0.4]], np.float32))
    scores = runs.Scores.of(history, SimpleNamespace(arrays=arrays), np.ones(history.reward.shape[-1], bool))
    assert scores.mean_reward == pytest.approx(0.4)
    assert scores.mean_satisfaction == pytest.approx((0.9 + 0.95 + 0.5 + 1.0) / 4)
    assert scores.failing_share == 0.5  # 0.95 itself does not fail
    assert scores.mean_largest_delay_ms == (3.0 + 2.0 + 8.0 + 5.0) / 4


def test_training_is_the_loop_on_the_runs_own_network(trained):
    simulator, task = started(SCENARIO, 3), sf.Task(SCENARIO)
    agents = TD3(3, task.observation_size, task.action_size, TD3Config.preset("ours", exploration_steps=20), seed=3)
    observation = task.observe(simulator.kpis)
    earned = []
    for _ in range(80):
        action = agents.act(observation, explore=True)
        kpis = simulator.step(action)
        following = task.observe(kpis)
        agents.store(observation, action, task.reward(kpis), following)
        agents.update()
        earned.append(task.reward(kpis))
        observation = following
    np.testing.assert_array_equal(files.load_arrays(trained.folder / runs.LOG_FILE)["reward"], earned)
    np.testing.assert_array_equal(runs.load_agents(trained).actor.bank, agents.actor.bank)


def test_evaluation_plays_without_noise_on_the_named_network(trained):
    played = {"equal": policies.equal_split}
    found = runs.evaluate(trained, seed=11, steps=15, others=played)
    assert list(found) == ["trained agents", "equal"]
    agents, task = runs.load_agents(trained), sf.Task(SCENARIO)
    for name, act in (
        ("trained agents", lambda observation: agents.act(observation, explore=False)),
        ("equal", lambda observation: np.full((3, 4), 0.25)),
    ):
        simulator = started(SCENARIO, 11)
        kpis = [simulator.kpis]
        for _ in range(15):
            kpis.append(simulator.step(act(task.observe(kpis[-1]))))
        worst = np.array([task.satisfaction(item)[0].min(axis=-1) for item in kpis[1:]])
        scores = found[name]
        assert scores.mean_reward == pytest.approx(np.mean([task.reward(item) for item in kpis[1:]]), abs=1e-6)
        assert scores.mean_satisfaction == pytest.approx(worst.mean(), abs=1e-6)
        assert scores.failing_share == pytest.approx((worst < rewards.MET).mean())
        assert scores.mean_largest_delay_ms == pytest.approx(
            np.mean([item.delay_ms.max(axis=-1) for item in kpis[1:]]), rel=1e-6
        )
    assert found["trained agents"] != found["equal"]


@pytest.mark.parametrize("choice", runs.CHOICES)
def test_transfer_hands_over_what_the_choice_names(tmp_path, trained, choice):
    three = sf.Scenario.hexagonal(n_sites=3, window_ttis=20)
    target = runs.new_run(tmp_path / "new", three, seed=5, exploration_steps=0, train_steps=3, learning_starts=10)
    runs.transfer(trained, target, "model", choice, sample_steps=20)
    log = files.load_arrays(target.folder / runs.LOG_FILE)
    samples = [
        collect_samples(started(scenario, seed), sf.Task(scenario), 20)
        for scenario, seed in ((SCENARIO, 3), (three, 5))
    ]
    kind = "fast" if choice == "fast" else "kl"
    if choice == "configuration":
        expected = transfer.configuration_distance(SCENARIO, three)
    elif choice == "probe":
        agents = runs.load_agents(trained)
        expected = -transfer.hindsight_rewards(agents, started(three, 5), sf.Task(three), 20)
    else:
        distance = transfer.similarity_matrix([*samples[0], *samples[1]], seed=5, distance=kind).distance
        expected = (transfer.without_spread(distance) if choice == "corrected" else distance)[:3, 3:]
    np.testing.assert_array_equal(log["distance"], expected)
    assert log["source"].shape == (9,)
    if choice in ("most", "fast", "corrected", "configuration", "probe"):
        np.testing.assert_array_equal(log["source"], expected.argmin(axis=0))
    if choice == "least":
        np.testing.assert_array_equal(log["source"], expected.argmax(axis=0))
    before, after = runs.load_agents(trained), runs.load_agents(target)  # which never learned
    np.testing.assert_array_equal(after.actor.bank, before.actor.bank[log["source"].tolist()])
    origin = json.loads((target.folder / runs.RUN_FILE).read_text())["origin"]
    assert origin == {
        "source_run": str(trained.folder.resolve()),
        "source_checksum": files.checksum(trained.agents_path),
        "strategy": "model",
        "choice": choice,
        "sample_steps": 20,
    }


def test_runs_keep_what_agents_see_and_earn(tmp_path):
    run = runs.new_run(
        tmp_path / "run",
        SCENARIO,
        features=["load", "throughput"],
        reward="logarithmic",
        coordination="none",
        exploration_steps=2,
        train_steps=2,
        gamma=0.5,
    )
    runs.train(run)
    again = runs.load_run(run.folder)
    assert again == run
    assert again.task().feature_names == ("load", "throughput")
    agents = runs.load_agents(again)
    assert (agents.obs_dim, agents.config.gamma) == (8, 0.5)
    assert runs.evaluate(again, steps=2).keys() == {"trained agents", *runs.baselines()}
    target = runs.new_run(tmp_path / "target", SCENARIO, reward="logarithmic", coordination="none", train_steps=2)
    with pytest.raises(RunError, match=r"features: got .* in the target, allowed: "):
        runs.transfer(run, target)


def test_moved_run_is_still_a_run(tmp_path, trained):
    moved = tmp_path / "elsewhere"
    trained.folder.rename(moved)
    try:
        assert runs.evaluate(runs.load_run(moved), steps=2)
    finally:
        moved.rename(trained.folder)


def test_file_that_is_not_what_was_written_is_refused(tmp_path, trained):
    whole = trained.agents_path.read_bytes()
    document = files.read_json(trained.folder / runs.RUN_FILE)
    try:
        trained.agents_path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(RunError, match=r"agents\.safetensors cannot be read: .* is damaged"):
            runs.load_agents(trained)
    finally:
        trained.agents_path.write_bytes(whole)
    for entry, value in (("seed", -1), ("seed", "x"), ("features", [3]), ("reward", 4), ("config", {"gamma": 2}),
                         ("config", []), ("scenario", {"colour": 1}), ("train_steps", None)):  # fmt: skip
        (tmp_path / runs.RUN_FILE).write_text(json.dumps({**document, entry: value}))
        with pytest.raises(RunError, match=r"run\.json cannot be read: "):
            runs.load_run(tmp_path)
    for entry in ("seed", "config", "scenario"):
        (tmp_path / runs.RUN_FILE).write_text(json.dumps({k: v for k, v in document.items() if k != entry}))
        with pytest.raises(RunError, match=f"no entry '{entry}'"):
            runs.load_run(tmp_path)
    for text in ("", "[]", "{", "3"):
        (tmp_path / runs.RUN_FILE).write_text(text)
        with pytest.raises(RunError, match=r"run\.json cannot be read: "):
            runs.load_run(tmp_path)


def test_policy_whose_shares_are_no_partition_is_named(trained):
    with pytest.raises(RunError, match=r"policy 'greedy': .*summing to 1"):
        runs.evaluate(trained, steps=1, others={"greedy": lambda simulator, observation: np.ones((3, 4))})


@pytest.mark.parametrize("value", [0, 4, -1, 2.0, True, "2", None])
def test_integers_out_of_their_range_are_refused(value):
    assert checks.check_integer("n", 1, 1, 3) is None
    assert checks.check_integer("n", np.int64(3), 1, 3) is None
    assert checks.check_integer("n", 10**9, 1) is None
    with pytest.raises(RunError, match=f"n: got {value!r}, allowed: an integer of at least 1 and at most 3"):
        checks.check_integer("n", value, 1, 3)
    if value != 4:
        with pytest.raises(RunError, match=r"n: got .*, allowed: an integer of at least 1$"):
            checks.check_integer("n", value, 1)


def test_slices_are_found_by_name_or_where_asked_for_by_position():
    names = [item.name for item in SCENARIO.slices]
    other = SimpleNamespace(n_slices=4, slices=[SimpleNamespace(name="other"), *SCENARIO.slices[1:]])
    fewer = SimpleNamespace(n_slices=3, slices=SCENARIO.slices[:3])
    assert checks.check_slices(SCENARIO, SCENARIO, False, "target") is None
    assert checks.check_slices(SCENARIO, other, True, "target") is None
    known, wanted = ", ".join(names), ", ".join(["other", *names[1:]])
    with pytest.raises(RunError, match=f"slices: got {wanted} in the target, allowed: {known}, as the agents learned"):
        checks.check_slices(SCENARIO, other, False, "target")
    for by_position in (False, True):
        with pytest.raises(RunError, match="n_slices: got 3 in the scenario, allowed: 4, as the agents learned"):
            checks.check_slices(SCENARIO, fewer, by_position, "scenario")


def test_what_is_wrong_with_a_new_run_is_named_and_nothing_written(tmp_path):
    path = tmp_path / "run"
    for numbers, message in (
        ({"gama": 0.5}, "gama: got 0.5, allowed: numbers of TD3Config: actor_hidden"),
        ({"gamma": 2.0}, "^gamma: got 2.0, allowed: "),
        ({"gamma": "much"}, "^gamma: got 'much', allowed: "),
        ({"train_steps": 0}, "train_steps: got 0, allowed: an integer of at least 1"),
        ({"seed": -1}, "seed: got -1, allowed: an integer of at least 0 and at most 18446744073709551615"),
        ({"reward": "wealth"}, "reward: got 'wealth'"),
        ({"reward": lambda kpis, scenario: 1.0}, "reward: got <function"),
    ):
        with pytest.raises(SlicefastError, match=message):
            runs.new_run(path, SCENARIO, **numbers)
    assert not path.exists()
    path.mkdir()
    assert runs.new_run(path, SCENARIO, seed=2**64 - 1).seed == 2**64 - 1
    (path / "note").write_text("mine")
    with pytest.raises(RunError, match=r"run is not empty, and no run is ever overwritten: name a new folder$"):
        runs.new_run(path, SCENARIO)
    for load, missing in ((runs.load_run, "run.json"), (runs.load_interrupted, "progress.json")):
        with pytest.raises(RunError, match=f"{missing} is missing"):
            load(path)


def test_evaluation_refuses_what_the_agents_cannot_play(trained):
    for arguments, message in (
        ({"steps": 0}, "steps: got 0, allowed: an integer of at least 1"),
        ({"seed": -1}, "seed: got -1, allowed: an integer of at least 0"),
        ({"scenario": sf.Scenario.hexagonal(n_sites=3)}, "n_cells of the scenario: got 9, allowed: 3, as the agents"),
    ):
        with pytest.raises(RunError, match=message):
            runs.evaluate(trained, **arguments)


def test_evaluation_ticks_once_for_every_step_of_every_policy(trained):
    ticks = []
    runs.evaluate(trained, steps=30, tick=ticks.append)
    assert ticks == [25, 5] * 4
    rule = runs.baselines().pop("max-min rule")
    assert isinstance(rule, policies.MaxMinRule)
    assert rule is not runs.baselines()["max-min rule"]  # it remembers: a new one for every evaluation
    others = {"equal split": policies.equal_split, "traffic-aware": policies.traffic_aware, "max-min rule": rule}
    assert {**runs.baselines(), "max-min rule": rule} == others


def test_runs_differ_in_words_that_are_named(tmp_path, trained):
    for options, message in (
        ({"reward": "logarithmic"}, "reward: got 'logarithmic' in the target, allowed: 'max_min', as in the source"),
        ({"coordination": "none"}, "coordination: got 'none' in the target, allowed: 'mean'"),
    ):
        with pytest.raises(RunError, match=message):
            runs.transfer(trained, runs.new_run(tmp_path / "new", SCENARIO, **options))
    target = runs.new_run(tmp_path / "new", SCENARIO)
    for options, message in (
        ({"strategy": "telepathy"}, "strategy: got 'telepathy', allowed: model, feature, instance, integrated"),
        (
            {"choice": "other"},
            "choice: got 'other', allowed: most, least, fast, corrected, configuration, probe, random",
        ),
        ({"sample_steps": 1}, "sample_steps: got 1, allowed: an integer of at least 2"),
    ):
        with pytest.raises(ValueError, match=message):
            runs.transfer(trained, target, **options)
    assert not target.folder.exists()


@pytest.mark.parametrize(("strategy", "handed_over"), [("feature", 0), ("instance", 80)])
def test_a_target_has_room_for_what_it_is_handed_beside_its_own(tmp_path, trained, strategy, handed_over):
    target = runs.new_run(tmp_path / "new", SCENARIO, train_steps=2, exploration_steps=0, capacity=7)
    runs.transfer(trained, target, strategy, "random", sample_steps=2)
    agents = runs.load_agents(target)
    assert agents.config.capacity == 7 + handed_over
    assert agents.frozen.all() == (strategy == "feature")
    document = json.loads((target.folder / runs.RUN_FILE).read_text())
    assert (document["config"]["capacity"], document["origin"]["strategy"]) == (7, strategy)
