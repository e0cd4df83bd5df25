"""EDF, EDF+ and BDF files, through pyedflib (extra `native`).

Kemp and Olivan, "European data format 'plus' (EDF+), an EDF alike standard format for the exchange of physiological
data", Clinical Neurophysiology 2003.
"""

from __future__ import annotations

import contextlib
import functools

from sensegen_tf.data.sources.devices.signals import Opened, Signal, Stretch, check_rate
from sensegen_tf.errors import InputError


def open_edf(path: str) -> Opened:
    """The signals of a file, a channel each, in the physical units of its header.

    Args:
      path: of the file.

    Raises:
      InputError: it cannot be read, or pyedflib is not installed.
    """
    with _reader(path) as reader:
        signals: list[Signal] = []
        for index in range(reader.signals_in_file):
            name = reader.getLabel(index).strip() or f"signal {index + 1}"
            rate = float(reader.getSampleFrequency(index))
            check_rate(rate, f"{path}, {name}")
            if name in [other.channels[0] for other in signals]:
                name = f"{name} {index + 1}"
            unit = reader.getPhysicalDimension(index).strip() or "1"
            signals.append(Signal((name,), (unit,), rate, functools.partial(_load, path, index)))
    if not signals:
        raise InputError(f"{path} holds annotations and no signals")
    return Opened(signals)


def _load(path, index):
    with _reader(path) as reader:
        # All signals of a file start together.
        return [Stretch(0.0, reader.readSignal(index)[:, None])]


@contextlib.contextmanager
def _reader(path):
    try:
        import pyedflib
    except ImportError as error:
        raise InputError(f"{path} needs pyedflib, which is not installed: pip install 'sensegen_tf[native]'") from error
    with contextlib.closing(pyedflib.EdfReader(path, annotations_mode=pyedflib.DO_NOT_READ_ANNOTATIONS)) as reader:
        yield reader
