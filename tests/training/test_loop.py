import functools

import numpy as np
import pytest

from sensegen_tf.training.checkpoints import Checkpoints
from sensegen_tf.training.loop import NotFiniteError
from sensegen_tf.training.schedule import DISCRIMINATOR, GENERATOR, algorithm1, alternating
from tests.training.making import fit, make_dataset, make_trainer, series, weights

SHORT = make_dataset(series(40, 4))


@pytest.mark.slow
def test_the_generator_learns(tmp_path):
    schedule = alternating(3, discriminator_steps=5, generator_steps=40)
    finished, seen = fit(make_trainer(schedule), tmp_path, make_dataset(series()))
    assert finished and len(seen.steps) == 135 and [row["outer"] for row in seen.metrics] == [0, 1, 2]
    assert seen.metrics[-1]["test_nll"] < seen.metrics[0]["test_nll"] - 0.3


def check_resumption(make_schedule, stops, tmp_path):
    """Compares an uninterrupted run with those that were stopped after so many steps and resumed."""
    schedule = make_schedule()
    whole = make_trainer(schedule)
    finished, expected = fit(whole, tmp_path / "whole", SHORT)
    assert finished and [step.number for step in expected.steps] == list(range(schedule.steps))
    for stop_after in stops:
        folder = tmp_path / str(stop_after)
        finished, before = fit(make_trainer(schedule), folder, SHORT, stop_after=stop_after)
        assert not finished
        resumed = make_trainer(schedule)
        finished, after = fit(resumed, folder, SHORT)
        assert finished and after.steps[0].number == stop_after
        assert before.losses + after.losses == expected.losses
        assert before.metrics + after.metrics == expected.metrics
        for weight, wanted in zip(weights(resumed), weights(whole), strict=True):
            np.testing.assert_array_equal(weight, wanted)
    return expected


@pytest.mark.slow
def test_stopped_while_a_model_learns_and_resumed_gives_the_same_bytes(eagerly, tmp_path):
    schedule = functools.partial(alternating, 2, discriminator_steps=1, generator_steps=2)
    seen = check_resumption(schedule, [2], tmp_path)
    assert [row["outer"] for row in seen.metrics] == [0, 1]
    for row in seen.metrics:
        assert 0 <= row["discriminator_accuracy"] <= 1 and np.isfinite(row["test_nll"])
        halves = row["accuracy_on_real"], row["accuracy_on_generated"]
        assert row["discriminator_accuracy"] == pytest.approx(np.mean(halves))
    for player in (DISCRIMINATOR, GENERATOR):
        in_second = [
            loss
            for step, loss in zip(seen.steps, seen.losses, strict=True)
            if step.outer == 1 and step.player == player
        ]
        assert seen.metrics[1][f"{player}_loss"] == pytest.approx(np.mean(in_second), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("make", "stops"), [(algorithm1, [6]), (alternating, [2, 6, 7])])
def test_stopped_anywhere_and_resumed_gives_the_same_bytes(make, stops, tmp_path):
    """While the discriminator learns, while the generator does, and after an outer iteration."""
    check_resumption(functools.partial(make, 2, discriminator_steps=4, generator_steps=3), stops, tmp_path)


@pytest.mark.parametrize(("make", "distinct"), [(algorithm1, 1), pytest.param(alternating, 3, marks=pytest.mark.slow)])
def test_the_literal_algorithm_repeats_its_minibatch_and_the_default_does_not(eagerly, make, distinct, tmp_path):
    """With learning rates of almost 0 an equal minibatch has an equal loss."""
    slow = {"generator_learning_rate": 1e-12, "discriminator_learning_rate": 1e-12}
    schedule = make(1, discriminator_steps=3, generator_steps=3)
    _, seen = fit(make_trainer(schedule, **slow), tmp_path, SHORT)
    for player in (DISCRIMINATOR, GENERATOR):
        losses = [loss for step, loss in zip(seen.steps, seen.losses, strict=True) if step.player == player]
        assert len({round(loss, 5) for loss in losses}) == distinct


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(eagerly, tmp_path):
    schedule = alternating(2, discriminator_steps=1, generator_steps=1)
    trainer = make_trainer(schedule)
    fit(trainer, tmp_path, SHORT, stop_after=2)
    # Finite, as windows must be, but not their squares.
    bad = make_dataset(np.full([40, 4, 1], 1e30, "f"))
    with pytest.raises(NotFiniteError, match=r"step 3 \(generator, outer iteration 1\)") as stopped:
        fit(trainer, tmp_path, bad)
    assert "generator_learning_rate" in stopped.value.fields
    again = make_trainer(schedule)
    assert Checkpoints(tmp_path, **again.state()).restore() and int(again.step) == 2
    assert all(np.isfinite(weight).all() for weight in weights(again))
