"""The flags that say which recordings and how they become windows: shared by the commands `train` and `data`."""

import functools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from sensegen_tf import commands
from sensegen_tf.data import detect
from sensegen_tf.data.clock import UNITS
from sensegen_tf.data.dialect import DECIMALS, DELIMITERS, SUFFIXES
from sensegen_tf.data.paths import suffix
from sensegen_tf.errors import InputError

if TYPE_CHECKING:
    from sensegen_tf.data.dataset import Dataset
    from sensegen_tf.data.recording import Collection
    from sensegen_tf.data.sources import SourceConfig
    from sensegen_tf.data.windows import WindowConfig

FLAGS = flags.FLAGS

_OF_TIME = ("time_unit", "time_format", "gap_seconds")
_OF_COLUMNS = ("time_column", *_OF_TIME, "subject_column", "session_column", "label_column", "missing")
_OF_TEXTS = ("delimiter", "decimal", "encoding", "skip_lines", "column_names")
_RECORDS = ("wfdb", "mitbih")
_OF_WFDB = ("annotator", "subject_table", "record_column")
# Of records they say what stands in --subject_table.
_OF_BOTH = ("subject_column", "label_column", "column_names")
_OF_PATHS = ("path_pattern",)
_OF_MISSING = ("missing", "longest_gap_seconds")
_OF_ATTRIBUTES = ("attribute_columns", "attribute_subject_column")
_OF_TABLES = ("units", "rate_hz", *_OF_COLUMNS, *_OF_TEXTS, "path_pattern", "array")
# A prepared set has been cut and split already.
_SETTLED_BY_PREPARE = (
    "channels",
    "labels",
    "skip_seconds",
    "resample_hz",
    "attribute_table",
    "window_length",
    "window_seconds",
    "stride",
    "stride_seconds",
    "label_policy",
    "exclude_subjects",
    "test_subjects",
    "test_fraction",
    "heldout_fraction",
)


def define() -> None:
    """Defines the flags of recordings, tables and windows; a command calls it once, where its own flags begin."""
    with commands.topic("Recordings"):
        _define_recordings()
    with commands.topic("Your own tables"):
        define_columns()
    alone = [name for name in _OF_TABLES if name not in (*_OF_BOTH, *_OF_PATHS, *_OF_MISSING)]
    _only_of(alone, "table")
    _only_of(_OF_BOTH, "table", *_RECORDS)
    _only_of(_OF_PATHS, "table", "device")
    _only_of(_OF_MISSING, "table", *_RECORDS, "device")
    _only_of(_OF_WFDB, *_RECORDS)
    commands.only_with(_OF_ATTRIBUTES, lambda given: bool(given.attribute_table), what="--attribute_table")
    with commands.topic("Windows and splits"):
        _define_windows()
        _define_splits()


def _only_of(names, *sources):
    """Says that flags have an effect with these sources alone."""
    words = " or ".join(source for source in sources if source != "mitbih")
    commands.only_with(names, lambda given: _source(given) in sources, what=f"--source={words}")


def _source(given):
    """The source that is meant: for `auto` what the files are of."""
    return _source_of(given.source, given.data_dir)


@functools.lru_cache(maxsize=1)
def _source_of(source, path):
    # Asked for every flag, and it looks through the folder.
    return detect.source_of(source, path)


def _define_recordings():
    flags.DEFINE_enum(
        "source",
        None,
        [
            *("watch", "ecg", "simulated_ecg", "hapt", "uci_har", "mitbih", "cinc2017"),
            *("wfdb", "table", "device", "tfrecord", "auto"),
        ],
        "recordings: watch (wrist IMU) and ecg (five minutes of ECG) are embedded; simulated_ecg is of 4,000 people "
        "who do not exist; hapt, uci_har, mitbih and cinc2017 are public sets in --data_dir; wfdb is a folder of any "
        "WFDB records; table is your own text files, Parquet or NPZ; device is files as devices write them: .cwa, "
        ".gt3x, GENEActiv .bin, EDF, BDF, EmbracePlus .avro, folders of an Empatica E4; tfrecord is what "
        "`data prepare` or `sample` wrote; auto finds out which of the last four --data_dir holds, and `data inspect` "
        "says it",
    )
    flags.DEFINE_string("data_dir", "", "folder (for table, device and tfrecord also a file) of the recordings")
    flags.DEFINE_list("channels", [], "names of the channels, in order; by default all (mitbih: MLII)")
    flags.DEFINE_list("labels", [], "labels to keep; by default all (hapt: the six basic activities)")
    flags.DEFINE_float(
        "skip_seconds", 0.0, "seconds to leave out at the start of every recording, while a sensor settles"
    )
    flags.DEFINE_string("annotator", "atr", "of WFDB records: suffix of the files of their annotations")
    flags.DEFINE_string(
        "subject_table",
        "",
        "text file with a row a WFDB record, whose --subject_column and --label_column say what they are",
    )
    flags.DEFINE_string("record_column", "", "of --subject_table: a record's path or name; by default its first column")
    flags.DEFINE_string(
        "attribute_table",
        "",
        "text file with a row a subject that says more of them, such as their age: `inspect` shows it, and a prepared "
        "set keeps it",
    )
    flags.DEFINE_list("attribute_columns", [], "of --attribute_table: what to keep; by default all")
    flags.DEFINE_string(
        "attribute_subject_column", "", "of --attribute_table: the subject; by default its first column"
    )
    flags.DEFINE_float(
        "resample_hz",
        None,
        "resample the recordings to this rate first (polyphase filter); channels of several rates need it",
    )


def define_columns() -> None:
    """Defines the flags that say what the columns of a table and the arrays of an NPZ mean."""
    flags.DEFINE_list("units", [], "units of the channels")
    flags.DEFINE_float("rate_hz", None, "samples a second, where neither a --time_column nor the file says it")
    flags.DEFINE_enum("delimiter", "auto", ["auto", *DELIMITERS], "between the cells of a text file; space: any")
    flags.DEFINE_enum("decimal", "auto", ["auto", *DECIMALS], "mark of a text file")
    flags.DEFINE_string("encoding", "auto", "of a text file, such as utf-8 or cp1252")
    flags.DEFINE_integer("skip_lines", None, "lines of a text file before its table; by default found", lower_bound=0)
    flags.DEFINE_list("column_names", [], "names of the columns of a text file, where it has none")
    flags.DEFINE_string(
        "path_pattern",
        "",
        "what the end of a file's path says, such as {label}_{trial}/sub_{subject}.csv; subject, session and label are "
        "taken, and files that it does not match are left out; of an E4 the path of its folder counts",
    )
    flags.DEFINE_string("time_column", "", "column of the time: numbers, timestamps or texts; gaps split recordings")
    flags.DEFINE_enum("time_unit", "auto", ["auto", *UNITS], "of the numbers of --time_column; days of a spreadsheet")
    flags.DEFINE_string("time_format", "", "of the texts of --time_column, such as %d.%m.%Y %H:%M:%S.%f")
    flags.DEFINE_float("gap_seconds", None, "a longer step of time is a gap; by default 10 usual steps")
    flags.DEFINE_string("subject_column", "", "column of the subject; by default each file is one subject")
    flags.DEFINE_string("session_column", "", "column of the session; a change starts another recording")
    flags.DEFINE_string("label_column", "", "column of the label")
    flags.DEFINE_string("array", "", "name of the array in an NPZ that holds several")
    flags.DEFINE_enum(
        "missing",
        "refuse",
        ["refuse", "cut", "interpolate"],
        "empty cells and NaN: cut starts another recording behind them, interpolate fills short ones",
    )
    flags.DEFINE_float(
        "longest_gap_seconds", 0.1, "longest stretch of missing values that is interpolated; others are cut out"
    )
    commands.only_with(_OF_TIME, lambda given: bool(given.time_column), what="--time_column")
    commands.only_with(
        "longest_gap_seconds", lambda given: given.missing == "interpolate", what="--missing=interpolate"
    )


def _define_windows():
    flags.DEFINE_integer("window_length", 128, "samples in a window, to which recordings are cut", lower_bound=2)
    flags.DEFINE_float("window_seconds", None, "length of a window in seconds, instead of --window_length")
    flags.DEFINE_integer("stride", 64, "samples from one window's start to the next one's", lower_bound=1)
    flags.DEFINE_float("stride_seconds", None, "the same in seconds, instead of --stride")
    flags.DEFINE_enum(
        "label_policy",
        "single",
        ["single", "ignore"],
        "single: a window lies inside one labelled span, or is dropped; ignore: labels play no part in cutting",
    )


def _define_splits():
    flags.DEFINE_list("exclude_subjects", [], "subjects to leave out altogether")
    flags.DEFINE_list(
        "test_subjects",
        [],
        "subjects that are never trained on; by default those of the public set, or the last --test_fraction",
    )
    flags.DEFINE_float(
        "test_fraction", 0.2, "share of the subjects (with one subject: of the time) that is tested on, in (0, 1)"
    )
    flags.DEFINE_float(
        "heldout_fraction",
        0.0,
        "share of the windows of the training subjects that is held out: in [0, 0.5], of each label's stretches",
    )
    commands.only_without("test_fraction", lambda given: bool(given.test_subjects), what="--test_subjects")


def check_columns(*paths: str) -> None:
    """Refuses the flags of columns where no file is a table, and --array where none is an NPZ.

    Args:
      *paths: files, or folders of files.

    Raises:
      InputError: a flag was given that has no effect.
    """
    names = [
        name
        for path in paths
        for _, _, inside in (os.walk(path) if os.path.isdir(path) else [("", [], [path])])
        for name in inside
    ]
    suffixes = {suffix(name) for name in names}
    if not suffixes & {*SUFFIXES, ".parquet"}:
        commands.refuse(_OF_COLUMNS, "with text or Parquet files")
    if not suffixes & set(SUFFIXES):
        commands.refuse(_OF_TEXTS, "with text files")
    if ".npz" not in suffixes:
        commands.refuse(["array"], "with NPZ files")


def _samples(seconds_flag, samples_flag, rate):
    seconds = FLAGS[seconds_flag].value
    if seconds is None:
        return FLAGS[samples_flag].value
    if FLAGS[samples_flag].present:
        raise InputError(f"give {seconds_flag} or {samples_flag}, not both", fields=[seconds_flag, samples_flag])
    if not 0 < seconds * rate < 2**31 or round(seconds * rate) < 1:
        raise InputError(f"{seconds_flag}={seconds:g} is less than one sample at {rate:g} Hz", fields=[seconds_flag])
    return round(seconds * rate)


def source_config() -> "SourceConfig":
    """Which recordings the flags ask for."""
    from sensegen_tf.data import sources
    from sensegen_tf.data.sources.columns import TableConfig
    from sensegen_tf.data.sources.lookup import AttributesConfig
    from sensegen_tf.data.sources.wfdb import WfdbConfig

    if _source(FLAGS) == "table" and os.path.exists(FLAGS.data_dir):
        check_columns(FLAGS.data_dir)
    table = commands.from_flags(TableConfig)
    records = commands.from_flags(WfdbConfig)
    attributes = commands.from_flags(AttributesConfig)
    return commands.from_flags(sources.SourceConfig, table=table, wfdb=records, attributes=attributes)


def load_collection() -> "Collection":
    """The recordings that the flags ask for."""
    from sensegen_tf.data import sources

    return sources.load(source_config())


def cut_collection(collection: "Collection") -> "Dataset":
    """The windows of recordings, cut and split as the flags ask."""
    from sensegen_tf.data import split

    config = window_config(collection.recordings[0].rate, test_subjects=collection.test_subjects)
    return split.prepare(collection, config, labels_asked=bool(FLAGS.labels))


def window_config(rate: float, *, test_subjects: Sequence[str]) -> "WindowConfig":
    """How the flags ask recordings to be cut and split.

    Args:
      rate: of the recordings, Hz.
      test_subjects: that they set aside themselves.
    """
    from sensegen_tf.data import windows

    if test_subjects:
        commands.refuse(
            ["test_fraction"], f"with recordings that have no test subjects of their own, as {_source(FLAGS)}"
        )
    length = _samples("window_seconds", "window_length", rate)
    stride = _samples("stride_seconds", "stride", rate)
    return commands.from_flags(windows.WindowConfig, length=length, stride=stride)


def is_prepared() -> bool:
    """Whether the flags name a prepared set."""
    from sensegen_tf.data import records

    return _source(FLAGS) == "tfrecord" and records.is_prepared(FLAGS.data_dir)


def load_dataset_from_recordings() -> "Dataset":
    """The windows of the recordings that the flags ask for; notes on the recordings are printed."""
    collection = load_collection()
    for note in collection.notes:
        print(note)
    return cut_collection(collection)


def load_dataset() -> "Dataset":
    """The windows that the flags ask for: of recordings, or of a prepared set, which is read as a stream."""
    from sensegen_tf.data.sources import prepared

    if not is_prepared():
        return load_dataset_from_recordings()
    given = commands.given(*_SETTLED_BY_PREPARE)
    if given:
        raise InputError(
            f"{FLAGS.data_dir} was prepared with its own {', '.join(given)}; leave them out, or prepare anew",
            fields=[flag.removeprefix("--") for flag in given],
        )
    if FLAGS.source == detect.AUTO:
        print(detect.detect(FLAGS.data_dir).words)
    return prepared.open_prepared(FLAGS.data_dir)
