"""Evaluates synthetic windows: whether they look real, are useful, leak the recordings, and have the right physiology.

Example:
  python -m sensegen_tf.evaluate --real=SET --synthetic=samples.npz --output=report

It reads files and knows no model. --real holds the windows that the generator was trained on, --test those of test
subjects, who were never trained on; a prepared set (`python -m sensegen_tf.data prepare`) holds both. A file is an NPZ
with one array [number, time, channel], what `sample` writes, or a table. An NPZ may also hold rate, channels, units,
subjects, labels and log_likelihood. The same files and flags give the same numbers.
"""

import os

from absl import flags

from sensegen_tf import commands, data_flags
from sensegen_tf.errors import InputError

FLAGS = flags.FLAGS

with commands.topic("Files"):
    flags.DEFINE_string("real", None, "file or prepared set of the windows that the generator was trained on")
    flags.DEFINE_string("synthetic", None, "file of the synthetic windows")
    flags.DEFINE_string("test", None, "file of windows of test subjects; by default those of a prepared --real")
    flags.DEFINE_string("output", None, "folder for report.html and report.json")
with commands.topic("How much is measured"):
    flags.DEFINE_bool("quick", False, "fewer repeats, no published scores: under a minute instead of about five")
    flags.DEFINE_integer("seed", 0, "seed of all random numbers", lower_bound=0, upper_bound=2**20)
with commands.topic("What the samples are for"):
    flags.DEFINE_list("keep", ["label"], "attributes that they shall keep: label")
    flags.DEFINE_list("hide", ["subject"], "attributes that they shall not reveal: subject")
with commands.topic("What files do not say of themselves"):
    flags.DEFINE_list("channels", [], "channels to compare; names of the channels where a file has none")
    data_flags.define_columns()
    flags.DEFINE_integer(
        "window_length",
        None,
        "samples in a window, to which longer series are cut; by default as many as a synthetic one has",
        lower_bound=2,
    )
commands.required("real", "synthetic", "output")


def _read():
    """The windows of --real, --synthetic and --test, or None; what a file does not say is taken from --real."""
    from sensegen_tf.data import records, window_files
    from sensegen_tf.data.sources.columns import TableConfig

    table = commands.from_flags(TableConfig, resample_hz=None)
    test_path = FLAGS.test or (FLAGS.real if records.is_prepared(FLAGS.real) else None)
    data_flags.check_columns(*filter(None, [FLAGS.real, FLAGS.synthetic, FLAGS.test]))

    def read(flag, path, **options):
        return window_files.read_windows(path, table, name=f"--{flag}={path}", **options)

    length = FLAGS.window_length or read("synthetic", FLAGS.synthetic).length
    real = read("real", FLAGS.real, length=length)
    # A second time, since only now it is known what the file need not say.
    synthetic = read("synthetic", FLAGS.synthetic, length=length, like=real)
    test = test_path and read("test", test_path, length=length, like=real, split="test")
    return real, synthetic, test


def main() -> None:
    """Reads the files and writes the report."""
    # Slow imports wait until the flags have been checked.
    from sensegen_tf.evaluation import run
    from sensegen_tf.evaluation.settings import Settings

    run.check_installed()
    if FLAGS.test and os.path.realpath(FLAGS.test) == os.path.realpath(FLAGS.real):
        raise InputError(
            "test and real are the same file; test subjects must never be trained on", fields=["test", "real"]
        )
    real, synthetic, test = _read()
    settings = Settings.quick(FLAGS.seed) if FLAGS.quick else Settings(seed=FLAGS.seed)
    given = {"test": test, "keep": FLAGS.keep, "hide": FLAGS.hide, "settings": settings}
    print(run.evaluate(real, synthetic, folder=FLAGS.output, **given).summary)


if __name__ == "__main__":
    commands.run(main)
