"""Batches joined, padded and split as a server does it do not change by a bit."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.serving import versions, warmup

ALLOWED = (16, 64)


@pytest.fixture(scope="module", params=[pytest.param("plain", marks=pytest.mark.slow), "sensegen_watch"])
def model(request):
    """A model without labels, whose step makes four samples; and one with labels."""
    plain = request.param == "plain"
    return tf.saved_model.load(
        request.getfixturevalue("plain_version") if plain else versions.find_version(request.param)
    )


def requests(model, name, count):
    """`count` requests of one example each to a signature, all different."""
    conditional = "label" in model.signatures["score"].structured_input_signature[1]
    rng = np.random.default_rng(0)
    found = []
    example = warmup.examples(model.signatures, length=24, conditional=conditional)[name]
    for number in range(count):
        inputs = {key: value.numpy()[:1].copy() for key, value in example.items()}
        if "seed" in inputs:
            inputs["seed"] += number
        for key in ("series", "prefix", "noise"):
            if key in inputs:
                inputs[key] += rng.uniform(0, 0.1, inputs[key].shape).astype("f")
        if name != "stream" and "length" in inputs:
            inputs["length"][:] = 24 - number
        found.append(inputs)
    return found


NAMES = ["serving_default", "sample_tempered", "continue_series", "initial_state", "stream", "score", "discriminate"]


@pytest.mark.parametrize("name", NAMES)
def test_requests_joined_padded_and_split_get_their_own_answers(model, name):
    function, each = model.signatures[name], requests(model, name, 5)
    alone = [function(**{key: tf.constant(value) for key, value in inputs.items()}) for inputs in each]
    for allowed in ALLOWED:
        joined = {key: np.concatenate([inputs[key] for inputs in each]) for key in each[0]}
        filled = {key: np.concatenate([value, np.repeat(value[:1], allowed - 5, 0)]) for key, value in joined.items()}
        answers = function(**{key: tf.constant(value) for key, value in filled.items()})
        for place, expected in enumerate(alone):
            for key, value in expected.items():
                found = answers[key].numpy()[place : place + 1]
                if value.shape.rank > 1 and key in ("samples", "log_likelihood", "pit"):
                    found = found[:, : value.shape[1]]
                np.testing.assert_array_equal(found, value, err_msg=f"{name} {key} in {allowed}")


def test_tensorflows_own_batcher_changes_no_bit(model):
    """`tf.nondifferentiable_batch_function` is the batcher of the server, as an operation."""
    function = model.signatures["serving_default"]
    conditional = "label" in function.structured_input_signature[1]

    @tf.nondifferentiable_batch_function(
        num_batch_threads=2, max_batch_size=64, batch_timeout_micros=100_000, allowed_batch_sizes=[16, 64]
    )
    def batched(seed, length, label):
        return function(seed=seed, length=length, **({"label": label} if conditional else {}))["samples"]

    @tf.function
    def call(seed):
        shape = tf.shape(seed)
        return batched(seed, tf.fill(shape, 20), tf.zeros(shape, tf.int32))

    seeds = tf.range(40, dtype=tf.int64)
    answers = {}

    def client(first):
        answers[first] = call(seeds[first : first + 4]).numpy()

    threads = [threading.Thread(target=client, args=(first,)) for first in range(0, 40, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    label = {"label": tf.zeros([40], tf.int32)} if conditional else {}
    expected = function(seed=seeds, length=tf.fill([40], 20), **label)["samples"].numpy()
    np.testing.assert_array_equal(np.concatenate([answers[first] for first in range(0, 40, 4)]), expected)
