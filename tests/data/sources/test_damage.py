"""Damaged files: bytes cut, flipped and inserted give a sentence, or what is still there."""

import io
import os

import numpy as np
import pytest

from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.sources.table import table
from sensegen_tf.errors import InputError

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
        at, size = int(rng.integers(len(content))), int(rng.integers(1, 9))
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


@pytest.mark.parametrize("name", FILES)
def test_no_damage_ends_in_anything_but_a_sentence(name, tmp_path):
    rng, refused = np.random.default_rng(0), 0
    config = TableConfig(channels=("ax",), time_column="time", missing="cut", resample_hz=50.0)
    path = tmp_path / name
    for _ in range(125):
        path.write_bytes(damaged(FILES[name], rng))
        try:
            found = table(os.fspath(path), config).recordings
        except InputError as error:
            assert name in str(error), error
            refused += 1
        else:
            assert all(np.isfinite(each.signals).all() and each.rate > 0 for each in found)
    assert refused > 10
