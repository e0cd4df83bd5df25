import dataclasses

import numpy as np
import pytest

from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.windows import Dataset, Standardizer, Windows
from sensegen_tf.layers import parts
from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.generator import Generator
from sensegen_tf.models.zoo import DiscriminatorConfig, GeneratorConfig
from sensegen_tf.training.checkpoints import Checkpoints
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
    how = how or {"xla": True}
    generator = Generator(GeneratorConfig(units=(12,), dense_units=8, components=3), 1, seed=0, **how)
    discriminator = Discriminator(DiscriminatorConfig(units=(6,), dense_units=4), 1, seed=0, **how)
    generator.build()
    discriminator.build()
    return Trainer(generator, discriminator, schedule, dataclasses.replace(CONFIG, **changes))


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


def weights(trained):
    return [*trained.generator.get_weights(), *trained.discriminator.get_weights()]


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


@pytest.mark.parametrize("stop_after", [2, 6, 7])
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
    real, generated = series(rows), series(2 * rows)[rows:]
    results = []
    for gpu in (False, True):  # On a GPU a minibatch is one part.
        monkeypatch.setattr(parts, "on_gpu", lambda gpu=gpu: gpu)
        trained = trainer(alternating(1))
        label = np.zeros(rows, np.int32)
        steps = [
            trained.generator_step(real, label, label, np.zeros([rows, 0], "f"), np.zeros([rows, 2], np.int32)),
            trained.discriminator_step(real, generated, label),
        ]
        results.append(([float(value) for step in steps for value in step], weights(trained)))
    (numbers, in_parts), (expected, whole) = results
    np.testing.assert_allclose(numbers, expected, rtol=1e-5)
    for one, other in zip(in_parts, whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_bfloat16_learns_nearly_the_same_and_leaves_no_trace_in_the_exported_model():
    losses, label = {}, np.zeros(40, np.int32)
    for precision in ("float32", "bfloat16"):
        trained = trainer(alternating(1), {"xla": True, "precision": precision})
        losses[precision] = [
            float(
                trained.generator_step(series(), label, label, np.zeros([40, 0], "f"), np.zeros([40, 2], np.int32))[0]
            )
            for _ in range(20)
        ]
        assert {variable.dtype for variable in trained.generator.weights} == {"float32"}
        plain = trained.generator.plain()
        assert (plain.precision, plain.xla) == ("float32", False)
        for one, other in zip(plain.get_weights(), trained.generator.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    difference = np.abs(np.subtract(*losses.values()))
    assert 0 < difference.max() < 0.02
    assert losses["bfloat16"][-1] < losses["bfloat16"][0] - 0.05


def test_gradients_are_clipped_by_their_global_norm():
    optimizer = trainer(alternating(1, 1, 1)).generator_optimizer
    assert optimizer.global_clipnorm == CONFIG.gradient_clip_norm
