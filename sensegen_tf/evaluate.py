"""Judges synthetic windows beside real ones.

Do they look real, serve the purpose, leak people, and is the physiology right?

Example:
  python -m sensegen_tf.evaluate --real=SET --synthetic=samples.npz --output=report

Reads files and knows no model. --real is what the generator was trained on, --heldout recordings of people it never
saw; a prepared set (`python -m sensegen_tf.data prepare`) holds both. A file is an NPZ with one array
[number, time, channel] (and, where known, rate, channels, units, subjects, labels, log_likelihood), what `sample`
writes, or a table. The same files and flags give the same numbers.
"""

import os

from absl import flags

from sensegen_tf import commands, data_flags  # noqa: F401
from sensegen_tf.errors import InputError

FLAGS = flags.FLAGS

flags.DEFINE_string("real", None, "file (or prepared set) of the windows that the generator was trained on")
flags.DEFINE_string("synthetic", None, "file of the windows to judge")
flags.DEFINE_string("heldout", None, "file of real windows of people never trained on; by default of a prepared --real")
flags.DEFINE_string("output", None, "folder for report.html and report.json")
flags.DEFINE_bool("quick", False, "fewer repeats, no published scores: under a minute, not about five")
flags.DEFINE_integer("seed", 0, "of all random numbers", lower_bound=0, upper_bound=2**20)
flags.mark_flags_as_required(["real", "synthetic", "output"])
for _name in (
    "channels",
    "units",
    "rate_hz",
    "time_column",
    "gap_seconds",
    "subject_column",
    "label_column",
    "array",
    "window_length",
):
    flags.declare_key_flag(_name)


def _read():
    """The three `Samples`; what a file does not say of itself is taken from --real."""
    from sensegen_tf.data import records, series
    from sensegen_tf.data.sources.tables import TableConfig
    from sensegen_tf.evaluation.samples import Samples

    table = commands.from_flags(TableConfig, resample_hz=None)
    # Where nobody asks for a length, the synthetic windows have it.
    asked = FLAGS.window_length if FLAGS["window_length"].present else None
    synthetic = series.read(FLAGS.synthetic, table, asked)
    length = asked or synthetic.values.shape[1]
    real = series.read(FLAGS.real, table, length)
    beside = FLAGS.heldout or (FLAGS.real if records.is_prepared(FLAGS.real) else None)
    heldout = beside and series.read(beside, table, length, "heldout")
    names = tuple(f"x{index}" for index in range(real.values.shape[-1]))
    known = {
        "rate": real.rate or FLAGS.rate_hz or 1.0,
        "channels": real.channels or names,
        "units": real.units or tuple(FLAGS.units) or ("1",) * len(names),
    }

    def samples(flag, part):
        fields = vars(part) | {what: getattr(part, what) or value for what, value in known.items()}
        return Samples(f"--{flag}={FLAGS[flag].value or FLAGS.real}", **fields)

    return samples("real", real), samples("synthetic", synthetic), heldout and samples("heldout", heldout)


def main():
    # Slow imports wait until the flags have been checked.
    from sensegen_tf.evaluation import run

    run.check_installed()
    if FLAGS.heldout and os.path.realpath(FLAGS.heldout) == os.path.realpath(FLAGS.real):
        raise InputError("--heldout and --real are the same file; held-out windows must be of people never trained on")
    print(run.evaluate(*_read(), FLAGS.output, FLAGS.seed, FLAGS.quick))


if __name__ == "__main__":
    commands.run(main)
