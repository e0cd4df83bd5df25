"""Replicas: workers on loopback, each a process of its own, as a cluster would start them, and logical devices."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.errors import InputError
from sensegen_tf.training.config import TrainConfig
from sensegen_tf.training.distribution import Distribution
from sensegen_tf.training.run import train
from sensegen_tf.training.run_directory import read_metrics
from sensegen_tf.training.schedule import alternating
from tests.training.making import TWO_DEVICES, make_dataset, series

# Of the largest value of each weight and each of Adam's moments: sums over replicas round otherwise than those over the
# micro-batches of one minibatch, and Adam carries that on.
_BOUND = 1e-3
_CUTTING = ("--source", "--data_dir", "--rate_hz", "--window_length", "--stride")
# With the adversarial objective.
_BOTH_OBJECTIVES = """
import dataclasses, sys
from sensegen_tf.training.config import TrainConfig
from sensegen_tf.training.distribution import Distribution
from sensegen_tf.training.run import train
from sensegen_tf.training.schedule import alternating
from tests.training.making import DISCRIMINATOR, GENERATOR, LEARNING, make_dataset, series

learning = dataclasses.replace(LEARNING, generator_objective="both", adversarial_batch_size=4)
schedule = alternating(2, discriminator_steps=2, generator_steps=2)
models = {"generator": GENERATOR, "discriminator": DISCRIMINATOR}
config = TrainConfig(preset="small", **models, schedule=schedule, learning=learning, calibrate=False)
for name in ("none", "mirrored"):
    run = train(config, make_dataset(series()), run_dir=f"{sys.argv[1]}/{name}", distribution=Distribution(name))
assert run.trainer.distribution.replicas == 2
"""


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Twelve noisy sines of two channels."""
    rng = np.random.default_rng(0)
    phase = rng.uniform(0, 2 * np.pi, [12, 1, 1])
    path = tmp_path_factory.mktemp("recordings") / "series.npz"
    np.savez(path, series=(np.sin(np.arange(400)[:, None] / 3 + phase) + rng.normal(0, 0.1, [12, 400, 2])).astype("f"))
    return path


def flags(recordings, run, outer=4):
    return [
        *("--source=table", f"--data_dir={recordings}", "--rate_hz=10", "--window_length=16", "--stride=16"),
        *("--preset=sensegen_small", "--batch_size=16", f"--outer_iterations={outer}", "--discriminator_steps=2"),
        *("--generator_steps=2", "--checkpoint_seconds=0", "--evaluation_windows=64", "--nocalibrate"),
        f"--run_dir={run}",
    ]


def start(*arguments, module=("-m", "sensegen_tf.train"), **environment):
    return subprocess.Popen(
        [sys.executable, *module, *arguments],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_workers(*arguments, of_second=(), first="worker"):
    """Two workers, the first of which may be called chief; the second with some flags more."""
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("localhost", 0))
        one, other = (f"localhost:{each.getsockname()[1]}" for each in (one, other))
    cluster = {"worker": [one, other]} if first == "worker" else {"chief": [one], "worker": [other]}
    second = len(cluster["worker"]) - 1
    return [
        start(
            *("--strategy=multi_worker", *arguments, *more),
            TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}}),
        )
        for kind, index, more in ((first, 0, ()), ("worker", second, of_second))
    ]


def ends(processes, timeout=300):
    """Exit status and messages of each."""
    try:
        texts = [process.communicate(timeout=timeout) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, out + err) for process, (out, err) in zip(processes, texts, strict=True)]


def first_outer_iteration(run, process):
    """Waits for it."""
    deadline = time.monotonic() + 300
    while not read_metrics(run):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.1)


def weights(run):
    """Name -> value of everything in the newest checkpoint that is a number."""
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(os.path.join(run, "checkpoints")))
    types = reader.get_variable_to_dtype_map()
    return {name: reader.get_tensor(name) for name in sorted(types) if types[name] != tf.string}


def assert_close(run, other):
    assert [row["outer"] for row in read_metrics(run)] == [row["outer"] for row in read_metrics(other)]
    for row, expected in zip(read_metrics(run), read_metrics(other), strict=True):
        for name in ("generator_loss", "discriminator_loss", "test_nll"):
            assert row[name] == pytest.approx(expected[name], abs=1e-4)
    expected = weights(other)
    assert weights(run).keys() == expected.keys()
    for name, value in weights(run).items():
        largest = np.abs(expected[name]).max(initial=0)
        np.testing.assert_allclose(value, expected[name], rtol=0, atol=_BOUND * largest, err_msg=name)


@pytest.fixture(scope="module")
def alone(recordings, tmp_path_factory):
    """A run of one process."""
    run = tmp_path_factory.mktemp("alone") / "run"
    [(status, text)] = ends([start(*flags(recordings, run))])
    assert status == 0, text
    return run


@pytest.mark.process
@pytest.mark.slow
def test_two_workers_learn_the_same_as_one_process_and_go_on_after_one_died(recordings, alone, tmp_path):
    run = tmp_path / "run"
    chief, worker = start_workers(*flags(recordings, run))
    first_outer_iteration(run, chief)
    worker.kill()
    (status, text), _ = ends([chief, worker])
    assert status == 2 and "another worker of the cluster ended" in text and "the last checkpoint is intact" in text
    died = len(read_metrics(run))
    assert died < 4 and not (run / "finished.json").exists()

    (status, text), (follower_status, follower_text) = ends(start_workers(*flags(recordings, run)))
    assert (status, follower_status) == (0, 0), text + follower_text
    assert "resumed at step" in text and "worker 1 of 2" in follower_text
    assert_close(run, alone)
    assert os.listdir(run / "model") == ["1"]


@pytest.mark.process
@pytest.mark.slow
def test_a_worker_that_is_asked_to_stop_stops_all(recordings, tmp_path):
    """On a prepared set, of which each worker reads its own shards."""
    run, prepared = tmp_path / "run", tmp_path / "set"
    cut = [flag for flag in flags(recordings, run) if flag.split("=")[0] in _CUTTING]
    module = ("-m", "sensegen_tf.data", "prepare")
    [(status, text)] = ends([start(*cut, f"--output={prepared}", "--shard_windows=64", module=module)])
    assert status == 0, text
    rest = [flag for flag in flags(recordings, run, 500) if flag.split("=")[0] not in _CUTTING]
    chief, worker = start_workers("--source=tfrecord", f"--data_dir={prepared}", *rest)
    first_outer_iteration(run, chief)
    worker.send_signal(signal.SIGTERM)
    (status, text), (follower_status, follower_text) = ends([chief, worker])
    assert status == 130 and "Stopped and saved at step" in text, text
    assert follower_status == 130 and "Stopped at step" in follower_text, follower_text


@pytest.mark.process
@pytest.mark.slow
def test_a_chief_that_dies_is_missed(recordings, tmp_path):
    run = tmp_path / "run"
    chief, worker = start_workers(*flags(recordings, run, 500))
    first_outer_iteration(run, chief)
    chief.kill()
    _, (status, text) = ends([chief, worker])
    assert status == 2 and "another worker of the cluster ended" in text and "Traceback" not in text, text


@pytest.mark.process
@pytest.mark.slow
def test_workers_that_were_started_on_something_else_are_refused(recordings, tmp_path):
    run = tmp_path / "run"
    for status, text in ends(start_workers(*flags(recordings, run), of_second=["--seed=1"], first="chief")):
        assert status == 2 and "worker 1 was started with another configuration" in text, text
    assert not run.exists()


@pytest.mark.process
@pytest.mark.slow
def test_two_devices_learn_the_same_as_one(tmp_path):
    [(status, text)] = ends([start(str(tmp_path), module=("-c", TWO_DEVICES + _BOTH_OBJECTIVES))])
    assert status == 0, text
    assert_close(tmp_path / "mirrored", tmp_path / "none")


def test_a_batch_that_the_replicas_cannot_share_is_refused():
    distribution = Distribution()
    distribution.check_batch(15, stride=2)
    distribution.replicas = 2
    distribution.check_batch(16, stride=2)
    for batch_size, stride in ((15, 1), (14, 2)):
        with pytest.raises(InputError) as refused:
            distribution.check_batch(batch_size, stride=stride)
        assert refused.value.fields == ("batch_size",)


def test_such_a_batch_is_refused_before_anything_is_written(tmp_path):
    distribution = Distribution()
    distribution.replicas = 3
    config = TrainConfig.from_preset("sensegen_small", schedule=alternating(1), calibrate=False)
    with pytest.raises(InputError):
        train(config, make_dataset(series()), run_dir=tmp_path / "run", distribution=distribution)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("batch_size", "workers"), [(16, 4), (7, 3), (5, 1)])
def test_workers_divide_the_rows_of_a_minibatch(batch_size, workers):
    distribution, rows = Distribution(), []
    distribution.workers = workers
    for worker in range(workers):
        distribution.worker = worker
        rows += list(range(batch_size))[distribution.local_rows(batch_size)]
    assert rows == list(range(batch_size))


@pytest.mark.parametrize(
    "config, wrong",
    [
        (None, "needs the environment variable TF_CONFIG"),
        ("{", "is not JSON"),
        ('{"cluster": {"worker": ["a:1"]}}', "has no cluster or no task"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "is not one of the cluster's"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker"}}', "its task has no index"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "of workers and at most one chief"),
    ],
)
def test_a_cluster_that_is_not_described_is_refused(config, wrong, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config:
        monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(InputError) as refused:
        Distribution("multi_worker")
    assert wrong in str(refused.value) and '"cluster"' in str(refused.value)
