"""Latencies of a served model under 32 clients for a minute, against the stand-in server of export/stand_in.py.

    pip install -e ".[serve]" && python experiments/serving_load.py --models=export/models --model=quickstart

The stand-in is Python and joins requests as the real server does, but it is not the real server, and clients and server
share the cores: the figures say how the model behaves under joined requests, not how fast TensorFlow Serving is. Every
answer is compared with the series that the model gives alone. Writes the section `serving_load` of RESULTS.md.
"""

import os
import sys
import threading
import time

import numpy as np
from absl import app, flags
from results import HERE, write_section

FLAGS = flags.FLAGS
flags.DEFINE_string("models", os.path.join(HERE, "..", "export", "models"), "folder of served models")
flags.DEFINE_string("model", "quickstart", "which")
flags.DEFINE_integer("clients", 32, "at once", lower_bound=1)
flags.DEFINE_float("seconds", 60, "for so long", lower_bound=1)

SEEDS = 256


def main(argv):
    del argv
    export = os.path.join(HERE, "..", "export")
    sys.path[:0] = [export, os.path.join(export, "clients")]
    import grpc
    import sample_grpc
    import stand_in

    import sensegen_tf
    from sensegen_tf.training.run_directory import machine

    model = sensegen_tf.load(os.path.join(FLAGS.models, FLAGS.model))
    length, label = model.card.window_length, {"label": 0} if model.card.labels else {}

    def inputs(seeds):
        rows = {"seed": np.array(seeds, np.int64), "length": np.full(len(seeds), length, np.int32)}
        return rows | {name: np.full(len(seeds), value, np.int32) for name, value in label.items()}

    server, _, port, _ = stand_in.serve(FLAGS.models)
    address = f"127.0.0.1:{port}"
    with grpc.insecure_channel(address) as channel:
        reference = sample_grpc.predict(channel, FLAGS.model, "serving_default", inputs(range(SEEDS)))["samples"]
    latencies, rows, wrong = [[] for _ in range(FLAGS.clients)], [0] * FLAGS.clients, [0] * FLAGS.clients
    end = time.monotonic() + FLAGS.seconds

    def client(number):
        rng = np.random.default_rng(number)
        with grpc.insecure_channel(address) as channel:
            while time.monotonic() < end:
                seeds = rng.integers(0, SEEDS, rng.integers(1, 9))
                started = time.monotonic()
                found = sample_grpc.predict(channel, FLAGS.model, "serving_default", inputs(seeds))["samples"]
                latencies[number].append(time.monotonic() - started)
                rows[number] += len(seeds)
                wrong[number] += int((found != reference[seeds]).any((1, 2)).sum())

    threads = [threading.Thread(target=client, args=(number,)) for number in range(FLAGS.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.stop(0)
    found = 1000 * np.concatenate(latencies)
    quantiles = ", ".join(f"{q:g} %: {np.percentile(found, q):.0f}" for q in (50, 90, 99, 100))
    lines = [
        f"`python experiments/serving_load.py --model={FLAGS.model}` on {machine()}, shared by the stand-in server "
        f"(Python, not TensorFlow Serving) and {FLAGS.clients} clients for {FLAGS.seconds:g} s; 1 to 8 series of "
        f"{length} samples a request.",
        "",
        f"{len(found):,} requests, {sum(rows):,} series, {sum(wrong)} of them other than the model's own. Latency "
        f"in ms: {quantiles}.",
    ]
    write_section("serving_load", "\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    app.run(main)
