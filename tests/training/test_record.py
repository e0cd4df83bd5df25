"""Folders of runs read back, of this version and of version 0.1."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest

from sensegen_tf.errors import InputError
from sensegen_tf.files import read_json, write_json
from sensegen_tf.models.config import InitialMixtureConfig
from sensegen_tf.training.config import TrainConfig
from sensegen_tf.training.record import load_models, read_run
from sensegen_tf.training.run import train
from sensegen_tf.training.schedule import alternating
from tests.training.making import DISCRIMINATOR, GENERATOR, LEARNING, eager_functions, make_dataset, series

pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config:UserWarning")
# What version 0.1 stored of the models of `finished`: flat, with other names.
OLD_MODELS = {
    "generator": {
        "config": {
            "units": [12],
            "dense_units": 8,
            "components": 3,
            "scale_floor": 0.001,
            "residual": False,
            "start_components": 2,
            "start_people": 0,
            "increments": False,
            "lags": 0,
            "levels": [],
            "refractory": 0,
            "block": 1,
            "full_covariance": False,
            "channelwise": False,
            "conditional": False,
            "code": 0,
            "code_noise": 0.3,
            "dropout": 0.0,
        },
        "channels": 1,
        "seed": 4,
        "name": "generator",
        "labels": 0,
        "people": 1,
    },
    "discriminator": {
        "config": {"units": [6], "dense_units": 4, "increments": False},
        "channels": 1,
        "seed": 4,
        "name": "discriminator",
        "labels": 0,
    },
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A complete run; nothing may be written into its folder."""
    generator = dataclasses.replace(GENERATOR, initial=InitialMixtureConfig(components=2))
    config = TrainConfig(
        preset="small",
        generator=generator,
        discriminator=DISCRIMINATOR,
        schedule=alternating(1, discriminator_steps=1, generator_steps=1),
        learning=LEARNING,
        calibrate=False,
    )
    windows = make_dataset(series(40, 4))
    folder = tmp_path_factory.mktemp("record") / "run"
    with eager_functions():
        dataset = dataclasses.replace(windows, heldout=windows.test)
        return train(config, dataset, run_dir=folder, provenance={"source": "sines"})


@pytest.fixture
def copied(finished, tmp_path):
    return shutil.copytree(finished.path, tmp_path / "run")


@pytest.fixture
def old(copied):
    """The same run as version 0.1 left one."""
    for name in ("config", "provenance"):
        os.remove(copied / f"{name}.json")
    flags = {"model": "sensegen_small", "source": "table", "channels": ["x"], "seed": 4}
    write_json(copied / "flags.json", {**flags, "data_dir": "/home/me/data", "run_dir": "runs/a", "initial_run": ""})
    data = read_json(copied / "data.json")
    splits = {{"test": "heldout", "heldout": "unseen"}.get(name, name): split for name, split in data["splits"].items()}
    del data["schema"]
    write_json(copied / "data.json", {**data, "splits": splits})
    write_json(copied / "models.json", OLD_MODELS)
    return copied


def check_models(run, models):
    for model, expected in zip(models, (run.trainer.generator, run.trainer.discriminator), strict=True):
        assert (model.use_xla, model.precision) == (False, "float32") and model.config == expected.config
        for weight, value in zip(model.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, value)


def test_a_run_is_read_back_with_its_models(finished):
    record = read_run(finished.path)
    assert (record.path, record.preset) == (finished.path, "small")
    assert record.config == finished.config.describe() and record.provenance == {"source": "sines"}
    assert record.data == finished.dataset.describe() and record.metrics == finished.metrics
    assert record.versions["tensorflow"]
    check_models(finished, load_models(record))


def test_a_run_of_version_0_1_is_read_back_with_its_models(finished, old):
    record = read_run(old)
    assert (record.preset, record.config) == ("sensegen_small", {})
    # The user's own folders stay with the user.
    assert record.provenance == {"model": "sensegen_small", "source": "table", "channels": ["x"], "seed": 4}
    assert record.data == finished.dataset.describe() and set(record.data["splits"]) == {"training", "test", "heldout"}
    check_models(finished, load_models(record))


def test_a_run_may_be_read_while_it_trains(copied):
    os.remove(copied / "metrics.jsonl")
    assert read_run(copied).metrics == []
    shutil.rmtree(copied / "checkpoints")
    with pytest.raises(InputError, match="there is no checkpoint"):
        load_models(read_run(copied))


@pytest.mark.parametrize("name", ["versions", "models", "data", "provenance"])
def test_a_folder_without_one_of_the_files_is_refused(copied, name):
    os.remove(copied / f"{name}.json")
    with pytest.raises(InputError, match=rf"{name}\.json"):
        read_run(copied)


def test_what_is_no_run_or_of_a_later_version_is_refused(copied, tmp_path):
    with pytest.raises(InputError, match="is no run"):
        read_run(tmp_path)
    for name, change, expected in (
        ("config", {"schema": 5}, "schema 5"),
        ("config", {"epsilon": 1.0}, "unknown epsilon"),
        ("data", {"schema": 9}, "schema 9"),
    ):
        path = copied / f"{name}.json"
        before = path.read_text()
        path.write_text(json.dumps({**json.loads(before), **change}))
        with pytest.raises(InputError, match=expected):
            read_run(copied)
        path.write_text(before)


def test_models_that_do_not_fit_the_checkpoint_are_refused(copied):
    models = read_json(copied / "models.json")
    models["generator"]["config"]["head"]["components"] += 1
    write_json(copied / "models.json", models)
    with pytest.raises(InputError, match="is of another model"):
        load_models(read_run(copied))
