import dataclasses
import types

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.windows import Dataset, Standardizer, Windows
from sensegen_tf.layers import parts
from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.generator import Generator
from sensegen_tf.models.zoo import DiscriminatorConfig, GeneratorConfig
from sensegen_tf.training.checkpoints import Checkpoints
from sensegen_tf.training.distribution import Distribution
from sensegen_tf.training.loop import NotFiniteError, Trainer, TrainingConfig
from sensegen_tf.training.schedule import DISCRIMINATOR, GENERATOR, algorithm1, alternating

CONFIG = TrainingConfig(
    batch_size=8,
    generator_learning_rate=0.01,
    discriminator_learning_rate=0.01,
    learning_rate_decay="cosine",
    gradient_clip_norm=1.0,
    evaluation_windows=16,
    checkpoint_seconds=1e9,
    seed=4,
)


def series(count=40, steps=12):
    time = np.arange(steps) / 3
    phase = np.random.default_rng(0).uniform(0, 2 * np.pi, [count, 1])
    return np.sin(time + phase)[..., None].astype("f")


def dataset(training):
    def windows(values):
        return Windows(values, np.full(len(values), "a"), np.full(len(values), ""))

    standardizer = Standardizer(*(np.array([x], "f") for x in (0.0, 1.0, 0.3)))
    return Dataset(50.0, ("x",), ("g",), (Sensor(),), 12, windows(training), windows(series(20)), standardizer, "")


def trainer(schedule, how=None, **changes):
    """A trainer; `how` is given to the models, `changes` to the configuration."""
    how = how or {"native": True}
    generator = Generator(GeneratorConfig(units=(12,), dense_units=8, components=3), 1, seed=0, **how)
    discriminator = Discriminator(DiscriminatorConfig(units=(6,), dense_units=4), 1, seed=0, **how)
    generator.build()
    discriminator.build()
    return Trainer(generator, discriminator, schedule, dataclasses.replace(CONFIG, **changes), Distribution("none"))


def noise(trained, rows, number=0):
    """Of that many series of 12 samples."""
    return trained.players.noise(tf.range(rows, dtype=tf.int64) + 1000 * number, 12)


def fit(trained, folder, data=None, stop_after=None):
    """Fits and returns (finished, turns with losses, metrics)."""
    checkpoints = Checkpoints(folder, **trained.state())
    checkpoints.restore()
    turns, rows = [], []
    finished = trained.fit(
        dataset(series() if data is None else data),
        checkpoints,
        on_step=lambda turn, loss: turns.append((turn, loss)),
        on_outer=rows.append,
        should_stop=lambda: stop_after is not None and len(turns) >= stop_after,
    )
    return finished, turns, rows


def batch(real):
    """What the generator learns from, without labels, people or dropout."""
    nobody = np.zeros(len(real), np.int32)
    return real, nobody, nobody, np.zeros([len(real), 0], "f"), np.zeros([*real.shape[:2], 0], "f")


def weights(trained):
    return [*trained.players.generator.get_weights(), *trained.players.discriminator.get_weights()]


def test_the_generator_learns(tmp_path):
    finished, turns, rows = fit(trainer(alternating(3, 5, 40)), tmp_path)
    assert finished and len(turns) == 135 and [row["outer"] for row in rows] == [0, 1, 2]
    assert rows[-1]["heldout_nll"] < rows[0]["heldout_nll"] - 0.3
    for row in rows:
        assert 0 <= row["discriminator_accuracy"] <= 1
        halves = row["real_called_real"], row["generated_called_generated"]
        assert row["discriminator_accuracy"] == pytest.approx(np.mean(halves))
    of_first = [loss for turn, loss in turns if turn.outer == 0 and turn.player == GENERATOR]
    assert rows[0]["generator_loss"] == pytest.approx(np.mean(of_first), rel=1e-5)


@pytest.fixture(scope="module", params=[algorithm1, alternating])
def uninterrupted(request, tmp_path_factory):
    """A schedule's maker, and the trainer and rows of a run of it that was not interrupted."""
    whole = trainer(request.param(2, 4, 3))
    _, _, rows = fit(whole, tmp_path_factory.mktemp("whole"))
    return request.param, whole, rows


@pytest.mark.parametrize("stop_after", [2, 6, 7], ids=["while D learns", "while G learns", "after an outer iteration"])
def test_stopped_and_resumed_gives_the_same_bytes(uninterrupted, stop_after, tmp_path):
    make, whole, whole_rows = uninterrupted
    finished, _, rows = fit(trainer(make(2, 4, 3)), tmp_path, stop_after=stop_after)
    assert not finished
    second = trainer(make(2, 4, 3))
    finished, turns, more_rows = fit(second, tmp_path)
    assert finished and turns[0][0].step == stop_after
    assert rows + more_rows == whole_rows
    for weight, expected in zip(weights(second), weights(whole), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_the_literal_algorithm_repeats_its_minibatch_and_the_default_does_not(tmp_path):
    """With learning rates of almost 0 an equal minibatch has an equal loss."""
    slow = {"generator_learning_rate": 1e-12, "discriminator_learning_rate": 1e-12}
    for make, distinct in ((algorithm1, 1), (alternating, 4)):
        _, turns, _ = fit(trainer(make(1, 4, 4), **slow), tmp_path / make.__name__)
        for player in (DISCRIMINATOR, GENERATOR):
            values = {round(loss, 5) for turn, loss in turns if turn.player == player}
            assert len(values) == distinct, (make.__name__, player)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(tmp_path):
    fit(trainer(alternating(2, 2, 2)), tmp_path, stop_after=4)
    bad = series()
    bad[:] = np.nan
    broken = trainer(alternating(2, 2, 2))
    with pytest.raises(NotFiniteError, match=r"step 4 \(discriminator, outer iteration 1\).*last checkpoint is intact"):
        fit(broken, tmp_path, data=bad)
    again = trainer(alternating(2, 2, 2))
    assert Checkpoints(tmp_path, **again.state()).restore() and int(again.step) == 4
    assert all(np.isfinite(weight).all() for weight in weights(again))


@pytest.mark.parametrize("rows", [1, 16, 33])
def test_parts_that_run_side_by_side_learn_what_the_whole_minibatch_would(rows, monkeypatch):
    real = series(rows)
    results = []
    for gpu in (False, True):  # On a GPU a minibatch is one part.
        monkeypatch.setattr(parts, "on_gpu", lambda gpu=gpu: gpu)
        trained = trainer(alternating(1))
        label = np.zeros(rows, np.int32)
        steps = [
            trained.players.generator_step(batch(real)),
            trained.players.discriminator_step(real, label, *noise(trained, rows)),
        ]
        results.append(([float(value) for step in steps for value in step], weights(trained)))
    (numbers, in_parts), (expected, whole) = results
    np.testing.assert_allclose(numbers, expected, rtol=1e-5)
    for one, other in zip(in_parts, whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_bfloat16_learns_nearly_the_same_and_leaves_no_trace_in_the_exported_model():
    losses = {}
    for precision in ("float32", "bfloat16"):
        trained = trainer(alternating(1), {"native": True, "precision": precision})
        losses[precision] = [float(trained.players.generator_step(batch(series()))[0]) for _ in range(20)]
        assert {variable.dtype for variable in trained.generator.weights} == {"float32"}
        plain = trained.generator.plain()
        assert (plain.precision, plain.native) == ("float32", False)
        for one, other in zip(plain.get_weights(), trained.generator.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    difference = np.abs(np.subtract(*losses.values()))
    assert 0 < difference.max() < 0.02
    assert losses["bfloat16"][-1] < losses["bfloat16"][0] - 0.05


def test_the_gradient_of_each_objective_is_clipped_on_its_own():
    players = trainer(alternating(1)).players
    applied = []
    optimizer = types.SimpleNamespace(apply=lambda gradients, variables: applied.extend(gradients))
    large, small = ([tf.constant([3e6, 0.0]), tf.constant(-4e6)], [tf.constant([0.3, 0.1]), tf.constant(0.2)])
    loss, norm = players._update(players.generator, optimizer, (0.1, 1.0), (20.0, 3.0), (large, small))
    np.testing.assert_allclose(applied[0], [0.1 * 0.6 + 0.3, 0.1], rtol=1e-6)
    np.testing.assert_allclose(applied[1], -0.1 * 0.8 + 0.2, rtol=1e-6)
    assert (float(loss), float(norm)) == (5.0, 5e6)


def test_the_adversarial_objective_makes_series_that_the_discriminator_takes_for_real():
    trained = trainer(alternating(1), generator_objective="adversarial", adversarial_weight=2.0)
    real, generated = 3 + series(), series()
    label = np.zeros(40, np.int32)
    for _ in range(60):
        trained.players.discriminator_step(real, label, *noise(trained, 40))
    other_noise = noise(trained, 40, 100)

    def taken_for_real():
        _, logits = trained.players.judge(real, trained.players.generate(*other_noise, label), label)
        return float(np.mean(logits))

    before = taken_for_real()
    for number in range(60):
        own = *noise(trained, 16, number), label[:16]
        trained.players.adversarial_generator_step(batch(generated), *own)
    assert taken_for_real() > before + 0.5


def test_both_objectives_add_up():
    losses = {}
    for objective in ("likelihood", "adversarial", "both"):
        trained = trainer(alternating(1), generator_objective=objective, adversarial_weight=0.5)
        own = *noise(trained, 8), np.zeros(8, np.int32)
        step = trained.players.adversarial_generator_step
        if objective == "likelihood":
            losses[objective] = float(trained.players.generator_step(batch(series()))[0])
        else:
            losses[objective] = float(step(batch(series()), *own)[0])
    assert losses["both"] == pytest.approx(losses["likelihood"] + losses["adversarial"], rel=1e-4)


def test_values_on_a_grid_are_spread_over_its_steps():
    on_grid = np.round(series() / 0.25) * 0.25
    data = dataclasses.replace(dataset(on_grid), sensors=(Sensor(0.25),))
    for dequantize in (True, False):
        seen, _ = trainer(alternating(1), dequantize=dequantize).standardized(data, data.training)
        offsets = seen - on_grid
        if dequantize:
            assert (
                np.abs(offsets).max() <= 0.125
                and scipy.stats.kstest(offsets.ravel() / 0.25 + 0.5, "uniform").pvalue > 0.01
            )
        else:
            assert (offsets == 0).all()
    resampled = dataclasses.replace(data, resampled=True)
    seen, _ = trainer(alternating(1)).standardized(resampled, data.training)
    np.testing.assert_array_equal(seen, on_grid)


def test_with_codes_the_likelihood_is_the_mean_over_everybodys():
    config = GeneratorConfig(units=(8,), dense_units=8, components=3, code=2, start_components=3)
    generator = Generator(config, 1, seed=0, people=3)
    generator.build()
    discriminator = Discriminator(DiscriminatorConfig(units=(6,), dense_units=4), 1, seed=0)
    discriminator.build()
    kernel = generator.start.dense.kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    trained = Trainer(generator, discriminator, alternating(1), CONFIG, Distribution("none"))
    real, label = series(5), np.zeros(5, np.int32)
    under = []
    for person in range(3):
        code = generator.person_code(np.full(5, person), np.zeros([5, 2], "f"))
        prediction = generator(real, generator.condition(label, code))
        under.append(generator.log_prob(prediction, real).numpy().astype("d").sum(1))
    expected = scipy.special.logsumexp(under, axis=0) - np.log(3)
    assert np.ptp(under, axis=0).min() > 1e-3
    np.testing.assert_allclose(trained.players.log_likelihood(real, label), expected, rtol=1e-5)


def test_dropout_acts_in_training_alone():
    config = GeneratorConfig(units=(8,), dense_units=8, components=3, dropout=0.5)
    generator = Generator(config, 1, seed=0)
    generator.build()
    real, nothing = series(4), np.zeros([4, 0], "f")
    whole = generator(real, nothing).raw
    np.testing.assert_array_equal(generator(real, nothing).raw, whole)
    noise = np.random.default_rng(0).uniform(size=[4, 12, generator.dropout_size]).astype("f")
    dropped = generator(real, nothing, noise).raw
    assert (dropped != whole).numpy().any() and (generator(real, nothing, 1 - noise).raw != dropped).numpy().any()
    # Nothing is left out where all the noise is above the share, and the rest is scaled up for what is.
    features, _ = generator.recurrent(real, dropout=0.5, noise=np.full([4, 12, 8], 0.9, "f"))
    np.testing.assert_allclose(features, 2 * generator.recurrent(real)[0], rtol=1e-6)
    features, _ = generator.recurrent(real, dropout=0.5, noise=noise)
    np.testing.assert_array_equal(features.numpy() != 0, noise >= 0.5)
