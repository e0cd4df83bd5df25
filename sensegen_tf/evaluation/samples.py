"""What is judged, and by what: sets of windows, and the checks that they can be compared."""

import dataclasses

import numpy as np

from sensegen_tf.errors import InputError

# Fewer windows than this say nothing that an interval would not swallow.
FEWEST = 64


@dataclasses.dataclass(frozen=True, eq=False)
class Samples:
    """A set of windows.

    Attributes:
      name: what messages call it, such as "--real=F".
      values: float32 [N, T, C], physical units, T at least 8.
      rate: Hz; 1 where it is not known, so that frequencies are in cycles a sample.
      channels, units: C strings each; unit "1" where it is not known.
      subjects: N strings, or None where nobody knows.
      labels: N strings, none of them empty, or None where there are none.
      log_likelihood: float [N], a model's log-likelihood of each window, or None.

    Raises:
      InputError: another shape, too few windows, a value that is not finite (with its place), or labels for some
        windows alone.
    """

    name: str
    values: np.ndarray
    rate: float
    channels: tuple[str, ...]
    units: tuple[str, ...]
    subjects: np.ndarray | None = None
    labels: np.ndarray | None = None
    log_likelihood: np.ndarray | None = None

    def __post_init__(self):
        object.__setattr__(self, "values", np.asarray(self.values, np.float32))
        if self.values.ndim != 3:
            raise InputError(f"{self.name}: expected windows [number, time, channel], got shape {self.values.shape}")
        count, length, channels = self.values.shape
        if count < FEWEST:
            raise InputError(f"{self.name}: {count} windows are too few to judge by; at least {FEWEST} are needed")
        if length < 8:
            raise InputError(f"{self.name}: windows of {length} samples are too short; at least 8 are needed")
        if channels != len(self.channels) or channels != len(self.units):
            raise InputError(
                f"{self.name}: {len(self.channels)} channel names and {len(self.units)} units for {channels} channels"
            )
        bad = np.argwhere(~np.isfinite(self.values))
        if len(bad):
            series, sample, channel = bad[0]
            raise InputError(
                f"{self.name}: {len(bad)} values are not finite; the first is sample {sample} of channel "
                f"{self.channels[channel]} in window {series}. Repair them, or leave those windows out"
            )
        for what in ("subjects", "labels", "log_likelihood"):
            given = getattr(self, what)
            if given is not None and len(given) != count:
                raise InputError(f"{self.name}: {len(given)} {what} for {count} windows")
        if self.labels is not None and "" in self.labels:
            missing = np.flatnonzero(self.labels == "")
            raise InputError(
                f"{self.name}: {len(missing)} of {count} windows have no label, the first is window {missing[0]}. "
                "Label all or none"
            )
        if self.log_likelihood is not None and not np.isfinite(self.log_likelihood).all():
            raise InputError(f"{self.name}: a log-likelihood is not finite")

    @property
    def count(self):
        """N."""
        return len(self.values)

    def take(self, rows):
        """The windows of these rows, with all that belongs to them."""
        chosen = {
            what: None if getattr(self, what) is None else getattr(self, what)[rows]
            for what in ("values", "subjects", "labels", "log_likelihood")
        }
        return dataclasses.replace(self, **chosen)

    def spread(self, count):
        """At most `count` windows, evenly spread over all."""
        if count >= self.count:
            return self
        return self.take(np.linspace(0, self.count - 1, count).astype(int))


def check_comparable(real, synthetic, heldout=None):
    """Refuses sets that cannot be compared.

    Args:
      real, synthetic: `Samples`.
      heldout: `Samples`, or None.

    Raises:
      InputError: windows of another length, rate, other channels or units, a real channel that never changes, or
        labels that the real windows do not have.
    """
    for other in filter(None, (synthetic, heldout)):
        if other.values.shape[1] != real.values.shape[1]:
            raise InputError(
                f"{other.name} has windows of {other.values.shape[1]} samples, {real.name} of "
                f"{real.values.shape[1]}; --window_length=L cuts both to L samples"
            )
        if len(other.channels) != len(real.channels):
            raise InputError(f"{other.name} has {len(other.channels)} channels, {real.name} has {len(real.channels)}")
        if abs(other.rate - real.rate) > 1e-3 * real.rate:
            raise InputError(
                f"{other.name} is sampled at {other.rate:g} Hz, {real.name} at {real.rate:g} Hz; resample one of them"
            )
        for what in ("channels", "units"):
            if getattr(other, what) != getattr(real, what):
                raise InputError(
                    f"{other.name} has {what} {', '.join(getattr(other, what))}, "
                    f"{real.name} has {', '.join(getattr(real, what))}"
                )
        if other.labels is not None and real.labels is not None:
            unknown = sorted(set(other.labels) - set(real.labels))
            if unknown:
                raise InputError(
                    f"{other.name} has the label {unknown[0]}, which {real.name} does not have; "
                    f"it has {', '.join(sorted(set(real.labels)))}"
                )
    for group in filter(None, (real, heldout)):
        spread = group.values.max((0, 1)) - group.values.min((0, 1))
        if (spread == 0).any():
            channel = group.channels[int(np.argmax(spread == 0))]
            raise InputError(
                f"{group.name}: channel {channel} never changes; there is nothing to compare with. Leave it out"
            )
