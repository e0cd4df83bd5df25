"""Who competes in speed.py: each contender runs in a process of its own and works when it is asked to.

A contender is a function of a case that builds and returns a function which works once. All models are the published
one (LSTM layers, 128 sigmoid units, a mixture) and learn by the same likelihood, with Adam and clipped gradients.
"""

import dataclasses
import math
import os
import time

DENSE, FLOOR = 128, 1e-3
# The large product that is the bound: how often, and its operations in all.
BOUND_PRODUCTS = 8
BOUND_FLOP = BOUND_PRODUCTS * 2 * 4096 * 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Case:
    """Sizes: batch B, steps T, channels C, units U, LSTM layers and mixture components K."""

    batch: int
    steps: int
    channels: int
    units: int = 256
    layers: int = 3
    components: int = 24

    def products(self):
        """(rows, from, to) of the matrix products of one time step."""
        head = self.components * (1 + 2 * self.channels)
        sizes = [self.channels, *[self.units] * (self.layers - 1)]
        products = [(size, 4 * self.units) for size in sizes] + [(self.units, 4 * self.units)] * self.layers
        return [(self.batch, *sizes) for sizes in [*products, (self.units, DENSE), (DENSE, head)]]

    def flop(self):
        """Floating-point operations of the products of a series forward; with its gradient three times that."""
        return self.steps * sum(2 * rows * inner * outer for rows, inner, outer in self.products())


def _tensorflow():
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    return tf


def _models(case, **how):
    """The generator and the discriminator of a case, built."""
    from sensegen_tf.models import config
    from sensegen_tf.models.discriminator import Discriminator
    from sensegen_tf.models.generator import Generator

    network = config.NetworkConfig(units=(case.units,) * case.layers, dense_units=DENSE)
    head = config.JointHeadConfig(components=case.components, scale_floor=FLOOR)
    generator = Generator(config.GeneratorConfig(network=network, head=head), case.channels, **how)
    smaller = config.NetworkConfig(units=(64,), dense_units=16)
    discriminator = Discriminator(config.DiscriminatorConfig(network=smaller), case.channels)
    generator.build()
    discriminator.build()
    return generator, discriminator


def ours_training(case, precision="float32"):
    """The generator's step as training runs it."""
    tf = _tensorflow()
    from sensegen_tf.training.compiled import CompiledGenerator
    from sensegen_tf.training.distribution import Distribution
    from sensegen_tf.training.learning import LearningConfig
    from sensegen_tf.training.parameters import Parameters
    from sensegen_tf.training.steps import GeneratorBatch, GeneratorStep
    from sensegen_tf.training.update import Updater

    generator, discriminator = _models(case, use_xla=True, precision=precision)
    how = {"config": LearningConfig(batch_size=case.batch), "distribution": Distribution()}
    updater = Updater(Parameters(generator.trainable_variables), learning_rate=1e-3, steps=1, **how)
    step = GeneratorStep(CompiledGenerator(generator), discriminator, updater=updater, **how)
    series = tf.random.stateless_normal([case.batch, case.steps, case.channels], [0, 0])
    label = tf.zeros([case.batch], tf.int32)
    none = tf.zeros([case.batch, 0]), tf.zeros([case.batch, case.steps, 0])
    batch = GeneratorBatch(series, label, *none, rollouts=())
    return lambda: float(step(batch).loss)


def ours_private_training(case, precision="float32"):
    """The same step with one clipped gradient a window and noise."""
    tf = _tensorflow()
    from sensegen_tf.training.compiled import CompiledGenerator
    from sensegen_tf.training.distribution import Distribution
    from sensegen_tf.training.parameters import Parameters
    from sensegen_tf.training.private_steps import (
        GaussianMechanism,
        PrivateBatch,
        PrivateGeneratorStep,
        SubjectBatch,
    )
    from sensegen_tf.training.update import SummedAdam

    generator, _ = _models(case, use_xla=True, precision=precision)
    parameters, optimizer = Parameters(generator.trainable_variables), SummedAdam(1e-3)
    optimizer.build(parameters.learnt)
    mechanism = GaussianMechanism(clip_norm=1.0, noise_multiplier=1.0, expected=float(case.batch), seed=(0, 1))
    how = {"optimizer": optimizer, "parameters": parameters, "mechanism": mechanism}
    step = PrivateGeneratorStep(CompiledGenerator(generator), **how, distribution=Distribution())
    series = tf.random.stateless_normal([case.batch, case.steps, case.channels], [0, 0])
    none = tf.zeros([case.batch, 0]), tf.zeros([case.batch, case.steps, 0])
    batch = SubjectBatch(series, tf.zeros([case.batch], tf.int32), *none, tf.ones([case.batch]))
    return lambda: float(step(PrivateBatch([batch], 0)).loss)


def torch_opacus_training(case):
    """The same step in Opacus: its `DPLSTM`, one clipped gradient a window, and noise."""
    torch = _torch()
    from opacus.grad_sample import GradSampleModule
    from opacus.layers import DPLSTM
    from opacus.optimizers import DPOptimizer

    model = _torch_model(case, torch)
    model.recurrent = DPLSTM(case.channels, case.units, case.layers)
    model = GradSampleModule(model, batch_first=False)
    optimizer = DPOptimizer(
        torch.optim.Adam(model.parameters(), 1e-3),
        noise_multiplier=1.0,
        max_grad_norm=1.0,
        expected_batch_size=case.batch,
    )
    series = torch.randn(case.steps, case.batch, case.channels)

    def work():
        optimizer.zero_grad()
        loss = model(series)
        loss.backward()
        optimizer.step()
        return loss.item()

    return work


def keras_training(case):
    """The same step of the same model with `keras.layers.LSTM`, in a graph, as Keras compiles it."""
    tf = _tensorflow()
    import keras

    from sensegen_tf.layers.heads.base import Reference
    from sensegen_tf.layers.heads.joint import JointHead
    from sensegen_tf.training import losses

    recurrent = [keras.layers.LSTM(case.units, return_sequences=True) for _ in range(case.layers)]
    head = JointHead(case.channels, case.components, scale_floor=FLOOR)
    model = keras.Sequential(
        [keras.Input((None, case.channels)), *recurrent, keras.layers.Dense(DENSE, activation="sigmoid"), head]
    )
    optimizer = keras.optimizers.Adam(1e-3, global_clipnorm=1.0)
    optimizer.build(model.trainable_variables)
    series = tf.random.stateless_normal([case.batch, case.steps, case.channels], [0, 0])

    blocks = [case.batch, case.steps, 1]
    absolute = Reference(
        tf.zeros([*blocks, case.channels]), tf.ones([1, case.channels]), tf.zeros([*blocks, 0, case.channels])
    )

    @tf.function
    def step(series):
        with tf.GradientTape() as tape:
            raw = model(tf.pad(series[:, :-1], [[0, 0], [1, 0], [0, 0]]))
            log_prob = head.distribution(head.unpack(raw), absolute).log_prob(series[:, :, None])
            loss = losses.negative_log_likelihood(log_prob, 1)
        variables = [variable.value for variable in model.trainable_variables]
        optimizer.apply(tape.gradient(loss, variables), model.trainable_variables)
        return loss

    return lambda: float(step(series))


def _torch():
    import torch

    torch.set_num_threads(os.cpu_count())
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    return torch


def _torch_model(case, torch):
    nn, k, c = torch.nn, case.components, case.channels

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.recurrent = nn.LSTM(c, case.units, case.layers)
            self.dense, self.head = nn.Linear(case.units, DENSE), nn.Linear(DENSE, k * (1 + 2 * c))

        def parameters_of(self, features):
            logits, loc, raw = self.head(torch.sigmoid(self.dense(features))).float().split([k, k * c, k * c], -1)
            return logits, loc.unflatten(-1, (k, c)), FLOOR + nn.functional.softplus(raw.unflatten(-1, (k, c)))

        def forward(self, series):  # [T, B, C]
            previous = torch.cat([torch.zeros_like(series[:1]), series[:-1]])
            logits, loc, scale = self.parameters_of(self.recurrent(previous)[0])
            z = (series[:, :, None] - loc) / scale
            log_prob = -0.5 * (z * z).sum(-1) - scale.log().sum(-1) - 0.5 * c * math.log(2 * math.pi)
            return -torch.logsumexp(torch.log_softmax(logits, -1) + log_prob, -1).mean()

    return Model()


def torch_training(case, precision="float32", compiled=False):
    """The same step in PyTorch: `nn.LSTM` (oneDNN's kernel) and the same head."""
    torch = _torch()
    model = _torch_model(case, torch)
    run = torch.compile(model) if compiled else model
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    series = torch.randn(case.steps, case.batch, case.channels)

    def work():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            loss = run(series)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return work


def ours_sampling(case, how="compiled"):
    """A rollout from noise: "compiled" with XLA, "graph" as a server runs it, or "stream" with a call a step."""
    tf = _tensorflow()
    from sensegen_tf.models.condition import Condition
    from sensegen_tf.models.structures import Noise
    from sensegen_tf.training.compiled import CompiledGenerator

    generator, _ = _models(case)
    compiled = CompiledGenerator(generator)
    noise = compiled.noise(tf.range(case.batch, dtype=tf.int64), tf.constant(case.steps))
    label = tf.zeros([case.batch], tf.int32)
    if how == "compiled":
        return lambda: compiled.generate(noise, label).numpy()[0, 0, 0]
    if how == "graph":
        rollout = tf.function(lambda *noise: generator.generate(Noise(*noise), label))
        return lambda: rollout(*noise).numpy()[0, 0, 0]
    step = tf.function(generator.step, jit_compile=True)
    noises = tf.unstack(noise.steps, axis=1)
    first = generator.initial_state(Condition(label, noise.series))

    def work():
        sample, state = generator.begin(noises[0], first)
        for each in noises[1:]:
            sample, state = step(each, state)
        return sample.numpy()[0, 0, 0]

    return work


def torch_sampling(case, precision="float32"):
    """A Python loop over the time steps, as PyTorch code samples."""
    torch = _torch()
    model = _torch_model(case, torch)
    uniform, normal = torch.rand(case.steps, case.batch, 1), torch.randn(case.steps, case.batch, case.channels)

    @torch.inference_mode()
    def work():
        sample, state, samples = torch.zeros(1, case.batch, case.channels), None, []
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            for t in range(case.steps):
                features, state = model.recurrent(sample, state)
                logits, loc, scale = model.parameters_of(features[0])
                component = (torch.softmax(logits, -1).cumsum(-1)[:, :-1] <= uniform[t]).sum(-1)
                rows = torch.arange(case.batch)
                sample = (loc[rows, component] + scale[rows, component] * normal[t])[None]
                samples.append(sample[0])
        return torch.stack(samples, 1)[0, 0, 0].item()

    return work


def sampling_bound(case):
    """The matrix products of a rollout and nothing else, compiled as ours."""
    tf = _tensorflow()
    operands = [(tf.random.normal([m, k]), 0.01 * tf.random.normal([k, n])) for m, k, n in case.products()]

    @tf.function(jit_compile=True)
    def products():
        def body(t, scale):
            # Each product hangs on the one before it by a number, so that none can be moved out of the loop.
            for a, b in operands:
                scale = tf.matmul(a * scale, b)[0, 0] * 1e-9 + 1.0
            return t + 1, scale

        return tf.while_loop(lambda t, _: t < case.steps, body, (0, 1.0))[1]

    return lambda: float(products())


def product_bound(_, precision="float32"):
    """The large product, 4096 x 1024 by 1024 x 1024, `BOUND_PRODUCTS` times."""
    tf = _tensorflow()
    a, b = (tf.cast(tf.random.normal(shape), precision) for shape in ([4096, 1024], [1024, 1024]))
    product = tf.function(lambda: tf.matmul(a, b)[0, 0])

    def work():
        for _ in range(BOUND_PRODUCTS):
            value = product()
        return float(value)

    return work


def _memory(what):
    """A line of /proc/self/status, in MB."""
    with open("/proc/self/status", encoding="utf-8") as file:
        return int(next(line.split()[1] for line in file if line.startswith(what))) / 1024


def serve(connection, contender, case, options):
    """A process: builds, warms up, works when asked to and answers with seconds; at the end with its memory in MB."""
    (_torch if contender.__name__.startswith("torch") else _tensorflow)()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # The peak starts anew from here.
    before = _memory("VmRSS")
    work = contender(case, **options)
    work()
    work()
    connection.send("ready")
    while connection.recv():
        started = time.perf_counter()
        work()
        connection.send(time.perf_counter() - started)
    connection.send(_memory("VmHWM") - before)
