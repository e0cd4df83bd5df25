"""Latencies of a served model under 32 clients for a minute, against the stand-in server of export/stand_in.py.

    pip install -e ".[serve]" && python experiments/serving_load.py --models=export/models --model=quickstart

The stand-in is Python and batches requests as the real server does, but it is not the real server, and clients and
server share the cores: the figures say how the model behaves under batched requests, not how fast TensorFlow Serving
is. Every answer is compared with the series that the model gives alone. Keeps results/serving_load.json.
"""

import dataclasses
import os
import sys
import threading
import time

import numpy as np
import results
from absl import flags

from sensegen_tf import commands

FLAGS = flags.FLAGS
EXPORT = os.path.join(results.HERE, "..", "export")
SEEDS = 256
MOST_SERIES = 8
QUANTILES = 50, 90, 99, 100


def define_flags():
    """The flags of this program."""
    with commands.topic("Load"):
        flags.DEFINE_string("models", os.path.join(EXPORT, "models"), "folder of served models")
        flags.DEFINE_string("model", "quickstart", "which")
        flags.DEFINE_integer("clients", 32, "at once", lower_bound=1)
        flags.DEFINE_float("seconds", 60, "for so long", lower_bound=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Served:
    """A model behind an address: what a request holds, and the right answers.

    Attributes:
      address: host and port.
      card: the model's.
      reference: [SEEDS, T, C], the series of the seeds from 0 on.
    """

    address: str
    card: object
    reference: np.ndarray

    def sample(self, channel, seeds):
        """The series of these seeds, from the server."""
        return _sample(channel, self.card, seeds)


def _sample(channel, card, seeds):
    import sample_grpc

    inputs = {"seed": np.array(seeds, np.int64), "length": np.full(len(seeds), card.window_length, np.int32)}
    if card.labels:
        inputs["label"] = np.zeros(len(seeds), np.int32)
    return sample_grpc.predict(channel, FLAGS.model, "serving_default", inputs)["samples"]


class Client(threading.Thread):
    """Asks for series until the end, and counts.

    Args:
      served: a `Served`.
      number: seeds its requests.
      end: of the monotonic clock.
    """

    def __init__(self, served, number, *, end):
        super().__init__()
        self._served, self._end, self._rng = served, end, np.random.default_rng(number)
        self.latencies, self.series, self.wrong = [], 0, 0

    def run(self):
        import grpc

        with grpc.insecure_channel(self._served.address) as channel:
            while time.monotonic() < self._end:
                seeds = self._rng.integers(0, SEEDS, self._rng.integers(1, MOST_SERIES + 1))
                started = time.monotonic()
                found = self._served.sample(channel, seeds)
                self.latencies.append(time.monotonic() - started)
                self.series += len(seeds)
                self.wrong += int((found != self._served.reference[seeds]).any((1, 2)).sum())


def measure():
    """The card of the model, and the clients after the load."""
    sys.path[:0] = [EXPORT, os.path.join(EXPORT, "clients")]
    import grpc
    import stand_in

    import sensegen_tf

    card = sensegen_tf.load(os.path.join(FLAGS.models, FLAGS.model)).card
    server, _, port, _ = stand_in.serve(FLAGS.models)
    address = f"127.0.0.1:{port}"
    with grpc.insecure_channel(address) as channel:
        served = Served(address=address, card=card, reference=_sample(channel, card, range(SEEDS)))
    end = time.monotonic() + FLAGS.seconds
    clients = [Client(served, number, end=end) for number in range(FLAGS.clients)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    server.stop(0)
    return card, clients


def main():
    from sensegen_tf.training.run_directory import machine

    card, clients = measure()
    latencies = 1000 * np.concatenate([client.latencies for client in clients])
    answers = [
        ["requests", len(latencies)],
        ["series", sum(client.series for client in clients)],
        ["series other than the model's own", sum(client.wrong for client in clients)],
    ]
    quantiles = [[quantile, round(float(np.percentile(latencies, quantile)))] for quantile in QUANTILES]
    results.keep(
        "serving_load",
        "benchmark",
        command=f"python experiments/serving_load.py --model={FLAGS.model}",
        title="A served model under load",
        machine=machine(),
        text=[
            f"The stand-in server (Python, not TensorFlow Serving) and {FLAGS.clients} clients share the machine for "
            f"{FLAGS.seconds:g} s; 1 to {MOST_SERIES} series of {card.window_length} samples a request."
        ],
        tables={
            "answers": {"text": "Answers.", "columns": ["what", "count"], "rows": answers},
            "latency": {"text": "Latency.", "columns": ["quantile, %", "ms"], "rows": quantiles},
        },
    )


if __name__ == "__main__":
    define_flags()
    commands.run(main)
