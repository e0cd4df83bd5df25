"""How text files hold tables, as devices and spreadsheets write them."""

import gzip
import os

import numpy as np
import pytest

from sensegen_tf.data import dialect
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.sources.table import table
from sensegen_tf.errors import InputError

pytest.importorskip("pyarrow")
VALUES = np.stack([np.arange(80) / 50, np.sin(np.arange(80) / 5), np.cos(np.arange(80) / 5)], -1).round(2)


def lines(delimiter=",", decimal=".", ending=""):
    return [delimiter.join(f"{value:.2f}".replace(".", decimal) for value in row) + ending for row in VALUES]


def read(path, content, **config):
    path.write_bytes(content if isinstance(content, bytes) else "\n".join(content).encode() + b"\n")
    config = {"channels": ("ax", "ay"), "time_column": "time", **config}
    (found,) = table(os.fspath(path), TableConfig(**config)).load().recordings
    return found


NAMES = {"column_names": ("time", "ax", "ay")}


@pytest.mark.parametrize(
    ("content", "config"),
    [
        (["time,ax,ay", *lines()], {}),
        (["time;ax;ay", *lines(";", ",")], {}),
        (["time\tax\tay", *lines("\t", ",")], {}),
        (["time|ax|ay", *lines("|")], {}),
        (["time, ax, ay", *lines(", ")], {}),
        (["time   ax ay", *lines("   ")], {}),
        (["sep=;", "time;ax;ay", *lines(";")], {}),
        (["# made by a device", "% on a day", "time,ax,ay", *lines()], {}),
        (["Serial Number: 7", "Start Time 10:00:00", "Mode, 12", "time,ax,ay", *lines()], {}),
        (['"time","ax","ay"', *lines()], {}),
        (["time,ax,ay,", *lines(ending=",")], {}),
        (lines(ending=";"), NAMES),
        (lines("  "), NAMES),
        (["1700000000", "50", *lines()], NAMES),
        (["1700000000, 1700000000, 1700000000", "50, 50, 50", *lines()], {**NAMES, "skip_lines": 2}),
        ("\ufefftime,ax,ay\n".encode() + "\n".join(lines()).encode(), {}),
        ("time\tax\tay\n".encode("utf-16") + "\n".join(lines("\t")).encode("utf-16")[2:], {}),
        ("time,ax,ay,µ\n".encode("latin-1") + "\n".join(f"{line},0" for line in lines()).encode(), {}),
    ],
)
def test_a_table_is_found(content, config, tmp_path):
    found = read(tmp_path / "a.csv", content, **config)
    assert found.rate == 50 and found.units == ("1", "1")
    np.testing.assert_allclose(found.signals, VALUES[:, 1:], atol=1e-6)


def test_a_line_of_units_is_read(tmp_path):
    content = ["sep=\t", "time\tax\tay\t", "ms\tm/(s^2)\tg\t", *(f"{20 * i}\t{i}.5\t1.0\t" for i in range(80))]
    found = read(tmp_path / "a.csv", content, time_unit="ms")
    assert found.units == ("m/(s^2)", "g") and found.rate == 50 and len(found.signals) == 80
    assert read(tmp_path / "a.csv", content, time_unit="ms", units=("a", "b")).units == ("a", "b")


def test_compressed_files_and_other_suffixes_are_read(tmp_path):
    content = "\n".join(["time,ax,ay", *lines()]).encode()
    for name, written in (("a.csv.gz", gzip.compress(content)), ("b.TXT", content), ("c.log", content)):
        np.testing.assert_allclose(read(tmp_path / name, written).signals, VALUES[:, 1:], atol=1e-6)


def test_a_file_without_names_shows_its_first_row(tmp_path):
    with pytest.raises(InputError, match=r"no line of names: its first row is '0.00,0.00,1.00'.*column_names") as error:
        read(tmp_path / "a.csv", lines())
    assert error.value.fields == ("column_names",)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"delimiter": "dash"}, "delimiter"),
        ({"decimal": "dot"}, "decimal"),
        ({"skip_lines": -1}, "skip_lines"),
        ({"skip_lines": 200}, "skip_lines"),
        ({"encoding": "klingon"}, "encoding"),
    ],
)
def test_nonsense_is_refused_by_name(config, field, tmp_path):
    with pytest.raises(InputError) as error:
        read(tmp_path / "a.csv", ["time,ax,ay", *lines()], **config)
    assert error.value.fields == (field,)


def test_a_damaged_row_is_an_error_and_no_end_of_a_preamble(tmp_path):
    content = ["time,ax,ay", *lines()]
    content[30] = "0.58,0.1"
    with pytest.raises(InputError, match=r"Row #31: Expected 3 columns, got 2"):
        read(tmp_path / "a.csv", content)
    assert dialect.find(os.fspath(tmp_path / "a.csv")).skipped == 1


def test_a_damaged_compressed_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*a\.csv\.gz"):
        read(tmp_path / "a.csv.gz", gzip.compress(b"time,ax,ay\n" * 100)[:-20])
