"""Where recordings come from: one file a format, each a function to a `Collection`, or to `Readers` of its files.

What is damaged is refused when it is read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from sensegen_tf.data import detect
from sensegen_tf.data.readers import Readers, of_collection
from sensegen_tf.data.recording import Collection
from sensegen_tf.data.sources import demo, devices, har, simulated, table, wfdb
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.sources.lookup import Attributes, AttributesConfig
from sensegen_tf.data.sources.parts import Parts, TakeConfig, read_part
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
      attributes: what a table says of the subjects.
    """

    source: str
    data_dir: str = ""
    channels: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    skip_seconds: float = 0.0
    resample_hz: float | None = None
    wfdb: wfdb.WfdbConfig = dataclasses.field(default_factory=wfdb.WfdbConfig)
    table: TableConfig = dataclasses.field(default_factory=TableConfig)
    attributes: AttributesConfig = dataclasses.field(default_factory=AttributesConfig)

    @property
    def take(self) -> TakeConfig:
        """What is taken of the recordings, whatever their source."""
        names = [field.name for field in dataclasses.fields(TakeConfig)]
        return TakeConfig(**{name: getattr(self, name) for name in names})


# `Readers` of those that are read file by file, so that they need not fit into memory.
SOURCES: dict[str, Callable[[SourceConfig], Collection | Readers]] = {
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
    "tfrecord": lambda config: _tfrecord(config.data_dir),
}
_EMBEDDED = ("watch", "ecg", "simulated_ecg")


def _tfrecord(path):
    # TensorFlow, which the processes that read other sources can do without.
    from sensegen_tf.data.sources import native

    return native.read_series(path)


def load(config: SourceConfig) -> Collection:
    """The recordings of a source, with the channels, labels and rate that are asked for, and their sensors measured.

    Args:
      config: which recordings.

    Raises:
      InputError: whatever the source refuses, an unknown source, a missing or needless `data_dir`, a label that does
        not occur, or a subject of whom the table of attributes has no row.

    Example:
      >>> load(SourceConfig(source="watch")).recordings[0].channels
      ('ax', 'ay', 'az', 'wx', 'wy', 'wz')
    """
    readers = open_readers(config)
    recordings, parts = [], Parts(config.take, Attributes(config.attributes, config.data_dir))
    for reader in readers.readers:
        recordings += parts.add(read_part(reader, config.take))
    return Collection(recordings=recordings, **parts.found(readers))


def open_readers(config: SourceConfig) -> Readers:
    """What reads the recordings of a source.

    Args:
      config: which recordings.

    Raises:
      InputError: an unknown source, a missing or needless `data_dir`, or whatever the source refuses before it reads.
    """
    if config.source == detect.AUTO:
        detected = detect.detect(config.data_dir)
        readers = open_readers(dataclasses.replace(config, source=detected.source))
        return dataclasses.replace(readers, notes=(detected.words, *readers.notes))
    if config.source not in SOURCES:
        raise InputError(f"source must be one of {', '.join(SOURCES)}, got {config.source}", fields=["source"])
    if bool(config.data_dir) == (config.source in _EMBEDDED):
        wrong = "needs a" if not config.data_dir else "is embedded and takes no"
        raise InputError(f"source {config.source} {wrong} data_dir", fields=["source", "data_dir"])
    found = SOURCES[config.source](config)
    return of_collection(found) if isinstance(found, Collection) else found
