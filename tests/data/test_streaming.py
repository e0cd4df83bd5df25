"""A set that is prepared file by file is that of recordings in memory."""

import os

import numpy as np
import pytest

from sensegen_tf.data import sources, split, streaming
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.sources.lookup import AttributesConfig
from sensegen_tf.data.sources.prepared import open_prepared, write_prepared
from sensegen_tf.data.windows import WindowConfig
from sensegen_tf.data.workers import Workers
from sensegen_tf.errors import InputError

SUBJECTS = ("anna", "bert", "carl", "dora")


@pytest.fixture
def folder(tmp_path):
    """Two CSV files a subject: steps of 0.001 at 50 Hz, two labels in turn, a gap, a missing value; and their ages."""
    pytest.importorskip("pyarrow")
    rng = np.random.default_rng(0)
    for subject in SUBJECTS:
        (tmp_path / "in" / subject).mkdir(parents=True)
        for trial in range(2):
            values = rng.normal(size=[300, 2]).cumsum(0)
            lines = [
                f"{(i + 100 * (i > 200)) / 50:.2f},{x:.3f},{y:.3f},{'ab'[i // 50 % 2]}"
                for i, (x, y) in enumerate(values)
            ]
            lines[40] = lines[40].replace(f",{values[40, 1]:.3f},", ",," if trial else ",0,")
            (tmp_path / "in" / subject / f"{trial}.csv").write_text("\n".join(["t,x,y,what", *lines]))
    (tmp_path / "ages.txt").write_text("who;age;hand\nanna;31;r\nbert;54;l\ncarl;;r\ndora;40;r\nanna;31;r\n")
    return tmp_path / "in"


def source(folder, **given):
    columns = TableConfig(
        channels=("x", "y"),
        time_column="t",
        label_column="what",
        path_pattern="{subject}/{trial}.csv",
        missing="cut",
        resample_hz=given.get("resample_hz"),
    )
    return sources.SourceConfig(source="table", data_dir=os.fspath(folder), table=columns, **given)


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def ages(**given):
    return AttributesConfig(attribute_table="../ages.txt", **given)


def both(asked, config, tmp_path, *, processes=1):
    """The files of a set that is prepared of recordings in memory, and of one that is prepared as a stream."""
    write_prepared(split.prepare(sources.load(asked), config), tmp_path / "memory", shard_windows=16)
    with streaming.open_source(asked, tmp_path / "stream", processes=processes) as recordings:
        recordings.write(config, shard_windows=16)
    return files(tmp_path / "memory"), files(tmp_path / "stream")


@pytest.mark.parametrize(
    ("given", "cutting"),
    [
        ({}, {"heldout_fraction": 0.25}),
        ({"resample_hz": 40.0, "skip_seconds": 0.5}, {"test_subjects": ("bert",), "label_policy": "ignore"}),
        ({"labels": ("a",), "attributes": ages()}, {"exclude_subjects": ("carl",), "stride": 1}),
    ],
)
def test_a_stream_prepares_the_bytes_of_recordings_in_memory(folder, tmp_path, given, cutting):
    memory, stream = both(source(folder, **given), WindowConfig(**{"length": 16, "stride": 5, **cutting}), tmp_path)
    assert (
        memory == stream and len(memory) > 4 and sorted(os.listdir(tmp_path)) == ["ages.txt", "in", "memory", "stream"]
    )


def test_what_is_in_memory_anyway_can_be_prepared(tmp_path):
    memory, stream = both(sources.SourceConfig(source="watch"), WindowConfig(length=64, stride=500), tmp_path)
    assert memory == stream


def test_counts_of_26_bits_keep_their_steps_up_to_the_prepared_set(tmp_path):
    pytest.importorskip("pyarrow")
    rng = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    for subject in SUBJECTS:
        counts = 50_000_000 + rng.normal(0, 50, 400).round().astype(int)
        (tmp_path / "in" / f"{subject}.csv").write_text("\n".join(["red", *map(str, counts)]))
    columns = TableConfig(channels=("red",), rate_hz=50.0)
    asked = sources.SourceConfig(source="table", data_dir=os.fspath(tmp_path / "in"), table=columns)
    memory, stream = both(asked, WindowConfig(length=16, stride=16), tmp_path)
    assert memory == stream
    opened = open_prepared(tmp_path / "stream")
    values = opened.training.subsample(100).values
    assert opened.sensors[0].resolution == 1 and set(np.unique(values % 1)) == {0}
    assert set(np.unique(values % 4)) == {0, 1, 2, 3} and opened.describe()["double"]
    standard = opened.standardizer.to_standard(values)
    assert len(np.unique(standard)) == len(np.unique(values)) > 100


def test_records_with_missing_samples_are_prepared_as_a_stream(tmp_path):
    wfdb = pytest.importorskip("wfdb")
    (tmp_path / "in").mkdir()
    for subject in SUBJECTS:
        signals = np.random.default_rng(len(subject)).normal(size=[500, 1]).cumsum(0).round(2)
        signals[200:203] = np.nan
        how = {"fs": 250, "units": ["mV"], "sig_name": ["II"], "fmt": ["16"], "write_dir": str(tmp_path / "in")}
        wfdb.wrsamp(subject, p_signal=signals, **how)
    table = TableConfig(missing="interpolate")
    asked = sources.SourceConfig(source="wfdb", data_dir=os.fspath(tmp_path / "in"), table=table)
    memory, stream = both(asked, WindowConfig(length=16, stride=16), tmp_path)
    assert memory == stream
    assert sources.load(asked).notes[-1] == "12 samples interpolated"


@pytest.mark.process
def test_the_number_of_processes_changes_nothing(folder, tmp_path):
    asked = source(folder, attributes=ages())
    memory, stream = both(asked, WindowConfig(length=16, stride=5), tmp_path, processes=2)
    assert memory == stream


def test_what_is_wrong_with_a_file_is_said_and_nothing_is_left(folder, tmp_path):
    (folder / "dora" / "1.csv").write_text("t,x,y,what\n0,1,1,a\n0.02,nonsense,1,a\n")
    with pytest.raises(InputError, match=r"dora/1\.csv"), streaming.open_source(source(folder), tmp_path / "set"):
        pass
    assert not (tmp_path / "set").exists() and sorted(os.listdir(tmp_path)) == ["ages.txt", "in"]
    with pytest.raises(InputError, match="exists; remove it"), streaming.open_source(source(folder), folder):
        pass


def test_attributes_travel_to_the_prepared_set_and_no_further(folder, tmp_path):
    asked = source(folder, attributes=ages(attribute_columns=("age",)))
    collection = sources.load(asked)
    assert {each.subject: each.attributes["age"] for each in collection.recordings} == {
        "anna": "31",
        "bert": "54",
        "carl": "",
        "dora": "40",
    }
    with pytest.raises(TypeError):
        collection.recordings[0].attributes["age"] = "30"
    dataset = split.prepare(collection, WindowConfig(length=16, stride=5, exclude_subjects=("carl",)))
    write_prepared(dataset, tmp_path / "set", shard_windows=16)
    opened = open_prepared(tmp_path / "set")
    assert (
        opened.attributes == dataset.attributes == {"anna": {"age": "31"}, "bert": {"age": "54"}, "dora": {"age": "40"}}
    )
    assert "age" not in str(opened.describe()) and "age" not in str(dataset.describe())


@pytest.mark.parametrize(
    ("given", "rows", "message", "field"),
    [
        ({}, "who,age\nanna,31\n", "no row of subject bert", "attribute_table"),
        ({}, "who,age\nanna,31\nanna,32\n", "data row 2: age of subject anna is '32', but", "attribute_columns"),
        (
            {"attribute_columns": ("weight",)},
            "who,age\nanna,31\n",
            "no column weight; it has who, age",
            "attribute_columns",
        ),
        ({"attribute_subject_column": "id"}, "who,age\nanna,31\n", "no column id", "attribute_subject_column"),
        ({"attribute_table": "nowhere.csv"}, "who,age\nanna,31\n", "no file nowhere.csv", "attribute_table"),
    ],
)
def test_a_table_of_attributes_that_does_not_fit_is_refused(folder, given, rows, message, field):
    (folder.parent / "own.txt").write_text(rows)
    asked = source(folder, attributes=AttributesConfig(**{"attribute_table": "../own.txt", **given}))
    with pytest.raises(InputError, match=message) as error:
        sources.load(asked)
    assert field in error.value.fields


def test_columns_of_attributes_need_a_table():
    with pytest.raises(InputError) as error:
        AttributesConfig(attribute_columns=("age",))
    assert error.value.fields == ("attribute_table",)


@pytest.mark.process
def test_results_come_in_the_order_of_the_jobs_and_a_killed_process_is_said():
    with Workers(2) as workers:
        assert list(workers.map(abs, range(-20, 0))) == list(range(20, 0, -1))
        with pytest.raises(InputError, match="was killed") as error:
            list(workers.map(os._exit, [1]))
    assert error.value.fields == ("processes",)
