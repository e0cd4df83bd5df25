"""Which source a path is of."""

import os

import pytest

from sensegen_tf.data.detect import detect
from sensegen_tf.errors import InputError
from tests.commands import loaded, run
from tests.data.sources.devices.making import e4


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"Device Identity" if name.endswith(".bin") else b"0,1\n1,2\n")


@pytest.mark.parametrize(
    ("names", "source"),
    [
        (("S1.csv", "readme.md"), "table"),
        (("day/S1.txt.gz", "S2.parquet"), "table"),
        (("100.hea", "100.dat", "REFERENCE.csv"), "wfdb"),
        (("night/a.EDF", "subjects.csv"), "device"),
        (("a.bin", "a.csv"), "device"),
        (("part.tfrecord",), "tfrecord"),
        (("manifest.json", "training-0.tfrecord"), "tfrecord"),
    ],
)
def test_a_folder_is_of_the_source_of_its_files(names, source, tmp_path):
    write(tmp_path, *names)
    found = detect(os.fspath(tmp_path))
    assert found.source == source and f"source {source}" in found.words


@pytest.mark.parametrize(
    ("name", "source"),
    [("a.csv", "table"), ("a.CWA", "device"), ("a.npz", "table"), ("a.tfrecord", "tfrecord"), ("a.bin", "device")],
)
def test_a_file_is_of_the_source_of_its_suffix(name, source, tmp_path):
    write(tmp_path, name)
    assert detect(os.fspath(tmp_path / name)).source == source


def test_a_folder_of_an_e4_is_of_a_device_and_its_csv_files_are_no_tables(tmp_path):
    e4(tmp_path / "S02")
    found = detect(os.fspath(tmp_path))
    assert found.source == "device" and found.words.endswith("it holds 1 files of devices, such as S02")
    # Names alone do not make one.
    write(tmp_path / "other", "ACC.csv")
    assert detect(os.fspath(tmp_path / "other")).source == "table"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a.hea", "b.edf"), r"a\.hea.* and .*b\.edf.*choose source wfdb or device"),
        (("a.md",), "holds no .hea, .cwa"),
        ((), "holds no .hea, .cwa"),
    ],
)
def test_what_is_of_several_sources_or_of_none_is_refused(names, message, tmp_path):
    write(tmp_path, *names)
    with pytest.raises(InputError, match=message) as error:
        detect(os.fspath(tmp_path))
    assert error.value.fields in (("source",), ("data_dir",))


def test_files_that_are_of_none_alone_and_paths_without_a_file_are_refused(tmp_path):
    write(tmp_path, "a.hea", "a.md")
    for path in (tmp_path / "a.hea", tmp_path / "a.md", tmp_path / "nowhere", ""):
        with pytest.raises(InputError):
            detect(os.fspath(path))


def test_flags_are_checked_for_the_source_that_was_found(tmp_path):
    e4(tmp_path / "E4" / "S02")
    write(tmp_path / "csv", "a.csv")
    with loaded("data", source="auto", data_dir=tmp_path / "csv", channels="x", rate_hz=50):
        pass
    with loaded("data", source="auto", data_dir=tmp_path / "E4", channels="BVP", path_pattern="S{subject}"):
        pass
    with (
        pytest.raises(InputError, match="only with --source=table"),
        loaded("data", source="auto", data_dir=tmp_path / "E4", channels="BVP", rate_hz=50),
    ):
        pass


def test_inspect_says_what_was_chosen(tmp_path):
    for name in ("S1", "S2"):
        e4(tmp_path / name)
    done = run("data", "inspect", source="auto", data_dir=tmp_path, channels="ACC.x,BVP", resample_hz=32)
    assert done.returncode == 0, done.stderr
    assert "read as source device" in done.stdout and "2 subjects, 32 Hz" in done.stdout
    done = run("data", "inspect", source="auto", data_dir=tmp_path, channels="ACC.x,BVP")
    assert done.returncode == 2 and "BVP 64 Hz" in done.stderr and "--resample_hz" in done.stderr
