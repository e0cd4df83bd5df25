"""Windows as another mounting or another tempo would have given them."""

import numpy as np
import pytest
import scipy.spatial.transform

from sensegen_tf.training.augment import augment, change_tempo, rotate
from sensegen_tf.training.batches import Feed
from sensegen_tf.training.schedule import alternating
from tests.training.making import SINGLE, make_dataset, make_trainer, series

RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=[5, 12, 6]).astype("f")
WHOLE = {"rows": 5, "local": slice(None)}


def test_vectors_are_turned_as_scipy_turns_them():
    axis, angle = RNG.normal(size=[5, 3]), RNG.uniform(-np.pi, np.pi, 5)
    turned = rotate(VALUES, axis=axis, angle=angle).numpy()
    for number, window in enumerate(VALUES):
        unit = axis[number] / np.linalg.norm(axis[number])
        rotation = scipy.spatial.transform.Rotation.from_rotvec(angle[number] * unit)
        expected = rotation.apply(window.reshape(-1, 3)).reshape(window.shape)
        np.testing.assert_allclose(turned[number], expected, atol=1e-5)


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.1, 1.7])
def test_another_tempo_is_numpys_interpolation_of_the_mirrored_window(factor):
    found = change_tempo(VALUES, np.full(5, factor)).numpy()
    last = VALUES.shape[1] - 1
    mirrored = np.concatenate([VALUES[:, :0:-1], VALUES, VALUES[:, -2::-1]], 1)
    times = last / 2 + (np.arange(last + 1) - last / 2) * factor
    for window, whole in zip(found, mirrored, strict=True):
        for channel in range(6):
            expected = np.interp(times, np.arange(-last, 2 * last + 1), whole[:, channel])
            np.testing.assert_allclose(window[:, channel], expected, atol=1e-5)


def test_a_change_is_never_larger_than_asked_and_differs_between_windows():
    values = np.tile(np.array([1.0, 0.0, 0.0], "f"), (4000, 3, 1))
    turned = augment(values, [0, 1], rotation_degrees=20.0, tempo_change=0.0, rows=4000, local=slice(None)).numpy()
    angles = np.degrees(np.arccos(np.clip(turned[:, 0, 0], -1, 1)))
    assert 19 < angles.max() <= 20.01 and np.unique(angles.round(4)).size > 3000
    ramp = np.tile(np.linspace(0, 1, 101, dtype="f")[:, None], (4000, 1, 3))
    played = augment(ramp, [0, 1], rotation_degrees=0.0, tempo_change=0.25, rows=4000, local=slice(None)).numpy()
    tempo = 100 * (played[:, 51, 0] - played[:, 50, 0])
    assert tempo.min() == pytest.approx(1 / 1.25, abs=0.01) and tempo.max() == pytest.approx(1.25, abs=0.01)
    assert np.log(tempo).mean() == pytest.approx(0, abs=0.01)


def test_a_worker_changes_its_rows_as_one_alone_would():
    how = {"rotation_degrees": 30.0, "tempo_change": 0.1}
    whole = augment(VALUES, [3, 4], **how, **WHOLE)
    part = augment(VALUES[2:4], [3, 4], **how, rows=5, local=slice(2, 4))
    np.testing.assert_array_equal(part, whole[2:4])


@pytest.mark.usefixtures("eagerly")
def test_a_feed_changes_what_both_models_learn_from_the_same_way_every_time():
    data, schedule = make_dataset(series()), alternating(1, discriminator_steps=1, generator_steps=2)

    def learnt_from(**changes):
        trainer = make_trainer(**changes)
        feed = Feed(trainer.batches, data, config=trainer.config, distribution=SINGLE)
        return [feed.batch(schedule.step(number)).series.numpy() for number in range(schedule.steps)]

    plain, changed, again = learnt_from(), learnt_from(tempo_change=0.2), learnt_from(tempo_change=0.2)
    for before, after, same in zip(plain, changed, again, strict=True):
        np.testing.assert_array_equal(after, same)
        assert (before != after).any((1, 2)).all() and np.abs(after).max() <= 1
