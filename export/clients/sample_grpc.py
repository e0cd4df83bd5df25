"""Samples series from a server over gRPC: pip install tensorflow-serving-api

python export/clients/sample_grpc.py --address=localhost:8500 --model=quickstart --count=4 --length=128
"""

import argparse

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


def predict(channel, model, signature, inputs, timeout=60):
    """One call of a signature.

    Args:
      channel: a `grpc.Channel`.
      model, signature: names.
      inputs: name -> array.
      timeout: seconds.

    Returns:
      Output name -> array.
    """
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    response = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout)
    return {name: tf.make_ndarray(value) for name, value in response.outputs.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="localhost:8500")
    parser.add_argument("--model", default="quickstart")
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--label", type=int, help="number of the label, of conditional models")
    given = parser.parse_args()
    inputs = {
        "seed": tf.range(given.count, dtype=tf.int64),
        "length": tf.fill([given.count], given.length),
    }
    if given.label is not None:
        inputs["label"] = tf.fill([given.count], given.label)
    with grpc.insecure_channel(given.address) as channel:
        print(predict(channel, given.model, "serving_default", inputs)["samples"])


if __name__ == "__main__":
    main()
