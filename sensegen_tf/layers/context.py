"""What a step is told of the past, as a rollout can compute it itself: recent increments, running means, a beat clock.

An LSTM that is fed values in units of the whole recording's spread must subtract large numbers to see the small ones:
where a person sits still, the sensor's noise is a hundredth of that spread. So the past is told in units of the
increments' own spread, around the newest value: the last increments, and how far exponentially weighted running means
(corrected for their start, as Adam corrects its own) lie from the newest value. The mixture's locations are regressed
on the same numbers, with coefficients that the network gives anew at every step: a time-varying autoregression, in
which noise around a level can stay noise around a level.
"""

import math

import keras
import tensorflow as tf

from sensegen_tf.layers.lstm import swap_batch_and_time

# An event of the clock is an increment larger than this share of the largest one so far, whose memory fades by this
# factor a sample.
_CLOCK_THRESHOLD, _CLOCK_DECAY = 0.5, 0.999
# Intervals are told in units of so many refractory times, and no longer than so many.
_CLOCK_UNIT, _CLOCK_LONGEST = 4.0, 10.0


@keras.saving.register_keras_serializable("sensegen_tf")
class Context(keras.layers.Layer):
    """The regressors and inputs of a step from the values before it.

    Args:
      channels: C.
      lags: how many of the last increments, at least 0.
      levels: time constants of the running means, in samples; `math.inf` for the mean of all.
      refractory: of the beat clock, the shortest interval between two events, in samples; 0 for no clock.
    """

    def __init__(self, channels, lags=0, levels=(), refractory=0, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.lags, self.levels, self.refractory = channels, lags, tuple(levels), refractory

    @property
    def regressors(self):
        """R, the number of regressors a channel."""
        return self.lags + len(self.levels)

    @property
    def size(self):
        """F, the number of inputs: the newest value and the regressors of each channel, and three of the clock."""
        return (1 + self.regressors) * self.channels + (3 if self.refractory else 0)

    @property
    def shapes(self):
        """Of the newest value, the regressors and the inputs of a row."""
        return [self.channels], [self.regressors, self.channels], [self.size]

    def initial_state(self, batch_size):
        """Zeros: the last values [B, lags + 1, C], sums [B, M, C] and weights [B, M] of the means, the clock [B, 4]."""
        sums = tf.zeros([batch_size, len(self.levels), self.channels])
        clock = tf.tile([[1e6, 0.0, 0.0, 0.0]], [batch_size, 1])
        return (
            tf.zeros([batch_size, self.lags + 1, self.channels]),
            sums,
            tf.zeros([batch_size, len(self.levels)]),
            clock,
        )

    def step(self, sample, started, state, unit):
        """Takes note of a sample.

        Args:
          sample: [B, C], standardised.
          started: bool [B, 1], whether there was a sample before.
          state: as `initial_state`.
          unit: [C], the spread of the increments.

        Returns:
          The sample [B, C], the regressors [B, R, C] in units of the increments' spread, the inputs of the next step
          [B, F], and the new state.
        """
        last, sums, weights, clock = state
        # Before the first sample there was nothing: all was as it is.
        last = tf.where(started[..., None], last, sample[:, None])
        values = tf.concat([last, sample[:, None]], 1)  # [B, lags + 2, C]
        increments = tf.reverse(values[:, 1:] - values[:, :-1], [1]) / unit  # the newest first
        decay = tf.constant([math.exp(-1 / level) for level in self.levels], shape=[len(self.levels)])  # [M]
        sums, weights = sums * decay[:, None] + sample[:, None], weights * decay + 1.0
        deviations = (sums / weights[..., None] - sample[:, None]) / unit  # [B, M, C]
        regressors = tf.concat([increments[:, : self.lags], deviations], 1)  # [B, R, C]
        rows, width = tf.shape(sample)[0], self.regressors * self.channels
        inputs = [sample, tf.reshape(tf.asinh(regressors), [rows, width])]
        if self.refractory:
            clock, told = self._clock(increments[:, 0], clock)
            inputs.append(told)
        return sample, regressors, tf.concat(inputs, -1), (values[:, 1:], sums, weights, clock)

    def _clock(self, increments, clock):
        """The clock after a step [B, 4] and what is told of it [B, 3].

        The clock holds the samples since the last event, the last two intervals, and the largest increment.
        """
        since, interval, before, largest = tf.unstack(clock, axis=1)  # [B] each
        size = tf.reduce_max(tf.abs(increments), -1)
        largest = tf.maximum(largest * _CLOCK_DECAY, size)
        event = tf.logical_and(size > _CLOCK_THRESHOLD * largest, since >= self.refractory)
        interval, before = tf.where(event, tf.minimum(since, 1e4), interval), tf.where(event, interval, before)
        since = tf.where(event, 0.0, since + 1.0)
        clock = tf.stack([since, interval, before, largest], 1)
        return clock, tf.minimum(clock[:, :3] / self.refractory, _CLOCK_LONGEST) / _CLOCK_UNIT

    def call(self, series, unit):
        """What is known before every sample of a series under teacher forcing.

        Args:
          series: [B, T, C], the true values.
          unit: [C].

        Returns:
          For every sample what `step` gave after the one before it, zeros at the first: newest values [B, T, C],
          regressors [B, T, R, C] and inputs [B, T, F]. No gradient passes.
        """
        if self.size == self.channels:
            newest = tf.pad(series[:, :-1], [[0, 0], [1, 0], [0, 0]])  # [B, T, C]
            return newest, tf.zeros(tf.concat([tf.shape(newest)[:2], [0, self.channels]], 0)), newest
        batch = series.shape[:2]
        series = swap_batch_and_time(tf.stop_gradient(series))  # [T, B, C]
        steps, rows = tf.shape(series)[0], tf.shape(series)[1]
        arrays = tuple(
            tf.TensorArray(tf.float32, size=steps, element_shape=[series.shape[1], *shape]).write(
                0, tf.zeros([rows, *shape])
            )
            for shape in self.shapes
        )

        def body(t, state, arrays):
            *told, state = self.step(series[t - 1], tf.fill([rows, 1], t > 1), state, unit)
            return t + 1, state, tuple(each.write(t, value) for each, value in zip(arrays, told, strict=True))

        start = (1, self.initial_state(rows), arrays)
        *_, arrays = tf.while_loop(lambda t, *_: t < steps, body, start, maximum_iterations=steps)
        told = [tf.stop_gradient(swap_batch_and_time(each.stack())) for each in arrays]
        return tuple(tf.ensure_shape(each, [*batch, *each.shape[2:]]) for each in told)

    def get_config(self):
        own = {"channels": self.channels, "lags": self.lags, "levels": list(self.levels)}
        return {**super().get_config(), **own, "refractory": self.refractory}
