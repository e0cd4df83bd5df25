import os

import numpy as np
import pytest

from sensegen_tf.data.sources import SourceConfig, load
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.sources.table import table
from sensegen_tf.errors import InputError
from tests.data.making import span

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def read(path, **config):
    return table(os.fspath(path), TableConfig(**{"channels": ("x", "y"), **config})).load().recordings


def from_table(path, **given):
    return SourceConfig(source="table", data_dir=os.fspath(path), **given)


def write(path, rows, header="time,x,y,who,what"):
    path.write_text(header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


def rows(times, who="anna", what="walk"):
    return [(f"{t:.3f}", round(float(np.sin(t)), 4), round(float(np.cos(t)), 4), who, what) for t in times]


NAMED = {"time_column": "time", "subject_column": "who", "label_column": "what", "units": ("g", "mV")}


def test_csv_with_subjects_labels_and_gaps(tmp_path):
    times = np.concatenate([np.arange(0, 1, 0.02), np.arange(3, 4, 0.02)])
    table = rows(times, what="walk") + rows(np.arange(0, 1, 0.02), "bert", "sit")
    table[60:70] = [(*row[:4], "stand") for row in table[60:70]]
    first, second, third = read(write(tmp_path / "a.csv", table), **NAMED)
    assert [len(r.signals) for r in (first, second, third)] == [50, 50, 50]
    assert [r.subject for r in (first, second, third)] == ["anna", "anna", "bert"]
    assert first.rate == second.rate == third.rate == 50 and first.units == ("g", "mV")
    assert second.spans == (span(0, 10, "walk"), span(10, 20, "stand"), span(20, 50, "walk"))
    np.testing.assert_allclose(first.signals[:, 1], np.cos(times[:50]), atol=1e-4)
    # Another gap: everything hangs together when 5 s are no gap, but then the sampling is irregular.
    with pytest.raises(InputError, match=r"1 of 99 steps .* the first from data row 50 to 51 \(2.02 s\)"):
        read(tmp_path / "a.csv", **{**NAMED, "gap_seconds": 5.0})


def test_parquet_with_timestamps_and_a_folder_of_files(tmp_path):
    times = np.datetime64("2020-01-01") + np.arange(50) * np.timedelta64(10, "ms")
    table = pyarrow.table({"time": times.astype("datetime64[us]"), "x": np.arange(50.0), "y": np.arange(50)})
    for name in ("one", "two"):
        parquet.write_table(table, tmp_path / f"{name}.parquet")
    first, second = read(tmp_path, time_column="time")
    assert first.rate == 100 and (first.subject, second.subject) == ("one", "two")
    np.testing.assert_array_equal(first.signals[:, 1], np.arange(50))


def test_a_rate_instead_of_a_time_column(tmp_path):
    path = write(tmp_path / "a.csv", rows(np.arange(0, 1, 0.02)))
    assert read(path, rate_hz=25.0)[0].rate == 25
    with pytest.raises(InputError, match="give rate_hz or time_column") as error:
        read(path)
    assert error.value.fields == ("rate_hz", "time_column")
    with pytest.raises(InputError, match="the time column says 50 Hz, but rate_hz is 25") as error:
        read(path, rate_hz=25.0, time_column="time")
    assert error.value.fields == ("rate_hz",)


def test_irregular_sampling_is_refused_with_rows_and_mended_when_asked(tmp_path):
    times = np.arange(0, 2, 0.02)
    times[31] += 0.009
    path = write(tmp_path / "a.csv", rows(times))
    with pytest.raises(
        InputError, match=r"irregular: 2 of 99 .*from data row 31 to 32 .*resample_hz, such as 50,"
    ) as error:
        read(path, **NAMED)
    assert error.value.fields == ("resample_hz",)
    (mended,) = read(path, **NAMED, resample_hz=40.0)
    np.testing.assert_allclose(mended.signals[:, 0], np.sin(np.arange(100) / 50), atol=1e-3)
    table = TableConfig(channels=("x", "y"), resample_hz=40.0, **NAMED)
    loaded = load(from_table(path, channels=("x",), resample_hz=40.0, table=table))
    assert loaded.recordings[0].rate == 40 and len(loaded.recordings[0].signals) == 80


def test_rows_alone_between_gaps_are_left_out_and_jittered_pieces_share_the_rate(tmp_path):
    times = np.concatenate([np.arange(0, 1, 0.02), [5.0], 9 + np.arange(0, 0.1, 0.02) + [0, 0.0005, 0, 0.0004, 0.0009]])
    first, second = read(write(tmp_path / "a.csv", rows(times)), **NAMED)
    assert (len(first.signals), len(second.signals)) == (50, 5) and first.rate == second.rate == 50


def test_empty_subjects_labels_and_moments(tmp_path):
    table = rows(np.arange(0, 1, 0.02))
    table[7] = (*table[7][:4], "")
    (recording,) = read(write(tmp_path / "a.csv", table), **NAMED)
    assert [(span.start, span.stop) for span in recording.spans] == [(0, 7), (8, 50)]
    table[9] = (*table[9][:3], "", "walk")
    with pytest.raises(InputError, match="column who: empty in data row 10"):
        read(write(tmp_path / "a.csv", table), **NAMED)
    moments = np.array(["2020-01-01T00:00:00.00", "NaT", "2020-01-01T00:00:00.02"], "datetime64[ms]")
    table = pyarrow.table({"time": moments, "x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0]})
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match="column time: 1 values are empty or not finite, the first in data row 2"):
        read(tmp_path / "a.parquet", time_column="time")


@pytest.mark.parametrize(
    ("content", "config", "message"),
    [
        ("", {}, "a.csv is empty"),
        ("x,y\n", {}, "has a header but no rows"),
        ("x,y\n1,2\n3\n", {}, "Row #3: Expected 2 columns, got 1"),
        ("x,y\n1,2\n3,oops\n", {}, "Row #3: CSV conversion error to double: invalid value 'oops'"),
        ("x,y\n1,2\n3,\n", {}, "column y: 1 values are empty or not finite, the first in data row 2"),
        ("x,y\n1,2\ninf,3\n", {}, "column x: 1 values are empty or not finite, the first in data row 2"),
        ("x,z\n1,2\n", {}, "has no column y; it has x, z"),
        ("x,y\n1,2\n", {"channels": ("x", "y", "z", "q")}, "has no column z; it has x, y"),
        ("x,y,x\n1,2,3\n", {}, "has more than one column x; it has x, y, x"),
        ("x,y\n1,2\n", {"rate_hz": 0.0}, "rate_hz must be above 0"),
        (
            "x,y,t\n1,2,5\n1,2,9\n",
            {"time_column": "t", "time_unit": "s", "gap_seconds": 1.0},
            "no two rows follow each other",
        ),
        ("x,y\n1,2\n", {"channels": ()}, "name the columns to read with channels; it has x, y"),
        ("x,y\n1,2\n", {"units": ("g",)}, "units has 1 entries, but there are 2 channels"),
        ("x,y,t\n1,2,5\n1,2,4\n", {"time_column": "t"}, "time does not increase from data row 1 to 2 in column t"),
    ],
)
def test_broken_csv_is_met_with_a_sentence(tmp_path, content, config, message):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "a.csv", **{"rate_hz": 50.0, **config})


def test_files_that_are_missing_or_of_another_kind(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read(tmp_path / "a.csv")
    with pytest.raises(InputError, match="the suffix must be one of"):
        read(tmp_path / "a.xls")
    with pytest.raises(InputError, match="holds no .csv, .tsv, .txt, .dat, .log, .parquet, .npz file"):
        read(tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(InputError, match=r"cannot read .*a\.parquet"):
        read(tmp_path / "a.parquet")


def test_npz_with_and_without_subjects_and_labels(tmp_path):
    series = np.random.default_rng(0).normal(size=[4, 30, 2])
    np.savez(tmp_path / "a.npz", data=series, rate=50.0, subjects=["p", "p", "q", "r"], labels=["a", "", "b", "b"])
    found = read(tmp_path / "a.npz")
    assert [r.subject for r in found] == ["p", "p", "q", "r"] and found[0].spans == (span(0, 30, "a"),)
    assert found[1].spans == () and found[0].rate == 50
    np.savez(tmp_path / "b.npz", series[0])
    (one,) = read(tmp_path / "b.npz", rate_hz=20.0, channels=(), units=("g", "g"))
    assert one.channels == ("x0", "x1") and one.subject == "b"


def test_the_path_of_an_npz_says_who_and_what(tmp_path):
    (tmp_path / "walk").mkdir()
    np.savez(tmp_path / "walk" / "s7.npz", np.zeros([2, 30, 2]), rate=50.0)
    found = read(tmp_path, path_pattern="{label}/{subject}.npz")
    assert [r.subject for r in found] == ["s7", "s7"] and found[0].spans == (span(0, 30, "walk"),)


@pytest.mark.parametrize(
    ("shape", "arrays", "config", "expected"),
    [
        ([5, 3, 40], {}, {}, (40, 3)),
        ([5, 24, 28], {}, {}, (24, 28)),
        ([3, 40], {}, {}, (40, 3)),
        ([5, 3, 4], {"channels": ["x", "y", "z"]}, {}, (4, 3)),
        ([5, 3, 4], {}, {"channels": ("x", "y", "z")}, (4, 3)),
        ([5, 3, 3], {"channels": ["x", "y", "z"]}, {}, (3, 3)),
    ],
)
def test_channels_first_is_recognised_and_noted(tmp_path, shape, arrays, config, expected):
    values = np.random.default_rng(0).normal(size=shape)
    np.savez(tmp_path / "a.npz", values, rate=50.0, **arrays)
    found = table(os.fspath(tmp_path / "a.npz"), TableConfig(**config)).load()
    assert found.recordings[0].signals.shape == expected
    swapped = expected != tuple(shape[-2:])
    first = values[0] if len(shape) == 3 else values
    np.testing.assert_allclose(found.recordings[0].signals, first.T if swapped else first, rtol=1e-6)
    assert any("channels first" in note for note in found.notes) == swapped


def test_subjects_that_are_numbers_have_no_decimals(tmp_path):
    np.savez(tmp_path / "a.npz", np.zeros([2, 30, 2]), rate=50.0, subjects=np.array([11.0, 12.0]))
    assert [r.subject for r in read(tmp_path / "a.npz")] == ["11", "12"]
    columns = {"x": np.arange(4.0), "y": np.zeros(4), "who": [11.0, 11.0, 12.0, 12.0]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "b.parquet")
    assert [r.subject for r in read(tmp_path / "b.parquet", rate_hz=20.0, subject_column="who")] == ["11", "12"]


def test_what_is_said_twice_is_refused(tmp_path):
    with pytest.raises(InputError) as error:
        TableConfig(path_pattern="sub_{subject}.csv", subject_column="who")
    assert error.value.fields == ("subject_column", "path_pattern")


def test_npz_with_pickled_objects_is_refused_without_unpickling(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (os.fspath(tmp_path / "sprung"),)

    np.savez(tmp_path / "a.npz", data=np.array([Trap()], object))
    with pytest.raises(InputError, match="pickled Python objects"):
        read(tmp_path / "a.npz")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("arrays", "config", "message"),
    [
        ({"a": np.zeros([3, 4, 2])}, {}, "holds no `rate`"),
        ({"a": np.zeros([3, 4, 3]), "rate": 1.0}, {}, "2 channel names for the 3 columns"),
        ({"a": np.zeros([3, 4, 2]), "rate": "fast"}, {}, "its `rate` must be one number"),
        ({"a": np.zeros([3, 4, 2]), "rate": 1.0, "units": ["g"]}, {}, "1 units for the 2 columns"),
        (
            {"a": np.zeros([3, 4, 2]), "b": np.zeros([4, 2]), "rate": 1.0},
            {},
            r"found 2 among .*name the one to read with array",
        ),
        ({"a": np.zeros(3), "rate": 1.0}, {}, "found 0 among"),
        ({"a": np.zeros([3, 4, 2]), "rate": 1.0}, {"array": "z"}, "has no array z; it has a, rate"),
        (
            {"a": np.zeros([3, 4, 2]), "rate": 1.0, "subjects": ["p"]},
            {},
            r"`subjects` has the shape \(1,\); expected \(3,\)",
        ),
        ({"a": np.zeros([3, 4, 2]), "rate": 1.0, "labels": [["a"]] * 3}, {}, r"`labels` has the shape \(3, 1\)"),
        ({"a": np.zeros([3, 4, 2]), "rate": 1.0, "subjects": ["p", "", "q"]}, {}, "`subjects` is empty at series 1"),
        ({"a": np.zeros([3, 4, 2]), "rate": 1e6}, {}, r"the rate must be in \[0.01, 100,000\] Hz, got 1e\+06"),
        ({"a": np.zeros([3, 4, 2]), "rate": 50.0}, {"rate_hz": 60.0}, "its `rate` says 50 Hz, but rate_hz is 60"),
        (
            {"a": np.zeros([3, 4, 2]), "rate": 1.0, "labels": ["a"] * 3},
            {"path_pattern": "{label}.npz"},
            "holds `labels`, and path_pattern says a label too",
        ),
    ],
)
def test_npz_that_cannot_be_read_is_met_with_a_sentence(tmp_path, arrays, config, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "a.npz", **config)


def test_one_channel_of_an_npz_that_names_them_can_be_chosen(tmp_path):
    np.savez(tmp_path / "a.npz", samples=np.random.default_rng(0).normal(size=[3, 4, 2]), rate=1.0, channels=["x", "y"])
    config = from_table(tmp_path / "a.npz", channels=("y",), table=TableConfig(channels=("y",)))
    assert load(config).recordings[0].channels == ("y",)


@pytest.mark.parametrize("shape", [(0, 4, 2), (3, 0, 2)])
def test_an_npz_without_series_or_samples_is_refused(tmp_path, shape):
    np.savez(tmp_path / "a.npz", samples=np.zeros(shape), rate=1.0)
    with pytest.raises(InputError, match="there are no recordings|is empty: it has no samples"):
        load(from_table(tmp_path / "a.npz"))


def test_files_of_different_channels_are_named(tmp_path):
    for name, count in (("a", 2), ("b", 3)):
        np.savez(tmp_path / f"{name}.npz", samples=np.zeros([1, 4, count]), rate=1.0)
    with pytest.raises(InputError, match=r"b\.npz series 0 has channels .*, but .*a\.npz series 0 has"):
        load(from_table(tmp_path))


def test_a_damaged_npz_is_named(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK nonsense")
    with pytest.raises(InputError, match=r"cannot read .*a\.npz"):
        read(tmp_path / "a.npz")


def test_sources_want_a_data_dir_or_not():
    with pytest.raises(InputError, match="source table needs a data_dir") as error:
        load(SourceConfig(source="table"))
    assert error.value.fields == ("source", "data_dir")
    with pytest.raises(InputError, match="source ecg is embedded and takes no data_dir"):
        load(SourceConfig(source="ecg", data_dir="somewhere"))
    with pytest.raises(InputError, match="source must be one of watch, ecg") as error:
        load(SourceConfig(source="nonsense"))
    assert error.value.fields == ("source",)
