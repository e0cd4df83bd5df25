"""The clients against a stand-in for the server, and against a real one where there is one."""

import functools
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.serving import versions

grpc = pytest.importorskip("grpc")
pytest.importorskip("tensorflow_serving")

EXPORT = os.path.join(os.path.dirname(__file__), "..", "..", "export")
sys.path[:0] = [EXPORT, os.path.join(EXPORT, "clients")]

import sample_grpc  # noqa: E402
import sample_rest  # noqa: E402
import stand_in  # noqa: E402
from tensorflow_serving.apis import prediction_log_pb2  # noqa: E402

# Without labels, named as the folder into which it was exported; and with seven labels.
PLAIN, LABELLED = "model", "sensegen_watch"


@pytest.fixture(scope="module")
def models(version, tmp_path_factory):
    """A folder of two served models."""
    folder = tmp_path_factory.mktemp("models")
    for name, path in ((PLAIN, version), (LABELLED, versions.find_version(LABELLED))):
        os.symlink(os.path.dirname(path), folder / name)
    return folder


@pytest.fixture(scope="module")
def served(models):
    """Address of gRPC and of REST."""
    grpc_server, rest_server, grpc_port, rest_port = stand_in.serve(str(models))
    yield f"127.0.0.1:{grpc_port}", f"http://127.0.0.1:{rest_port}"
    grpc_server.stop(0)
    rest_server.shutdown()


def asked(seeds, length, label=None):
    inputs = {"seed": np.array(seeds, np.int64), "length": np.full(len(seeds), length, np.int32)}
    return inputs if label is None else {**inputs, "label": np.full(len(seeds), label, np.int32)}


@functools.cache
def loaded(path):
    return tf.saved_model.load(path)


def expected(models, name, inputs):
    signature = loaded(str(models / name / "1")).signatures["serving_default"]
    return signature(**{key: tf.constant(value) for key, value in inputs.items()})["samples"].numpy()


@pytest.mark.parametrize(("name", "label"), [pytest.param(PLAIN, None, marks=pytest.mark.slow), (LABELLED, 4)])
def test_the_grpc_client_gets_the_same_bytes(models, served, name, label):
    with grpc.insecure_channel(served[0]) as channel:
        found = sample_grpc.predict(channel, name, "serving_default", asked([3, 4, 5], 24, label))
    np.testing.assert_array_equal(found["samples"], expected(models, name, asked([3, 4, 5], 24, label)))
    np.testing.assert_array_equal(found["length"], [24] * 3)


@pytest.mark.parametrize(("name", "label"), [pytest.param(PLAIN, None, marks=pytest.mark.slow), (LABELLED, 4)])
def test_the_rest_client_gets_the_same_numbers(models, served, name, label):
    given = {} if label is None else {"label": label}
    found = sample_rest.predict(served[1], name, "serving_default", [{"seed": s, "length": 9, **given} for s in (3, 4)])
    samples = np.array([each["samples"][: each["length"]] for each in found], "f")
    np.testing.assert_array_equal(samples, expected(models, name, asked([3, 4], 9, label)))


@pytest.mark.process
@pytest.mark.parametrize("client", ["sample_grpc", "sample_rest"])
def test_the_clients_run_from_the_command_line(served, client):
    command = [sys.executable, os.path.join(EXPORT, "clients", f"{client}.py"), f"--model={LABELLED}", "--label=2"]
    command += [f"--address={served[client == 'sample_rest']}", "--count=2", "--length=5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("[") > 4


def test_a_bad_request_names_its_input_and_the_next_is_answered(served):
    with grpc.insecure_channel(served[0]) as channel:
        for inputs, message in (
            (asked([1], 0), "length must be at least 1"),
            (asked([1], 2_000_000), "length must be at most"),
            ({**asked([1], 5), "temperature": np.ones(1, "f")}, "expected inputs length, seed"),
            ({**asked([1], 5), "length": np.ones(1, "f")}, "length must be int32"),
        ):
            with pytest.raises(grpc.RpcError, match=message) as raised:
                sample_grpc.predict(channel, PLAIN, "serving_default", inputs)
            assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert sample_grpc.predict(channel, PLAIN, "serving_default", asked([1], 5))["samples"].shape == (1, 5, 3)


@pytest.mark.parametrize("name", [pytest.param(PLAIN, marks=pytest.mark.slow), LABELLED])
def test_the_warm_up_file_replays(models, served, name):
    path = models / name / "1" / "assets.extra" / "tf_serving_warmup_requests"
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(path))
    ]
    assert len(logs) == 8
    with grpc.insecure_channel(served[0]) as channel:
        for log in logs:
            request = log.predict_log.request
            assert request.model_spec.name == name
            inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
            assert sample_grpc.predict(channel, name, request.model_spec.signature_name, inputs)


@pytest.mark.parametrize(("clients", "seconds"), [(4, 2), pytest.param(32, 20, marks=pytest.mark.slow)])
def test_many_clients_get_the_series_that_they_asked_for(models, served, clients, seconds):
    """No timing is asserted; experiments/serving_load.py reports latencies."""
    # In a batch of a size that the server makes too: others may round differently.
    reference = expected(models, LABELLED, asked(range(256), 24, 3))
    wrong, counts, end = [], [0] * clients, time.monotonic() + seconds

    def client(number):
        rng = np.random.default_rng(number)
        with grpc.insecure_channel(served[0]) as channel:
            while time.monotonic() < end:
                seeds, length = rng.integers(0, 256, rng.integers(1, 9)), int(rng.integers(1, 25))
                answer = sample_grpc.predict(channel, LABELLED, "serving_default", asked(seeds, length, 3))
                if not np.array_equal(answer["samples"][:, :length], reference[seeds, :length]):
                    wrong.append((seeds, length))
                counts[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and min(counts) > 0


@pytest.mark.process
@pytest.mark.skipif(
    not os.environ.get("TENSORFLOW_MODEL_SERVER"),
    reason="TENSORFLOW_MODEL_SERVER does not name a tensorflow_model_server",
)
def test_a_real_server_answers_as_the_model_does(models, tmp_path):
    config = tmp_path / "batching.config"
    with open(os.path.join(EXPORT, "batching.config"), encoding="utf-8") as file:
        config.write_text(file.read())
    command = [os.environ["TENSORFLOW_MODEL_SERVER"], "--port=8510", "--rest_api_port=8511", f"--model_name={PLAIN}"]
    command += [f"--model_base_path={models / PLAIN}", "--enable_batching=true"]
    with subprocess.Popen([*command, f"--batching_parameters_file={config}"]) as server:
        try:
            with grpc.insecure_channel("127.0.0.1:8510") as channel:
                grpc.channel_ready_future(channel).result(timeout=120)
                found = sample_grpc.predict(channel, PLAIN, "serving_default", asked([3, 4], 24))
            np.testing.assert_array_equal(found["samples"], expected(models, PLAIN, asked([3, 4], 24)))
            given = [{"seed": 3, "length": 24}]
            [row] = sample_rest.predict("http://127.0.0.1:8511", PLAIN, "serving_default", given)
            np.testing.assert_array_equal(np.array(row["samples"], "f"), found["samples"][0])
        finally:
            server.terminate()


def test_the_kit_names_models_that_training_writes():
    with open(os.path.join(EXPORT, "models.config"), encoding="utf-8") as file:
        text = file.read()
    with open(os.path.join(EXPORT, "..", "experiments", "flags", "quickstart.flags"), encoding="utf-8") as file:
        flags = file.read()
    assert 'name: "quickstart"' in text and "--model_dir=export/models/quickstart" in flags
    with open(os.path.join(EXPORT, "batching.config"), encoding="utf-8") as file:
        sizes = [int(line.split(":")[1]) for line in file if line.startswith("allowed_batch_sizes")]
    assert tuple(sizes) == stand_in.ALLOWED_SIZES and all(size % 16 == 0 for size in sizes)
