"""Damaged files: bytes cut, flipped and inserted give a sentence, or what is still there.

python -m pytest tests/data/sources/test_damage.py --damaged=1000
"""

import contextlib
import functools
import io
import os
import re

import numpy as np
import pytest

from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.sources.table import table
from sensegen_tf.data.sources.wfdb import records
from sensegen_tf.errors import InputError
from tests.data.sources.devices.making import cwa, devices, e4, edf, embrace, geneactiv, gt3x, wave

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
TIMES, VALUES = np.arange(60) / 50, np.sin(np.arange(60) / 3)


def text(delimiter=",", decimal="."):
    rows = [f"{t:.2f}{delimiter}{v:.3f}".replace(".", decimal) for t, v in zip(TIMES, VALUES, strict=True)]
    return "\n".join([f"time{delimiter}ax", *rows]).encode()


def whole(suffix):
    file = io.BytesIO()
    if suffix == ".parquet":
        parquet.write_table(pyarrow.table({"time": TIMES, "ax": VALUES}), file)
    else:
        np.savez(file, samples=VALUES[None, :, None], rate=50.0, channels=["ax"], units=["g"])
    return file.getvalue()


FILES = {"a.csv": text(), "b.txt": text(";", ","), "c.parquet": whole(".parquet"), "d.npz": whole(".npz")}


def damaged(content, rng):
    """The content with a few bytes cut out, changed or put in."""
    for _ in range(rng.integers(1, 4)):
        at, size = int(rng.integers(max(len(content), 1))), int(rng.integers(1, 9))
        junk = rng.integers(0, 256, size, np.uint8).tobytes()
        match rng.integers(4):
            case 0:
                content = content[:at] + content[at + size :]
            case 1:
                content = content[:at] + junk + content[at:]
            case 2:
                content = content[:at] + junk[: len(content) - at] + content[at + size :]
            case _:
                content = content[: max(at, 1)]
    return content


def whole_device(folder, name):
    """A file of a device, and what is to be read for it."""
    path = folder / name
    match path.suffix:
        case ".cwa":
            path.write_bytes(cwa(np.arange(4) * 0.8, wave(320)))
        case ".gt3x":
            path.write_bytes(gt3x(range(4), wave(120)))
        case ".bin":
            path.write_bytes(geneactiv(np.arange(2) * 6.0, wave(600)))
        case ".avro":
            embrace(path, seconds=3)
        case ".csv":
            e4(path.parent, seconds=15)
        case _:
            edf(path, {"EEG": (50, "uV", wave(200, axes=1)[:, 0]), "Temp": (1, "degC", wave(4, axes=1)[:, 0])})
    return path, path.parent if path.suffix == ".csv" else path


@pytest.fixture
def refusals(pytestconfig):
    """A function: how many damaged forms of a file are refused; the others hold numbers and have a rate."""

    def count(path, read, check=lambda recordings, content: None):
        content, rng, refused = path.read_bytes(), np.random.default_rng(0), 0
        for _ in range(pytestconfig.option.damaged):
            path.write_bytes(damaged(content, rng))
            try:
                found = read().recordings
            except InputError as error:
                assert path.stem in str(error) or str(path.parent) in str(error), error
                refused += 1
            else:
                assert all(np.isfinite(each.signals).all() and each.rate > 0 for each in found)
                check(found, path.read_bytes())
        path.write_bytes(content)
        return refused

    return count


@pytest.mark.parametrize("name", FILES)
def test_no_damage_ends_in_anything_but_a_sentence(name, refusals, tmp_path):
    config = TableConfig(channels=("ax",), time_column="time", missing="cut", resample_hz=50.0)
    path = tmp_path / name
    path.write_bytes(FILES[name])
    assert refusals(path, lambda: table(os.fspath(path), config).load()) > 10


@pytest.mark.parametrize("name", ["a.csv", "b.txt"])
def test_no_value_is_read_that_does_not_stand_in_the_file(name, refusals, tmp_path):
    def check(recordings, content):
        cells = re.findall(r"[-+.,\w]+", content.decode("latin-1").replace("," if name == "b.txt" else ";", "."))
        stand = set()
        for cell in (part for each in cells for part in each.split(",")):
            with contextlib.suppress(ValueError):
                stand.add(float(cell))
        for each in recordings:
            assert stand >= set(each.signals.ravel().tolist())

    path, config = tmp_path / name, TableConfig(channels=("ax",), rate_hz=50.0, missing="cut")
    path.write_bytes(FILES[name])
    refusals(path, lambda: table(os.fspath(path), config).load(), check)


@pytest.mark.parametrize("suffix", ["hea", "dat", "atr"])
def test_no_damage_of_a_record_ends_in_anything_but_a_sentence(suffix, refusals, tmp_path):
    wfdb = pytest.importorskip("wfdb")
    signal = np.sin(np.arange(400) / 9)[:, None]
    wfdb.wrsamp("r", fs=100, units=["mV"], sig_name=["II"], p_signal=signal, fmt=["16"], write_dir=str(tmp_path))
    beats = {"symbol": ["+", "N", "N"], "aux_note": ["(N", "", ""]}
    wfdb.wrann("r", "atr", np.array([10, 100, 300]), write_dir=str(tmp_path), **beats)
    config = TableConfig(missing="cut")
    refusals(tmp_path / f"r.{suffix}", lambda: records(os.fspath(tmp_path), ("II",), table=config).load())


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("a.cwa", "actfast"),
        ("a.gt3x", "actfast"),
        ("a.bin", "actfast"),
        ("a.edf", "pyedflib"),
        ("a.avro", "fastavro"),
        ("ACC.csv", "numpy"),
        ("HR.csv", "numpy"),
    ],
)
def test_no_damage_of_a_file_of_a_device_ends_in_anything_but_a_sentence(name, package, refusals, tmp_path):
    pytest.importorskip(package)
    for missing in ("refuse", "cut"):
        config = TableConfig(missing=missing, resample_hz=20.0)
        path, given = whole_device(tmp_path, name)
        read = functools.partial(devices, given, table=config)
        refused = refusals(path, read)
        assert refused > 10 or missing == "cut"
