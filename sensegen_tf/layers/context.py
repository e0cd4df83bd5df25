"""What a step sees of the past, as a rollout can compute it itself: increments, running means, event intervals.

An LSTM that is fed values in units of their standard deviation over the whole recording must subtract large numbers to
see the small ones: where a person sits still, the sensor's noise is a hundredth of that. So the inputs are in units of
the increments' standard deviation, around the previous value: the last increments, and how far exponentially weighted
running means (corrected for their start, as Adam corrects its own) lie from the previous value. The mixture's locations
are regressed on the same numbers, with coefficients that the network gives anew at every step: a time-varying
autoregression, in which noise around a level can stay noise around a level.
"""

from __future__ import annotations

import math
import typing
from collections.abc import Sequence

import keras
import tensorflow as tf

from sensegen_tf.layers.lstm import swap_batch_and_time

# An event is an increment larger than this share of the largest one so far, whose memory fades by this factor a sample.
_EVENT_THRESHOLD, _EVENT_DECAY = 0.5, 0.999
# Intervals are inputs in units of so many refractory times, and cut at so many refractory times.
_INTERVAL_UNIT, _LONGEST_INTERVAL = 4.0, 10.0
# Differences of intervals are inputs in units of this share of the refractory time.
_DIFFERENCE_UNIT = 0.1


class Past(typing.NamedTuple):
    """What is known before a sample; B may be followed by T.

    Attributes:
      previous: [B, C], the previous value, standardised.
      regressors: [B, R, C], in units of the increments' standard deviation.
      inputs: [B, F], of the network.
    """

    previous: tf.Tensor
    regressors: tf.Tensor
    inputs: tf.Tensor


class ContextState(typing.NamedTuple):
    """What a rollout carries from sample to sample.

    Attributes:
      last: [B, lags + 1, C], the last values.
      sums, weights: [B, M, C] and [B, M], of the running means.
      events: [B, 4]: samples since the last event, the last two intervals, and the largest increment.
    """

    last: tf.Tensor
    sums: tf.Tensor
    weights: tf.Tensor
    events: tf.Tensor


@keras.saving.register_keras_serializable("sensegen_tf")
class Context(keras.layers.Layer):
    """The regressors and inputs of a step from the values before it.

    Args:
      channels: C.
      lags: how many of the last increments, at least 0.
      running_means: their time constants, in samples; `math.inf` for the mean of all.
      refractory: the shortest interval between two events (large increments, such as heartbeats), in samples; with 0
        events are not looked for.
      compare_intervals: whether inputs also say how the time since the last event differs from the interval before it,
        and that from the one before.
    """

    def __init__(
        self,
        channels: int,
        *,
        lags: int = 0,
        running_means: Sequence[float] = (),
        refractory: int = 0,
        compare_intervals: bool = False,
        **kwargs: typing.Any,
    ):
        super().__init__(**kwargs)
        self.channels, self.lags, self.refractory = channels, lags, refractory
        self.running_means, self.compare_intervals = tuple(running_means), compare_intervals

    @property
    def regressors(self) -> int:
        """R, the number of regressors a channel."""
        return self.lags + len(self.running_means)

    @property
    def size(self) -> int:
        """F, the number of inputs: the previous value and the regressors of each channel, and those of the events."""
        of_events = 3 + 2 * self.compare_intervals if self.refractory else 0
        return (1 + self.regressors) * self.channels + of_events

    @property
    def shapes(self) -> Past:
        """The shapes of an example's `Past`, as lists."""
        return Past([self.channels], [self.regressors, self.channels], [self.size])

    def initial_state(self, batch_size: tf.Tensor | int) -> ContextState:
        """The state before the first sample."""
        return ContextState(
            last=tf.zeros([batch_size, self.lags + 1, self.channels]),
            sums=tf.zeros([batch_size, len(self.running_means), self.channels]),
            weights=tf.zeros([batch_size, len(self.running_means)]),
            events=tf.tile([[1e6, 0.0, 0.0, 0.0]], [batch_size, 1]),
        )

    def initial_past(self, batch_size: tf.Tensor | int) -> Past:
        """What is known before the first sample: zeros."""
        return Past(*(tf.zeros([batch_size, *shape]) for shape in self.shapes))

    def step(
        self, sample: tf.Tensor, state: ContextState, *, started: tf.Tensor, unit: tf.Tensor
    ) -> tuple[Past, ContextState]:
        """Takes note of a sample.

        Args:
          sample: [B, C], standardised.
          state: of the samples before it.
          started: bool [B, 1], whether there was a sample before.
          unit: [C], the standard deviation of the increments.

        Returns:
          The `Past` of the next sample, and the new state.
        """
        last, sums, weights, events = state
        # Before the first sample there was nothing: all was as it is.
        last = tf.where(started[..., None], last, sample[:, None])
        values = tf.concat([last, sample[:, None]], 1)  # [B, lags + 2, C]
        increments = tf.reverse(values[:, 1:] - values[:, :-1], [1]) / unit  # the newest first
        decay = tf.constant(
            [math.exp(-1 / time) for time in self.running_means], shape=[len(self.running_means)]
        )  # [M]
        sums, weights = sums * decay[:, None] + sample[:, None], weights * decay + 1.0
        deviations = (sums / weights[..., None] - sample[:, None]) / unit  # [B, M, C]
        regressors = tf.concat([increments[:, : self.lags], deviations], 1)  # [B, R, C]
        rows, width = tf.shape(sample)[0], self.regressors * self.channels
        inputs = [sample, tf.reshape(tf.asinh(regressors), [rows, width])]
        if self.refractory:
            events = self._note_event(increments[:, 0], events)
            intervals = tf.minimum(events[:, :3] / self.refractory, _LONGEST_INTERVAL) / _INTERVAL_UNIT
            inputs.append(intervals)
            if self.compare_intervals:
                inputs.append(self._differences(events[:, :3]))
        past = Past(sample, regressors, tf.concat(inputs, -1))
        return past, ContextState(values[:, 1:], sums, weights, events)

    def _note_event(self, increments, events):
        """The events [B, 4] after a sample with these increments [B, C], see `ContextState`."""
        since, interval, before, largest = tf.unstack(events, axis=1)  # [B] each
        size = tf.reduce_max(tf.abs(increments), -1)
        largest = tf.maximum(largest * _EVENT_DECAY, size)
        event = tf.logical_and(size > _EVENT_THRESHOLD * largest, since >= self.refractory)
        interval, before = tf.where(event, tf.minimum(since, 1e4), interval), tf.where(event, interval, before)
        since = tf.where(event, 0.0, since + 1.0)
        return tf.stack([since, interval, before, largest], 1)

    def _differences(self, intervals):
        """How intervals [B, 3], the newest first, differ from the ones before: [B, 2]; 0 where there was none."""
        before = intervals[:, 1:]
        known = tf.logical_and(before > 0, before < _LONGEST_INTERVAL * self.refractory)
        differences = (intervals[:, :-1] - before) / (_DIFFERENCE_UNIT * self.refractory)
        return tf.where(known, tf.asinh(differences), 0.0)

    def call(self, series: tf.Tensor, unit: tf.Tensor) -> Past:
        """What is known before every sample of a series under teacher forcing.

        Args:
          series: [B, T, C], the true values.
          unit: [C].

        Returns:
          The `Past` of every sample, [B, T, ...]; zeros at the first. No gradient passes.
        """
        if self.size == self.channels:
            previous = tf.pad(series[:, :-1], [[0, 0], [1, 0], [0, 0]])  # [B, T, C]
            return Past(previous, tf.zeros(tf.concat([tf.shape(previous)[:2], [0, self.channels]], 0)), previous)
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
            past, state = self.step(series[t - 1], state, started=tf.fill([rows, 1], t > 1), unit=unit)
            return t + 1, state, tuple(each.write(t, value) for each, value in zip(arrays, past, strict=True))

        start = (1, self.initial_state(rows), arrays)
        *_, arrays = tf.while_loop(lambda t, *_: t < steps, body, start, maximum_iterations=steps)
        past = [tf.stop_gradient(swap_batch_and_time(each.stack())) for each in arrays]
        return Past(*(tf.ensure_shape(each, [*batch, *each.shape[2:]]) for each in past))

    def get_config(self) -> dict[str, typing.Any]:
        """What the constructor takes."""
        own = {"channels": self.channels, "lags": self.lags, "running_means": list(self.running_means)}
        return {
            **super().get_config(),
            **own,
            "refractory": self.refractory,
            "compare_intervals": self.compare_intervals,
        }
