import json

import numpy as np
import pytest

from sensegen_tf.data import records
from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.sources.prepared import open_prepared, write_prepared
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError
from tests.data.making import dataset, windows


@pytest.fixture
def folder(tmp_path):
    """A prepared set of 50 training windows in shards of 16."""
    write_prepared(dataset(), tmp_path / "set", shard_windows=16)
    return tmp_path / "set"


def change(folder, edit):
    manifest = json.loads((folder / "manifest.json").read_text())
    edit(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_prepared_set_holds_all_that_the_dataset_held(folder):
    opened, original = open_prepared(folder), dataset()
    described = opened.describe()
    for split in described["splits"].values():
        del split["shards_checksum"]
    assert described == original.describe()
    assert opened.sensors == original.sensors and opened.terms == "terms"
    assert opened.standardizer.sensors == original.sensors
    assert (opened.rate, opened.channels, opened.units, opened.length) == (50.0, ("x",), ("g",), 2)
    assert opened.training.subject_names == ("p0", "p1", "p2") and opened.training.label_names == ()
    assert sorted(opened.test.subsample(100).values[:, 0, 0]) == list(range(7))
    assert opened.training.subsample(10).values.shape == (10, 2, 1)
    whole = opened.training.subsample(1000)
    assert sorted(whole.values[:, 0, 0]) == list(range(50)) and whole.labels is None
    assert whole.subjects.tolist() == [f"p{int(value) % 3}" for value in whole.values[:, 0, 0]]
    assert (whole.rate, whole.channels, whole.units) == (50.0, ("x",), ("g",))


def test_labels_and_unknown_subjects_are_kept(tmp_path):
    labelled = windows(50, ["", "sit"] * 25)
    nobody = WindowSet(values=windows(9).values, rate=50.0, channels=("x",), units=("g",))
    write_prepared(dataset(training=labelled, heldout=nobody), tmp_path / "set", shard_windows=16)
    opened = open_prepared(tmp_path / "set")
    found = opened.training.subsample(50)
    assert found.labels.tolist() == [["", "sit"][int(value) % 2] for value in found.values[:, 0, 0]]
    assert opened.heldout.subject_names == () and opened.heldout.subsample(9).subjects is None
    assert [windows.name for windows in opened.splits().values()] == [
        "training windows",
        "test windows",
        "held-out windows",
    ]


def test_another_layout_of_the_same_windows_has_another_checksum(folder, tmp_path):
    write_prepared(dataset(), tmp_path / "other", shard_windows=10)
    other = open_prepared(tmp_path / "other").training.describe()
    assert other["shards_checksum"] != open_prepared(folder).training.describe()["shards_checksum"]


def shard_file(folder):
    return folder / records.read_manifest(folder)["splits"]["training"]["shards"][2]["file"]


def test_a_corrupted_shard_is_named(folder):
    path = shard_file(folder)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"shard .*{path.name} is corrupted"):
        open_prepared(folder).training.subsample(50)


def test_a_missing_shard_is_named(folder):
    path = shard_file(folder)
    path.unlink()
    with pytest.raises(InputError, match=f"cannot read the shard .*{path.name}"):
        open_prepared(folder).training.subsample(50)


def test_an_existing_folder_and_another_version_are_refused(folder):
    with pytest.raises(InputError, match="exists; remove it") as error:
        write_prepared(dataset(), folder, shard_windows=16)
    assert error.value.fields == ("output",)
    change(folder, lambda manifest: manifest.update(schema=99))
    with pytest.raises(InputError, match="manifest.json has schema 99"):
        open_prepared(folder)
    (folder / "manifest.json").write_text('{"schema": 3}')
    with pytest.raises(InputError, match="manifest.json has other keys than expected: missing rate, channels"):
        open_prepared(folder)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda m: m["splits"]["test"].pop("shards"), "split test has other keys than expected: missing shards"),
        (lambda m: m["splits"]["test"]["shards"][0].pop("crc32"), "a shard of test has .* missing crc32"),
        (lambda m: m.update(hue=1), "unknown hue"),
        (lambda m: m["sensors"][0].update(hue=1), "hue"),
    ],
)
def test_unknown_and_missing_keys_of_a_manifest_are_named(folder, edit, message):
    change(folder, edit)
    with pytest.raises(InputError, match=message):
        open_prepared(folder)


def test_a_set_that_an_earlier_version_prepared_is_read(tmp_path):
    """Written by hand as the manifest of format 2 was, with the splits "heldout" and "unseen"."""
    numbers = {"training": [0, 1, 2], "heldout": [3, 4], "unseen": [5]}
    splits = {}
    for name, values in numbers.items():
        series = [np.full([2, 1], value, np.float32) for value in values]
        known = {"rate": 25.0, "channels": ["x"], "units": ["g"], "subject": "anna", "label": "walk"}
        file = f"{name}-00000-of-00001.tfrecord"
        records.write_file(tmp_path / file, [records.example(each, **known) for each in series])
        splits[name] = {
            "windows": len(values),
            "subjects": ["anna"],
            "labels": {"walk": len(values)},
            "checksum": 5,
            "shards": [{"file": file, "windows": len(values), "crc32": records.checksum(str(tmp_path / file))}],
        }
    manifest = {
        "format": 2,
        "rate": 25.0,
        "channels": ["x"],
        "units": ["g"],
        "sensors": [{"resolution": 0.5, "low": None, "high": 9.0}],
        "length": 2,
        "mean": [1.0],
        "std": [2.0],
        "increment": [0.5],
        "resampled": True,
        "terms": "theirs",
        "splits": splits,
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    opened = open_prepared(tmp_path)
    found = {name: windows.subsample(9) for name, windows in opened.splits().items()}
    assert {name: windows.values[:, 0, 0].tolist() for name, windows in found.items()} == {
        "training": [0, 1, 2],
        "test": [3, 4],
        "heldout": [5],
    }
    assert found["heldout"].labels.tolist() == ["walk"] and found["heldout"].subjects.tolist() == ["anna"]
    assert (opened.rate, opened.length, opened.terms, opened.resampled) == (25.0, 2, "theirs", True)
    assert opened.sensors == (Sensor(resolution=0.5, high=9.0),) and not opened.standardizer.has_grid
    described = opened.describe()
    assert described["schema"] == 3 and described["splits"]["test"]["checksum"] == 5
    assert described["splits"]["training"]["shards_checksum"]
