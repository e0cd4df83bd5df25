"""The models that come with the package: they sample without training and without a network."""

import os
import pathlib

import numpy as np
import pytest

import sensegen_tf
from sensegen_tf.serving import model_card, versions
from tests.commands import run

ROOT = pathlib.Path(__file__).parents[1]
PRESETS = {"sensegen_ecg": "sensegen_ecg", "sensegen_ecg_private": "sensegen_ecg", "sensegen_watch": "sensegen_accel"}
# One of them shows in the fast tier that they sample.
NAMES = [name if name == "sensegen_watch" else pytest.param(name, marks=pytest.mark.slow) for name in PRESETS]


def test_the_readme_names_them_and_nothing_else_is_there():
    assert versions.pretrained() == list(PRESETS)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in readme for name in PRESETS)


@pytest.mark.parametrize("name", NAMES)
def test_a_pretrained_model_samples(name):
    model = sensegen_tf.load(name)
    label = model.card.labels[0] if model.card.labels else None
    samples = model.sample(4, length=2 * model.card.window_length, seed=1, label=label).values
    assert samples.shape == (4, 2 * model.card.window_length, len(model.card.channels))
    # Within a few standard deviations of the recordings that it was trained on.
    mean, std = np.array(model.card.data["mean"]), np.array(model.card.data["std"])
    assert (np.abs(samples - mean) < 20 * std).all() and (samples.std((0, 1)) > 0.2 * std).all()
    assert np.isfinite(model.score(samples, label=label).total).all()


@pytest.mark.parametrize("name", PRESETS)
def test_it_is_small_and_has_its_name_its_licence_and_the_flagfile_that_retrains_it(name):
    version = pathlib.Path(versions.find_version(name))
    assert sum(path.stat().st_size for path in version.rglob("*") if path.is_file()) < 8e6
    card = model_card.read_card(version)
    assert card.name == name and card.preset == PRESETS[name] == card.config["preset"] and card.schema == 3
    assert "cite" in card.data["terms"]
    assert os.sep not in "".join(str(value) for value in (card.config, *card.provenance.values()))
    private = card.config.get("privacy") or {}
    kept = {
        **card.provenance,
        **private,
        "privacy": private.get("unit"),
        **card.config["learning"],
        **card.config["schedule"],
        "preset": card.preset,
        "precision": card.config["precision"],
        "initial_run": os.path.join("experiments", "runs", card.config["initial_run"]),
        "schedule": "alternating" if card.config["schedule"]["fresh_minibatches"] else "algorithm1",
    }
    flags = (ROOT / "experiments" / "flags" / f"{name}.flags").read_text(encoding="utf-8").splitlines()
    for flag in flags:
        key, _, value = flag.removeprefix("--").partition("=")
        if flag.startswith("--") and key not in ("run_dir", "model_dir"):
            same = float(value) == kept[key] if isinstance(kept[key], float) else as_flag(kept[key]) == value
            assert same, (key, kept[key], value)


def as_flag(value):
    """A value that is no number, as it stands in a flagfile."""
    return ",".join(value) if isinstance(value, list) else str(value)


@pytest.mark.slow
def test_the_command_samples_by_name(tmp_path):
    done = run("sample", model="sensegen_ecg", num=3, length=240, label="N", output=tmp_path / "s.npz")
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "s.npz")["samples"].shape == (3, 240, 1)
