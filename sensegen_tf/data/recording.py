"""A recording: what a sensor wrote down, with all that is needed to read it."""

from __future__ import annotations

import dataclasses
import fractions
import types
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.signal

from sensegen_tf.data.clock import HIGHEST, LOWEST
from sensegen_tf.errors import InputError

_RESAMPLE = ("resample_hz",)
# Windows are float32; a larger value is none of a sensor.
_LARGEST = float(np.finfo(np.float32).max)


def find_channels(channels: Sequence[str], wanted: Sequence[str], *, name: str) -> list[int]:
    """Indices of the columns of the wanted channels, in their order.

    Args:
      channels: names of the columns.
      wanted: names.
      name: of the file or recording, for messages.

    Raises:
      InputError: a name that is not there.
    """
    missing = [channel for channel in wanted if channel not in channels]
    if missing:
        raise InputError(f"{name}: no channel named {', '.join(missing)}; it has {', '.join(channels)}")
    return [list(channels).index(channel) for channel in wanted]


@dataclasses.dataclass(frozen=True, kw_only=True)
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sensor:
    """What the sensor behind a channel is, as far as its recordings show.

    Attributes:
      resolution: its step in physical units; None where the values lie on no grid.
      low, high: the values at which it saturates; None where it was not seen to.
    """

    resolution: float | None = None
    low: float | None = None
    high: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outline:
    """All of a recording but its signals and events: what the split and the cutting need to know.

    Attributes:
      length: samples.
      name, rate, channels, units, subject, spans, attributes: see `Recording`.
    """

    name: str
    length: int
    rate: float
    channels: tuple[str, ...]
    units: tuple[str, ...]
    subject: str
    spans: tuple[Span, ...] = ()
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Recording:
    """One uninterrupted recording of one subject.

    Attributes:
      name: where it came from, for messages: a file, a record, a number.
      signals: [T, C], in physical units; float32 where that holds every value exactly, otherwise float64.
      rate: samples a second, Hz.
      channels: C names, none twice.
      units: C units, such as "g", "rad/s", "mV".
      subject: the person (or device) recorded.
      spans: labelled spans in order of time; may be empty and need not cover the recording.
      events: labelled moments in order of time.
      attributes: of the subject, name -> text, such as "age" -> "54"; they go no further than the dataset.
      raw: of each channel what the sensor said, [N], where some of the signals were interpolated; None where none was.

    Raises:
      InputError: shapes that do not fit, a rate not in [0.01, 100,000] Hz, or a value that is not finite (with its
        place).
    """

    name: str
    signals: np.ndarray
    rate: float
    channels: tuple[str, ...]
    units: tuple[str, ...]
    subject: str
    spans: tuple[Span, ...] = ()
    events: tuple[Event, ...] = ()
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    raw: Sequence[np.ndarray] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "signals", _smallest(self.signals))
        object.__setattr__(self, "attributes", types.MappingProxyType(dict(self.attributes)))
        if self.signals.ndim != 2 or self.signals.shape[1] != len(self.channels):
            raise InputError(
                f"{self.name}: signals of shape {self.signals.shape} do not fit "
                f"{len(self.channels)} channels {', '.join(self.channels)}; expected [time, channel]"
            )
        if len(self.units) != len(self.channels):
            raise InputError(f"{self.name}: {len(self.units)} units for {len(self.channels)} channels")
        if len(set(self.channels)) != len(self.channels):
            raise InputError(f"{self.name}: a channel name stands twice in {', '.join(self.channels)}")
        if not LOWEST <= self.rate <= HIGHEST:
            raise InputError(f"{self.name}: the rate must be in [{LOWEST:g}, {HIGHEST:,.0f}] Hz, got {self.rate:g}")
        if not _is_finite(self.signals):
            bad = np.argwhere(~(np.abs(self.signals) <= _LARGEST))
            row, column = bad[0]
            raise InputError(
                f"{self.name}: {len(bad)} values are not finite; the first is sample {row} "
                f"of channel {self.channels[column]}. Repair or cut them out first"
            )

    @property
    def length(self) -> int:
        """T."""
        return len(self.signals)

    @property
    def measured(self) -> Sequence[np.ndarray]:
        """Of each channel what the sensor said: the signals, or `raw`."""
        return list(self.signals.T if self.raw is None else map(_smallest, self.raw))

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.length / self.rate

    @property
    def outline(self) -> Outline:
        """All but the signals and events."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(Outline)}
        return Outline(**{**given, "attributes": dict(self.attributes)})

    def select(self, channels: Sequence[str]) -> Recording:
        """The same recording with the named channels alone, in the order given.

        Raises:
          InputError: a name that the recording lacks.
        """
        columns = find_channels(self.channels, channels, name=self.name)
        return dataclasses.replace(
            self,
            signals=self.signals[:, columns],
            raw=None if self.raw is None else [self.raw[column] for column in columns],
            channels=tuple(channels),
            units=tuple(self.units[column] for column in columns),
        )

    def resample(self, rate: float) -> Recording:
        """The same recording at `rate` Hz, through a polyphase filter (scipy.signal.resample_poly).

        Raises:
          InputError: a rate that is not above 0.
        """
        if not (np.isfinite(rate) and rate > 0):
            raise InputError(f"cannot resample {self.name}: resample_hz must be above 0, got {rate}", fields=_RESAMPLE)
        ratio = fractions.Fraction(rate / self.rate).limit_denominator(10_000)
        if ratio == 1:
            return self
        if len(self.signals) * ratio < 1:
            raise InputError(
                f"{self.name}: nothing would be left of {self.seconds:g} s, with resample_hz {rate:g}", fields=_RESAMPLE
            )
        # "line" takes the straight line between the ends away first, so that the filter does not ring at them.
        signals = scipy.signal.resample_poly(
            self.signals.astype(np.float64), ratio.numerator, ratio.denominator, axis=0, padtype="line"
        )
        last = len(signals)
        spans = tuple(
            Span(start=round(s.start * ratio), stop=min(round(s.stop * ratio), last), label=s.label) for s in self.spans
        )
        events = tuple(Event(min(round(e.sample * ratio), last - 1), e.label) for e in self.events)
        return dataclasses.replace(self, signals=signals, rate=float(rate), spans=spans, events=events)

    def slice(self, start: int, stop: int) -> Recording:
        """Samples [start, stop), with the spans and events inside."""
        spans = tuple(
            Span(start=max(s.start, start) - start, stop=min(s.stop, stop) - start, label=s.label)
            for s in self.spans
            if s.start < stop and s.stop > start
        )
        events = tuple(Event(e.sample - start, e.label) for e in self.events if start <= e.sample < stop)
        return dataclasses.replace(self, signals=self.signals[start:stop], spans=spans, events=events)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Collection:
    """Recordings of one source.

    Attributes:
      recordings: at least one, all with the same channels.
      terms: licence and citation, for the model card.
      notes: what a person should know about them, such as records that were skipped.
      test_subjects: the subjects that the source itself sets aside for testing; empty where it leaves that to the user.
      sensors: what `data.sensor.measure` found, one a channel; empty before it was asked.
      resampled: whether the recordings are at another rate than the sensors were measured at.
      double: whether windows keep float64, since float32 would lose the steps of a sensor.
    """

    recordings: list[Recording]
    terms: str
    notes: tuple[str, ...] = ()
    test_subjects: tuple[str, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    resampled: bool = False
    double: bool = False


def _smallest(signals):
    """Signals as float32 where that is exact, and otherwise as float64."""
    signals = np.asarray(signals)
    if signals.dtype == np.float32:
        return signals
    signals = signals.astype(np.float64, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        single = signals.astype(np.float32)
        return single if np.array_equal(single, signals, equal_nan=True) else signals


def _is_finite(signals):
    """Whether every value is finite, also as float32."""
    return not signals.size or (signals.max() <= _LARGEST and signals.min() >= -_LARGEST)


def check_alike(recordings: Sequence[Recording | Outline], attributes: Sequence[str]) -> None:
    """Refuses recordings that cannot be learned from together.

    Args:
      recordings: any number.
      attributes: names of what must be equal: "channels", "units", "rate".

    Raises:
      InputError: there are none, one is empty, or they differ; with the names of two.
    """
    if not recordings:
        raise InputError("there are no recordings")
    first = recordings[0]
    for recording in recordings:
        if not recording.length:
            raise InputError(f"{recording.name} is empty: it has no samples")
        for what in attributes:
            if getattr(recording, what) != getattr(first, what):
                raise InputError(
                    f"{recording.name} has {what} {getattr(recording, what)}, "
                    f"but {first.name} has {getattr(first, what)}; choose channels that all have, or resample_hz",
                    fields=_RESAMPLE,
                )
