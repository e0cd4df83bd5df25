"""The models that come with the package: they sample without training and without a network."""

import os
import pathlib

import numpy as np
import pytest

import sensegen_tf
from sensegen_tf.serving import saved_model
from tests.commands import run

EXPERIMENTS = pathlib.Path(__file__).parent.parent / "experiments"
NAMES = ("sensegen_ecg", "sensegen_ecg208", "sensegen_watch")


def test_the_readme_names_them_and_nothing_else_is_there():
    assert tuple(saved_model.pretrained()) == NAMES
    readme = (EXPERIMENTS.parent / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in readme for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_pretrained_model_samples(name):
    model = sensegen_tf.load(name)
    label = model.card.labels[0] if model.card.labels else None
    samples = model.sample(4, 2 * model.card.window_length, seed=1, label=label)
    assert samples.shape == (4, 2 * model.card.window_length, len(model.card.channels))
    # Within a few spreads of the recordings that it has learnt from.
    mean, std = np.array(model.card.data["mean"]), np.array(model.card.data["std"])
    assert (np.abs(samples - mean) < 20 * std).all() and (samples.std((0, 1)) > 0.2 * std).all()
    assert np.isfinite(model.score(samples, label).total).all()


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small_has_its_licence_and_the_flagfile_that_retrains_it(name):
    version = pathlib.Path(saved_model.find_version(name))
    assert sum(path.stat().st_size for path in version.rglob("*") if path.is_file()) < 8e6
    card = saved_model.read_card(str(version))
    assert "cite" in card.data["terms"] and os.sep not in "".join(str(value) for value in card.flags.values())
    flags = (EXPERIMENTS / f"{name}.flags").read_text(encoding="utf-8").splitlines()
    for flag in flags:
        key, _, value = flag.removeprefix("--").partition("=")
        if flag.startswith("--") and key not in ("run_dir", "model_dir"):
            kept = card.flags[key]
            assert (
                ",".join(kept) if isinstance(kept, list) else f"{kept:g}" if isinstance(kept, float) else str(kept)
            ) == value


def test_the_command_samples_by_name(tmp_path):
    done = run("sample", model="sensegen_ecg", num=3, length=240, label="N", output=tmp_path / "s.npz")
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "s.npz")["samples"].shape == (3, 240, 1)
