"""Windows of recordings: how they are cut, and the one container that holds them."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sensegen_tf.errors import InputError

_LABEL_POLICIES = ("single", "ignore")


@dataclasses.dataclass(frozen=True, kw_only=True)
class WindowConfig:
    """How recordings become windows.

    Attributes:
      length: samples in a window, at least 2.
      stride: samples from the start of one window to the start of the next, at least 1.
      label_policy: "single" cuts inside labelled spans, so that a window belongs to one label or is dropped (recordings
        are cut whole where none of them has a label); "ignore" cuts every recording from its start to its end.
      test_subjects: subjects that are never trained on; where empty, the last `test_fraction` of the sorted subjects.
      test_fraction: share of the subjects (with one subject, of the time) that is never trained on, in (0, 1).
      heldout_fraction: share of the training stretches of each label (every fifth, say) that are not trained on, in
        [0, 0.5]: held-out windows of training subjects.
      exclude_subjects: subjects that are left away altogether.
    """

    length: int
    stride: int
    label_policy: str = "single"
    test_subjects: tuple[str, ...] = ()
    test_fraction: float = 0.2
    heldout_fraction: float = 0.0
    exclude_subjects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.length < 2:
            raise InputError(f"length must be at least 2 samples, got {self.length}", fields=["length"])
        if self.stride < 1:
            raise InputError(f"stride must be at least 1 sample, got {self.stride}", fields=["stride"])
        if self.label_policy not in _LABEL_POLICIES:
            raise InputError(
                f"label_policy must be {' or '.join(_LABEL_POLICIES)}, got {self.label_policy}", fields=["label_policy"]
            )
        if not 0 < self.test_fraction < 1:
            raise InputError(
                f"test_fraction must lie between 0 and 1, got {self.test_fraction}", fields=["test_fraction"]
            )
        if not 0 <= self.heldout_fraction <= 0.5:
            raise InputError(
                f"heldout_fraction must lie between 0 and 0.5, got {self.heldout_fraction}", fields=["heldout_fraction"]
            )


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class WindowSet:
    """Windows in memory, and what is known of them; used from the recordings to the report.

    Attributes:
      values: [N, T, C], in physical units; float32 unless `double`.
      name: what messages and the report call it.
      rate: samples a second, Hz; 1 where it is unknown, so that frequencies are in cycles a sample.
      channels: C names; where empty, x0, x1 and so on.
      units: C units; where empty, "1" each.
      subjects: N strings, or None where nobody knows.
      labels: N strings, "" where a window has none; None where no window has one.
      log_likelihood: a model's log-likelihood of each window, float [N], nats, NaN where it was not computed; or None.
      double: whether the values are float64, since float32 would lose the steps of a sensor.

    Raises:
      InputError: shapes that do not fit, a rate not above 0, or a value that is not finite (with its place).

    Example:
      >>> windows = WindowSet(values=np.zeros([3, 8, 1]), rate=50.0, labels=["walk", "rest", "walk"])
      >>> windows.count, windows.length, windows.channels, windows.label_names
      (3, 8, ('x0',), ('rest', 'walk'))
    """

    values: np.ndarray
    name: str = "windows"
    rate: float = 1.0
    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    subjects: np.ndarray | None = None
    labels: np.ndarray | None = None
    log_likelihood: np.ndarray | None = None
    double: bool = False

    def __post_init__(self) -> None:
        self._set("values", np.asarray(self.values, np.float64 if self.double else np.float32))
        if self.values.ndim != 3:
            raise InputError(f"{self.name}: expected windows [number, time, channel], got shape {self.values.shape}")
        if not (np.isfinite(self.rate) and self.rate > 0):
            raise InputError(f"{self.name}: the rate must be above 0 Hz, got {self.rate}")
        channels = self.values.shape[-1]
        self._set("channels", tuple(self.channels) or tuple(f"x{index}" for index in range(channels)))
        self._set("units", tuple(self.units) or ("1",) * channels)
        if not channels == len(self.channels) == len(self.units):
            raise InputError(
                f"{self.name}: {len(self.channels)} channel names and {len(self.units)} units for {channels} channels"
            )
        for what in ("subjects", "labels"):
            if getattr(self, what) is not None:
                self._set(what, np.asarray(getattr(self, what), str))
        if self.log_likelihood is not None:
            self._set("log_likelihood", np.asarray(self.log_likelihood))
        self._check_rows()
        if self.labels is not None and not self.labels.astype(bool).any():
            self._set("labels", None)

    def _set(self, attribute, value):
        object.__setattr__(self, attribute, value)

    def _check_rows(self):
        for what in ("subjects", "labels", "log_likelihood"):
            given = getattr(self, what)
            if given is not None and given.shape != (self.count,):
                found = f"{len(given)} {what}" if given.ndim == 1 else f"{what} of shape {given.shape}"
                raise InputError(f"{self.name}: {found} for {self.count} windows")
        if not np.isfinite(self.values).all():
            bad = np.argwhere(~np.isfinite(self.values))
            window, sample, channel = bad[0]
            raise InputError(
                f"{self.name}: {len(bad)} values are not finite; the first is sample {sample} of channel "
                f"{self.channels[channel]} in window {window}. Repair them, or leave those windows out"
            )
        if self.log_likelihood is not None:
            if self.log_likelihood.dtype.kind not in "fiu":
                raise InputError(f"{self.name}: log_likelihood holds no numbers")
            if np.isinf(self.log_likelihood).any():
                raise InputError(f"{self.name}: a log-likelihood is not finite")

    @property
    def count(self) -> int:
        """N."""
        return len(self.values)

    @property
    def length(self) -> int:
        """T."""
        return self.values.shape[1]

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels that occur, sorted; none where no window has one."""
        return () if self.labels is None else label_names(self.labels)

    @property
    def subject_names(self) -> tuple[str, ...]:
        """The subjects that occur, sorted; none where they are unknown."""
        return () if self.subjects is None else tuple(np.unique(self.subjects).tolist())

    def encoded_labels(self, names: Sequence[str]) -> np.ndarray:
        """The windows' labels as indices into sorted names, int32 [N]; see `encode_labels`."""
        return encode_labels(names, self.labels, count=self.count)

    def encoded_subjects(self, names: Sequence[str]) -> np.ndarray:
        """The windows' subjects as indices into sorted names, int32 [N]; see `encode_labels`."""
        return encode_labels(names, self.subjects, count=self.count)

    def take(self, rows: np.ndarray | slice) -> WindowSet:
        """The windows of these rows (indices, a mask, or a slice), with all that belongs to them."""
        chosen: dict[str, Any] = {
            what: None if getattr(self, what) is None else getattr(self, what)[rows]
            for what in ("values", "subjects", "labels", "log_likelihood")
        }
        return dataclasses.replace(self, **chosen)

    def subsample(self, count: int) -> WindowSet:
        """At most `count` of the windows, evenly spaced over all."""
        if count >= self.count:
            return self
        return self.take(evenly_spaced(self.count, count))

    def describe(self) -> dict[str, Any]:
        """Counts and a checksum, as a dictionary that JSON can hold."""
        labels = np.full(self.count, "") if self.labels is None else self.labels
        names, counts = np.unique(labels, return_counts=True)
        of_labels = dict(zip(names.tolist(), counts.tolist(), strict=True))
        return describe_windows(
            self.subject_names, of_labels, checksum=zlib.crc32(np.ascontiguousarray(self.values).data)
        )


def describe_windows(subjects: Iterable[str], labels: Mapping[str, int], *, checksum: int) -> dict[str, Any]:
    """What is said of windows, as a dictionary that JSON can hold.

    Args:
      subjects: that occur.
      labels: label, or "" where a window has none -> how many windows.
      checksum: CRC-32 of the values.
    """
    return {
        "windows": sum(labels.values()),
        "subjects": sorted(subjects),
        "labels": {name: labels[name] for name in sorted(labels)},
        "checksum": checksum,
    }


def evenly_spaced(count: int, most: int) -> np.ndarray:
    """At most `most` of the numbers below `count`, evenly spaced over all; all of them where there are no more.

    Example:
      >>> evenly_spaced(7, 3).tolist(), evenly_spaced(2, 3).tolist()
      ([0, 3, 6], [0, 1])
    """
    return np.linspace(0, count - 1, min(most, count)).astype(int)


def label_names(labels: np.ndarray | Sequence[str]) -> tuple[str, ...]:
    """The distinct labels, sorted; none where all are ""."""
    names = tuple(np.unique(np.asarray(labels, str)).tolist())
    return () if names == ("",) else names


def encode_labels(
    names: Sequence[str], values: np.ndarray | Sequence[str] | None, *, count: int | None = None
) -> np.ndarray:
    """Labels (or subjects) as indices into sorted names.

    Args:
      names: sorted; where empty, every index is 0.
      values: N strings, or None for N empty ones.
      count: N; needed where `values` is None.

    Returns:
      int32 [N].

    Raises:
      InputError: a value that is none of the names.

    Example:
      >>> encode_labels(("rest", "walk"), ["walk", "rest"]).tolist()
      [1, 0]
    """
    if values is None:
        if count is None:
            raise TypeError("encode_labels needs `count` where `values` is None")
        values = [""] * count
    if not names:
        return np.zeros(len(values), np.int32)
    unknown = sorted(set(np.unique(np.asarray(values, str)).tolist()) - set(names))
    if unknown:
        raise InputError(
            f"no training window is labelled {unknown[0] or '(nothing)'}, but another one is; the model can only be "
            f"conditional on {', '.join(names)}: keep to them with labels, or train a model that is not conditional",
            fields=["labels"],
        )
    return np.searchsorted(np.asarray(names), values).astype(np.int32)
