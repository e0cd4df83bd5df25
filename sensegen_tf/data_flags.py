"""The flags that say which recordings and how they become windows: shared by the commands `train` and `data`."""

from absl import flags

from sensegen_tf import commands
from sensegen_tf.errors import InputError

FLAGS = flags.FLAGS

flags.DEFINE_enum(
    "source",
    None,
    ["watch", "ecg", "hapt", "uci_har", "mitbih", "table", "tfrecord"],
    "recordings: watch (wrist IMU) and ecg (five minutes of ECG) are embedded; hapt, uci_har and mitbih are public "
    "sets in --data_dir; table is your own CSV, Parquet or NPZ; tfrecord is what `data prepare` or `sample` wrote",
)
flags.DEFINE_string("data_dir", "", "folder (for table and tfrecord also a file) of the recordings")
flags.DEFINE_list("channels", [], "names of the channels, in order; by default all (mitbih: MLII)")
flags.DEFINE_list("labels", [], "labels to keep; by default all (hapt: the six basic activities)")
flags.DEFINE_float("resample_hz", None, "resample the recordings to this rate first (polyphase filter)")

flags.DEFINE_list("units", [], "table: units of the channels")
flags.DEFINE_float("rate_hz", None, "table: samples a second, where there is no --time_column")
flags.DEFINE_string("time_column", "", "table: column of the time, in seconds or as timestamps; gaps split recordings")
flags.DEFINE_float("gap_seconds", None, "table: a longer step of time is a gap; by default 10 usual steps")
flags.DEFINE_string("subject_column", "", "table: column of the person; by default each file is a person")
flags.DEFINE_string("label_column", "", "table: column of the label")
flags.DEFINE_string("array", "", "table: name of the array in an NPZ that holds several")

flags.DEFINE_integer("window_length", 128, "samples in a window, to which recordings are cut", lower_bound=2)
flags.DEFINE_float("window_seconds", None, "length of a training window in seconds, instead of --window_length")
flags.DEFINE_integer("stride", 64, "samples from one window's start to the next one's", lower_bound=1)
flags.DEFINE_float("stride_seconds", None, "the same in seconds, instead of --stride")
flags.DEFINE_enum(
    "label_policy",
    "single",
    ["single", "ignore"],
    "single: a window lies inside one labelled span, or is dropped; ignore: labels play no part in cutting",
)
flags.DEFINE_list("exclude_subjects", [], "subjects to leave away altogether")
flags.DEFINE_list("holdout_subjects", [], "subjects to hold out; by default the last --holdout_fraction of them")
flags.DEFINE_float("holdout_fraction", 0.2, "share of the subjects (with one: of the time) held out, in (0, 1)")
flags.DEFINE_float(
    "unseen_fraction", 0.0, "share of the training stretches of each label kept to compare with, in [0, 0.5]"
)


_OF_TABLES = ("units", "rate_hz", "time_column", "gap_seconds", "subject_column", "label_column", "array")


def _samples(seconds_flag, samples_flag, rate):
    seconds = FLAGS[seconds_flag].value
    if seconds is None:
        return FLAGS[samples_flag].value
    if FLAGS[samples_flag].present:
        raise InputError(f"give --{seconds_flag} or --{samples_flag}, not both")
    if not 0 < seconds * rate < 2**31 or round(seconds * rate) < 1:
        raise InputError(f"--{seconds_flag}={seconds:g} is less than one sample at {rate:g} Hz")
    return round(seconds * rate)


def load_collection():
    """The `Collection` that the flags ask for."""
    from sensegen_tf.data import sources
    from sensegen_tf.data.sources.tables import TableConfig

    given = [f"--{name}" for name in _OF_TABLES if FLAGS[name].present]
    if given and FLAGS.source != "table":
        raise InputError(f"{', '.join(given)} only goes with --source=table, not with --source={FLAGS.source}")
    return sources.load(commands.from_flags(sources.SourceConfig, table=commands.from_flags(TableConfig)))


def cut_collection(collection):
    """The `Dataset` of a collection, cut as the flags ask."""
    from sensegen_tf.data import windows

    rate = collection.recordings[0].rate
    length = _samples("window_seconds", "window_length", rate)
    stride = _samples("stride_seconds", "stride", rate)
    config = commands.from_flags(windows.WindowConfig, length=length, stride=stride)
    return windows.prepare(collection, config, labels_asked=bool(FLAGS.labels))


# A prepared set has been cut and split already.
_SETTLED_BY_PREPARE = (
    "channels",
    "labels",
    "resample_hz",
    "window_length",
    "window_seconds",
    "stride",
    "stride_seconds",
    "label_policy",
    "exclude_subjects",
    "holdout_subjects",
    "holdout_fraction",
    "unseen_fraction",
)


def is_prepared():
    """Whether the flags name a prepared set."""
    from sensegen_tf.data import records

    return FLAGS.source == "tfrecord" and records.is_prepared(FLAGS.data_dir)


def load_dataset_from_recordings():
    """The `Dataset` of the recordings that the flags ask for; what a person should know of them is printed."""
    collection = load_collection()
    for note in collection.notes:
        print(note)
    return cut_collection(collection)


def load_dataset():
    """The `Dataset` that the flags ask for: from recordings, or from a prepared set, which is read as a stream."""
    from sensegen_tf.data import pipeline

    if not is_prepared():
        return load_dataset_from_recordings()
    given = [f"--{name}" for name in _SETTLED_BY_PREPARE if FLAGS[name].present]
    if given:
        raise InputError(
            f"{FLAGS.data_dir} was prepared with its own {', '.join(given)}; leave them out, or prepare anew"
        )
    return pipeline.open_prepared(FLAGS.data_dir)
