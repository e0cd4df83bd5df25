"""Where the time of a training step goes: core time by kind of work, from TensorFlow's profiler.

    pip install -e . && python experiments/speed_profile.py

The profiler slows the step down, so shares count, not seconds. Keeps results/speed_profile.json.
"""

import collections
import glob
import os
import re
import tempfile

import results
import speed_contenders as contenders

from sensegen_tf import commands

PRECISIONS = "float32", "bfloat16"
CASE = contenders.Case(64, 128, 3)
# What an event's name says about it; the first that fits counts.
KINDS = {
    "products in the loops": r"^MatMul$|^wrapped_dot|^dot",
    "products outside the loops": r"MatMul|Tensordot",
    "sums of bias gradients": r":Sum$|BiasAddGrad",
    "casts and transposes": r"Cast|ranspose",
    "gates, factors and copies in the loops, mixture, Adam": r"fusion|concat|^copy|^wrapped|^bitcast|^multiply|^add",
}
REST = "the rest"
WAITING = r"BlockUntilReady|KernelAndDeviceFunc|^EagerExecute|^end:|Await|ProcessAsync|^TFE|ExecuteAsyncOnStream"


def self_times(space):
    """Name without numbers -> ms of it alone, over all threads."""
    totals = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            events = sorted(
                (e.offset_ps, -e.duration_ps, plane.event_metadata[e.metadata_id].name) for e in line.events
            )
            stack = []
            for start, negative, name in events:
                while stack and stack[-1][0] <= start:
                    stack.pop()
                name = re.sub(r"[.:]?\d+", "", name)
                totals[name] -= negative / 1e9
                if stack:
                    totals[stack[-1][1]] += negative / 1e9
                stack.append((start - negative, name))
    return totals


def profile(precision):
    """Kind of work -> its share of the core time of a step."""
    work = contenders.ours_training(CASE, precision=precision)
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    for _ in range(3):
        work()
    with tempfile.TemporaryDirectory() as folder:
        options = tf.profiler.experimental.ProfilerOptions(host_tracer_level=3, python_tracer_level=0)
        tf.profiler.experimental.start(folder, options)
        work()
        tf.profiler.experimental.stop()
        (path,) = glob.glob(os.path.join(folder, "**", "*.xplane.pb"), recursive=True)
        with open(path, "rb") as file:
            totals = self_times(xplane_pb2.XSpace.FromString(file.read()))
    kinds = collections.Counter()
    for name, milliseconds in totals.items():
        if not re.search(WAITING, name):
            kinds[next((kind for kind, fits in KINDS.items() if re.search(fits, name)), REST)] += milliseconds
    return {kind: kinds[kind] / kinds.total() for kind in [*KINDS, REST]}


def main():
    from sensegen_tf.training.run_directory import machine

    found = [profile(precision) for precision in PRECISIONS]
    results.keep(
        "speed_profile",
        "benchmark",
        command="python experiments/speed_profile.py",
        title="Where the time of a training step goes",
        machine=machine(),
        text=[f"One training step, B {CASE.batch}, T {CASE.steps}, C {CASE.channels}."],
        tables={
            "shares": {
                "text": "Share of the core time, %.",
                "columns": ["work", *PRECISIONS],
                "rows": [[kind, *(round(100 * shares[kind]) for shares in found)] for kind in found[0]],
            }
        },
    )


if __name__ == "__main__":
    commands.run(main)
