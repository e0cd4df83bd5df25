"""What every exported preset promises to other programs."""

import os

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.standardize import Standardizer
from sensegen_tf.models import scoring
from sensegen_tf.models.presets import PRESETS
from sensegen_tf.serving import graph, warmup
from sensegen_tf.serving.signatures import Signatures
from tests.conformance.test_presets import build

CHANNELS = 2
CONTRACT = {
    "serving_default": ("seed length label", "samples length"),
    "sample_tempered": ("seed length temperature label", "samples length"),
    "continue_series": ("prefix prefix_length seed length label", "samples length"),
    "initial_state": ("seed label", "STATE"),
    "stream": ("steps STATE", "samples length STATE"),
    "score": ("series length label", "log_likelihood total pit"),
    "discriminate": ("series length label", "probability"),
    "decode": ("noise series_noise label", "samples"),
}
TYPES = {
    **dict.fromkeys(("seed", "position"), (tf.int64, 1)),
    **dict.fromkeys(("length", "prefix_length", "label", "steps"), (tf.int32, 1)),
    **dict.fromkeys(("temperature", "total", "probability"), (tf.float32, 1)),
    **dict.fromkeys(("series_noise", "log_likelihood"), (tf.float32, 2)),
    **dict.fromkeys(("samples", "series", "prefix", "pit", "noise"), (tf.float32, 3)),
}


# An export takes half a minute. In the fast tier there is the smallest preset; sensegen_imu and sensegen_table have the
# parts of sensegen_accel and no others.
EVERY_PRESET = [
    pytest.param(name, marks=[pytest.mark.slow] * (name != "sensegen_small"))
    for name in PRESETS
    if name not in ("sensegen_imu", "sensegen_table")
]


@pytest.fixture(scope="module", params=EVERY_PRESET)
def exported(request, tmp_path_factory):
    """A generator, the folder of its export, what was exported, and what was loaded of it."""
    generator, discriminator = build(request.param, CHANNELS)
    # A random autoregression may run away.
    for weight in generator.head.weights:
        weight.assign(weight * 0.1)
    sensors = Sensor(resolution=0.25, high=2.0), Sensor()
    standardizer = Standardizer(mean=[1.0, -2.0], std=[3.0, 0.5], increment=[0.2, 0.4], sensors=sensors)
    module = Signatures(generator, discriminator, standardizer=standardizer)
    folder = str(tmp_path_factory.mktemp(request.param))
    tf.saved_model.save(module, folder, signatures=module.signatures())
    return generator, folder, module, tf.saved_model.load(folder)


def test_signatures_have_their_names_types_and_leading_dimensions(exported):
    generator, folder, _, loaded = exported
    assert loaded.signatures.keys() == CONTRACT.keys()
    state = sorted(loaded.signatures["initial_state"].structured_outputs)
    for name, sides in CONTRACT.items():
        signature = loaded.signatures[name]
        for side, specs in zip(
            sides, (signature.structured_input_signature[1], signature.structured_outputs), strict=True
        ):
            optional = {"label": generator.labels, "series_noise": generator.latent_size}
            names = {each for each in side.split() if optional.get(each, True)}
            if "STATE" in names:
                names = (names - {"STATE"}) | set(state)
            assert specs.keys() == names
            for key, spec in specs.items():
                assert spec.shape.rank >= 1 and spec.shape[0] is None
                if key in TYPES:
                    assert (spec.dtype, spec.shape.rank) == TYPES[key]
                else:
                    assert key.startswith("carried_") and spec.dtype == tf.float32
    with open(os.path.join(folder, "saved_model.pb"), "rb") as file:
        [meta] = SavedModel.FromString(file.read()).meta_graphs
    assert all(meta.signature_def[name].method_name == "tensorflow/serving/predict" for name in CONTRACT)


def test_the_graph_holds_nothing_that_a_server_refuses(exported):
    graph.check(exported[1])


def test_the_export_answers_as_the_model_does(exported):
    generator, _, module, loaded = exported
    length, conditional = 3 * generator.block + 1, bool(generator.labels)
    requests = warmup.examples(loaded.signatures, length=length, conditional=conditional)
    for name, function in module.signatures().items():
        for key, value in function(**requests[name]).items():
            np.testing.assert_array_equal(loaded.signatures[name](**requests[name])[key], value, err_msg=name)


def test_samples_are_as_the_sensor_would_write_them_and_zero_past_their_length(exported):
    generator, _, _, loaded = exported
    label = {"label": tf.constant([1, 0])} if generator.labels else {}
    inputs = {"seed": tf.constant([5, 6], tf.int64), "length": tf.constant([9, 4]), **label}
    found = loaded.signatures["serving_default"](**inputs)["samples"].numpy()
    assert found.shape == (2, 9, 2) and (found[1, 4:] == 0).all()
    assert (found[..., 0] % 0.25 == 0).all() and found[..., 0].max() <= 2 and (found[0, :, 1] % 0.25 != 0).all()


def test_a_stream_cut_anywhere_equals_the_series_made_at_once(exported):
    generator, _, _, loaded = exported
    block, rows = generator.block, 3
    label = {"label": tf.constant([1, 0, 1])} if generator.labels else {}
    seed = tf.constant([5, 6, 2**40], tf.int64)
    whole = loaded.signatures["serving_default"](seed=seed, length=tf.fill([rows], 10 * block), **label)["samples"]
    rng = np.random.default_rng(0)
    for _ in range(3):
        state = dict(loaded.signatures["initial_state"](seed=seed, **label))
        made = [[] for _ in range(rows)]
        while min(sum(map(len, each)) for each in made) < 10 * block:
            state = dict(loaded.signatures["stream"](steps=tf.constant(rng.integers(1, 5, rows), tf.int32), **state))
            samples, length = state.pop("samples").numpy(), state.pop("length").numpy()
            for row in range(rows):
                made[row].append(samples[row, : length[row]])
                assert (samples[row, length[row] :] == 0).all()
        for row in range(rows):
            np.testing.assert_array_equal(np.concatenate(made[row])[: 10 * block], whole[row])


def test_scores_are_those_of_the_density(exported):
    """Of standardised values, less the logarithm of what a unit of them is worth."""
    generator, _, _, loaded = exported
    steps = 2 * generator.block
    series = tf.random.stateless_normal([2, steps, CHANNELS], [1, 1])
    label = {"label": tf.constant([1, 0])} if generator.labels else {}
    physical = series * [3.0, 0.5] + [1.0, -2.0]
    found = loaded.signatures["score"](series=physical, length=tf.constant([steps, steps]), **label)
    scores = scoring.score(generator, series, label=label.get("label", tf.zeros([2], tf.int32)))
    expected = tf.reduce_sum(scores.log_density, 1) - steps * np.log(3.0 * 0.5)
    np.testing.assert_allclose(found["total"], expected, rtol=2e-3)
