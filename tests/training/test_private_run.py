import dataclasses

import numpy as np
import pytest

from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError
from sensegen_tf.models.config import LatentConfig, NetworkConfig
from sensegen_tf.training.loop import Trainer
from sensegen_tf.training.privacy import Guarantee, PrivacyConfig
from sensegen_tf.training.private_batches import SecretStream, secret_seed
from sensegen_tf.training.private_run import PrivateRun
from sensegen_tf.training.schedule import GENERATOR, alternating
from tests.training.making import GENERATOR as SMALL
from tests.training.making import LEARNING, SINGLE, build, fit, make_dataset, series, weights

ASKED = PrivacyConfig(epsilon=8.0, delta=1e-3, clip_norm=0.5, subjects_per_step=6, windows_per_subject=2)
LATENT = LatentConfig(size=2, network=NetworkConfig(units=(4,), dense_units=3))


def dataset(subjects=20):
    values = series(2 * subjects)
    windows = WindowSet(values=values, rate=50.0, subjects=np.repeat([f"p{n:02d}" for n in range(subjects)], 2))
    return make_dataset(values, training=windows)


def make_trainer(schedule, *, noise=1.5, secret=(5, 6)):
    guarantee = Guarantee(
        ASKED, subjects=20, steps=schedule.outer_iterations * schedule.generator_steps, noise_multiplier=noise
    )
    models = build(dataclasses.replace(SMALL, latent=LATENT))
    private = PrivateRun(guarantee=guarantee, secret=secret)
    return Trainer(*models, schedule=schedule, config=LEARNING, distribution=SINGLE, private=private)


@pytest.mark.slow
def test_a_stopped_run_goes_on_with_the_same_bytes_and_the_same_ledger(eagerly, tmp_path):
    schedule, data = alternating(1, discriminator_steps=0, generator_steps=3), dataset()
    whole = make_trainer(schedule)
    assert fit(whole, tmp_path / "whole", data)[0] and int(whole.private_steps) == 3
    assert not fit(make_trainer(schedule), tmp_path / "stopped", data, stop_after=2)[0]
    resumed = make_trainer(schedule)
    assert fit(resumed, tmp_path / "stopped", data)[0] and int(resumed.private_steps) == 3
    for one, other in zip(weights(resumed), weights(whole), strict=True):
        np.testing.assert_array_equal(one, other)
    assert int(make_trainer(schedule).private_steps) == 0


@pytest.mark.slow
def test_another_secret_is_another_training(eagerly, tmp_path):
    schedule, data = alternating(1, discriminator_steps=0, generator_steps=1), dataset()
    found = []
    for number, secret in enumerate([(5, 6), (5, 7)]):
        trainer = make_trainer(schedule, secret=secret)
        fit(trainer, tmp_path / str(number), data)
        found.append(np.concatenate([each.ravel() for each in trainer.generator.get_weights()]))
    assert (found[0] != found[1]).any()


def test_streams_of_a_secret_differ():
    seeds = {secret_seed((5, 6), stream) for stream in SecretStream} | {secret_seed((6, 5), SecretStream.NOISE)}
    assert len(seeds) == len(SecretStream) + 1


def test_a_batch_holds_who_was_drawn_and_fills_up_with_what_does_not_count(eagerly):
    trainer = make_trainer(alternating(1, discriminator_steps=0, generator_steps=2))
    data = dataset(100)
    feed = trainer.private.feed(trainer.generator, data, dequantize=True, replicas=1)
    found = [feed.batch(number) for number in range(30)]
    drawn = [sum(float(np.sum(each.present)) for each in batch.micro_batches) for batch in found]
    # 20 subjects were announced and six expected, so the rate is 0.3; there are 100.
    assert np.mean(drawn) == pytest.approx(30, abs=4) and np.std(drawn) > 1
    micro_batch = found[0].micro_batches[0]
    assert micro_batch.series.shape == (64, 12, 1) and micro_batch.present.shape == (32,)
    again = feed.batch(0).micro_batches[0]
    for one, other in zip(micro_batch, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_certificate_says_what_was_spent_and_refuses_more():
    guarantee = Guarantee.find(ASKED, subjects=200, steps=50)
    done, half = guarantee.certificate(50), guarantee.certificate(25)
    assert half["epsilon"] < done["epsilon"] <= 8 and done["epsilon"] > 7.8
    assert (
        done["words"].startswith("Whoever sees")
        and done["subjects"] == 200
        and guarantee.certificate(0)["epsilon"] == 0
    )
    with pytest.raises(InputError):
        guarantee.certificate(51)
    with pytest.raises(InputError) as error:
        Guarantee.find(ASKED, subjects=5, steps=50)
    assert error.value.fields == ("subjects_per_step",)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"unit": "person"}, "unit"),
        ({"epsilon": 0.0}, "epsilon"),
        ({"delta": 1.0}, "delta"),
        ({"clip_norm": float("inf")}, "clip_norm"),
        ({"subjects_per_step": 0}, "subjects_per_step"),
        ({"unit": "window", "windows_per_subject": 2}, "windows_per_subject"),
    ],
)
def test_nonsense_is_refused_by_name(change, field):
    with pytest.raises(InputError) as error:
        dataclasses.replace(ASKED, **change)
    assert error.value.fields == (field,)


@pytest.mark.slow
def test_the_private_player_is_the_generator_alone(eagerly, tmp_path):
    schedule = alternating(1, discriminator_steps=1, generator_steps=1)
    trainer = make_trainer(schedule)
    _, seen = fit(trainer, tmp_path, dataset())
    assert [step.player for step in seen.steps].count(GENERATOR) == int(trainer.private_steps) == 1
