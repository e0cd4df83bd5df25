"""The local engine, the files that it fills, and the command."""

import csv
import os

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.window_files import read_windows
from sensegen_tf.errors import InputError
from sensegen_tf.generation import local, writers
from tests.commands import run


@pytest.fixture(scope="module")
def loaded(plain):
    return local.load(plain.version)


def generated(loaded, count, chunk_size=4096, xla=False):
    """Series of 12 samples."""
    chunks = local.generate(loaded, count, length=12, seed=7, chunk_size=chunk_size, xla=xla)
    return np.concatenate([chunk.values for chunk in chunks])


@pytest.fixture(scope="module")
def samples(loaded):
    return generated(loaded, 300)


def write_file(model, path, count=300, seed=7, chunk_size=4096):
    """A file of series of 12 samples."""
    with writers.open_writer(path, model.card, count=count, length=12) as write:
        shares = local.label_shares(model.card)
        how = {"length": 12, "seed": seed, "chunk_size": chunk_size, "shares": shares}
        for chunk in local.generate(model._model, count, **how):
            write(chunk)
    return path


def test_the_command_writes_what_the_engine_generates(watch, tmp_path):
    given = {"model": "sensegen_watch", "num": 300, "length": 12, "seed": 7, "label": "pendulum"}
    done = run("sample", **given, output=tmp_path / "s.npz")
    assert done.returncode == 0, done.stderr
    written = np.load(tmp_path / "s.npz", allow_pickle=False)
    expected = watch.sample(300, length=12, seed=7, label="pendulum")
    np.testing.assert_array_equal(written["samples"], expected.values)
    np.testing.assert_array_equal(written["labels"], expected.labels)
    np.testing.assert_array_equal(written["seeds"], (7 << 32) + np.arange(300))
    assert written["channels"].tolist() == ["ax", "ay", "az"] and written["rate"] == 50


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".parquet", ".tfrecord"])
def test_the_same_seed_gives_the_same_file_whatever_the_chunk_size(plain, suffix, tmp_path):
    files = [write_file(plain, tmp_path / f"{size}{suffix}", chunk_size=size) for size in (1, 256, 4096)]
    contents = {path.read_bytes() for path in files}
    assert len(contents) == 1
    assert write_file(plain, tmp_path / f"other{suffix}", seed=8).read_bytes() not in contents


def test_csv_reads_back_exactly(plain, samples, tmp_path):
    with open(write_file(plain, tmp_path / "s.csv"), newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["series", "time [s]", "ax [g]", "ay [g]", "az [g]"]
    values = np.array(rows, np.float64)
    np.testing.assert_array_equal(values[:, 2:].astype("f").reshape(samples.shape), samples)
    np.testing.assert_array_equal(values[:, 0], np.repeat(np.arange(300), 12))
    np.testing.assert_allclose(values[:12, 1], np.arange(12) / 50, atol=1e-6)


def test_tfrecord_reads_back_exactly(plain, samples, tmp_path):
    dataset = tf.data.TFRecordDataset(os.fspath(write_file(plain, tmp_path / "s.tfrecord")))
    examples = [tf.train.Example.FromString(record.numpy()).features.feature for record in dataset]
    assert len(examples) == 300
    shape = examples[5]["shape"].int64_list.value
    np.testing.assert_array_equal(np.reshape(examples[5]["signals"].float_list.value, shape).astype("f"), samples[5])
    assert examples[5]["units"].bytes_list.value[:] == [b"g"] * 3
    assert examples[5]["seed"].int64_list.value[0] == (7 << 32) + 5


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".parquet", ".tfrecord"])
def test_files_carry_the_labels(watch, suffix, tmp_path):
    path = write_file(watch, tmp_path / f"s{suffix}", count=100, seed=3)
    expected = watch.sample(100, length=12, seed=3)
    found = read_windows(str(path), TableConfig())
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.channels == ("ax", "ay", "az") and found.units == ("g",) * 3
    assert found.rate == pytest.approx(50)
    if suffix == ".csv":
        with open(path, newline="") as file:
            header, first = list(csv.reader(file))[:2]
        assert header == ["series", "time [s]", "ax [g]", "ay [g]", "az [g]", "label"]
        assert first[-1] == expected.labels[0]


def test_a_longer_file_begins_with_the_shorter_one(loaded, samples):
    np.testing.assert_array_equal(generated(loaded, 20), samples[:20])


@pytest.mark.slow
def test_compiled_series_depend_on_their_seed_alone_and_differ_by_rounding(
    plain, loaded, samples, tmp_path, monkeypatch
):
    whole = generated(loaded, 300, xla=True)
    np.testing.assert_array_equal(generated(loaded, 300, 1, xla=True), whole)
    np.testing.assert_array_equal(generated(loaded, 20, xla=True), whole[:20])
    # But for a series now and then, in which a rounding chooses another component.
    assert np.mean(np.abs(whole - samples).max((1, 2)) < 1e-4) > 0.95
    monkeypatch.setenv("XLA_FLAGS", f"--xla_dump_to={tmp_path / 'xla'}")
    given = {"model": plain.version, "num": 300, "length": 12, "seed": 7, "output": tmp_path / "s.npz"}
    done = run("sample", xla="true", **given)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "s.npz")["samples"], whole)
    # Compiled once, though there are two batches of four micro-batches: not anew for other seeds.
    assert len(list((tmp_path / "xla").glob("*inference_sample*.before_optimizations.txt"))) == 1


def test_nothing_is_left_when_generation_breaks(plain, tmp_path):
    chunk = local.Chunk(np.zeros(2, np.int64), np.zeros(2, np.int32), np.zeros([2, 10, 3], "f"))
    with (
        pytest.raises(RuntimeError),
        writers.open_writer(tmp_path / "s.npz", plain.card, count=5, length=10) as write,
    ):
        write(chunk)
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_an_unknown_suffix_is_refused_with_those_that_there_are():
    with pytest.raises(InputError, match=r"\.npz, \.csv, \.parquet, \.tfrecord.*s\.mat") as error:
        writers.check_suffix("s.mat")
    assert error.value.fields == ("output",)


def test_a_file_that_cannot_be_written_is_named(plain):
    with (
        pytest.raises(InputError, match="cannot write /dev/null/s.npz"),
        writers.open_writer("/dev/null/s.npz", plain.card, count=1, length=10),
    ):
        pass


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"output": "s.mat"}, "--output must end in one of .npz, .csv, .parquet, .tfrecord"),
        ({"model": "nowhere"}, "no SavedModel at nowhere"),
        ({"num": 0}, "flag --num=0"),
        ({"length": -1}, "flag --length=-1"),
        ({"seed": -1}, "flag --seed=-1"),
        ({"nonsense": 1}, "Unknown command line flag 'nonsense'"),
        ({"label": "dancing"}, "--label must be one that the model has, got 'dancing'"),
    ],
)
def test_bad_requests_get_a_sentence(plain, flags, message, tmp_path):
    given = {"model": plain.version, "num": 3, "output": tmp_path / "s.npz", **flags}
    done = run("sample", **given)
    assert done.returncode != 0 and message in done.stderr + done.stdout
    assert "Traceback" not in done.stderr and os.listdir(tmp_path) == []
