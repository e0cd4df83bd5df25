"""What every preset must pass."""

import dataclasses
import glob
import math
import os

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.models.condition import Condition
from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.generator import Generator
from sensegen_tf.models.presets import PRESETS
from sensegen_tf.training import losses
from sensegen_tf.training.checkpoints import Checkpoints

# (preset, channels) -> parameters that learn, of the generator and of the discriminator.
PARAMETERS = {
    ("sensegen", 1): (1_357_000, 17_953),
    ("sensegen", 3): (1_371_432, 18_465),
    ("sensegen_small", 1): (124_548, 17_953),
    ("sensegen_small", 3): (129_972, 18_465),
    ("sensegen_accel", 3): (511_925, 22_913),
    ("sensegen_imu", 6): (613_930, 24_449),
    ("sensegen_ecg", 1): (600_188, 21_889),
    ("sensegen_fast", 3): (385_880, 22_913),
    ("sensegen_table", 7): (621_458, 24_449),
    ("sensegen_channelwise", 7): (590_771, 24_449),
}

FLAGFILES = os.path.join(os.path.dirname(__file__), "..", "..", "experiments", "flags", "*.flags")
# Of conditional presets.
LABELS = 2
# Those of the fast tier: the smallest, and the one with the most kinds of parts.
FAST = ("sensegen_small", "sensegen_ecg")
EVERY_PRESET = [pytest.param(name, marks=[pytest.mark.slow] * (name not in FAST)) for name in PRESETS]


def build(preset, channels, *, seed=0, longest_block=None):
    config = PRESETS[preset].generator
    labels = LABELS if config.condition.label else 0
    block = min(config.head.block, longest_block or config.head.block)
    config = dataclasses.replace(config, head=dataclasses.replace(config.head, block=block))
    generator = Generator(config, channels, labels=labels, seed=seed)
    discriminator = Discriminator(PRESETS[preset].discriminator, channels, labels=labels, seed=seed)
    generator.build()
    discriminator.build()
    return generator, discriminator


def test_the_number_of_parameters_of_every_preset_is_pinned():
    assert {name for name, _ in PARAMETERS} == set(PRESETS)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_a_flagfile(preset):
    lines = set()
    for path in glob.glob(FLAGFILES):
        with open(path, encoding="utf-8") as file:
            lines |= set(file.read().splitlines())
    assert f"--preset={preset}" in lines


@pytest.mark.parametrize(("preset", "channels"), PARAMETERS)
def test_parameter_counts(preset, channels):
    models, config = build(preset, channels), PRESETS[preset].generator
    learnt = (sum(math.prod(each.shape) for each in model.trainable_variables) for model in models)
    assert tuple(learnt) == PARAMETERS[preset, channels]
    fixed = [
        {each.path.split("/", 1)[1]: tuple(each.shape) for each in model.non_trainable_weights} for model in models
    ]
    unit = {"unit": (channels,)} if config.context.increment_units else {}
    labels = LABELS if config.condition.label else 0
    size = models[0].initial.size if config.initial and config.initial.min_subjects else 0
    shapes = {"kernel": (models[0].condition_size, size), "bias": (size,)}
    initial = {f"initial/parameters/{name}": shape for name, shape in shapes.items()} if size else {}
    latent = models[0].latent_size
    prior = {"encoder/prior_mean": (latent,), "encoder/prior_scale": (latent, latent)} if latent else {}
    assert fixed == [{"temperatures": (max(labels, 1),), **unit, **initial, **prior}, unit]


def gradients_of_losses(models, steps):
    """Gradients of the three losses on series of so many samples, each of the model that learns by it."""
    generator, discriminator = models
    series, label = tf.random.stateless_normal([4, steps, 3], [0, 0]), tf.constant([0, 1, 1, 0])
    noise, sampled = generator.noise(tf.range(4, dtype=tf.int64), steps), Condition.of_label(label)
    with tf.GradientTape(persistent=True) as tape:
        found = generator.infer(series, label, noise=tf.ones([4, generator.latent_size]))
        log_prob = generator.log_prob(generator(series, found.condition), series)
        likelihood = losses.negative_log_likelihood(log_prob, generator.block)
        likelihood += losses.latent_loss(found.divergence, free_bits=0.0, samples=steps)
        logits = discriminator(series, sampled), discriminator(2 * series + 1, sampled)
        classification = losses.discriminator_loss(*logits)
        generated = generator.generate(noise, label)
        adversarial = losses.non_saturating_generator_loss(discriminator(generated, sampled))
    return [
        tape.gradient(loss, [variable.value for variable in model.trainable_variables])
        for loss, model in ((likelihood, generator), (classification, discriminator), (adversarial, generator))
    ]


def check_gradients(models, gradients):
    generator, discriminator = models
    for number, (model, found) in enumerate(zip((generator, discriminator, generator), gradients, strict=True)):
        for variable, gradient in zip(model.trainable_variables, found, strict=True):
            if number == 2 and "encoder/" in variable.path:
                assert gradient is None  # Latents of rollouts come from the prior.
                continue
            # An initial mixture without a condition has weights of no size.
            assert np.isfinite(gradient).all() and (np.any(gradient) or not np.size(gradient)), variable.path


@pytest.mark.parametrize("preset", FAST)
def test_every_variable_gets_a_gradient(preset):
    models = build(preset, 3)
    check_gradients(models, gradients_of_losses(models, 8))


# The others are made of the same parts.
@pytest.mark.slow
@pytest.mark.parametrize("preset", ["sensegen", "sensegen_ecg", "sensegen_channelwise"])
def test_every_variable_gets_a_gradient_in_the_compiled_graph(preset):
    # The gradient of a longer block takes a minute to compile.
    models = build(preset, 3, longest_block=4)
    check_gradients(models, tf.function(lambda: gradients_of_losses(models, 48), jit_compile=True)())


@pytest.mark.parametrize("preset", EVERY_PRESET)
def test_checkpoints_restore_every_variable(preset, tmp_path):
    generator, discriminator = build(preset, 2, seed=1)
    Checkpoints(tmp_path, generator=generator, discriminator=discriminator).save(5)
    other, other_discriminator = build(preset, 2, seed=2)
    assert Checkpoints(tmp_path, generator=other, discriminator=other_discriminator).restore()
    for model, restored in ((generator, other), (discriminator, other_discriminator)):
        for weight, expected in zip(restored.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, expected)
