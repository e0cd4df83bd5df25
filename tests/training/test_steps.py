import types

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.layers import micro_batches
from sensegen_tf.models.condition import Condition
from sensegen_tf.training import losses
from sensegen_tf.training.parameters import Parameters
from sensegen_tf.training.schedule import DISCRIMINATOR, GENERATOR
from sensegen_tf.training.update import LossAndGradient, Updater
from tests.training.making import (
    LEARNING,
    SINGLE,
    build,
    discriminator_batch,
    generator_batch,
    learner,
    make_trainer,
    rollout_inputs,
    series,
    weights,
)


@pytest.mark.parametrize("rows", [1, 16, 33])
def test_micro_batches_learn_what_the_whole_minibatch_would(rows, eagerly, monkeypatch):
    real, results = series(rows, 4), []
    for gpu in (False, True):  # On a GPU a minibatch is one micro-batch.
        monkeypatch.setattr(micro_batches, "gpu_available", lambda gpu=gpu: gpu)
        trainer = make_trainer()
        steps = [
            learner(trainer, GENERATOR)(generator_batch(real)),
            learner(trainer, DISCRIMINATOR)(discriminator_batch(trainer, real)),
        ]
        results.append(([float(value) for step in steps for value in step], weights(trainer)))
    (numbers, of_micro_batches), (expected, of_whole) = results
    np.testing.assert_allclose(numbers, expected, rtol=1e-5)
    for one, other in zip(of_micro_batches, of_whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def losses_by_precision(real, count):
    """Losses of that many steps of a generator on real series."""
    found = {}
    for precision in ("float32", "bfloat16"):
        trainer = make_trainer(models=build(use_xla=True, precision=precision))
        found[precision] = [float(learner(trainer, GENERATOR)(generator_batch(real)).loss) for _ in range(count)]
        assert {variable.dtype for variable in trainer.generator.weights} == {"float32"}
        inference = trainer.generator.to_inference()
        assert (inference.precision, inference.use_xla) == ("float32", False)
        for one, other in zip(inference.get_weights(), trainer.generator.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    difference = np.abs(np.subtract(*found.values()))
    assert 0 < difference.max() < 0.02
    return found


def test_bfloat16_has_nearly_the_same_loss_and_leaves_no_trace_in_the_exported_model(eagerly):
    losses_by_precision(series(8, 4), 2)


@pytest.mark.slow
def test_bfloat16_learns_nearly_the_same():
    found = losses_by_precision(series(), 20)
    assert found["bfloat16"][-1] < found["bfloat16"][0] - 0.05


def test_the_gradient_of_each_objective_is_clipped_on_its_own(eagerly):
    generator, _ = build()
    parameters, applied = Parameters(generator.trainable_variables), []
    updater = Updater(parameters, learning_rate=0.1, steps=1, config=LEARNING, distribution=SINGLE)
    updater.optimizer = types.SimpleNamespace(apply=lambda gradients, variables: applied.extend(gradients))
    large, small = ([tf.constant([3e6, 0.0]), tf.constant(-4e6)], [tf.constant([0.3, 0.1]), tf.constant(0.2)])
    objectives = [(0.1, LossAndGradient(20.0, large)), (1.0, LossAndGradient(3.0, small))]
    loss, norm = updater.apply(objectives)
    np.testing.assert_allclose(applied[0], [0.1 * 0.6 + 0.3, 0.1], rtol=1e-6)
    np.testing.assert_allclose(applied[1], -0.1 * 0.8 + 0.2, rtol=1e-6)
    assert (float(loss), float(norm)) == (5.0, 5e6)


def test_the_learning_rate_falls_to_zero_where_it_is_asked_to():
    generator, _ = build()
    for decay, expected in (("none", [0.1, 0.1]), ("cosine", [0.1, 0.0])):
        config = make_trainer(learning_rate_decay=decay).config
        parameters = Parameters(generator.trainable_variables)
        optimizer = Updater(parameters, learning_rate=0.1, steps=8, config=config, distribution=SINGLE).optimizer
        rates = []
        for step in (0, 8):
            optimizer.iterations.assign(step)
            rates.append(float(optimizer.learning_rate))
        np.testing.assert_allclose(rates, expected, atol=1e-6)


def test_objectives_add_up(eagerly):
    real = series(8, 4)
    for objective, terms in (("likelihood", (1, 0)), ("adversarial", (0, 0.5)), ("both", (1, 0.5))):
        trainer = make_trainer(generator_objective=objective, adversarial_weight=0.5)
        generator, rollouts = trainer.generator, rollout_inputs(trainer, 8, 4)
        condition = Condition.of_label(rollouts.label)
        likelihood = losses.negative_log_likelihood(generator.log_prob(generator(real, condition), real), 1)
        logits = trainer.discriminator(generator.generate(*rollouts), condition)
        adversarial = losses.non_saturating_generator_loss(logits)
        found = learner(trainer, GENERATOR)(generator_batch(real, rollouts)).loss
        assert float(found) == pytest.approx(terms[0] * float(likelihood) + terms[1] * float(adversarial), rel=1e-4)


@pytest.mark.slow
def test_the_adversarial_objective_makes_series_that_the_discriminator_takes_for_real():
    trainer = make_trainer(generator_objective="adversarial", adversarial_weight=2.0)
    real = 3 + series()
    for _ in range(60):
        learner(trainer, DISCRIMINATOR)(discriminator_batch(trainer, real))
    others = rollout_inputs(trainer, *real.shape[:2], number=100)

    def mean_logit():
        generated = trainer.compiled.generate(*others)
        return float(np.mean(trainer.discriminator(generated, Condition.of_label(others.label))))

    before = mean_logit()
    for number in range(60):
        rollouts = rollout_inputs(trainer, 16, 12, number=number)
        learner(trainer, GENERATOR)(generator_batch(series(), rollouts))
    assert mean_logit() > before + 0.5
