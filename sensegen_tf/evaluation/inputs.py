"""What can be evaluated: the checks of the windows before anything is measured."""

from __future__ import annotations

import numpy as np

from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError

# Fewer windows than this say nothing that an interval would not hide.
FEWEST = 64
SHORTEST = 8


def check_comparable(
    real: WindowSet, synthetic: WindowSet, *, test: WindowSet | None = None, heldout: WindowSet | None = None
) -> None:
    """Refuses sets that cannot be evaluated together.

    Args:
      real, synthetic, test, heldout: see `evaluator.evaluate`.

    Raises:
      InputError: too few or too short windows, labels for some windows alone, another length, rate, other channels or
        units than the real windows have, a real channel that never changes, or labels that the real windows do not
        have.
    """
    given = {"real": real, "synthetic": synthetic, "test": test, "heldout": heldout}
    sets = {name: windows for name, windows in given.items() if windows is not None}
    for name, windows in sets.items():
        _check_alone(name, windows)
    for name, windows in sets.items():
        if name != "real":
            _check_beside(name, windows, real)
    for name in ("real", "test"):
        if name in sets:
            _check_changing(name, sets[name])


def _check_alone(name, windows):
    if windows.count < FEWEST:
        raise InputError(
            f"{name}: {windows.count} windows are too few to evaluate; at least {FEWEST} are needed", fields=[name]
        )
    if windows.length < SHORTEST:
        raise InputError(
            f"{name}: windows of {windows.length} time steps are too short; at least {SHORTEST} are needed",
            fields=[name],
        )
    if windows.labels is not None and "" in windows.labels:
        missing = np.flatnonzero(windows.labels == "")
        raise InputError(
            f"{name}: {len(missing)} of {windows.count} windows have no label, the first is window {missing[0]}. "
            "Label all or none",
            fields=[name],
        )


def _check_beside(name, windows, real):
    if windows.length != real.length:
        raise InputError(
            f"{name}: windows of {windows.length} time steps cannot be compared with those of {real.length} in real; "
            "read both with the same length",
            fields=[name, "real", "length"],
        )
    both = [name, "real"]
    if len(windows.channels) != len(real.channels):
        raise InputError(f"{name}: {len(windows.channels)} channels, real: {len(real.channels)}", fields=both)
    if abs(windows.rate - real.rate) > 1e-3 * real.rate:
        raise InputError(
            f"{name}: sampled at {windows.rate:g} Hz, real: at {real.rate:g} Hz; resample one of them", fields=both
        )
    for what in ("channels", "units"):
        here, there = getattr(windows, what), getattr(real, what)
        if here != there:
            raise InputError(f"{name}: has {what} {', '.join(here)}, real: {', '.join(there)}", fields=both)
    unknown = sorted(set(windows.label_names) - set(real.label_names))
    if real.labels is not None and unknown:
        raise InputError(
            f"{name}: has the label {unknown[0]}, which is not in real; there are {', '.join(real.label_names)}",
            fields=both,
        )


def _check_changing(name, windows):
    constant = np.ptp(windows.values, axis=(0, 1)) == 0
    if constant.any():
        raise InputError(
            f"{name}: channel {windows.channels[int(np.argmax(constant))]} never changes; there is nothing to compare "
            "with. Leave it out",
            fields=[name],
        )
