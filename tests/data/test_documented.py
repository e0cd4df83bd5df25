"""The commands of sensegen_tf/README.md that read sets as they are published, on small folders of the same layout."""

import os
import pathlib
import shlex

import numpy as np
import pytest

import sensegen_tf
from tests.commands import run
from tests.data.sources.devices.making import e4
from tests.data.sources.test_wfdb import challenge

README = pathlib.Path(sensegen_tf.__file__).parent / "README.md"
# What `inspect` does not take.
OF_TRAINING = ("--preset", "--schedule", "--run_dir")


def documented():
    """Folder of a set -> the flags of its command."""
    lines = [
        line for line in README.read_text().splitlines() if line.startswith("python -m sensegen_tf.train --source")
    ]
    words = [[word[2:] for word in shlex.split(line)[3:] if not word.startswith(OF_TRAINING)] for line in lines]
    flags = [dict(word.split("=", 1) for word in each) for each in words]
    return {each["data_dir"]: each for each in flags}


def motion(folder, name, header, *beside):
    """400 samples of three axes, and columns of 400 cells beside them."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(len(name)).normal(size=[400, 3]).round(3)
    rows = [",".join(map(str, row)) for row in zip(*values.T, *beside, strict=True)]
    path.write_text("\n".join([header, *rows]) + "\n")


def cinc2017(folder):
    folder.mkdir()
    challenge(folder, {"A00001": "N", "A00002": "A", "A00003": "O", "A00004": "N", "A00005": "A", "A00006": "O"})


def geotec(folder):
    folder.mkdir()
    (folder / "subjects_info.csv").write_text("subject_id,age\ns01,54\n")
    stamps = 1657544418323 + np.arange(400) * 10
    for subject in ("s01", "s02", "s03"):
        for trial in ("01_sw", "02_sw", "01_sp"):
            header = "x_acc,y_acc,z_acc,timestamp,label"
            motion(folder, f"{subject}/{subject}_{trial}.csv", header, stamps, ["SEATED"] * 400)


def stress_predict(folder):
    for subject in ("S02", "S03"):
        e4(folder / subject)


def motionsense(folder):
    header = "userAcceleration.x,userAcceleration.y,userAcceleration.z"
    for label, subject in (("wlk_7", 1), ("wlk_7", 2), ("jog_9", 1), ("jog_9", 2)):
        motion(folder, f"{label}/sub_{subject}.csv", header)


def phyphox(folder):
    axes = ",".join(f'"Acceleration {axis} (m/s^2)"' for axis in "xyz")
    for subject in ("anna", "bert"):
        motion(folder, f"{subject}/Raw Data.csv", f'{axes},"Time (s)"', [f"{n / 50:.9E}" for n in range(400)])
        (folder / subject / "meta").mkdir()
        (folder / subject / "meta" / "device.csv").write_text("property,value\nversion,1.1\n")


READ = {
    cinc2017: ("6 recordings", "6 subjects", "120 Hz"),
    geotec: ("6 recordings", "3 subjects", "50 Hz"),
    stress_predict: ("2 recordings", "2 subjects", "32 Hz"),
    motionsense: ("4 recordings", "2 subjects", "50 Hz"),
    phyphox: ("2 recordings", "2 subjects", "50 Hz"),
}


@pytest.mark.parametrize("make", READ, ids=lambda make: make.__name__)
def test_a_documented_command_reads_what_was_published(make, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    make(tmp_path / make.__name__)
    monkeypatch.chdir(tmp_path)
    flags = documented()[make.__name__]
    # The made recordings are short and few.
    if "window_seconds" in flags:
        flags |= {"window_seconds": "0.5", "stride_seconds": "0.5", "skip_seconds": "1", "test_fraction": "0.5"}
    found = run("data", "inspect", **flags)
    assert found.returncode == 0, found.stderr
    for text in READ[make]:
        assert text in found.stdout, found.stdout
    assert os.listdir(tmp_path) == [make.__name__]


def test_every_documented_command_is_tried():
    assert list(documented()) == [make.__name__ for make in READ]
