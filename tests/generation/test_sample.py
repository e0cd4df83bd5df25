import csv
import os

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.generation import local, writers
from sensegen_tf.serving import saved_model
from tests.commands import run


def make(version, path, count, length, seed=0, chunk_size=4096):
    card = saved_model.read_card(version)
    with writers.open_writer(path, card, count, length) as write:
        for chunk in local.generate(local.load(version), count, length, seed, chunk_size):
            write(*chunk)
    return path


def generated(version, count, chunk_size=4096, xla=False):
    """Series of 10 samples."""
    chunks = local.generate(local.load(version), count, 10, 7, chunk_size, xla=xla)
    return np.concatenate([chunk for _, _, chunk in chunks])


@pytest.fixture(scope="module")
def samples(version):
    return generated(version, 300)


def test_the_command_writes_what_the_engine_generates(version, samples, tmp_path):
    done = run("sample", model=os.path.dirname(version), num=300, length=10, seed=7, output=tmp_path / "s.npz")
    assert done.returncode == 0, done.stderr
    written = np.load(tmp_path / "s.npz", allow_pickle=False)
    np.testing.assert_array_equal(written["samples"], samples)
    np.testing.assert_array_equal(written["seeds"], (7 << 32) + np.arange(300))
    assert written["channels"].tolist() == ["ax", "ay", "az"] and written["rate"] == 50


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".parquet", ".tfrecord"])
def test_the_same_seed_gives_the_same_file_whatever_the_chunk_size(version, suffix, tmp_path):
    files = [make(version, tmp_path / f"{size}{suffix}", 300, 10, 7, size) for size in (1, 256, 4096)]
    contents = {path.read_bytes() for path in files}
    assert len(contents) == 1
    assert make(version, tmp_path / f"other{suffix}", 300, 10, 8).read_bytes() not in contents


def test_csv_reads_back_exactly(version, samples, tmp_path):
    with open(make(version, tmp_path / "s.csv", 300, 10, 7), newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["series", "time [s]", "ax [g]", "ay [g]", "az [g]"]
    values = np.array(rows, np.float64)
    np.testing.assert_array_equal(values[:, 2:].astype("f").reshape(samples.shape), samples)
    np.testing.assert_array_equal(values[:, 0], np.repeat(np.arange(300), 10))
    np.testing.assert_allclose(values[:10, 1], np.arange(10) / 50)


def test_tfrecord_reads_back_exactly(version, samples, tmp_path):
    dataset = tf.data.TFRecordDataset(os.fspath(make(version, tmp_path / "s.tfrecord", 300, 10, 7)))
    examples = [tf.train.Example.FromString(record.numpy()).features.feature for record in dataset]
    assert len(examples) == 300
    shape = examples[5]["shape"].int64_list.value
    np.testing.assert_array_equal(np.reshape(examples[5]["signals"].float_list.value, shape).astype("f"), samples[5])
    assert examples[5]["units"].bytes_list.value[:] == [b"g"] * 3
    assert examples[5]["seed"].int64_list.value[0] == (7 << 32) + 5


def test_a_longer_file_begins_with_the_shorter_one(version, samples):
    np.testing.assert_array_equal(generated(version, 20), samples[:20])


def test_compiled_series_depend_on_their_seed_alone_and_differ_by_rounding(version, samples, tmp_path, monkeypatch):
    whole = generated(version, 300, xla=True)
    np.testing.assert_array_equal(generated(version, 300, 1, xla=True), whole)
    np.testing.assert_array_equal(generated(version, 20, xla=True), whole[:20])
    # But for a row now and then, in which a rounding chooses another component.
    assert np.mean(np.abs(whole - samples).max((1, 2)) < 1e-4) > 0.95
    monkeypatch.setenv("XLA_FLAGS", f"--xla_dump_to={tmp_path / 'xla'}")
    done = run(
        "sample", xla="true", model=os.path.dirname(version), num=300, length=10, seed=7, output=tmp_path / "s.npz"
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "s.npz")["samples"], whole)
    # Compiled once, though there are two batches of four parts: not anew for other seeds.
    assert len(list((tmp_path / "xla").glob("*inference_sample*.before_optimizations.txt"))) == 1


def test_nothing_is_left_when_generation_breaks(version, tmp_path):
    card = saved_model.read_card(version)
    with pytest.raises(RuntimeError), writers.open_writer(tmp_path / "s.npz", card, 5, 10) as write:
        write(np.zeros(2, np.int64), np.zeros(2, np.int32), np.zeros([2, 10, 3], "f"))
        raise RuntimeError
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"output": "s.mat"}, "must be one of .npz, .csv, .parquet, .tfrecord, got .mat"),
        ({"model": "nowhere"}, "no SavedModel at nowhere"),
        ({"num": 0}, "flag --num=0"),
        ({"length": -1}, "flag --length=-1"),
        ({"seed": -1}, "flag --seed=-1"),
        ({"nonsense": 1}, "Unknown command line flag 'nonsense'"),
        ({"output": "/dev/null/s.npz"}, "cannot write /dev/null/s.npz"),
    ],
)
def test_bad_requests_get_a_sentence(version, flags, message, tmp_path):
    given = {"model": version, "num": 3, "output": tmp_path / "s.npz", **flags}
    done = run("sample", **given)
    assert done.returncode != 0 and message in done.stderr + done.stdout
    assert "Traceback" not in done.stderr and os.listdir(tmp_path) == []
