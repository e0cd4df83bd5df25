"""A stand-in for TensorFlow Serving, to try clients where there is no server: its service definitions, not itself.

    pip install tensorflow-serving-api
    python export/stand_in.py --models=export/models --grpc_port=8500 --rest_port=8501

It serves the highest version of every model in the folder: `Predict` over gRPC, `:predict` in the row format over REST.
Requests of one signature that come together are joined as the server's batcher does it: one after another, filled up to
an allowed size with copies of an example, run once, split again. It does not poll, has no metrics, and is not fast.
"""

import argparse
import concurrent.futures
import http.server
import json
import os
import queue
import threading

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

# As batching.config says.
ALLOWED_SIZES, TIMEOUT = (16, 64, 256), 0.002


class BadRequest(Exception):
    """A request that cannot be answered; the message says why."""


class Batcher:
    """Joins requests to one signature, runs them, and splits the answer.

    Args:
      function: the signature.
    """

    def __init__(self, function):
        self._function = function
        self._specs = function.structured_input_signature[1]
        self._waiting = queue.Queue()
        threading.Thread(target=self._work, daemon=True).start()

    def run(self, inputs):
        """Output name -> array [B, ...] for input name -> array [B, ...].

        Raises:
          BadRequest: unknown, missing or ill-typed inputs, or what the graph itself refuses.
        """
        if inputs.keys() != self._specs.keys():
            raise BadRequest(f"expected inputs {', '.join(sorted(self._specs))}, got {', '.join(sorted(inputs))}")
        for name, value in inputs.items():
            spec = self._specs[name]
            if value.dtype != spec.dtype.as_numpy_dtype or value.ndim != spec.shape.rank:
                raise BadRequest(f"{name} must be {spec.dtype.name} of rank {spec.shape.rank}")
        if len({len(value) for value in inputs.values()}) > 1:
            raise BadRequest("all inputs must have the same batch size")
        answer = concurrent.futures.Future()
        self._waiting.put((inputs, answer))
        return answer.result()

    def _work(self):
        while True:
            batch = [self._waiting.get()]
            size = _batch_size(batch[0][0])
            while size < ALLOWED_SIZES[-1]:
                try:
                    batch.append(self._waiting.get(timeout=TIMEOUT))
                except queue.Empty:
                    break
                size += _batch_size(batch[-1][0])
            self._answer(batch)

    def _answer(self, batch):
        """Runs requests together; where that fails, one by one, so that a bad one fails alone."""
        try:
            answers = self._together([inputs for inputs, _ in batch])
        except (tf.errors.OpError, ValueError, TypeError) as error:
            if len(batch) == 1:
                return batch[0][1].set_exception(BadRequest(str(error)))
            for each in batch:
                self._answer([each])
            return None
        for (_, answer), values in zip(batch, answers, strict=True):
            answer.set_result(values)

    def _together(self, requests):
        sizes = [_batch_size(each) for each in requests]
        inputs = {name: _joined([each[name] for each in requests]) for name in requests[0]}
        total = sum(sizes)
        allowed = next((size for size in ALLOWED_SIZES if size >= total), total)
        inputs = {
            name: np.concatenate([value, np.repeat(value[-1:], allowed - total, 0)]) for name, value in inputs.items()
        }
        outputs = self._function(**{name: tf.constant(value) for name, value in inputs.items()})
        ends = np.cumsum(sizes)
        split = {name: np.split(value.numpy()[:total], ends[:-1]) for name, value in outputs.items()}
        return [{name: values[number] for name, values in split.items()} for number in range(len(requests))]


def _batch_size(inputs):
    return len(next(iter(inputs.values())))


def _joined(arrays):
    """Examples one after another; shorter ones are padded, as the server does with `pad_variable_length_inputs`."""
    shape = np.max([each.shape[1:] for each in arrays], 0).astype(int) if arrays[0].ndim > 1 else ()
    padded = [
        np.pad(each, [(0, 0), *((0, most - own) for most, own in zip(shape, each.shape[1:], strict=True))])
        for each in arrays
    ]
    return np.concatenate(padded)


class Models(prediction_service_pb2_grpc.PredictionServiceServicer):
    """The models of a folder.

    Args:
      folder: holds NAME/VERSION/saved_model.pb.
    """

    def __init__(self, folder):
        self._loaded, self._batchers = {}, {}
        for name in sorted(os.listdir(folder)):
            versions = [v for v in os.listdir(os.path.join(folder, name)) if v.isdecimal()]
            if versions:
                path = os.path.join(folder, name, max(versions, key=int))
                self._loaded[name] = tf.saved_model.load(path)
                for signature, function in self._loaded[name].signatures.items():
                    self._batchers[name, signature] = Batcher(function)

    def run(self, model, signature, inputs):
        """See `Batcher.run`."""
        try:
            batcher = self._batchers[model, signature or "serving_default"]
        except KeyError:
            raise BadRequest(f"no model {model} with a signature {signature}") from None
        return batcher.run(inputs)

    def Predict(self, request, context):
        """The service's method."""
        try:
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            outputs = self.run(request.model_spec.name, request.model_spec.signature_name, inputs)
        except (BadRequest, TypeError, ValueError) as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        response = predict_pb2.PredictResponse()
        response.model_spec.CopyFrom(request.model_spec)
        for name, value in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response

    def predict_instances(self, model, request):
        """The answer to a REST request in the row format, and its HTTP status."""
        try:
            instances, signature = request["instances"], request.get("signature_name", "serving_default")
            specs = self._loaded[model].signatures[signature].structured_input_signature[1]
            inputs = {
                name: np.array([each[name] for each in instances], spec.dtype.as_numpy_dtype)
                for name, spec in specs.items()
            }
            outputs = self.run(model, signature, inputs)
        except (BadRequest, KeyError, TypeError, ValueError, IndexError) as error:
            return {"error": f"{type(error).__name__}: {error}"}, 400
        listed = {name: value.tolist() for name, value in outputs.items()}
        predictions = [{name: value[place] for name, value in listed.items()} for place in range(len(instances))]
        return {"predictions": predictions}, 200


def serve(folder, grpc_port=0, rest_port=0):
    """Starts both services on the loopback address; returns the two servers and their ports."""
    models = Models(folder)
    grpc_server = grpc.server(concurrent.futures.ThreadPoolExecutor(64))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(models, grpc_server)
    grpc_port = grpc_server.add_insecure_port(f"127.0.0.1:{grpc_port}")
    grpc_server.start()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer, status = models.predict_instances(self.path.split("/")[-1].partition(":")[0], json.loads(body))
            encoded = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, *arguments):
            del arguments

    rest_server = http.server.ThreadingHTTPServer(("127.0.0.1", rest_port), Handler)
    threading.Thread(target=rest_server.serve_forever, daemon=True).start()
    return grpc_server, rest_server, grpc_port, rest_server.server_address[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="export/models")
    parser.add_argument("--grpc_port", type=int, default=8500)
    parser.add_argument("--rest_port", type=int, default=8501)
    given = parser.parse_args()
    grpc_server, _, *ports = serve(given.models, given.grpc_port, given.rest_port)
    print(f"stand-in for TensorFlow Serving: gRPC {ports[0]}, REST {ports[1]}", flush=True)
    grpc_server.wait_for_termination()


if __name__ == "__main__":
    main()
