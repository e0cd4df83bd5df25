"""One exported model in other runtimes: the same bytes, or where arithmetic differs, nearly."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.serving import versions, warmup

CLIENT = os.path.join(os.path.dirname(__file__), "..", "..", "export", "clients", "sample.c")


@pytest.fixture(scope="module")
def served():
    """A version, its model, a good request for each signature, and the answers."""
    path = versions.find_version("sensegen_watch")
    model = tf.saved_model.load(path)
    requests = warmup.examples(model.signatures, length=24, conditional=True)
    answers = {name: model.signatures[name](**inputs) for name, inputs in requests.items()}
    return path, model, requests, answers


def alone(program, folder, *arguments):
    """Runs a program in a process that must not need this package; returns what it printed."""
    end = """
foreign = [n for n in sys.modules if n.split(".")[0] in ("sensegen_tf", "tensorflow_probability", "tf_keras")]
assert not foreign, foreign
"""
    command = [sys.executable, "-c", "import sys, numpy as np, tensorflow as tf\n" + program + end, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def inputs(served, tmp_path):
    """A file of the inputs of all requests, named SIGNATURE/INPUT."""
    path = tmp_path / "inputs.npz"
    np.savez(path, **{f"{name}/{key}": value for name, each in served[2].items() for key, value in each.items()})
    return path


def assert_same(path, answers, names):
    found = np.load(path)
    for name in names:
        for key, value in answers[name].items():
            np.testing.assert_array_equal(found[f"{name}/{key}"], value, err_msg=f"{name}/{key}")


LOADERS = {
    "tf.saved_model.load": """
model = tf.saved_model.load(sys.argv[1])
def call(name, inputs):
    return {k: v.numpy() for k, v in model.signatures[name](**{k: tf.constant(v) for k, v in inputs.items()}).items()}
""",
    "v1 Session": """
graph = tf.Graph()
session = tf.compat.v1.Session(graph=graph)
with graph.as_default():
    meta = tf.compat.v1.saved_model.load(session, ["serve"], sys.argv[1])
def call(name, inputs):
    signature = meta.signature_def[name]
    assert signature.method_name == "tensorflow/serving/predict"
    return session.run(
        {k: v.name for k, v in signature.outputs.items()}, {signature.inputs[k].name: v for k, v in inputs.items()})
""",
}
CALL_ALL = """
given, found = np.load(sys.argv[2]), {}
for name in sorted({key.split("/")[0] for key in given}):
    inputs = {key.split("/")[1]: given[key] for key in given if key.split("/")[0] == name}
    found.update({f"{name}/{key}": value for key, value in call(name, inputs).items()})
np.savez(sys.argv[3], **found)
"""


@pytest.mark.process
@pytest.mark.parametrize("loader", LOADERS)
def test_a_process_with_tensorflow_alone_gets_the_same_bytes(served, inputs, loader, tmp_path):
    path, _, requests, answers = served
    alone(LOADERS[loader] + CALL_ALL, tmp_path, path, str(inputs), str(tmp_path / "found.npz"))
    assert_same(tmp_path / "found.npz", answers, requests)


@pytest.mark.process
def test_saved_model_cli_runs_every_signature(served, tmp_path):
    path, _, requests, answers = served
    names = ["serving_default", "sample_tempered", "continue_series", "score", "discriminate"]
    cli = os.path.join(os.path.dirname(sys.executable), "saved_model_cli")
    for name in names:
        files = []
        for key, value in requests[name].items():
            np.save(tmp_path / f"{name}_{key}.npy", value)
            files.append(f"{key}={tmp_path / f'{name}_{key}.npy'}")
        command = [cli, "run", "--dir", path, "--tag_set", "serve", "--signature_def", name]
        command += ["--inputs", ";".join(files), "--outdir", str(tmp_path / name)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        for key, value in answers[name].items():
            np.testing.assert_array_equal(np.load(tmp_path / name / f"{key}.npy"), value)


@pytest.mark.process
def test_a_keras_layer_calls_a_signature_of_one_input(plain_version, tmp_path):
    path, seed = plain_version, np.array([5, 6])
    state = tf.saved_model.load(path).signatures["initial_state"](seed=tf.constant(seed))
    program = """
import keras
layer = keras.layers.TFSMLayer(sys.argv[1], call_endpoint="initial_state")
np.savez(sys.argv[2], **{k: v.numpy() for k, v in layer(tf.constant([5, 6], tf.int64)).items()})
"""
    alone(program, tmp_path, path, str(tmp_path / "found.npz"))
    found = np.load(tmp_path / "found.npz")
    for key, value in state.items():
        np.testing.assert_array_equal(found[key], value, err_msg=key)


@pytest.mark.process
@pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not installed")
def test_the_c_client_prints_the_same_values(served, tmp_path):
    path, model, requests, _ = served
    package = os.path.dirname(tf.__file__)
    libraries = ["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2", f"-Wl,-rpath,{package}"]
    binary = str(tmp_path / "sample")
    command = [
        "gcc",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-O2",
        "-o",
        binary,
        CLIENT,
        f"-I{package}/include",
        f"-L{package}",
    ]
    subprocess.run([*command, *libraries], check=True)
    done = subprocess.run([binary, path, "24", "0", "1", "2"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = np.array([line.split() for line in done.stdout.splitlines()], np.float64)
    expected = model.signatures["serving_default"](**requests["serving_default"])["samples"].numpy()
    np.testing.assert_array_equal(lines[:, :2], [[series, step] for series in range(2) for step in range(24)])
    np.testing.assert_array_equal(lines[:, 2:].astype("f").reshape(expected.shape), expected)
    done = subprocess.run([binary, path, "0", "0", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "length must be at least 1" in done.stderr
    done = subprocess.run([binary, str(tmp_path), "1", "0", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "cannot load the model" in done.stderr


@pytest.mark.slow
def test_openvino_runs_decode(served):
    openvino = pytest.importorskip("openvino")
    _, model, _, _ = served
    signature = model.signatures["decode"]
    specs, rng = signature.structured_input_signature[1], np.random.default_rng(0)
    noise = rng.normal(size=[5, 30, specs["noise"].shape[2]])
    noise[..., 0] = rng.uniform(size=[5, 30])
    inputs = {"noise": noise.astype("f")}
    if "series_noise" in specs:
        inputs["series_noise"] = rng.normal(size=[5, specs["series_noise"].shape[1]]).astype("f")
    if "label" in specs:
        inputs["label"] = np.arange(5, dtype=np.int32)
    expected = signature(**{name: tf.constant(value) for name, value in inputs.items()})["samples"].numpy()
    compiled = openvino.Core().compile_model(
        openvino.convert_model(signature), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    (found,) = compiled({port: inputs[port.get_any_name()] for port in compiled.inputs}).values()
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_the_card_names_what_the_model_answers_to():
    """Of the model with labels."""
    path = versions.find_version("sensegen_watch")
    with open(os.path.join(path, "model_card.json"), encoding="utf-8") as file:
        card = json.load(file)
    with open(os.path.join(path, "model_card.md"), encoding="utf-8") as file:
        text = file.read()
    model = tf.saved_model.load(path)
    assert card["signatures"].keys() == model.signatures.keys()
    for name, signature in model.signatures.items():
        specs = signature.structured_input_signature[1]
        named = {key: [spec.dtype.name, list(spec.shape)] for key, spec in specs.items()}
        assert card["signatures"][name]["inputs"] == named and f"`{name}`" in text
        named = {key: [spec.dtype.name, list(spec.shape)] for key, spec in signature.structured_outputs.items()}
        assert card["signatures"][name]["outputs"] == named
    assert "Burns et al. 2018" in text and "8 subjects" in text
    assert not {"run_dir", "model_dir", "data_dir"} & card["provenance"].keys()
