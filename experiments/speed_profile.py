"""Where the time of a training step goes: core time by kind of work, from TensorFlow's profiler.

python experiments/speed_profile.py --precision=float32
"""

import collections
import glob
import os
import re
import tempfile

import speed_contenders as contenders
from absl import app, flags

FLAGS = flags.FLAGS
flags.DEFINE_enum("precision", "float32", ["float32", "bfloat16"], "of the products")

# What an event's name says about it; the first that fits counts.
KINDS = {
    "products in the loops": r"^MatMul$|^wrapped_dot|^dot",
    "products outside the loops": r"MatMul|Tensordot",
    "sums of bias gradients": r":Sum$|BiasAddGrad",
    "casts and transposes": r"Cast|ranspose",
    "gates, factors and copies in the loops, mixture, Adam": r"fusion|concat|^copy|^wrapped|^bitcast|^multiply|^add",
}
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


def main(_):
    work = contenders.ours_training(contenders.Case(64, 128, 3), precision=FLAGS.precision)
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
            kinds[next((kind for kind, fits in KINDS.items() if re.search(fits, name)), "the rest")] += milliseconds
    for kind, milliseconds in kinds.most_common():
        print(f"| {kind} | {milliseconds:.0f} ms | {milliseconds / kinds.total():.0%} |")


if __name__ == "__main__":
    app.run(main)
