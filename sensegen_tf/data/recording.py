"""A recording: what a sensor wrote down, with all that is needed to read it."""

import dataclasses
import fractions

import numpy as np
import scipy.signal

from sensegen_tf.errors import InputError


def find_channels(name, channels, wanted):
    """Numbers of the columns of the wanted channels, in their order.

    Args:
      name: of the file or recording, for messages.
      channels: names of its columns.
      wanted: names.

    Raises:
      InputError: a name that is not there.
    """
    missing = [channel for channel in wanted if channel not in channels]
    if missing:
        raise InputError(f"{name}: no channel named {', '.join(missing)}; it has {', '.join(channels)}")
    return [channels.index(channel) for channel in wanted]


@dataclasses.dataclass(frozen=True)
class Span:
    """Samples [start, stop) of a recording that carry one label."""

    start: int
    stop: int
    label: str


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happens at one sample, such as a beat."""

    sample: int
    label: str


@dataclasses.dataclass(frozen=True)
class Sensor:
    """What the sensor behind a channel is, as far as its recordings show.

    Attributes:
      resolution: its step in physical units; None where the values lie on no grid.
      low, high: the values at which it saturates; None where it was not seen to.
    """

    resolution: float | None = None
    low: float | None = None
    high: float | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Recording:
    """One uninterrupted recording of one subject.

    Attributes:
      name: where it came from, for messages: a file, a record, a number.
      signals: float32 [T, C], in physical units.
      rate: samples a second, Hz.
      channels: C names, none twice.
      units: C units, such as "g", "rad/s", "mV".
      subject: the person (or device) recorded.
      spans: labelled spans in order of time; may be empty and need not cover the recording.
      events: labelled moments in order of time.

    Raises:
      InputError: shapes that do not fit, a rate not above 0, or a value that is not finite (with its place).
    """

    name: str
    signals: np.ndarray
    rate: float
    channels: tuple[str, ...]
    units: tuple[str, ...]
    subject: str
    spans: tuple[Span, ...] = ()
    events: tuple[Event, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "signals", np.asarray(self.signals, np.float32))
        if self.signals.ndim != 2 or self.signals.shape[1] != len(self.channels):
            raise InputError(
                f"{self.name}: signals of shape {self.signals.shape} do not fit "
                f"{len(self.channels)} channels {', '.join(self.channels)}; expected [time, channel]"
            )
        if len(self.units) != len(self.channels):
            raise InputError(f"{self.name}: {len(self.units)} units for {len(self.channels)} channels")
        if len(set(self.channels)) != len(self.channels):
            raise InputError(f"{self.name}: a channel name stands twice in {', '.join(self.channels)}")
        if not (np.isfinite(self.rate) and self.rate > 0):
            raise InputError(f"{self.name}: the rate must be above 0 Hz, got {self.rate}")
        bad = np.argwhere(~np.isfinite(self.signals))
        if len(bad):
            row, column = bad[0]
            raise InputError(
                f"{self.name}: {len(bad)} values are not finite; the first is sample {row} "
                f"of channel {self.channels[column]}. Repair or cut them out first"
            )

    @property
    def seconds(self):
        """Duration in seconds."""
        return len(self.signals) / self.rate

    def select(self, channels):
        """The same recording with the named channels alone, in the order given.

        Raises:
          InputError: a name that the recording lacks.
        """
        columns = find_channels(self.name, self.channels, channels)
        return dataclasses.replace(
            self,
            signals=self.signals[:, columns],
            channels=tuple(channels),
            units=tuple(self.units[column] for column in columns),
        )

    def resample(self, rate):
        """The same recording at `rate` Hz, through a polyphase filter (scipy.signal.resample_poly).

        Raises:
          InputError: a rate that is not above 0.
        """
        if not (np.isfinite(rate) and rate > 0):
            raise InputError(f"cannot resample {self.name} to {rate} Hz: the rate must be above 0")
        ratio = fractions.Fraction(rate / self.rate).limit_denominator(10_000)
        if ratio == 1:
            return self
        if len(self.signals) * ratio < 1:
            raise InputError(f"{self.name}: nothing would be left of {self.seconds:g} s at --resample_hz={rate:g}")
        # "line" takes the straight line between the ends away first, so that the filter does not ring at them.
        signals = scipy.signal.resample_poly(
            self.signals.astype(np.float64), ratio.numerator, ratio.denominator, axis=0, padtype="line"
        )
        last = len(signals)
        spans = tuple(Span(round(s.start * ratio), min(round(s.stop * ratio), last), s.label) for s in self.spans)
        events = tuple(Event(min(round(e.sample * ratio), last - 1), e.label) for e in self.events)
        return dataclasses.replace(self, signals=signals, rate=float(rate), spans=spans, events=events)

    def slice(self, start, stop):
        """Samples [start, stop), with the spans and events inside."""
        spans = tuple(
            Span(max(s.start, start) - start, min(s.stop, stop) - start, s.label)
            for s in self.spans
            if s.start < stop and s.stop > start
        )
        events = tuple(Event(e.sample - start, e.label) for e in self.events if start <= e.sample < stop)
        return dataclasses.replace(self, signals=self.signals[start:stop], spans=spans, events=events)


@dataclasses.dataclass(frozen=True, eq=False)
class Collection:
    """Recordings of one source.

    Attributes:
      recordings: at least one, all with the same channels.
      terms: licence and citation, for the model card.
      notes: what a person should know about them, such as records that were skipped.
      holdout_subjects: the subjects that the source itself holds out; empty where it leaves that to the user.
      sensors: what `data.sensor.measure` found, one a channel; empty before it was asked.
      resampled: whether the recordings are at another rate than the sensors were measured at.
    """

    recordings: list[Recording]
    terms: str
    notes: tuple[str, ...] = ()
    holdout_subjects: tuple[str, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    resampled: bool = False


def check_alike(recordings, *attributes):
    """Refuses recordings that cannot be learned from together.

    Args:
      recordings: a list of `Recording`.
      attributes: names of what must be equal: "channels", "units", "rate".

    Raises:
      InputError: there are none, one is empty, or they differ; with the names of two.
    """
    if not recordings:
        raise InputError("there are no recordings")
    first = recordings[0]
    for recording in recordings:
        if not len(recording.signals):
            raise InputError(f"{recording.name} is empty: it has no samples")
        for what in attributes:
            if getattr(recording, what) != getattr(first, what):
                raise InputError(
                    f"{recording.name} has {what} {getattr(recording, what)}, "
                    f"but {first.name} has {getattr(first, what)}; choose --channels that all have, or --resample_hz"
                )
