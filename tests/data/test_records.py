import json

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.data import records
from sensegen_tf.errors import InputError
from tests.data.making import dataset, windows

OLD_NAMES = {"training": "training", "test": "heldout", "heldout": "unseen"}


def old_description(**splits):
    """As versions before schema 3 described a dataset."""
    description = dataset(**splits).describe()
    del description["schema"]
    return {**description, "splits": {OLD_NAMES[name]: split for name, split in description["splits"].items()}}


def test_an_example_holds_a_series_with_all_that_is_known():
    series = np.arange(6, dtype=np.float32).reshape(3, 2)
    text = records.example(series, rate=50.0, channels=("x", "y"), units=("g", "mV"), label="walk", seed=7)
    feature = tf.train.Example.FromString(text).features.feature
    assert list(feature["signals"].float_list.value) == [0, 1, 2, 3, 4, 5]
    assert list(feature["shape"].int64_list.value) == [3, 2] and list(feature["rate"].float_list.value) == [50]
    assert list(feature["channels"].bytes_list.value) == [b"x", b"y"]
    assert list(feature["label"].bytes_list.value) == [b"walk"] and list(feature["subject"].bytes_list.value) == [b""]
    assert list(feature["seed"].int64_list.value) == [7]
    assert (
        "seed"
        not in tf.train.Example.FromString(
            records.example(series, rate=50.0, channels=("x", "y"), units=("g", "mV"))
        ).features.feature
    )


def test_a_description_of_this_version_stays_as_it_is():
    description = json.loads(json.dumps(dataset(heldout=windows(3)).describe()))
    assert records.upgrade_description(description) == description


@pytest.mark.parametrize("mark", [{}, {"format": 2}])
def test_the_splits_of_earlier_versions_are_renamed(mark):
    upgraded = records.upgrade_description({**mark, **old_description(heldout=windows(3))})
    assert upgraded == dataset(heldout=windows(3)).describe()
    assert "heldout" not in records.upgrade_description(old_description())["splits"]


def change(description, *keys, value=None):
    """A copy in which a value below these keys is another one, or is gone."""
    copy = json.loads(json.dumps(description))
    place = copy
    for key in keys[:-1]:
        place = place[key]
    if value is None:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    return copy


NOW = dataset(heldout=windows(3)).describe()


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (change(NOW, "rate"), "missing rate"),
        (change(change(NOW, "std"), "terms"), "missing std, terms"),
        (change(NOW, "colour", value="blue"), "unknown colour"),
        (change(change(NOW, "mean"), "means", value=[1.0]), "missing mean; unknown means"),
        (change(NOW, "splits", "test"), "splits has other keys than expected: missing test"),
        (change(NOW, "splits", "unseen", value={}), "splits has other keys than expected: unknown unseen"),
        (change(NOW, "splits", "test", "windows"), "split test has other keys than expected: missing windows"),
        (change(NOW, "splits", "heldout", "hue", value=1), "split heldout has other keys than expected: unknown hue"),
        (change(NOW, "splits", value=[1]), r"splits: expected a dictionary, got \[1\]"),
        (change(NOW, "schema", value=4), "has schema 4; this version reads schema 3 and older"),
        (change(NOW, "format", value=2), "unknown format"),
        (change(old_description(), "splits", "heldout"), "missing heldout"),
        (change(old_description(), "splits", "test", value={}), "unknown test"),
        (change(old_description(), "format", value=99), "has format 99"),
    ],
)
def test_unknown_and_missing_keys_are_named(description, message):
    with pytest.raises(InputError, match=f"^the card.*{message}"):
        records.upgrade_description(description, where="the card")
