"""`python -m sensegen_tf.evaluate`: every format, the same numbers twice, clear errors."""

import json
import os
import re

import numpy as np
import pytest

from sensegen_tf.errors import InputError
from sensegen_tf.evaluation import run as evaluation
from sensegen_tf.evaluation.settings import Settings
from tests.commands import loaded, run, run_without
from tests.conftest import TINY

RATE, CHANNELS, UNITS = 50.0, ("ax", "ay", "az"), ("g", "g", "g")


def walks(seed, count=120, length=32):
    """Made-up accelerations of eight subjects, two activities."""
    rng = np.random.default_rng(seed)
    time = np.arange(length) / RATE
    fast = rng.integers(0, 2, count)
    swing = np.where(fast, 0.5, 0.1)[:, None] * np.sin(
        2 * np.pi * np.where(fast, 2.5, 1.5)[:, None] * time + rng.uniform(0, 6, count)[:, None]
    )
    values = np.stack([swing, 1 + swing, 0.5 * swing], -1) + 0.02 * rng.normal(size=[count, length, 3])
    subjects = np.array([f"p{seed}{index % 8}" for index in range(count)])
    return values.astype(np.float32), subjects, np.where(fast, "running", "walking")


def save(path, seed, **changes):
    values, subjects, labels = walks(seed)
    arrays = {
        "samples": values,
        "subjects": subjects,
        "labels": labels,
        "rate": RATE,
        "channels": np.array(CHANNELS),
        "units": np.array(UNITS),
    }
    arrays = {name: value for name, value in (arrays | changes).items() if value is not None}
    np.savez(path, **arrays)
    return os.fspath(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    return {name: save(folder / f"{name}.npz", seed) for seed, name in enumerate(("real", "synthetic", "test"))}


@pytest.fixture(scope="module")
def report(files, tmp_path_factory):
    """The folder of a report, and what the terminal showed."""
    folder = tmp_path_factory.mktemp("report")
    done = run("evaluate", **files, output=folder, quick="true")
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.mark.slow
def test_the_report_has_a_verdict_numbers_and_a_progress_bar(report):
    folder, done = report
    found = json.loads((folder / "report.json").read_text())
    assert set(found["verdict"]) == {"real", "useful", "private", "physiology"}
    assert all(each["grade"] in ("good", "mixed", "bad", "unknown") for each in found["verdict"].values())
    assert found["verdict"]["private"]["grade"] != "good"
    names = {score["metric"] for score in found["scores"]}
    assert {"c2st", "marginals", "tstr_trees", "membership_auc", "cadence", "gravity", "energy_by_label"} <= names
    for score in found["scores"]:
        assert score["low"] <= score["value"] + 1e-9 and score["value"] <= score["high"] + 1e-9, score
        assert score["better"] in ("lower", "higher")
    assert found["inputs"]["test"] == {
        "file": found["inputs"]["test"]["file"],
        "windows": 120,
        "subjects": 8,
        "labels": ["running", "walking"],
    }
    assert "Do the samples look real?" in done.stdout and str(folder / "report.html") in done.stdout
    assert "100%" in done.stderr.replace("\r", "\n").strip().splitlines()[-1]
    assert "published" in found["not_measured"]


@pytest.mark.slow
def test_the_page_needs_no_network_and_says_everything(report):
    page = (report[0] / "report.html").read_text()
    assert "http" not in re.sub("<script.*?</script>", "", page, flags=re.DOTALL)
    for text in ("Are these samples real", "What these mean", "t-SNE", "Confusion matrices (trees)", "Cadence"):
        assert text in page, text


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers(files, report, tmp_path):
    done = run("evaluate", **files, output=tmp_path, quick="true")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.json").read_bytes() == (report[0] / "report.json").read_bytes()
    assert (tmp_path / "report.html").read_bytes() == (report[0] / "report.html").read_bytes()


@pytest.fixture
def evaluated(monkeypatch, tmp_path, capsys):
    """A function that runs the command in this process and returns what it would have measured, and how."""
    found = {}

    def record(real, synthetic, **given):
        found.update(real=real, synthetic=synthetic, **given)
        return evaluation.Written("report.html", "the summary", {})

    monkeypatch.setattr(evaluation, "evaluate", record)

    def call(**given):
        with loaded("evaluate", **{"output": tmp_path / "out", **given}) as names:
            names["main"]()
        assert "the summary" in capsys.readouterr().out
        return found

    return call


def test_the_command_hands_over_files_seed_and_settings(files, evaluated, tmp_path):
    found = evaluated(**files, seed=3, quick="true")
    assert found["folder"] == str(tmp_path / "out") and found["settings"] == Settings.quick(3)
    for seed, name in enumerate(files):
        values, subjects, labels = walks(seed)
        windows = found[name]
        np.testing.assert_array_equal(windows.values, values)
        assert windows.subjects.tolist() == subjects.tolist() and windows.labels.tolist() == labels.tolist()
        assert (windows.rate, windows.channels, windows.units) == (RATE, CHANNELS, UNITS)
    assert evaluated(**files)["settings"] == Settings()


def test_a_bare_array_takes_its_names_from_the_real_file(files, evaluated, tmp_path):
    np.savez(tmp_path / "bare.npz", anything=walks(5)[0])
    found = evaluated(real=files["real"], synthetic=tmp_path / "bare.npz")
    assert (found["synthetic"].rate, found["synthetic"].channels, found["synthetic"].units) == (RATE, CHANNELS, UNITS)
    assert found["synthetic"].subjects is None and found["synthetic"].labels is None and found["test"] is None


def test_arrays_that_nobody_named_are_measured_in_cycles_a_sample(evaluated, tmp_path):
    for name, seed in (("a", 1), ("b", 2)):
        np.savez(tmp_path / f"{name}.npz", data=walks(seed)[0])
    found = evaluated(real=tmp_path / "a.npz", synthetic=tmp_path / "b.npz")
    assert found["real"].rate == found["synthetic"].rate == 1
    assert found["real"].channels == found["synthetic"].channels == ("x0", "x1", "x2")


def test_a_prepared_set_brings_its_test_subjects(evaluated, files, tmp_path):
    flags = {name: TINY[name] for name in ("source", "channels", "window_length", "stride")}
    done = run("data", "prepare", **flags, output=tmp_path / "set")
    assert done.returncode == 0, done.stderr
    found = evaluated(real=tmp_path / "set", synthetic=files["synthetic"], window_length=24)
    assert len(found["test"].subject_names) == 2 and len(found["real"].subject_names) == 8
    assert found["real"].length == found["test"].length == found["synthetic"].length == 24


# A suffix that is left out in the fast tier is read by the tests of the files' own readers.
_SLOW_SUFFIXES = [pytest.param(suffix, marks=pytest.mark.slow) for suffix in (".npz", ".parquet", ".tfrecord", "")]


@pytest.mark.parametrize("suffix", [".csv", *_SLOW_SUFFIXES])
def test_what_sample_writes_can_be_read(suffix, evaluated, files, tmp_path):
    done = run("sample", model="sensegen_watch", num=70, length=32, output=tmp_path / f"samples{suffix}")
    assert done.returncode == 0, done.stderr
    synthetic = evaluated(real=files["real"], synthetic=tmp_path / f"samples{suffix}")["synthetic"]
    assert synthetic.values.shape == (70, 32, 3) and (synthetic.channels, synthetic.units) == (CHANNELS, UNITS)
    assert synthetic.rate == RATE and synthetic.subjects is None


def test_long_recordings_in_tables_are_cut_to_windows(files, evaluated, tmp_path):
    values, _, _ = walks(7, count=8, length=32 * 20)
    lines = ["subject,t,ax,ay,az"]
    for subject, series in enumerate(values):
        lines += [f"p{subject},{i / RATE:.3f},{x:.6f},{y:.6f},{z:.6f}" for i, (x, y, z) in enumerate(series)]
    (tmp_path / "real.csv").write_text("\n".join(lines))
    found = evaluated(
        real=tmp_path / "real.csv",
        synthetic=files["synthetic"],
        channels="ax,ay,az",
        units="g,g,g",
        time_column="t",
        subject_column="subject",
    )
    assert found["real"].count == 160 and len(found["real"].subject_names) == 8 and found["real"].rate == RATE


def test_a_likelihood_beside_the_windows_is_used(files, evaluated, tmp_path):
    real = save(tmp_path / "r.npz", 0, log_likelihood=np.linspace(0, 1, 120))
    test = save(tmp_path / "t.npz", 2, log_likelihood=np.linspace(0, 1, 120))
    found = evaluated(real=real, test=test, synthetic=files["synthetic"])
    for name in ("real", "test"):
        np.testing.assert_allclose(found[name].log_likelihood, np.linspace(0, 1, 120))


def test_an_array_is_chosen_by_name(files, evaluated, tmp_path):
    both = save(tmp_path / "both.npz", 1, other=SYNTHETIC * 2)
    found = evaluated(**{**files, "synthetic": both}, array="other")
    np.testing.assert_array_equal(found["synthetic"].values, SYNTHETIC * 2)


def broken(values, where, what):
    values = values.copy()
    values[where] = what
    return values


REAL, SYNTHETIC = walks(0)[0], walks(1)[0]


@pytest.mark.parametrize(
    ("which", "changes", "message"),
    [
        ("synthetic", {"samples": broken(SYNTHETIC, (3, 7, 1), np.nan)}, "sample 7 of channel ay in window 3"),
        ("real", {"samples": broken(REAL, (..., 2), 1.5)}, "channel az never changes"),
        ("synthetic", {"samples": SYNTHETIC[:10], "labels": None, "subjects": None}, "10 windows are too few"),
        ("synthetic", {"samples": np.tile(SYNTHETIC, (1, 2, 1))[:, :20]}, "shorter than the windows of 32"),
        ("synthetic", {"samples": SYNTHETIC[..., :2], "channels": None, "units": None}, "2 channels"),
        ("synthetic", {"rate": 40.0}, "40 Hz"),
        ("synthetic", {"units": np.array(["m/s^2"] * 3)}, "m/s^2"),
        ("synthetic", {"channels": np.array(["x", "y", "z"])}, "x, y, z"),
        ("synthetic", {"labels": np.array(["running"] * 119 + [""])}, "1 of 120 windows"),
        ("synthetic", {"labels": np.array(["running"] * 119 + ["flying"])}, "flying"),
        ("real", {"log_likelihood": np.zeros(3)}, "log_likelihood"),
        ("synthetic", {"samples": None}, "found 0"),
        ("synthetic", {"other": SYNTHETIC}, "array"),
        ("synthetic", {"rate": -1.0}, "`rate` must be one number above 0"),
    ],
)
def test_bad_input_is_refused_clearly(which, changes, message, files, tmp_path):
    given = {**files, which: save(tmp_path / "bad.npz", {"real": 0, "synthetic": 1}[which], **changes)}
    window = {"window_length": 32} if "shorter" in message else {}
    with (
        loaded("evaluate", **given, **window, output=tmp_path / "out", quick="true") as names,
        pytest.raises(InputError) as error,
    ):
        names["main"]()
    assert message in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_not_there_and_test_windows_that_are_the_real_ones(files, tmp_path):
    for given in ({**files, "real": tmp_path / "no.npz"}, {**files, "synthetic": tmp_path / "no.npz"}):
        done = run("evaluate", **given, output=tmp_path / "out")
        assert done.returncode == 2 and "there is no file" in done.stderr and "Traceback" not in done.stderr
    done = run("evaluate", **{**files, "test": files["real"]}, output=tmp_path / "out")
    assert done.returncode == 2 and "--test and --real are the same file" in done.stderr


@pytest.mark.process
def test_without_the_extra_it_says_what_to_install(files, tmp_path):
    done = run_without(("plotly",), tmp_path, "evaluate", **files, output=tmp_path / "out")
    assert done.returncode == 2 and "pip install 'sensegen_tf[evaluate]'" in done.stderr, done.stderr
