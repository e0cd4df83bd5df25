"""`python -m sensegen_tf.evaluate`: every format, the same numbers twice, clear errors."""

import json
import os
import re

import numpy as np
import pytest

from tests.commands import run, run_without
from tests.conftest import TINY

RATE, CHANNELS, UNITS = 50.0, ("ax", "ay", "az"), ("g", "g", "g")


def walks(seed, count=120, length=32):
    """Made-up accelerations of eight people, two activities."""
    rng = np.random.default_rng(seed)
    time = np.arange(length) / RATE
    fast = rng.integers(0, 2, count)
    swing = np.where(fast, 0.5, 0.1)[:, None] * np.sin(
        2 * np.pi * np.where(fast, 2.5, 1.5)[:, None] * time + rng.uniform(0, 6, count)[:, None]
    )
    values = np.stack([swing, 1 + swing, 0.5 * swing], -1) + 0.02 * rng.normal(size=[count, length, 3])
    people = np.array([f"p{seed}{index % 8}" for index in range(count)])
    return values.astype(np.float32), people, np.where(fast, "running", "walking")


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
    return {name: save(folder / f"{name}.npz", seed) for seed, name in enumerate(("real", "synthetic", "heldout"))}


@pytest.fixture(scope="module")
def report(files, tmp_path_factory):
    """The folder of a report, and what the terminal showed."""
    folder = tmp_path_factory.mktemp("report")
    done = run("evaluate", **files, output=folder, quick="true")
    assert done.returncode == 0, done.stderr
    return folder, done


def test_the_report_has_a_verdict_numbers_and_a_progress_bar(report):
    folder, done = report
    found = json.loads((folder / "report.json").read_text())
    assert set(found["verdict"]) == {"real", "useful", "private", "physiology"}
    assert all(each["grade"] in ("good", "mixed", "bad") for each in found["verdict"].values())
    names = {score["metric"] for score in found["scores"]}
    assert {"critic", "marginals", "tstr_trees", "membership_auc", "cadence", "gravity", "energy_by_label"} <= names
    for score in found["scores"]:
        assert score["low"] <= score["value"] + 1e-9 and score["value"] <= score["high"] + 1e-9, score
        assert score["better"] in ("lower", "higher")
    assert found["inputs"]["heldout"] == {
        "file": found["inputs"]["heldout"]["file"],
        "windows": 120,
        "people": 8,
        "labels": ["running", "walking"],
    }
    assert "Do the samples look real?" in done.stdout and str(folder / "report.html") in done.stdout
    assert "100%" in done.stderr.replace("\r", "\n").strip().splitlines()[-1]
    assert "published" in found["not_measured"]


def test_the_page_needs_no_network_and_says_everything(report):
    page = (report[0] / "report.html").read_text()
    assert "http" not in re.sub("<script.*?</script>", "", page, flags=re.DOTALL)
    for text in ("Are these samples real", "What these mean", "t-SNE", "Confusion matrices (trees)", "Cadence"):
        assert text in page, text


def test_the_same_seed_gives_the_same_numbers(files, report, tmp_path):
    done = run("evaluate", **files, output=tmp_path, quick="true")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.json").read_bytes() == (report[0] / "report.json").read_bytes()
    assert (tmp_path / "report.html").read_bytes() == (report[0] / "report.html").read_bytes()


def judged(**flags):
    done = run("evaluate", quick="true", **flags)
    assert done.returncode == 0, done.stderr
    return json.loads(open(os.path.join(flags["output"], "report.json"), encoding="utf-8").read())


def test_a_bare_array_takes_its_names_from_the_real_file(files, tmp_path):
    np.savez(tmp_path / "bare.npz", anything=walks(5)[0])
    found = judged(real=files["real"], synthetic=tmp_path / "bare.npz", output=tmp_path)
    assert found["inputs"]["rate"] == RATE and found["inputs"]["channels"] == list(CHANNELS)
    assert set(found["not_measured"]) == {"useful", "private", "published"}
    assert "held" in found["not_measured"]["useful"]


def test_arrays_that_nobody_named_are_judged_in_cycles_a_sample(tmp_path):
    for name, seed in (("a", 1), ("b", 2)):
        np.savez(tmp_path / f"{name}.npz", data=walks(seed)[0])
    found = judged(real=tmp_path / "a.npz", synthetic=tmp_path / "b.npz", output=tmp_path)
    assert found["inputs"]["rate"] == 1 and "physiology" in found["not_measured"]
    assert found["notes"] and "stretches" in found["notes"][0]


def test_what_sample_and_prepare_write_can_be_judged(version, tmp_path):
    """A prepared set brings its held-out people."""
    flags = {name: TINY[name] for name in ("source", "channels", "window_length", "stride")}
    done = run("data", "prepare", **flags, output=tmp_path / "set")
    assert done.returncode == 0, done.stderr
    assert run("sample", model=version, num=200, output=tmp_path / "samples.csv").returncode == 0
    found = judged(real=tmp_path / "set", synthetic=tmp_path / "samples.csv", output=tmp_path / "out")
    assert found["inputs"]["heldout"]["people"] == 2 and found["inputs"]["real"]["people"] == 8
    assert found["inputs"]["synthetic"]["windows"] == 200


def test_long_recordings_in_tables_are_cut_to_windows(files, tmp_path):
    values, _, _ = walks(7, count=8, length=32 * 20)
    lines = ["person,t,ax,ay,az"]
    for person, series in enumerate(values):
        lines += [f"p{person},{i / RATE:.3f},{x:.6f},{y:.6f},{z:.6f}" for i, (x, y, z) in enumerate(series)]
    (tmp_path / "real.csv").write_text("\n".join(lines))
    found = judged(
        real=tmp_path / "real.csv",
        synthetic=files["synthetic"],
        output=tmp_path,
        channels="ax,ay,az",
        units="g,g,g",
        time_column="t",
        subject_column="person",
    )
    assert found["inputs"]["real"] == {**found["inputs"]["real"], "windows": 160, "people": 8}


def test_a_likelihood_beside_the_windows_is_used(files, tmp_path):
    real = save(tmp_path / "r.npz", 0, log_likelihood=np.linspace(0, 1, 120))
    heldout = save(tmp_path / "h.npz", 2, log_likelihood=np.linspace(0, 1, 120))
    found = judged(real=real, heldout=heldout, synthetic=files["synthetic"], output=tmp_path / "out")
    (area,) = [score for score in found["scores"] if score["metric"] == "likelihood_auc"]
    assert area["value"] == pytest.approx(0.5, abs=0.01) and area["passed"]


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
        ("synthetic", {"rate": 40.0}, "sampled at 40 Hz"),
        ("synthetic", {"units": np.array(["m/s^2"] * 3)}, "has units m/s^2"),
        ("synthetic", {"channels": np.array(["x", "y", "z"])}, "has channels x, y, z"),
        ("synthetic", {"labels": np.array(["running"] * 119 + [""])}, "1 of 120 windows have no label"),
        ("synthetic", {"labels": np.array(["running"] * 119 + ["flying"])}, "has the label flying"),
        ("real", {"log_likelihood": np.zeros(3)}, "3 log_likelihood for 120 windows"),
        ("synthetic", {"samples": None}, "expected one array"),
        ("synthetic", {"other": SYNTHETIC}, "name it with --array"),
        ("synthetic", {"rate": -1.0}, "`rate` must be one number above 0"),
    ],
)
def test_bad_input_is_refused_clearly(which, changes, message, files, tmp_path):
    given = {**files, which: save(tmp_path / "bad.npz", {"real": 0, "synthetic": 1}[which], **changes)}
    window = {"window_length": 32} if "shorter" in message else {}
    done = run("evaluate", **given, **window, output=tmp_path / "out", quick="true")
    assert done.returncode == 2, done.stderr
    assert message in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_not_there_and_held_out_windows_that_are_not(files, tmp_path):
    for missing in ({"heldout": None}, {}):
        given = {name: path for name, path in {**files, "real": tmp_path / "no.npz", **missing}.items() if path}
        done = run("evaluate", **given, output=tmp_path / "out")
        assert done.returncode == 2 and "there is no file" in done.stderr and "Traceback" not in done.stderr
    done = run("evaluate", **{**files, "heldout": files["real"]}, output=tmp_path / "out")
    assert done.returncode == 2 and "the same file" in done.stderr


def test_an_array_is_chosen_by_name(files, tmp_path):
    both = save(tmp_path / "both.npz", 1, other=SYNTHETIC * 2)
    found = judged(**{**files, "synthetic": both}, array="samples", output=tmp_path / "out")
    (marginals,) = [s for s in found["scores"] if (s["metric"], s["against"]) == ("marginals", "training")]
    assert marginals["passed"]


def test_without_the_extra_it_says_what_to_install(files, tmp_path):
    done = run_without(("plotly",), tmp_path, "evaluate", **files, output=tmp_path / "out")
    assert done.returncode == 2 and "pip install 'sensegen_tf[evaluate]'" in done.stderr, done.stderr
