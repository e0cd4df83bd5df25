"""Where recordings come from: one file a format, each a function that returns a `Collection`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from sensegen_tf.data import detect, sensor
from sensegen_tf.data.recording import Collection, check_alike
from sensegen_tf.data.sources import demo, devices, har, native, simulated, table, wfdb
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceConfig:
    """Which recordings.

    Attributes:
      source: a key of `SOURCES`, or "auto": what the files of `data_dir` say (see `data.detect`).
      data_dir: the folder (or, for `table`, `device` and `tfrecord`, the file) that holds them; "" for embedded ones.
      channels: names, in order; empty for all, or for the source's usual ones.
      labels: labels to keep; empty for all, or for the source's usual ones.
      skip_seconds: of the start of every recording, while a sensor settles or is put on; at least 0.
      resample_hz: the rate to resample to; None to keep the source's.
      wfdb: what is read beside the signals of WFDB records.
      table: what the columns of a table mean.
    """

    source: str
    data_dir: str = ""
    channels: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    skip_seconds: float = 0.0
    resample_hz: float | None = None
    wfdb: wfdb.WfdbConfig = dataclasses.field(default_factory=wfdb.WfdbConfig)
    table: TableConfig = dataclasses.field(default_factory=TableConfig)


SOURCES: dict[str, Callable[[SourceConfig], Collection]] = {
    "watch": lambda config: demo.watch(),
    "ecg": lambda config: demo.ecg(),
    "simulated_ecg": lambda config: simulated.ecg(),
    "hapt": lambda config: har.hapt(config.data_dir, config.channels, labels=config.labels),
    "uci_har": lambda config: har.uci_har(config.data_dir, config.channels),
    "wfdb": lambda config: wfdb.records(config.data_dir, config.channels, config=config.wfdb, table=config.table),
    "mitbih": lambda config: wfdb.mitbih(config.data_dir, config.channels, config=config.wfdb, table=config.table),
    "cinc2017": lambda config: wfdb.cinc2017(config.data_dir, config.labels),
    "table": lambda config: table.table(config.data_dir, config.table),
    "device": lambda config: devices.devices(
        config.data_dir, config.channels, table=dataclasses.replace(config.table, resample_hz=config.resample_hz)
    ),
    "tfrecord": lambda config: native.read_series(config.data_dir),
}
_EMBEDDED = ("watch", "ecg", "simulated_ecg")


def load(config: SourceConfig) -> Collection:
    """The recordings of a source, with the channels, labels and rate that are asked for, and their sensors measured.

    Args:
      config: which recordings.

    Raises:
      InputError: whatever the source refuses, an unknown source, a missing or needless `data_dir`, or a label that does
        not occur.

    Example:
      >>> load(SourceConfig(source="watch")).recordings[0].channels
      ('ax', 'ay', 'az', 'wx', 'wy', 'wz')
    """
    if config.source == detect.AUTO:
        found = detect.detect(config.data_dir)
        collection = load(dataclasses.replace(config, source=found.source))
        return dataclasses.replace(collection, notes=(found.words, *collection.notes))
    if config.source not in SOURCES:
        raise InputError(f"source must be one of {', '.join(SOURCES)}, got {config.source}", fields=["source"])
    if bool(config.data_dir) == (config.source in _EMBEDDED):
        wrong = "needs a" if not config.data_dir else "is embedded and takes no"
        raise InputError(f"source {config.source} {wrong} data_dir", fields=["source", "data_dir"])
    collection = SOURCES[config.source](config)
    recordings = collection.recordings
    if config.channels:
        recordings = [recording.select(config.channels) for recording in recordings]
    check_alike(recordings, ["channels", "units"])
    if config.labels:
        recordings = _keep_labels(recordings, set(config.labels))
    if config.skip_seconds:
        recordings = [_without_start(recording, config.skip_seconds) for recording in recordings]
    sensors = collection.sensors or sensor.measure(recordings)
    rates = [recording.rate for recording in recordings]
    if config.resample_hz is not None:
        recordings = [recording.resample(config.resample_hz) for recording in recordings]
    resampled = collection.resampled or rates != [recording.rate for recording in recordings]
    return dataclasses.replace(collection, recordings=recordings, sensors=sensors, resampled=resampled)


def _without_start(recording, seconds):
    if not (math.isfinite(seconds) and seconds > 0):
        raise InputError(f"skip_seconds must be at least 0, got {seconds}", fields=["skip_seconds"])
    start = round(seconds * recording.rate)
    if start >= len(recording.signals):
        raise InputError(
            f"{recording.name}: nothing would be left of {recording.seconds:g} s, with skip_seconds {seconds:g}",
            fields=["skip_seconds"],
        )
    return recording.slice(start, len(recording.signals))


def _keep_labels(recordings, wanted):
    found = {span.label for recording in recordings for span in recording.spans}
    missing = sorted(wanted - found)
    if missing:
        raise InputError(
            f"no recording is labelled {', '.join(missing)}; there are {', '.join(sorted(found)) or 'none'}"
        )
    kept = [
        dataclasses.replace(recording, spans=tuple(span for span in recording.spans if span.label in wanted))
        for recording in recordings
    ]
    return [recording for recording in kept if recording.spans]
