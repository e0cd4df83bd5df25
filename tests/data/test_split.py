import numpy as np
import pytest

from sensegen_tf.data import sensor, sources
from sensegen_tf.data.recording import Collection, Recording
from sensegen_tf.data.split import cut, prepare, split
from sensegen_tf.data.windows import WindowConfig
from sensegen_tf.errors import InputError
from tests.conftest import shared
from tests.data.making import ramp, span

# Windows and CRC-32 of each split, as all versions cut them.
WATCH = {"training": (4555, 530425520), "test": (1529, 1886407938), "heldout": (1057, 482117925)}
HAPT = {"training": (6169, 4063839705), "test": (1901, 3216725841), "heldout": (664, 2712222999)}


def config(length=10, stride=5, **given):
    return WindowConfig(length=length, stride=stride, **given)


def collection(recordings, **given):
    return Collection(recordings=recordings, terms="", **given)


def test_split_by_subject_keeps_a_subject_on_one_side():
    recordings = [ramp(50, subject) for subject in "edcbaedcba"]
    training, test = split(recordings, config())
    assert {r.subject for r in test} == {"e"} and {r.subject for r in training} == set("abcd")
    training, test = split(recordings, config(test_subjects=("a", "c")))
    assert {r.subject for r in test} == {"a", "c"} and {r.subject for r in training} == set("bde")


def test_split_by_time_leaves_a_gap_of_one_window():
    (training,), (test,) = split([ramp(100)], config())
    assert training.signals[-1, 0] == 69 and test.signals[0, 0] == 80


def test_split_by_time_has_every_label_on_both_sides():
    both = ramp(400, spans=[span(0, 200, "sit"), span(200, 300, "run")])
    training, test = split([both], config())
    assert [(r.signals[0, 0], r.signals[-1, 0]) for r in training] == [(0, 149), (210, 269)]
    assert [(r.signals[0, 0], r.signals[-1, 0]) for r in test] == [(160, 199), (280, 299)]
    assert [r.spans[0].label for r in (*training, *test)] == ["sit", "run"] * 2
    assert "of each labelled span" in prepare(collection([both]), config()).notes[0]


def test_split_by_time_is_said():
    one = prepare(collection([ramp(100)]), config())
    assert one.notes == ("one subject: the test windows are the last 20% of each recording",)
    assert one.training.subject_names == one.test.subject_names == ("1",)
    assert prepare(collection([ramp(100, "a"), ramp(100, "b")]), config()).notes == ()


def test_split_refuses_what_cannot_be_split():
    recordings = [ramp(50, "a"), ramp(50, "b")]
    with pytest.raises(InputError, match="no subject z; there are a, b") as error:
        split(recordings, config(test_subjects=("z",)))
    assert error.value.fields == ("test_subjects",)
    for everybody in ({"test_subjects": ("a", "b")}, {"test_fraction": 0.9}):
        with pytest.raises(InputError, match=r"nobody is left to train on: all subjects \(a, b\)") as error:
            split(recordings, config(**everybody))
        assert {"test_fraction", "test_subjects"} == set(error.value.fields)
    with pytest.raises(InputError, match="with one subject, leave them away to split by time"):
        split([ramp(50, "a")], config(test_subjects=("a",)))


def test_cut_by_length_and_stride_with_labels():
    spans = [span(0, 12, "rest"), span(12, 23, "walk")]
    found = cut([ramp(23, spans=spans)], config(8, 4), name="w", labelled=True)
    np.testing.assert_array_equal(found.values[:, 0, 0], [0, 4, 12])
    np.testing.assert_array_equal(found.values[2, :, 0], np.arange(12, 20))
    assert found.labels.tolist() == ["rest", "rest", "walk"]
    assert (found.name, found.rate, found.channels, found.units) == ("w", 50.0, ("x",), ("g",))
    whole = cut([ramp(23, spans=spans)], config(8, 4), name="w", labelled=False)
    np.testing.assert_array_equal(whole.values[:, 0, 0], [0, 4, 8, 12])
    assert whole.labels is None
    with pytest.raises(InputError, match="w: there are none.*at most 23 samples, a window needs 24") as error:
        cut([ramp(23)], config(24, 4), name="w", labelled=False)
    assert error.value.fields == ("length",)
    with pytest.raises(InputError, match="at most 12 samples under one label, a window needs 13"):
        cut([ramp(23, spans=spans)], config(13, 4), name="w", labelled=True)


@pytest.mark.parametrize(("policy", "count"), [("single", 6), ("ignore", 12)])
def test_among_labelled_recordings_one_without_a_label_gives_no_window(policy, count):
    recordings = [
        ramp(40, s, spans=spans) for s in "ab" for spans in ([span(0, 40, "walk")], [span(0, 20, "walk")], [])
    ]
    dataset = prepare(collection(recordings), config(10, 10, label_policy=policy))
    assert dataset.training.count == count
    assert dataset.training.label_names == (("walk",) if policy == "single" else ())


def test_a_named_label_without_a_window_is_refused():
    spans = [span(0, 20, "rest"), span(20, 25, "jump")]
    recordings = collection([ramp(40, s, spans=spans) for s in "ab"])
    found = prepare(recordings, config(10, 10))
    assert found.training.labels.tolist() == ["rest", "rest"]
    assert found.notes == ("too short for a window, left out: 2 jump spans",)
    with pytest.raises(InputError, match="training windows: none of 10 samples has the label jump") as error:
        prepare(recordings, config(10, 10), labels_asked=True)
    assert set(error.value.fields) == {"labels", "length", "label_policy"}


def test_statistics_come_from_the_training_split_alone():
    recordings = [ramp(40, "a"), ramp(40, "b", offset=1e6)]
    dataset = prepare(collection(recordings), config(10, 10, test_fraction=0.5))
    assert dataset.standardizer.mean == pytest.approx([19.5])
    standard = dataset.standardizer.to_standard(dataset.training.values)
    assert standard.mean() == pytest.approx(0, abs=1e-6) and standard.std() == pytest.approx(1)
    np.testing.assert_allclose(dataset.standardizer.to_physical(standard), dataset.training.values, atol=1e-5)
    splits = dataset.describe()["splits"]
    assert splits["training"]["subjects"] == ["a"] and splits["test"]["subjects"] == ["b"]


def test_subjects_that_are_left_away_are_nowhere():
    recordings = [ramp(40, "a"), ramp(40, "b", offset=1e6, rate=99.0), ramp(40, "c")]

    def prepare_without(*excluded, **given):
        return prepare(collection(recordings), config(10, 10, exclude_subjects=excluded, **given))

    splits = prepare_without("b", test_fraction=0.5).describe()["splits"]
    assert splits["training"]["subjects"] == ["a"] and splits["test"]["subjects"] == ["c"]
    with pytest.raises(InputError, match="no subject z; there are a, b, c") as error:
        prepare_without("z")
    assert error.value.fields == ("exclude_subjects",)
    with pytest.raises(InputError, match="no subject b; there are a, c") as error:
        prepare_without("b", test_subjects=("b",))
    assert error.value.fields == ("test_subjects",)
    with pytest.raises(InputError, match="leaves nobody") as error:
        prepare_without("a", "b", "c")
    assert error.value.fields == ("exclude_subjects",)


def test_test_subjects_of_the_source_are_taken_unless_others_are_named():
    recordings = collection([ramp(40, subject) for subject in "abc"], test_subjects=("a",))
    assert prepare(recordings, config()).test.subject_names == ("a",)
    assert prepare(recordings, config(test_subjects=("b",))).test.subject_names == ("b",)


def test_heldout_windows_are_every_so_manieth_stretch_of_a_label_of_the_training_subjects():
    spans = [span(10 * n, 10 * n + 10, "rest" if n % 2 else "jump") for n in range(12)]
    recordings = [ramp(120, subject, spans=spans) for subject in "abc"]
    dataset = prepare(collection(recordings), config(10, 10, test_subjects=("c",), heldout_fraction=0.25))
    assert dataset.heldout.subjects.tolist() == ["a"] * 2 + ["b"] * 4
    assert dataset.heldout.values[:, 0, 0].tolist() == [60, 70, 20, 30, 100, 110]
    assert dataset.training.count == 18 and dataset.test.count == 12
    starts = dataset.training.values[dataset.training.subjects == "a", 0, 0].tolist()
    assert starts == [0, 10, 20, 30, 40, 50, 80, 90, 100, 110]
    assert set(dataset.describe()["splits"]) == {"training", "test", "heldout"}


def test_constant_channel_and_mixed_recordings_are_refused():
    still = Recording(name="still", signals=np.ones([40, 1]), rate=50.0, channels=("x",), units=("g",), subject="a")
    with pytest.raises(InputError, match="channel x is constant at 1") as error:
        prepare(collection([still, ramp(40, "b")]), config(10, 10))
    assert error.value.fields == ("channels",)
    with pytest.raises(InputError, match=r"of b has rate 25.0, but of a has 50.0") as error:
        prepare(collection([ramp(40, "a"), ramp(40, "b", rate=25.0)]), config(10, 10))
    assert error.value.fields == ("resample_hz",)


def test_resampled_recordings_left_the_grid_of_their_sensor():
    recordings = [ramp(40, subject) for subject in "ab"]
    sensors = sensor.measure(recordings)
    for resampled, grid in ((False, 1.0), (True, 0.0)):
        dataset = prepare(collection(recordings, sensors=sensors, resampled=resampled), config())
        assert dataset.sensors[0].resolution == pytest.approx(1) and dataset.resampled == resampled
        assert dataset.standardizer.grid == pytest.approx(grid)


def counts_and_checksums(dataset):
    described = {name: windows.describe() for name, windows in dataset.splits().items()}
    return {name: (each["windows"], each["checksum"]) for name, each in described.items()}


def test_the_windows_of_the_watch_are_those_of_every_version():
    found = prepare(sources.load(sources.SourceConfig(source="watch")), config(128, 32, heldout_fraction=0.2))
    assert counts_and_checksums(found) == WATCH


@pytest.mark.data
@pytest.mark.slow
def test_the_windows_of_hapt_are_those_of_every_version():
    source = sources.SourceConfig(source="hapt", data_dir=shared("hapt"))
    found = prepare(sources.load(source), config(128, 64, heldout_fraction=0.1))
    assert counts_and_checksums(found) == HAPT
    assert found.standardizer.grid[:3] == pytest.approx(1 / 720, rel=1e-4)
