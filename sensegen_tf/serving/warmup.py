"""Requests that a server replays when it loads a version, so that the first real one does not wait.

TensorFlow Serving reads `assets.extra/tf_serving_warmup_requests`, a TFRecord of `PredictionLog` messages. Their few
fields are encoded here: the package that defines them, tensorflow-serving-api, would be a dependency of every training.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

FILE = os.path.join("assets.extra", "tf_serving_warmup_requests")
# Numbers of the fields in tensorflow_serving/apis: prediction_log, predict and model .proto.
_PREDICT_LOG, _REQUEST, _MODEL_SPEC, _INPUTS = 6, 1, 1, 2
_NAME, _SIGNATURE_NAME, _KEY, _VALUE = 1, 3, 1, 2


def examples(functions: Mapping[str, Any], *, length: int, conditional: bool) -> dict[str, dict[str, tf.Tensor]]:
    """A valid request for every signature of a model.

    Args:
      functions: signature name -> function of named tensors.
      length: samples of the series.
      conditional: whether there is an input `label`.

    Returns:
      Signature name -> input name -> tensor, two examples each.
    """
    label = {"label": tf.zeros([2], tf.int32)} if conditional else {}
    request = {"seed": tf.constant([1, 2], tf.int64), "length": tf.fill([2], length), **label}
    series = functions["serving_default"](**request)["samples"]
    state = functions["initial_state"](seed=request["seed"], **label)
    decode = {spec.name: spec for spec in functions["decode"].structured_input_signature[1].values()}
    latent = {name: tf.fill([2, decode[name].shape[1]], 0.5) for name in decode if name == "series_noise"}
    examples = {
        "serving_default": request,
        "sample_tempered": {**request, "temperature": tf.constant([1.0, 0.5])},
        "continue_series": {**request, "prefix": series, "prefix_length": tf.fill([2], length)},
        "initial_state": {"seed": request["seed"], **label},
        "stream": {"steps": tf.constant([1, 1]), **state},
        "score": {"series": series, "length": request["length"], **label},
        "discriminate": {"series": series, "length": request["length"], **label},
        "decode": {"noise": tf.fill([2, 2, decode["noise"].shape[2]], 0.5), **latent, **label},
    }
    return {name: example for name, example in examples.items() if name in functions}


def write(folder: str, requests: Mapping[str, Mapping[str, tf.Tensor]], *, model_name: str) -> None:
    """Writes the file of a version.

    Args:
      folder: of the version.
      requests: as `examples` gives them.
      model_name: under which it is served.
    """
    path = os.path.join(folder, FILE)
    os.makedirs(os.path.dirname(path))
    with tf.io.TFRecordWriter(path) as writer:
        for signature, inputs in requests.items():
            writer.write(_prediction_log(model_name, signature, inputs))


def _prediction_log(model_name, signature, inputs):
    spec = _field(_NAME, model_name.encode()) + _field(_SIGNATURE_NAME, signature.encode())
    request = _field(_MODEL_SPEC, spec)
    for name, value in sorted(inputs.items()):
        tensor = tf.make_tensor_proto(value).SerializeToString(deterministic=True)
        request += _field(_INPUTS, _field(_KEY, name.encode()) + _field(_VALUE, tensor))
    return _field(_PREDICT_LOG, _field(_REQUEST, request))


def _field(number, payload):
    """A length-delimited field of a protocol buffer."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value):
    low, high = value & 127, value >> 7
    return bytes([low | 128]) + _varint(high) if high else bytes([low])
