"""What every row of the zoo must pass."""

import dataclasses
import glob
import math
import os
import re

import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.generator import Generator
from sensegen_tf.models.presets import ZOO
from sensegen_tf.training import losses
from sensegen_tf.training.checkpoints import Checkpoints

# (row, channels) -> parameters that learn, of the generator and of the discriminator.
PARAMETERS = {
    ("sensegen", 1): (1_357_000, 17_953),
    ("sensegen", 3): (1_371_432, 18_465),
    ("sensegen_small", 1): (124_548, 17_953),
    ("sensegen_small", 3): (129_972, 18_465),
    ("sensegen_accel", 3): (511_925, 22_913),
    ("sensegen_imu", 6): (613_930, 24_449),
    ("sensegen_ecg", 1): (510_276, 21_889),
    ("sensegen_fast", 3): (385_880, 22_913),
    ("sensegen_table", 7): (621_458, 24_449),
    ("sensegen_channelwise", 7): (590_771, 24_449),
}

EXPERIMENTS = os.path.join(os.path.dirname(__file__), "..", "..", "experiments")
# Of conditional rows.
LABELS, PEOPLE = 2, 3


@pytest.fixture(params=list(ZOO))
def row(request):
    return request.param


def build(row, channels, seed=0, longest_block=None):
    config = ZOO[row].generator
    labels, people = (LABELS, PEOPLE) if config.conditional else (0, 0)
    config = dataclasses.replace(config, block=min(config.block, longest_block or config.block))
    generator = Generator(config, channels, seed, labels, people)
    discriminator = Discriminator(ZOO[row].discriminator, channels, seed, labels)
    generator.build()
    discriminator.build()
    return generator, discriminator


def test_every_row_is_pinned():
    assert {name for name, _ in PARAMETERS} == set(ZOO)


def test_every_row_has_a_flagfile_and_a_section_of_results(row):
    with open(os.path.join(EXPERIMENTS, "RESULTS.md"), encoding="utf-8") as file:
        results = file.read()
    measured = []
    for path in glob.glob(os.path.join(EXPERIMENTS, "*.flags")):
        with open(path, encoding="utf-8") as file:
            if f"--model={row}" in file.read().splitlines():
                name = os.path.basename(path).removesuffix(".flags")
                measured += re.findall(rf"<!-- begin {name} -->(.*?)<!-- end {name} -->", results, re.DOTALL)
    assert any(f"Model `{row}`" in section for section in measured)


@pytest.mark.parametrize(("row", "channels"), PARAMETERS)
def test_parameter_counts(row, channels):
    models, config = build(row, channels), ZOO[row].generator
    learnt = (sum(math.prod(each.shape) for each in model.trainable_variables) for model in models)
    assert tuple(learnt) == PARAMETERS[row, channels]
    fixed = [
        {each.path.split("/", 1)[1]: tuple(each.shape) for each in model.non_trainable_weights} for model in models
    ]
    unit = {"unit": (channels,)} if config.increments else {}
    shares = {"shares": (LABELS, PEOPLE)} if config.code else {}
    given = LABELS if config.conditional else 0
    size = models[0].start.size if config.start_people else 0
    start = {"start/parameters/kernel": (given, size), "start/parameters/bias": (size,)} if size else {}
    assert fixed == [{"temperatures": (max(given, 1),), **unit, **shares, **start}, unit]


def test_every_variable_gets_a_gradient_in_the_compiled_graph(row):
    # The gradient of a longer block takes a minute to compile.
    generator, discriminator = build(row, 3, longest_block=4)
    series, label = tf.random.stateless_normal([4, 48, 3], [0, 0]), tf.constant([0, 1, 1, 0])
    noise = generator.noise(tf.range(4, dtype=tf.int64), 48)

    @tf.function(jit_compile=True)
    def gradients():
        with tf.GradientTape(persistent=True) as tape:
            condition = generator.condition(label, generator.person_code(label, tf.ones([4, generator.code_size])))
            log_prob = generator.log_prob(generator(series, condition), series)
            likelihood = losses.negative_log_likelihood(log_prob, generator.block)
            told = losses.discriminator_loss(discriminator(series, label), discriminator(2 * series + 1, label))
            fooled = losses.non_saturating_generator_loss(discriminator(generator.generate(*noise, label), label))
        return [
            tape.gradient(loss, [variable.value for variable in model.trainable_variables])
            for loss, model in ((likelihood, generator), (told, discriminator), (fooled, generator))
        ]

    for model, found in zip((generator, discriminator, generator), gradients(), strict=True):
        for variable, gradient in zip(model.trainable_variables, found, strict=True):
            # A start without a condition has weights of no size.
            assert np.isfinite(gradient).all() and (np.any(gradient) or not np.size(gradient)), variable.path


def test_checkpoints_restore_every_variable(row, tmp_path):
    generator, discriminator = build(row, 2, seed=1)
    Checkpoints(tmp_path, generator=generator, discriminator=discriminator).save(5)
    other, other_discriminator = build(row, 2, seed=2)
    assert Checkpoints(tmp_path, generator=other, discriminator=other_discriminator).restore()
    for model, restored in ((generator, other), (discriminator, other_discriminator)):
        for weight, expected in zip(restored.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, expected)
