import dataclasses

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.models import scoring
from sensegen_tf.models.condition import Condition
from sensegen_tf.models.config import JointHeadConfig, LatentConfig, NetworkConfig
from sensegen_tf.training.batches import Feed, Stream
from sensegen_tf.training.schedule import DISCRIMINATOR, GENERATOR, algorithm1, alternating
from tests.training.making import GENERATOR as SMALL
from tests.training.making import SINGLE, build, make_dataset, make_trainer, series

pytestmark = pytest.mark.usefixtures("eagerly")


def test_values_on_a_grid_are_moved_within_its_steps():
    on_grid = np.round(series() / 0.25) * 0.25
    data = make_dataset(on_grid)
    sensors = (Sensor(resolution=0.25),)
    data = dataclasses.replace(data, standardizer=dataclasses.replace(data.standardizer, sensors=sensors))
    for dequantize in (True, False):
        seen = make_trainer(dequantize=dequantize).batches.standardize_windows(data, data.training)
        offsets = seen - on_grid
        if dequantize:
            assert np.abs(offsets).max() <= 0.125
            assert scipy.stats.kstest(offsets.ravel() / 0.25 + 0.5, "uniform").pvalue > 0.01
        else:
            assert (offsets == 0).all()
    # A standardizer of resampled windows knows no grid.
    plain = make_dataset(on_grid)
    np.testing.assert_array_equal(make_trainer().batches.standardize_windows(plain, plain.training), on_grid)


@pytest.mark.parametrize(("make", "distinct"), [(algorithm1, 2), (alternating, 4)])
def test_a_feed_draws_a_minibatch_where_the_schedule_asks_for_another(make, distinct):
    """Of each model; and a feed that begins later gives the same batches."""
    trainer, data = make_trainer(generator_objective="both", adversarial_batch_size=4), make_dataset(series(40, 4))
    schedule = make(2, discriminator_steps=2, generator_steps=2)

    def batches(first):
        feed = Feed(trainer.batches, data, config=trainer.config, distribution=SINGLE)
        return [(schedule.step(number), feed.batch(schedule.step(number))) for number in range(first, schedule.steps)]

    found = batches(0)
    for player in (DISCRIMINATOR, GENERATOR):
        of_player = [batch for step, batch in found if step.player == player]
        assert len({batch.series.numpy().tobytes() for batch in of_player}) == distinct
        assert len({batch.rollouts.noise.steps.numpy().tobytes() for batch in of_player}) == distinct
        assert {len(batch.rollouts.label) for batch in of_player} == {8 if player == DISCRIMINATOR else 4}
    for (step, batch), (other, again) in zip(found[3:], batches(3), strict=True):
        assert step == other
        np.testing.assert_array_equal(batch.series, again.series)
        np.testing.assert_array_equal(batch.rollouts.noise.steps, again.rollouts.noise.steps)


def test_noise_of_local_rows_is_that_of_the_whole_minibatch():
    batches = make_trainer().batches
    whole = batches.noise(Stream.DISCRIMINATOR_ROLLOUTS, 3, rows=32, steps=5)
    local = batches.noise(Stream.DISCRIMINATOR_ROLLOUTS, 3, rows=32, steps=5, local=slice(16, 32))
    np.testing.assert_array_equal(local.steps, whole.steps[16:])
    np.testing.assert_array_equal(local.series, whole.series[16:])


@pytest.mark.slow
def test_the_likelihood_with_a_latent_is_that_of_a_score():
    latent = LatentConfig(size=2, network=NetworkConfig(units=(4,), dense_units=3))
    config = dataclasses.replace(SMALL, network=NetworkConfig(units=(8,), dense_units=8), latent=latent)
    models = generator, _ = build(config)
    trainer, real, label = make_trainer(models=models), series(5), np.zeros(5, np.int32)
    expected = scoring.score(generator, real, label=label).log_density.numpy().astype("d").sum(1)
    np.testing.assert_allclose(trainer.compiled.log_likelihood(real, label), expected, rtol=1e-5)
    windows = WindowSet(values=real, subjects=np.full(5, "b"))
    np.testing.assert_allclose(trainer.log_likelihood(make_dataset(series()), windows), expected, rtol=1e-5)


def test_dropout_acts_in_training_alone():
    network = NetworkConfig(units=(8,), dense_units=8, dropout=0.5)
    generator, _ = build(dataclasses.replace(SMALL, network=network, head=JointHeadConfig(components=3)))
    real = series(4)
    condition = Condition.of_label(tf.zeros([4], tf.int32))
    whole = generator(real, condition).raw
    np.testing.assert_array_equal(generator(real, condition).raw, whole)
    noise = np.random.default_rng(0).uniform(size=[4, 12, generator.dropout_size]).astype("f")
    dropped, otherwise = (generator(real, condition, dropout_noise=each).raw for each in (noise, 1 - noise))
    assert (dropped != whole).numpy().any() and (otherwise != dropped).numpy().any()
    # Nothing is left out where all the noise is above the share, and the rest is scaled up for what is.
    high = np.full([4, 12, 8], 0.9, "f")
    features, _ = generator.recurrent(real, dropout=0.5, dropout_noise=high)
    np.testing.assert_allclose(features, 2 * generator.recurrent(real)[0], rtol=1e-6)
    features, _ = generator.recurrent(real, dropout=0.5, dropout_noise=noise)
    np.testing.assert_array_equal(features.numpy() != 0, noise >= 0.5)
