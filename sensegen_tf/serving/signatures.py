"""What an exported model can do: a `tf.Module` of tensor functions, physical units at its edges.

All inputs and outputs have the batch as their first dimension, so that a server may join and split requests. An example
depends on its own inputs alone. Bad inputs are refused by the graph itself, with the name of the input.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from sensegen_tf.data.standardize import Standardizer
from sensegen_tf.models import scoring
from sensegen_tf.models.condition import Condition
from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.generator import Generator, Noise
from sensegen_tf.serving import checks
from sensegen_tf.serving.state import StreamState

# Vectorised kernels round the last few elements of an array differently from the others. So a batch is padded to a
# multiple of the widest vector register in float32, and an example has the same bits in any batch.
_BATCH_MULTIPLE = 16
# Samples that a request may ask for in a series, so that no single one takes all memory.
MAX_LENGTH = 1_000_000


def _spec(name, shape=(), dtype=tf.float32):
    return tf.TensorSpec([None, *shape], dtype, name=name)


_SEED, _LENGTH = _spec("seed", dtype=tf.int64), _spec("length", dtype=tf.int32)
_TEMPERATURE = _spec("temperature")
# The number of channels is left open here and checked by the graph: a server feeds whatever it was sent.
_SERIES, _PREFIX = _spec("series", [None, None]), _spec("prefix", [None, None])
_PREFIX_LENGTH, _STEPS = _spec("prefix_length", dtype=tf.int32), _spec("steps", dtype=tf.int32)


class Signatures(tf.Module):
    """The functions of an exported model.

    Args:
      generator, discriminator: trained models, as `to_inference` gives them. Without a discriminator (None) there is no
        signature `discriminate`.
      standardizer: of their training data; samples are put on its grid and inside its range.
    """

    def __init__(self, generator: Generator, discriminator: Discriminator | None, *, standardizer: Standardizer):
        super().__init__()
        # Hidden from tf.Module, which sees only some of their layers: the weights are named once, here.
        object.__setattr__(self, "_generator", generator)
        object.__setattr__(self, "_discriminator", discriminator)
        models = [model for model in (generator, discriminator) if model is not None]
        self.weights = [variable.value for model in models for variable in model.weights]
        self._standardizer, self._state = standardizer, StreamState(generator)
        label = [_spec("label", dtype=tf.int32)] if generator.labels else []
        noise = [_spec("noise", [None, generator.noise_size])]
        if generator.latent_size:
            noise.append(_spec("series_noise", [generator.latent_size]))

        def function(method, *specs):
            return tf.function(method, input_signature=[*specs], autograph=False)

        functions = {
            tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: function(self._sample, _SEED, _LENGTH, *label),
            "sample_tempered": function(self._sample_tempered, _SEED, _LENGTH, _TEMPERATURE, *label),
            "continue_series": function(self._continue_series, _PREFIX, _PREFIX_LENGTH, _SEED, _LENGTH, *label),
            "initial_state": function(self._initial_state, _SEED, *label),
            "stream": function(self._stream, _STEPS, *self._state.specs),
            "score": function(self._score, _SERIES, _LENGTH, *label),
            "discriminate": function(self._discriminate, _SERIES, _LENGTH, *label),
            "decode": function(self._decode, *noise, *label),
        }
        if discriminator is None:
            del functions["discriminate"]
        # Hidden too: a function that tf.Module sees is traced and saved a second time beside its signature.
        object.__setattr__(self, "_functions", functions)

    def describe(self) -> dict[str, Any]:
        """Signature name -> its inputs and outputs: name -> [type, shape], as JSON can hold it."""

        def named(specs):
            return {name: [spec.dtype.name, list(spec.shape)] for name, spec in sorted(specs.items())}

        found = {}
        for name, function in self.signatures().items():
            inputs = tf.nest.flatten(function.structured_input_signature)
            specs = {spec.name: spec for spec in inputs if spec is not None}
            found[name] = {"inputs": named(specs), "outputs": named(function.structured_outputs)}
        return found

    def _sample(self, seed, length, label=None):
        """Samples series.

        A longer series begins with the shorter one of the same seed.

        Args:
          seed: int64 [B], any value.
          length: int32 [B], in [1, MAX_LENGTH].
          label: int32 [B], in [0, L); of conditional models alone.

        Returns:
          `samples`, float32 [B, max(length), C] in physical units, zeros past a series' length; `length`, int32 [B].
        """
        return self._sample_tempered(seed, length, tf.ones_like(length, tf.float32), label)

    def _sample_tempered(self, seed, length, temperature, label=None):
        """As `sample`, with logits divided and variances multiplied by a temperature, float32 [B], above 0, after
        the first block times the label's own."""
        assertions = [
            *checks.batch(seed=seed, length=length, temperature=temperature, label=label),
            *checks.lengths("length", length, most=MAX_LENGTH),
            *checks.temperatures(temperature),
            *checks.labels(label, self._generator.labels),
        ]
        seed, length, temperature, label = _checked(assertions, seed, length, temperature, label)
        count, steps = tf.shape(seed)[0], tf.reduce_max(tf.concat([length, [1]], 0))
        seed, label = _padded(seed), _padded_label(label, seed)
        temperature = _padded(temperature, 1.0)[:, None]
        series = self._generator.generate(self._generator.noise(seed, steps), label, temperature=temperature)
        return {"samples": self._physical(series[:count, :steps], length), "length": tf.identity(length)}

    def _physical(self, series, length):
        """Standardised series in physical units, on the sensors' grid and inside their range; zeros past a length."""
        inside = tf.sequence_mask(length, tf.shape(series)[1])[..., None]  # [B, T, 1]
        return tf.where(inside, self._measured(series), 0.0)

    def _standard(self, series, length):
        """Physical series [B, T, C], standardised and padded; zeros past a series' length."""
        inside = tf.sequence_mask(length, tf.shape(series)[1])[..., None]  # [B, T, 1]
        series = tf.where(inside, self._standardizer.to_standard(series), 0.0)
        return _padded(tf.ensure_shape(series, [None, None, self._generator.channels]))

    def _continue_series(self, prefix, prefix_length, seed, length, label=None):
        """Continues real series.

        A prefix is taken in whole blocks of the model's n samples: up to n - 1 of its first samples are left out. A
        model with a latent of the subject samples it from its posterior, given the prefix.

        Args:
          prefix: float32 [B, P, C] in physical units; what lies past a series' length is not looked at.
          prefix_length: int32 [B], in [n, P].
          seed, length, label: as `sample`; the length of the continuation alone.

        Returns:
          `samples`, float32 [B, max(length), C], what follows the prefix; `length`, int32 [B].
        """
        generator, block = self._generator, self._generator.block
        assertions = [
            *checks.batch(seed=seed, length=length, prefix=prefix, prefix_length=prefix_length, label=label),
            *checks.lengths("length", length, most=MAX_LENGTH),
            *checks.series(
                "prefix",
                prefix,
                length_name="prefix_length",
                length=prefix_length,
                channels=generator.channels,
                shortest=block,
            ),
            *checks.labels(label, generator.labels),
        ]
        inputs = prefix, prefix_length, seed, length, label
        prefix, prefix_length, seed, length, label = _checked(assertions, *inputs)
        count, steps = tf.shape(seed)[0], tf.reduce_max(tf.concat([length, [1]], 0))
        seed, label = _padded(seed), _padded_label(label, seed)
        whole = prefix_length // block  # [B]
        first = prefix_length - whole * block
        known = tf.reduce_max(tf.concat([whole, [1]], 0)) * block  # P', samples of the longest prefix
        prefix = _from(prefix, first, known)
        prefix, whole = self._standard(prefix, whole * block), _padded(whole, 1)
        total = known // block + (steps + block - 1) // block
        noise = generator.noise(seed, total * block)
        condition = generator.infer(prefix, label, noise=noise.series, steps=whole).condition
        blocks = tf.pad(generator.blocks(prefix), [[0, 0], [0, total - known // block], [0, 0], [0, 0]])
        series = generator.rollout(noise.steps, condition, prefix=(blocks, whole))
        series = _from(series, whole * block, steps)[:count]
        return {"samples": self._physical(series, length), "length": tf.identity(length)}

    def _initial_state(self, seed, label=None):
        """The state before the first block of an endless series, which begins as `sample` does with the same inputs.

        Args:
          seed, label: as `sample`.

        Returns:
          Name -> [B, ...], what `stream` takes and returns.
        """
        assertions = [*checks.batch(seed=seed, label=label), *checks.labels(label, self._generator.labels)]
        seed, label = _checked(assertions, seed, label)
        count = tf.shape(seed)[0]
        seed, label = _padded(seed), _padded_label(label, seed)
        return {name: value[:count] for name, value in self._state.initial(seed, label).items()}

    def _stream(self, steps, *state):
        """Continues an endless series, which has the same bytes however many calls make it.

        Args:
          steps: int32 [B], blocks of n samples to make, at least 1; at most MAX_LENGTH samples.
          state: as `initial_state` or `stream` returned it.

        Returns:
          `samples`, float32 [B, max(steps) n, C], zeros past a series' length; `length`, int32 [B], steps times n; and
          the new state.
        """
        named = dict(zip(self._state.names, state, strict=True))
        block = self._generator.block
        assertions = [
            *checks.batch(steps=steps, **named),
            *checks.lengths("steps", steps, most=MAX_LENGTH // block),
            *checks.state(named, label_count=self._generator.labels),
        ]
        steps, *state = _checked(assertions, steps, *state)
        count, most = tf.shape(steps)[0], tf.reduce_max(tf.concat([steps, [1]], 0))
        padded = {name: _padded(value) for name, value in zip(self._state.names, state, strict=True)}
        series, new = self._state.advance(padded, steps=_padded(steps, 1), most=most)
        new = {name: value[:count] for name, value in new.items()}
        length = steps * block
        return {"samples": self._physical(series[:count], length), "length": length, **new}

    def _score(self, series, length, label=None):
        """How likely series are, sample by sample, each given those before it.

        Args:
          series: float32 [B, T, C] in physical units; what lies past a series' length is not looked at.
          length: int32 [B], in [1, T].
          label: as `sample`.

        Returns:
          `log_likelihood`, float32 [B, T], log-density in nats of a sample in physical units given those before it;
          `total`, float32 [B], their sum; `pit`, float32 [B, T, C], the probability integral transform: the conditional
          distribution function at every value, channel after channel, which is uniform in [0, 1] where the model is
          right, and near 0 or 1 at anomalies. Zeros past a series' length.
        """
        generator = self._generator
        series, length, label = self._given_series(series, length, label)
        count, steps = tf.shape(series)[0], tf.shape(series)[1]
        label = _padded_label(label, length)
        standard = tf.pad(self._standard(series, length), [[0, 0], [0, -steps % generator.block], [0, 0]])
        found = scoring.score(generator, standard, label=label, steps=_padded(length // generator.block))
        inside = tf.sequence_mask(length, steps)  # [B, T]
        unit = tf.reduce_sum(tf.math.log(self._standardizer.std))
        log_likelihood = tf.where(inside, found.log_density[:count, :steps] - unit, 0.0)
        return {
            "log_likelihood": log_likelihood,
            "total": tf.reduce_sum(log_likelihood, 1),
            "pit": tf.where(inside[..., None], found.pit[:count, :steps], 0.0),
        }

    def _discriminate(self, series, length, label=None):
        """What the discriminator says of series.

        Args:
          series, length, label: as `score`.

        Returns:
          `probability`, float32 [B], of being real, in [0, 1].
        """
        series, length, label = self._given_series(series, length, label)
        count = tf.shape(series)[0]
        label = _padded_label(label, length)
        mask = tf.sequence_mask(_padded(length, 1), tf.shape(series)[1])
        logits = self._discriminator(self._standard(series, length), Condition.of_label(label), mask=mask)
        return {"probability": tf.sigmoid(logits)[:count]}

    def _given_series(self, series, length, label):
        """Checked inputs of `score` and `discriminate`."""
        assertions = [
            *checks.batch(series=series, length=length, label=label),
            *checks.series("series", series, length_name="length", length=length, channels=self._generator.channels),
            *checks.labels(label, self._generator.labels),
        ]
        return _checked(assertions, series, length, label)

    def _decode(self, noise, *others):
        """Series from noise, without any random operation, for runtimes that have none.

        Args:
          noise: float32 [B, S, U + n C]: for every block U uniforms in [0, 1), then standard normals; U is 1, or n C
            of a model that samples channel by channel.
          *others: `series_noise`, float32 [B, Z], the latent as standard normals, of models with a latent alone; and
            `label` as `sample`.

        Returns:
          `samples`, float32 [B, S n, C] in physical units.
        """
        inputs, generator, rows = list(others), self._generator, tf.shape(noise)[0]
        series_noise = inputs.pop(0) if generator.latent_size else tf.zeros([rows, 0])
        label = inputs.pop(0) if generator.labels else tf.zeros([rows], tf.int32)
        return {"samples": self._measured(generator.generate(Noise(noise, series_noise), label))}

    def _measured(self, series):
        """Standardised series in physical units, on the sensors' grid and inside their range."""
        return self._standardizer.as_measured(self._standardizer.to_physical(series))

    def signatures(self) -> dict[str, Any]:
        """Signature name -> function, as `tf.saved_model.save` takes them."""
        return {name: function.get_concrete_function() for name, function in self._functions.items()}


def _checked(assertions, *inputs):
    """The inputs, which nothing sees before the assertions have held; None stays None."""
    with tf.control_dependencies(assertions):
        return [None if each is None else tf.identity(each) for each in inputs]


def _padded(values, constant=0):
    """The batch up to a multiple of sixteen."""
    missing = -tf.shape(values)[0] % _BATCH_MULTIPLE
    padded = tf.pad(values, [[0, missing], *[[0, 0]] * (values.shape.rank - 1)], constant_values=constant)
    return tf.ensure_shape(padded, values.shape)


def _label(label, like):
    """int32 [B], zeros where the model knows none; `like` is [B]."""
    return tf.zeros_like(like, tf.int32) if label is None else label


def _padded_label(label, like):
    return _padded(_label(label, like))


def _from(series, first, count):
    """`count` samples of series [B, T, C] from `first`, int32 [B]; past the end the last one is repeated."""
    steps = tf.minimum(first[:, None] + tf.range(count), tf.shape(series)[1] - 1)
    return tf.gather(series, steps, batch_dims=1)
