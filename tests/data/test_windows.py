import json

import numpy as np
import pytest

from sensegen_tf.data.windows import WindowConfig, WindowSet, encode_labels, label_names
from sensegen_tf.errors import InputError
from tests.data.making import dataset, windows


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"length": 0}, "at least 2"),
        ({"stride": 0}, "at least 1"),
        ({"label_policy": "both"}, "single or ignore"),
        ({"test_fraction": 1.0}, "between 0 and 1"),
        ({"heldout_fraction": 0.6}, "between 0 and 0.5"),
    ],
)
def test_impossible_settings_are_refused_by_name(values, message):
    with pytest.raises(InputError, match=message) as error:
        WindowConfig(**{"length": 8, "stride": 4, **values})
    assert error.value.fields == tuple(values)


def test_what_nobody_said_of_windows_has_a_default():
    bare = WindowSet(values=np.zeros([3, 8, 2], int))
    assert bare.values.dtype == np.float32 and (bare.count, bare.length) == (3, 8)
    assert (bare.name, bare.rate, bare.channels, bare.units) == ("windows", 1.0, ("x0", "x1"), ("1", "1"))
    assert bare.subjects is None and bare.labels is None and bare.log_likelihood is None
    assert bare.label_names == () and bare.subject_names == ()


def test_labels_that_are_all_empty_are_none():
    assert WindowSet(values=np.zeros([2, 4, 1]), labels=["", ""]).labels is None
    some = WindowSet(values=np.zeros([2, 4, 1]), labels=["", "walk"])
    assert some.labels.tolist() == ["", "walk"] and some.label_names == ("", "walk")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.zeros([4, 3])}, r"w: expected windows \[number, time, channel\], got shape \(4, 3\)"),
        ({"rate": 0.0}, "rate must be above 0 Hz, got 0.0"),
        ({"rate": np.nan}, "rate must be above 0 Hz, got nan"),
        ({"channels": ("x",)}, "1 channel names and 2 units for 2 channels"),
        ({"units": ("g", "g", "g")}, "2 channel names and 3 units for 2 channels"),
        ({"subjects": ["a"] * 3}, "3 subjects for 4 windows"),
        ({"labels": ["a"] * 5}, "5 labels for 4 windows"),
        ({"log_likelihood": np.zeros([4, 1])}, r"log_likelihood of shape \(4, 1\) for 4 windows"),
        ({"log_likelihood": [0, 0, np.inf, np.nan]}, "a log-likelihood is not finite"),
        ({"log_likelihood": ["high"] * 4}, "log_likelihood holds no numbers"),
    ],
)
def test_shapes_and_rows_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        WindowSet(**{"values": np.zeros([4, 3, 2]), "name": "w", **changes})


def test_a_value_that_is_not_finite_is_named_by_its_place():
    values = np.zeros([4, 3, 2])
    values[2, 1, 1] = values[3] = np.nan
    with pytest.raises(InputError, match="w: 7 values are not finite; the first is sample 1 of channel b in window 2"):
        WindowSet(values=values, channels=("a", "b"), name="w")


def test_rows_are_taken_with_all_that_belongs_to_them():
    whole = WindowSet(
        values=np.arange(10.0)[:, None, None],
        name="w",
        rate=50.0,
        channels=("x",),
        units=("g",),
        subjects=np.arange(10).astype(str),
        labels=["a", "b"] * 5,
        log_likelihood=-np.arange(10.0),
    )
    taken = whole.take(np.array([7, 2]))
    assert taken.values[:, 0, 0].tolist() == [7, 2] and taken.log_likelihood.tolist() == [-7, -2]
    assert taken.subjects.tolist() == ["7", "2"] and taken.labels.tolist() == ["b", "a"]
    assert (taken.name, taken.rate, taken.channels, taken.units) == ("w", 50.0, ("x",), ("g",))
    assert whole.take(slice(8, None)).count == 2 and whole.take(whole.labels == "a").count == 5
    assert whole.subsample(4).values[:, 0, 0].tolist() == [0, 3, 6, 9]
    assert whole.subsample(10) is whole and whole.subsample(99) is whole
    # A subset whose windows all lack a label has no labels.
    assert WindowSet(values=np.zeros([2, 4, 1]), labels=["", "a"]).take(slice(0, 1)).labels is None


def test_a_description_counts_and_sums_up():
    described = windows(4, ["run", "", "run", "sit"]).describe()
    assert described == {
        "windows": 4,
        "subjects": ["p0", "p1", "p2"],
        "labels": {"": 1, "run": 2, "sit": 1},
        # CRC-32 of the values' bytes, the same as in runs and prepared sets of earlier versions.
        "checksum": 634657975,
    }
    bare = WindowSet(values=np.zeros([3, 2, 1])).describe()
    assert bare["subjects"] == [] and bare["labels"] == {"": 3}


def test_names_are_encoded_and_an_unknown_one_is_refused():
    assert encode_labels(("a", "b", "c"), np.array(["c", "a", "a"])).tolist() == [2, 0, 0]
    assert encode_labels((), np.array(["", ""])).tolist() == [0, 0]
    assert encode_labels((), None, count=3).tolist() == [0, 0, 0]
    assert encode_labels((), None, count=3).dtype == encode_labels(("a",), ["a"]).dtype == np.int32
    with pytest.raises(
        InputError, match="no training window is labelled AFIB.*conditional on B, N: keep to them"
    ) as error:
        encode_labels(("B", "N"), np.array(["N", "AFIB"]))
    assert error.value.fields == ("labels",)
    with pytest.raises(InputError, match=r"no training window is labelled \(nothing\)"):
        encode_labels(("B", "N"), None, count=2)
    labelled = windows(4, ["run", "sit", "run", "sit"])
    assert labelled.encoded_labels(("jump", "run", "sit")).tolist() == [1, 2, 1, 2]
    assert labelled.encoded_subjects(labelled.subject_names).tolist() == [0, 1, 2, 0]
    assert windows(3).encoded_labels(()).tolist() == [0, 0, 0]


def test_label_names_are_sorted_and_none_where_all_are_empty():
    assert (
        label_names(["b", "a", "b"]) == ("a", "b")
        and label_names(["", ""]) == ()
        and label_names(["", "a"])
        == (
            "",
            "a",
        )
    )


def test_a_dataset_is_described_by_its_parts():
    whole = dataset(heldout=windows(3))
    assert (whole.rate, whole.channels, whole.units, whole.length) == (50.0, ("x",), ("g",), 2)
    described = whole.describe()
    assert json.loads(json.dumps(described)) == described
    assert described["schema"] == 3 and list(described["splits"]) == ["training", "test", "heldout"]
    assert described["splits"]["heldout"] == windows(3).describe()
    assert described["mean"] == [3.0] and described["sensors"] == [{"resolution": 0.5, "low": None, "high": 9.0}]
    assert described.keys() - {"splits"} == whole.describe_channels().keys()
    assert list(dataset().splits()) == ["training", "test"]
