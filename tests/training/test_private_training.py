"""Training with a guarantee through `train`, to the exported model and its certificate."""

import dataclasses
import json
import os
import shutil
import stat

import numpy as np
import pytest
import tensorflow as tf

import sensegen_tf
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError
from sensegen_tf.files import read_json, write_json
from sensegen_tf.models.config import InitialMixtureConfig, LatentConfig, NetworkConfig
from sensegen_tf.models.generator import Generator
from sensegen_tf.serving.export import export_run
from sensegen_tf.serving.model_card import render
from sensegen_tf.training.config import TrainConfig
from sensegen_tf.training.privacy import PrivacyConfig
from sensegen_tf.training.run import train
from sensegen_tf.training.schedule import algorithm1, alternating
from tests.training.making import (
    DISCRIMINATOR,
    GENERATOR,
    LEARNING,
    Recorder,
    eager_functions,
    make_dataset,
    series,
    weights,
)

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


def dataset(moved=0.0, **known):
    values = series(2 * SUBJECTS) + np.float32(moved)
    names = np.repeat([f"subject-{number:02d}" for number in range(SUBJECTS)], 2)
    windows = WindowSet(values=values, rate=50.0, subjects=names)
    return make_dataset(values, **{"training": windows, "measured": False, **known})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with eager_functions():
        return train(CONFIG, dataset(), run_dir=tmp_path_factory.mktemp("private") / "run")


def test_the_guarantee_is_written_down_and_the_secret_is_for_its_owner_alone(run):
    assert run.complete and int(run.trainer.private_steps) == 3
    np.testing.assert_array_equal(run.trainer.generator.encoder.prior_scale, np.eye(2))  # It is not fitted.
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
    verdict = {"verdict": {"private": {"headline": "Nobody can tell."}}, "scores": []}
    assert f"{found['words']} Nobody can tell." in render(dataclasses.replace(model.card, report=verdict))
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
        ({"learning": dataclasses.replace(LEARNING, rotation_degrees=10.0)}, "rotation_degrees"),
        ({"learning": dataclasses.replace(LEARNING, tempo_change=0.1)}, "tempo_change"),
        ({"calibrate": True}, "calibrate"),
    ],
)
def test_what_looks_at_the_recordings_without_being_paid_for_is_refused(change, field):
    with pytest.raises(InputError) as error:
        dataclasses.replace(CONFIG, **change)
    assert error.value.fields == (field, "privacy")


def test_measured_statistics_are_refused(tmp_path):
    with pytest.raises(InputError) as error:
        train(CONFIG, dataset(measured=True), run_dir=tmp_path / "run")
    assert "standardize_by" in error.value.fields and not (tmp_path / "run").exists()


@pytest.mark.slow
def test_the_first_steps_mixture_is_not_fitted_to_the_recordings_but_learnt_under_the_guarantee(eagerly, tmp_path):
    initial = InitialMixtureConfig(components=2, min_subjects=5)
    config = dataclasses.replace(CONFIG, generator=dataclasses.replace(GENERATOR, initial=initial))
    found = train(config, dataset(), run_dir=tmp_path / "run")
    shifted = train(config, dataset(moved=5.0), run_dir=tmp_path / "shifted")
    start = Generator(config.generator, 1, seed=LEARNING.seed)
    start.build()
    before = start.initial.dense.bias.numpy()
    # Adam's steps are as long as the learning rate at most, whatever the recordings are.
    for run in (found, shifted):
        moved = np.abs(run.trainer.generator.initial.dense.bias.numpy() - before)
        assert 0 < moved.max() < 4 * LEARNING.generator_learning_rate


@pytest.mark.slow
def test_a_low_rank_change_is_resumed_with_the_same_bytes(run, eagerly, tmp_path):
    config = dataclasses.replace(CONFIG, trainable="lora", initial_run=run.path)
    whole = train(config, dataset(), run_dir=tmp_path / "whole")
    os.makedirs(tmp_path / "stopped")
    shutil.copy(tmp_path / "whole" / "secret.json", tmp_path / "stopped")
    assert not train(config, dataset(), run_dir=tmp_path / "stopped", callbacks=[Recorder(2)]).complete
    resumed = train(config, dataset(), run_dir=tmp_path / "stopped")
    for one, other in zip(weights(resumed.trainer), weights(whole.trainer), strict=True):
        np.testing.assert_array_equal(one, other)
    for run_before, run_after in zip(run.trainer.generator.weights, whole.trainer.generator.weights, strict=True):
        change = run_after.numpy() - run_before.numpy()
        if change.ndim == 2 and 0 not in change.shape:
            assert np.linalg.matrix_rank(change, tol=1e-5) <= 4


def test_a_stored_configuration_of_before_is_read():
    from sensegen_tf.training.config import check_description

    described = json.loads(json.dumps(CONFIG.describe()))
    check_description(described, where="config.json")
    without = {key: value for key, value in described.items() if key != "trainable"}
    check_description({**without, "schema": 3}, where="config.json")
    old = {key: value for key, value in without.items() if key != "privacy"}
    check_description({**old, "schema": 2}, where="config.json")
    with pytest.raises(InputError) as error:
        check_description({**without, "schema": 2}, where="config.json")
    assert error.value.fields == ("privacy",)
