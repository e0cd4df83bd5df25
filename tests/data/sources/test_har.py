import os

import numpy as np
import pytest

from sensegen_tf.data.sources import SourceConfig, load
from sensegen_tf.data.sources.har import hapt, uci_har
from sensegen_tf.errors import InputError
from tests.data.making import span


@pytest.fixture
def folder(tmp_path):
    """A HAPT set of one experiment of 300 samples."""
    raw = tmp_path / "RawData"
    raw.mkdir()
    rng = np.random.default_rng(0)
    for sensor in ("acc", "gyro"):
        np.savetxt(raw / f"{sensor}_exp01_user02.txt", rng.integers(-720, 720, [300, 3]) / 720)
    (raw / "labels.txt").write_text("1 2 1 1 200\n1 2 7 201 220\n1 2 5 221 300\n")
    return tmp_path


def change(folder, name, edit):
    path = folder / "RawData" / name
    path.write_text(edit(path.read_text()))
    return path


def test_recordings_have_channels_units_subject_and_spans(folder):
    (recording,) = hapt(folder).load().recordings
    assert recording.channels == ("ax", "ay", "az", "wx", "wy", "wz")
    assert recording.units == ("g", "g", "g", "rad/s", "rad/s", "rad/s") and recording.subject == "02"
    assert recording.spans == (span(0, 200, "walking"), span(220, 300, "standing"))
    gyro = np.loadtxt(folder / "RawData" / "gyro_exp01_user02.txt")
    (chosen,) = hapt(folder, ("wz", "ax"), labels=("stand to sit",)).load().recordings
    np.testing.assert_allclose(chosen.signals[:, 0], gyro[:, 2], rtol=1e-6)
    assert chosen.units == ("rad/s", "g") and chosen.spans == (span(200, 220, "stand to sit"),)


def test_acceleration_alone_needs_no_gyroscope_files(folder):
    os.remove(folder / "RawData" / "gyro_exp01_user02.txt")
    assert hapt(folder, ("ax", "az")).load().recordings[0].channels == ("ax", "az")
    with pytest.raises(InputError, match="cannot read .*gyro_exp01_user02.txt"):
        hapt(folder).load()


def test_a_missing_folder_says_how_to_get_it(tmp_path):
    with pytest.raises(InputError, match="RawData is missing: data_dir must be .*data download") as error:
        hapt(tmp_path).load()
    assert error.value.fields == ("data_dir",)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text.replace("\n", " 7\n", 1), "line 1: 4 columns, expected 3"),
        (lambda text: text + "1.0 oops 2.0\n", "line 301, column 2: 'oops' is not a number"),
        (lambda text: text + "\n", "line 301: 0 columns"),
        (lambda text: "", "acc_exp01_user02.txt is empty"),
        (lambda text: text + "0 0 0\n", "has 300 samples, but its acc file has 301"),
        (lambda text: text.replace("\n", "\n", 1).replace(text.split("\n")[4], "nan 0 0"), "sample 4 of channel ax"),
    ],
)
def test_broken_files_are_named_with_their_line(folder, edit, message):
    change(folder, "acc_exp01_user02.txt", edit)
    with pytest.raises(InputError, match=message):
        hapt(folder).load()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 2 13 1 50\n", "line 4: .* is no experiment"),
        ("1 2 1 50 1\n", "line 4: .* is no experiment"),
        ("1 2 1 290 310\n", "labelled up to sample 310, but acc_exp01_user02.txt has 300"),
    ],
)
def test_broken_labels_are_named_with_their_line(folder, line, message):
    change(folder, "labels.txt", lambda text: text + line)
    with pytest.raises(InputError, match=message):
        hapt(folder).load()


def test_unknown_channels_and_activities_are_refused(folder):
    with pytest.raises(InputError, match="no channel named bx; it has ax"):
        hapt(folder, ("bx",)).load()
    with pytest.raises(InputError, match="no activity named flying; it has walking"):
        hapt(folder, labels=("flying",)).load()
    with pytest.raises(InputError, match="no recording is labelled lying; there are standing, walking"):
        load(SourceConfig(source="hapt", data_dir=os.fspath(folder), labels=("walking", "standing", "lying")))


@pytest.fixture
def windowed(tmp_path):
    """A UCI HAR set of three training and two test windows."""
    rng = np.random.default_rng(0)
    for part, subjects in (("train", [1, 1, 3]), ("test", [2, 4])):
        signals = tmp_path / part / "Inertial Signals"
        signals.mkdir(parents=True)
        np.savetxt(tmp_path / part / f"subject_{part}.txt", subjects, "%d")
        np.savetxt(tmp_path / part / f"y_{part}.txt", np.arange(1, len(subjects) + 1), "%d")
        for sensor in ("total_acc", "body_acc", "body_gyro"):
            for axis in "xyz":
                np.savetxt(signals / f"{sensor}_{axis}_{part}.txt", rng.normal(size=[len(subjects), 128]))
    return tmp_path


def test_the_windowed_release_keeps_its_published_split(windowed):
    collection = uci_har(windowed, ("total_acc_x", "body_gyro_z"))
    assert len(collection.recordings) == 5 and collection.test_subjects == ("02", "04")
    last = collection.recordings[2]
    assert last.subject == "03" and last.units == ("g", "rad/s") and last.spans == (span(0, 128, "walking downstairs"),)
    expected = np.loadtxt(windowed / "train" / "Inertial Signals" / "total_acc_x_train.txt")
    np.testing.assert_allclose(last.signals[:, 0], expected[2], rtol=1e-6)


def test_the_windowed_release_refuses_unequal_files_and_missing_folders(windowed):
    np.savetxt(windowed / "train" / "Inertial Signals" / "body_acc_x_train.txt", np.zeros([2, 128]))
    with pytest.raises(InputError, match="has 2 windows, but subject_train.txt has 3"):
        uci_har(windowed)
    os.rename(windowed / "test", windowed / "other")
    with pytest.raises(InputError, match="test is missing"):
        uci_har(windowed, ("total_acc_x",))
    np.savetxt(windowed / "train" / "y_train.txt", [1, 0, 2], "%d")
    with pytest.raises(InputError, match="y_train.txt, line 2: 0 is no activity from 1 to 6"):
        uci_har(windowed, ("total_acc_x",))


def test_foreign_files_are_named(folder):
    raw = folder / "RawData"
    (raw / "acc_exp01_user02 (1).txt").write_text("1 2 3\n")
    os.rename(raw / "acc_exp01_user02 (1).txt", raw / "acc_expx_userx.txt")
    with pytest.raises(InputError, match="acc_expx_userx.txt: expected a name such as"):
        hapt(folder).load()
    os.remove(raw / "acc_expx_userx.txt")
    (raw / "acc_exp01_user02.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="acc_exp01_user02.txt is no text file"):
        hapt(folder).load()
