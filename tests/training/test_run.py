"""The Python API of the training."""

import dataclasses
import json
import os

import numpy as np
import pytest

from sensegen_tf.errors import InputError
from sensegen_tf.models.config import InitialMixtureConfig, JointHeadConfig, LatentConfig, NetworkConfig
from sensegen_tf.training import run as module
from sensegen_tf.training.callback import Callback
from sensegen_tf.training.config import TrainConfig
from sensegen_tf.training.record import load_models, read_run
from sensegen_tf.training.run import train
from sensegen_tf.training.schedule import alternating
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

pytestmark = pytest.mark.usefixtures("eagerly")
DATASET = make_dataset(series(40, 4))
CONFIG = TrainConfig(
    preset="small",
    generator=GENERATOR,
    discriminator=DISCRIMINATOR,
    schedule=alternating(2, discriminator_steps=1, generator_steps=2),
    learning=dataclasses.replace(LEARNING, evaluation_windows=4),
    calibrate=False,
)
PROVENANCE = {"source": "sines"}


def state(folder):
    """When the files in a folder, but for the lock, were changed."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != "lock"}


def refusal(folder, config=CONFIG, dataset=DATASET, **how):
    """The error of a training that is refused, which changes nothing in the folder."""
    before = state(folder)
    with pytest.raises(InputError) as refused:
        train(config, dataset, run_dir=folder, **{"provenance": PROVENANCE, **how})
    assert state(folder) == before
    return refused.value


class Calls(Callback):
    """Notes how it is called; asks to stop after so many steps."""

    def __init__(self, stop_after=None):
        self.calls, self.stop_after = [], stop_after

    def on_begin(self, run):
        assert os.path.exists(os.path.join(run.path, "config.json"))
        self.calls.append("begin")
        self.weights = weights(run.trainer)

    def on_step(self, step, loss):
        assert np.isfinite(loss)
        self.calls.append(f"{step.number} {step.player}")

    def on_outer(self, metrics):
        self.calls.append(f"outer {metrics['outer']}")

    def on_calibrate(self):
        self.calls.append("calibrate")

    def on_end(self, run):
        self.calls.append("end")

    def should_stop(self):
        return self.calls[-1].startswith(f"{self.stop_after} ")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder of a run that came to its end, and the `Run`; nothing may be written into it."""
    folder = tmp_path_factory.mktemp("finished")
    with eager_functions():
        return folder, train(CONFIG, DATASET, run_dir=folder, provenance=PROVENANCE)


def test_a_run_has_its_models_metrics_and_folder(finished):
    folder, run = finished
    assert run.complete and run.results is None and run.resumed_at == 0 and run.seconds > 0
    assert (run.path, run.config, run.dataset) == (os.fspath(folder), CONFIG, DATASET)
    assert [row["outer"] for row in run.metrics] == [0, 1] and set(run.metrics[0]) == {
        *("outer", "discriminator_loss", "generator_loss", "test_nll"),
        *("discriminator_accuracy", "accuracy_on_real", "accuracy_on_generated"),
    }
    assert json.loads((folder / "config.json").read_text()) == CONFIG.describe()
    assert json.loads((folder / "data.json").read_text()) == DATASET.describe()
    assert json.loads((folder / "provenance.json").read_text()) == PROVENANCE
    for name in ("versions.json", "models.json", "metrics.jsonl", "checkpoints"):
        assert (folder / name).exists()


def test_a_run_scores_windows_and_makes_previews_in_physical_units(finished):
    _, run = finished
    scores = run.log_likelihood(DATASET.test)
    assert scores.shape == (20,) and np.isfinite(scores).all()
    assert -np.mean(run.log_likelihood(DATASET.test.subsample(4))) / 4 == pytest.approx(run.metrics[-1]["test_nll"])
    preview = run.preview(DATASET.test)
    assert preview.shape == DATASET.test.values.shape
    np.testing.assert_array_equal(run.preview(DATASET.test), preview)
    shifted = dataclasses.replace(DATASET.standardizer, mean=[100.0], std=[2.0])
    run = module.Run(CONFIG, dataclasses.replace(DATASET, standardizer=shifted), directory=None, trainer=run.trainer)
    np.testing.assert_allclose(run.preview(DATASET.test), 100 + 2 * preview, rtol=1e-5)


def test_callbacks_are_called_in_order_and_temperatures_are_chosen_before_the_last_save(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "calibrate", lambda trainer, dataset: trainer.generator.temperatures.assign([1.25]))
    schedule = alternating(2, discriminator_steps=1, generator_steps=1)
    config = dataclasses.replace(CONFIG, schedule=schedule, calibrate=True)
    one, other = Calls(), Calls()
    train(config, DATASET, run_dir=tmp_path, callbacks=[one, other])
    d, g = "discriminator", "generator"
    assert one.calls == other.calls
    assert one.calls == [
        *("begin", f"0 {d}", f"1 {g}", "outer 0", f"2 {d}", f"3 {g}", "outer 1", "calibrate", "end"),
    ]
    assert load_models(read_run(tmp_path)).generator.temperatures.numpy() == [1.25]


@pytest.mark.slow
def test_the_prior_of_a_latent_is_fitted_to_the_posteriors_of_training_windows_in_the_end(tmp_path):
    latent = LatentConfig(size=2, network=NetworkConfig(units=(4,), dense_units=3))
    run = train(
        dataclasses.replace(CONFIG, generator=dataclasses.replace(GENERATOR, latent=latent)), DATASET, run_dir=tmp_path
    )
    windows = DATASET.standardizer.to_standard(DATASET.training.values)
    generator = run.trainer.generator
    posterior = generator.posterior(windows, generator.past(windows))
    np.testing.assert_allclose(generator.encoder.prior_mean, np.mean(posterior.mean, 0), atol=1e-5)
    covariance = np.cov(posterior.mean, rowvar=False, bias=True) + np.diag(np.exp(2 * posterior.log_std).mean(0))
    scale = np.asarray(generator.encoder.prior_scale)
    np.testing.assert_allclose(scale @ scale.T, covariance, atol=1e-5)


def test_a_stopped_run_goes_on_and_ends_with_the_same_bytes(finished, tmp_path):
    _, whole = finished
    stopped = Calls(stop_after=3)
    run = train(CONFIG, DATASET, run_dir=tmp_path, provenance=PROVENANCE, callbacks=[stopped])
    assert not run.complete and stopped.calls[-1] == "end" and len(run.metrics) == 1
    resumed = Calls()
    run = train(CONFIG, DATASET, run_dir=tmp_path, provenance=PROVENANCE, callbacks=[resumed])
    assert run.complete and run.resumed_at == 4 and resumed.calls[:2] == ["begin", "4 generator"]
    assert run.metrics == whole.metrics
    for weight, expected in zip(weights(run.trainer), weights(whole.trainer), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_a_run_with_results_is_not_trained_again(tmp_path):
    config = dataclasses.replace(CONFIG, schedule=alternating(1, discriminator_steps=0, generator_steps=1))
    run = train(config, DATASET, run_dir=tmp_path)
    run.finish({"model": "somewhere"})
    assert run.results == {"model": "somewhere"}
    watch = Calls()
    again = train(config, DATASET, run_dir=tmp_path, callbacks=[watch])
    assert again.results == {"model": "somewhere"} and again.complete and again.resumed_at == 1 and not watch.calls


def test_a_folder_with_another_run_is_refused_with_the_differences(finished, tmp_path):
    folder = tmp_path / "run"
    recorder = Recorder(stop_after=1)
    train(CONFIG, DATASET, run_dir=folder, provenance=PROVENANCE, callbacks=[recorder])
    head = JointHeadConfig(components=4)
    changed = dataclasses.replace(
        CONFIG,
        generator=dataclasses.replace(GENERATOR, head=head),
        learning=dataclasses.replace(CONFIG.learning, seed=5),
    )
    message = str(refusal(folder, changed))
    assert "learning.seed: 4 before, 5 now" in message and "generator.head.components: 3 before, 4 now" in message
    assert "batch_size" not in message
    assert "source: 'sines' before, 'radio' now" in str(refusal(folder, provenance={"source": "radio"}))
    assert "splits.training.windows: 40 before, 39 now" in str(refusal(folder, dataset=make_dataset(series(39, 4))))


def test_a_run_may_start_from_the_weights_of_another(finished, tmp_path):
    folder, first = finished
    config, watch = dataclasses.replace(CONFIG, initial_run=os.fspath(folder)), Calls(stop_after=0)
    run = train(config, DATASET, run_dir=tmp_path / "run", callbacks=[watch])
    assert not run.complete and int(run.trainer.step) == 1
    for weight, expected in zip(watch.weights, weights(first.trainer), strict=True):
        np.testing.assert_array_equal(weight, expected)
    larger = dataclasses.replace(GENERATOR, head=JointHeadConfig(components=5))
    for number, wrong in enumerate(
        (dataclasses.replace(config, generator=larger), dataclasses.replace(config, initial_run=os.fspath(tmp_path)))
    ):
        with pytest.raises(InputError):
            train(wrong, DATASET, run_dir=tmp_path / str(number))


@pytest.mark.parametrize("min_subjects", [1, 0])
def test_what_is_not_trained_is_fitted_to_the_recordings_of_the_new_run(min_subjects, tmp_path):
    """With `min_subjects` the first step's mixture is not trained; without, its weights are those of the other run."""
    initial = InitialMixtureConfig(components=1, min_subjects=min_subjects)
    config = dataclasses.replace(CONFIG, generator=dataclasses.replace(GENERATOR, initial=initial))
    first = train(config, DATASET, run_dir=tmp_path / "first", callbacks=[Calls(stop_after=0)])
    moved = make_dataset(series(40, 4) + 3)
    for name, start in (("anew", ""), ("again", os.fspath(tmp_path / "first"))):
        watch = Calls(stop_after=0)
        train(dataclasses.replace(config, initial_run=start), moved, run_dir=tmp_path / name, callbacks=[watch])
        if name == "anew":
            anew = watch.weights
    generator = first.trainer.generator
    number = [weight is generator.initial.dense.bias for weight in generator.weights].index(True)
    expected = anew[number] if min_subjects else weights(first.trainer)[number]
    np.testing.assert_allclose(watch.weights[number], expected, atol=1e-6)
    assert np.abs(anew[number] - weights(first.trainer)[number]).max() > 1


def test_what_the_models_cannot_take_is_refused_before_anything_is_written(tmp_path):
    blocks = dataclasses.replace(GENERATOR, head=JointHeadConfig(components=2, block=3))
    assert refusal(tmp_path, dataclasses.replace(CONFIG, generator=blocks)).fields == ("length",)
    turned = dataclasses.replace(CONFIG.learning, rotation_degrees=5.0)
    assert refusal(tmp_path, dataclasses.replace(CONFIG, learning=turned)).fields == ("rotation_degrees", "channels")
    balanced = dataclasses.replace(CONFIG.learning, balance_labels=True)
    assert refusal(tmp_path, dataclasses.replace(CONFIG, learning=balanced)).fields == ("balance_labels",)
