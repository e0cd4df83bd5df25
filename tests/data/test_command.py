"""`python -m sensegen_tf.data`, and training from what it prepares."""

import json
import os
import resource
import subprocess

import numpy as np
import pytest

from tests.commands import command, run, run_without
from tests.conftest import TINY, shared


@pytest.mark.data
def test_inspect_counts_the_har_database_as_published():
    done = run("data", "inspect", source="hapt", data_dir=shared("hapt"))
    assert done.returncode == 0, done.stderr
    assert "25 subjects" in done.stdout and "8734 windows of 128 samples" in done.stdout
    table = done.stdout.split("\nlabel ")[1].splitlines()[2:9]
    both = {line.rsplit(None, 3)[0]: int(line.split()[-1]) for line in table}
    expected = {
        "walking": 1445,
        "walking upstairs": 1282,
        "walking downstairs": 1171,
        "sitting": 1514,
        "standing": 1666,
        "lying": 1656,
    }
    assert expected.items() <= both.items()
    # The sensor steps by 1/720 g.
    assert done.stdout.count(f"{1 / 720:.6g}") == 3


@pytest.mark.data
def test_inspect_counts_the_beats_of_mit_bih_as_published(tmp_path):
    picture = tmp_path / "p.png"
    done = run("data", "inspect", source="mitbih", data_dir=shared("mitdb"), picture=picture)
    assert done.returncode == 0, done.stderr
    assert "20 records, 19 with the lead MLII, 1 skipped" in done.stdout
    assert "record 102 has no lead MLII; it has V5, V2" in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    header = next(line for line in lines if line[:2] == ["recording", "minutes"])
    row = next(line for line in lines if line[:2] == ["record", "100"])
    beats = dict(zip(header[2:], map(int, row[3:]), strict=True))
    assert {label: count for label, count in beats.items() if count} == {"N": 2239, "A": 33, "V": 1}
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_inspect_shows_the_embedded_recordings():
    done = run("data", "inspect", source="watch", window_seconds=2, stride_seconds=1)
    assert done.returncode == 0, done.stderr
    assert "140 recordings, 81.4 minutes, 10 subjects, 50 Hz" in done.stdout
    assert "windows of 100 samples (2 s)" in done.stdout and "test: 09, 10" in done.stdout
    assert "warning: 10 subjects are few" in done.stdout
    assert done.stdout.rstrip().endswith(
        "Train on it: python -m sensegen_tf.train --source=watch --window_seconds=2 --stride_seconds=1 "
        "--preset=sensegen_imu --run_dir=runs/mine"
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A prepared set with the windows of the tiny run."""
    folder = tmp_path_factory.mktemp("prepared") / "set"
    flags = {name: TINY[name] for name in ("source", "channels", "window_length", "stride")}
    done = run("data", "prepare", **flags, output=folder, shard_windows=100)
    assert done.returncode == 0, done.stderr
    assert f"--source=tfrecord --data_dir={folder}" in done.stdout
    return folder


def test_prepare_writes_shards_and_a_manifest(prepared):
    manifest = json.loads((prepared / "manifest.json").read_text())
    for split in manifest["splits"].values():
        assert sum(shard["windows"] for shard in split["shards"]) == split["windows"]
        assert all((prepared / shard["file"]).exists() for shard in split["shards"])
    assert len(manifest["splits"]["training"]["shards"]) > 1
    assert manifest["channels"] == ["ax", "ay", "az"] and manifest["length"] == 24
    done = run("data", "inspect", source="tfrecord", data_dir=prepared)
    assert done.returncode == 0 and "windows of 24 samples" in done.stdout, done.stderr
    done = run("data", "prepare", source="tfrecord", data_dir=prepared, output=prepared.parent / "again")
    assert done.returncode == 2 and "is a prepared set" in done.stderr


@pytest.mark.slow
def test_training_reads_a_prepared_set_as_a_stream(prepared, trained, tmp_path):
    cut = ("source", "channels", "window_length", "stride")
    flags = {name: value for name, value in TINY.items() if name not in cut} | {"outer_iterations": "1"}
    done = run("train", **flags, source="tfrecord", data_dir=prepared, run_dir=tmp_path)
    assert done.returncode == 0, done.stderr
    statistics, direct = (json.loads((folder / "data.json").read_text()) for folder in (tmp_path, trained))
    for split in statistics["splits"].values():
        assert split.pop("shards_checksum")
    assert statistics == direct
    refused = run("train", **TINY | {"source": "tfrecord", "data_dir": str(prepared)}, run_dir=tmp_path / "other")
    assert (
        refused.returncode == 2 and "was prepared with its own --channels, --window_length, --stride" in refused.stderr
    )


@pytest.mark.process
@pytest.mark.slow
def test_own_csv_from_table_to_samples_without_the_extras_for_pictures(tmp_path):
    """The README's path for own recordings, where the packages of the extra `plots` cannot be imported."""
    pytest.importorskip("pyarrow")
    rng = np.random.default_rng(0)
    lines = ["time,x,y,subject"]
    for subject in ("anna", "bert", "carl"):
        walk = rng.normal(size=[400, 2]).cumsum(0)
        lines += [f"{i / 50:.2f},{x:.3f},{y:.3f},{subject}" for i, (x, y) in enumerate(walk)]
    (tmp_path / "own.csv").write_text("\n".join(lines) + "\n")
    given = {"channels": "x,y", "units": "g,g", "time_column": "time", "subject_column": "subject", "stride": "20"}
    given |= {"source": "table", "data_dir": str(tmp_path / "own.csv"), "test_subjects": "bert"}
    flags = TINY | given | {"outer_iterations": "1"}
    done = run_without(("matplotlib", "tensorboard"), tmp_path, "train", **flags, run_dir=tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "not drawn: pip install 'sensegen_tf[plots]'" in done.stdout
    assert not (tmp_path / "run" / "picture.png").exists() and not (tmp_path / "run" / "logs").exists()
    done = run("sample", model=tmp_path / "run" / "model", num=5, output=tmp_path / "s.tfrecord")
    assert done.returncode == 0, done.stderr
    # What `sample` writes is a source again.
    done = run("data", "inspect", source="tfrecord", data_dir=tmp_path / "s.tfrecord", window_length=24)
    assert done.returncode == 0 and "5 recordings" in done.stdout, done.stderr


def _files_of_at_most_100_kb():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


@pytest.mark.process
@pytest.mark.parametrize("what", ["prepare", "sample.tfrecord", "sample.npz", "sample.csv"])
def test_a_disk_that_takes_no_more_leaves_nothing(what, version, tmp_path):
    if what == "prepare":
        words = command("data", "prepare", source="watch", output=tmp_path / "set")
    else:
        words = command("sample", model=version, num=2000, length=24, output=tmp_path / what)
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=600, check=False, preexec_fn=_files_of_at_most_100_kb
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert "File too large" in done.stderr and "nothing was left behind" in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "flags", "message"),
    [
        (["nonsense"], {}, "expected inspect, prepare, or download NAME, got nonsense"),
        (["inspect"], {}, "--source must be given"),
        (["prepare"], {"source": "ecg"}, "--output must be given"),
        (["download", "imagenet"], {}, "download knows hapt, uci_har, mitbih, not imagenet"),
        (["inspect"], {"source": "hapt", "data_dir": "/nowhere"}, "RawData is missing"),
        (["inspect"], {"source": "watch", "window_seconds": 0}, "less than one sample"),
        (["inspect"], {"source": "watch", "window_length": 0}, "flag --window_length=0"),
        (["inspect"], {"source": "watch", "window_length": 20, "window_seconds": 1}, "not both"),
        (["inspect"], {"source": "watch", "test_subjects": "01,02,03,04,05,06,07,08,09,10"}, "nobody is left"),
        (["inspect"], {"source": "ecg", "test_subjects": "208"}, "nobody is left"),
        (["inspect"], {"source": "watch", "labels": "flying"}, "no recording is labelled flying"),
    ],
)
def test_bad_requests_get_a_sentence(words, flags, message):
    done = run("data", *words, **flags)
    assert done.returncode != 0 and message in done.stderr + done.stdout, done.stderr
    assert "Traceback" not in done.stderr
