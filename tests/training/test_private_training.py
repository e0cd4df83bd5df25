"""Training with a guarantee through `train`, to the exported model and its certificate."""

import dataclasses
import json
import os
import stat

import numpy as np
import pytest
import tensorflow as tf

import sensegen_tf
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError
from sensegen_tf.files import read_json, write_json
from sensegen_tf.models.config import InitialMixtureConfig, LatentConfig, NetworkConfig
from sensegen_tf.serving.export import export_run
from sensegen_tf.serving.model_card import render
from sensegen_tf.training.config import TrainConfig
from sensegen_tf.training.privacy import PrivacyConfig
from sensegen_tf.training.run import train
from sensegen_tf.training.schedule import algorithm1, alternating
from tests.training.making import DISCRIMINATOR, GENERATOR, LEARNING, eager_functions, make_dataset, series

SUBJECTS = 37
LATENT = LatentConfig(size=2, network=NetworkConfig(units=(4,), dense_units=3))
CONFIG = TrainConfig(
    preset="small",
    generator=dataclasses.replace(GENERATOR, latent=LATENT),
    discriminator=DISCRIMINATOR,
    schedule=alternating(1, discriminator_steps=1, generator_steps=3),
    learning=LEARNING,
    calibrate=False,
    privacy=PrivacyConfig(epsilon=8.0, delta=1e-3, clip_norm=0.5, subjects_per_step=10, windows_per_subject=2),
)


def dataset(**known):
    values = series(2 * SUBJECTS)
    names = np.repeat([f"subject-{number:02d}" for number in range(SUBJECTS)], 2)
    windows = WindowSet(values=values, rate=50.0, subjects=names)
    return make_dataset(values, **{"training": windows, "measured": False, **known})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with eager_functions():
        return train(CONFIG, dataset(), run_dir=tmp_path_factory.mktemp("private") / "run")


def test_the_guarantee_is_written_down_and_the_secret_is_for_its_owner_alone(run):
    assert run.complete and int(run.trainer.private_steps) == 3
    written = read_json(os.path.join(run.path, "privacy.json"))
    assert written["config"]["epsilon"] == 8 and (written["subjects"], written["steps"]) == (SUBJECTS, 3)
    secret = os.path.join(run.path, "secret.json")
    assert stat.S_IMODE(os.stat(secret).st_mode) == 0o600 and len(set(read_json(secret))) == 2


def test_the_same_command_goes_on_with_the_same_secret(run, eagerly):
    before = read_json(os.path.join(run.path, "secret.json"))
    again = train(CONFIG, dataset(), run_dir=run.path)
    assert again.complete and again.resumed_at == 4
    assert read_json(os.path.join(run.path, "secret.json")) == before


@pytest.mark.slow
def test_the_exported_model_has_a_certificate_and_holds_nothing_of_the_subjects(run, tmp_path):
    version = export_run(run.path, tmp_path / "model")
    model = sensegen_tf.load(version)
    assert model.sample(2, length=12).values.shape == (2, 12, 1)
    with pytest.raises(InputError, match="no discriminator"):
        model.discriminate(np.zeros([1, 12, 1]))
    found = model.card.privacy
    assert (found["unit"], found["subjects"], found["steps"]) == ("subject", SUBJECTS, 3) and 0 < found["epsilon"] <= 8
    text = render(model.card)
    assert found["words"] in text and "Not covered" in text and "No formal guarantee" not in text
    secret = read_json(os.path.join(run.path, "secret.json"))
    for folder, _, names in os.walk(version):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                content = file.read()
            assert b"subject-0" not in content and not any(str(each).encode() in content for each in secret)
    checkpoint = tf.train.load_checkpoint(os.path.join(version, "variables", "variables"))
    shapes = checkpoint.get_variable_to_shape_map().values()
    assert shapes and not any(SUBJECTS in shape for shape in shapes)


def test_a_certificate_that_does_not_match_the_ledger_is_refused(run, tmp_path):
    import shutil

    copied = shutil.copytree(run.path, tmp_path / "run")
    written = read_json(copied / "privacy.json")
    write_json(copied / "privacy.json", {**written, "steps": 2})
    with pytest.raises(InputError, match="3 steps were taken"):
        export_run(copied, tmp_path / "model")
    write_json(copied / "privacy.json", {**written, "config": {**written["config"], "epsilon": 1.0}})
    with pytest.raises(InputError, match="is not the guarantee"):
        export_run(copied, tmp_path / "model")
    os.remove(copied / "privacy.json")
    with pytest.raises(InputError, match="is not the guarantee"):
        export_run(copied, tmp_path / "model")
    assert not (tmp_path / "model").exists() or os.listdir(tmp_path / "model") == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"schedule": algorithm1(1, discriminator_steps=1, generator_steps=1)}, "schedule"),
        ({"schedule": alternating(1, discriminator_steps=1, generator_steps=0)}, "generator_steps"),
        ({"learning": dataclasses.replace(LEARNING, generator_objective="both")}, "generator_objective"),
        ({"learning": dataclasses.replace(LEARNING, balance_labels=True)}, "balance_labels"),
        ({"calibrate": True}, "calibrate"),
    ],
)
def test_what_looks_at_the_recordings_without_being_paid_for_is_refused(change, field):
    with pytest.raises(InputError) as error:
        dataclasses.replace(CONFIG, **change)
    assert error.value.fields == (field, "privacy")


@pytest.mark.parametrize(
    ("config", "known", "field"),
    [
        (CONFIG, {"measured": True}, "standardize_by"),
        (
            dataclasses.replace(
                CONFIG, generator=dataclasses.replace(GENERATOR, initial=InitialMixtureConfig(components=2))
            ),
            {},
            "initial_run",
        ),
    ],
)
def test_what_was_fitted_to_the_recordings_is_refused(config, known, field, tmp_path):
    with pytest.raises(InputError) as error:
        train(config, dataset(**known), run_dir=tmp_path / "run")
    assert field in error.value.fields and not (tmp_path / "run").exists()


def test_a_stored_configuration_of_before_is_read():
    from sensegen_tf.training.config import check_description

    described = json.loads(json.dumps(CONFIG.describe()))
    check_description(described, where="config.json")
    old = {key: value for key, value in described.items() if key != "privacy"}
    check_description({**old, "schema": 2}, where="config.json")
    with pytest.raises(InputError) as error:
        check_description({**described, "schema": 2}, where="config.json")
    assert error.value.fields == ("privacy",)
