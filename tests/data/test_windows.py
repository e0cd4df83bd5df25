import numpy as np
import pytest

from sensegen_tf.data import windows
from sensegen_tf.data.recording import Collection, Recording, Span
from sensegen_tf.data.windows import WindowConfig
from sensegen_tf.errors import InputError


def make(length, subject="1", offset=0.0, spans=(), rate=50.0):
    signals = (offset + np.arange(length, dtype=np.float32))[:, None]
    return Recording(f"of {subject}", signals, rate, ("x",), ("g",), subject, tuple(spans))


def test_split_by_subject_holds_out_whole_people():
    recordings = [make(50, subject) for subject in "edcbaedcba"]
    training, held_out = windows.split(recordings, WindowConfig(10, 5))
    assert {r.subject for r in held_out} == {"e"} and {r.subject for r in training} == set("abcd")
    training, held_out = windows.split(recordings, WindowConfig(10, 5, holdout_subjects=("a", "c")))
    assert {r.subject for r in held_out} == {"a", "c"} and {r.subject for r in training} == set("bde")


def test_split_by_time_leaves_a_gap_of_one_window():
    spans = [Span(0, 50, "rest"), Span(50, 100, "walk")]
    (training,), (held_out,) = windows.split([make(100, spans=spans)], WindowConfig(10, 5))
    assert training.signals[-1, 0] == 69 and held_out.signals[0, 0] == 80
    assert training.spans == (Span(0, 50, "rest"), Span(50, 70, "walk"))
    assert held_out.spans == (Span(0, 20, "walk"),)


def test_split_refuses_what_cannot_be_split():
    recordings = [make(50, "a"), make(50, "b")]
    with pytest.raises(InputError, match="no subject z; there are a, b"):
        windows.split(recordings, WindowConfig(10, 5, holdout_subjects=("z",)))
    with pytest.raises(InputError, match=r"all subjects \(a, b\) would be held out"):
        windows.split(recordings, WindowConfig(10, 5, holdout_subjects=("a", "b")))
    with pytest.raises(InputError, match=r"all subjects \(a, b\) would be held out"):
        windows.split(recordings, WindowConfig(10, 5, holdout_fraction=0.9))


def test_cut_by_length_and_stride_with_labels():
    spans = [Span(0, 12, "rest"), Span(12, 23, "walk")]
    cut = windows.cut([make(23, spans=spans)], WindowConfig(8, 4), "training", labelled=True)
    np.testing.assert_array_equal(cut.values[:, 0, 0], [0, 4, 12])
    np.testing.assert_array_equal(cut.values[2, :, 0], np.arange(12, 20))
    assert cut.labels.tolist() == ["rest", "rest", "walk"]
    whole = windows.cut([make(23, spans=spans)], WindowConfig(8, 4), "training", labelled=False)
    np.testing.assert_array_equal(whole.values[:, 0, 0], [0, 4, 8, 12])
    with pytest.raises(InputError, match="at most 23 samples, a window needs 24"):
        windows.cut([make(23)], WindowConfig(24, 4), "training", labelled=False)
    with pytest.raises(InputError, match="at most 12 samples under one label, a window needs 13"):
        windows.cut([make(23, spans=spans)], WindowConfig(13, 4), "training", labelled=True)


@pytest.mark.parametrize(("policy", "count"), [("single", 6), ("ignore", 12)])
def test_among_labelled_recordings_one_without_a_label_gives_no_window(policy, count):
    recordings = [
        make(40, s, spans=spans) for s in "ab" for spans in ([Span(0, 40, "walk")], [Span(0, 20, "walk")], [])
    ]
    dataset = windows.prepare(Collection(recordings, ""), WindowConfig(10, 10, label_policy=policy))
    assert dataset.training.count == count and set(dataset.training.labels) == {"walk" if policy == "single" else ""}


def test_a_named_label_without_a_window_is_refused():
    spans = [Span(0, 20, "rest"), Span(20, 25, "jump")]
    collection = Collection([make(40, s, spans=spans) for s in "ab"], "")
    config = WindowConfig(10, 10)
    assert windows.prepare(collection, config).training.labels.tolist() == ["rest", "rest"]
    with pytest.raises(InputError, match="no window of 10 samples in the training split is labelled jump"):
        windows.prepare(collection, config, labels_asked=True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"length": 0}, "at least 2"),
        ({"stride": 0}, "at least 1"),
        ({"holdout_fraction": 1.0}, "between 0 and 1"),
        ({"unseen_fraction": 0.6}, "between 0 and 0.5"),
    ],
)
def test_impossible_settings_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        WindowConfig(**{"length": 8, "stride": 4, **values})


def test_statistics_come_from_the_training_split_alone():
    recordings = [make(40, "a"), make(40, "b", offset=1e6)]
    dataset = windows.prepare(Collection(recordings, ""), WindowConfig(10, 10, holdout_fraction=0.5))
    assert dataset.standardizer.mean == pytest.approx([19.5])
    standard = dataset.standardizer.to_standard(dataset.training.values)
    assert standard.mean() == pytest.approx(0, abs=1e-6) and standard.std() == pytest.approx(1)
    np.testing.assert_allclose(dataset.standardizer.to_physical(standard), dataset.training.values, atol=1e-5)
    splits = dataset.describe()["splits"]
    assert splits["training"]["subjects"] == ["a"] and splits["heldout"]["subjects"] == ["b"]


def test_those_who_are_left_away_are_nowhere():
    recordings = [make(40, "a"), make(40, "b", offset=1e6, rate=99.0), make(40, "c")]

    def prepare(*excluded, **given):
        return windows.prepare(Collection(recordings, ""), WindowConfig(10, 10, exclude_subjects=excluded, **given))

    splits = prepare("b", holdout_fraction=0.5).describe()["splits"]
    assert splits["training"]["subjects"] == ["a"] and splits["heldout"]["subjects"] == ["c"]
    with pytest.raises(InputError, match="--exclude_subjects: no subject z; there are a, b, c"):
        prepare("z")
    with pytest.raises(InputError, match="--holdout_subjects: no subject b; there are a, c"):
        prepare("b", holdout_subjects=("b",))
    with pytest.raises(InputError, match="leaves nobody"):
        prepare("a", "b", "c")


def test_unseen_windows_are_every_so_manieth_stretch_of_a_label_of_the_training_subjects():
    spans = [Span(10 * n, 10 * n + 10, "rest" if n % 2 else "jump") for n in range(12)]
    recordings = [make(120, subject, spans=spans) for subject in "abc"]
    config = WindowConfig(10, 10, holdout_subjects=("c",), unseen_fraction=0.25)
    dataset = windows.prepare(Collection(recordings, ""), config)
    assert dataset.unseen.subjects.tolist() == ["a"] * 2 + ["b"] * 4
    assert dataset.unseen.values[:, 0, 0].tolist() == [60, 70, 20, 30, 100, 110]
    assert dataset.training.count == 18 and dataset.heldout.count == 12
    starts = dataset.training.values[dataset.training.subjects == "a", 0, 0].tolist()
    assert starts == [0, 10, 20, 30, 40, 50, 80, 90, 100, 110]
    assert set(dataset.describe()["splits"]) == {"training", "heldout", "unseen"}


def test_constant_channel_and_mixed_recordings_are_refused():
    still = Recording("still", np.ones([40, 1]), 50.0, ("x",), ("g",), "a")
    with pytest.raises(InputError, match="channel x is constant at 1"):
        windows.prepare(Collection([still, make(40, "b")], ""), WindowConfig(10, 10))
    with pytest.raises(InputError, match=r"of b has rate 25.0, but of a has 50.0"):
        windows.prepare(Collection([make(40, "a"), make(40, "b", rate=25.0)], ""), WindowConfig(10, 10))


def test_names_are_numbered_and_an_unknown_one_is_refused():
    assert windows.numbered(("a", "b", "c"), np.array(["c", "a", "a"])).tolist() == [2, 0, 0]
    assert windows.numbered((), np.array(["", ""])).tolist() == [0, 0]
    with pytest.raises(InputError, match="no training window is labelled AFIB.*conditional on B, N: keep to them with"):
        windows.numbered(("B", "N"), np.array(["N", "AFIB"]))
