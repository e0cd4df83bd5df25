"""WFDB records of PhysioNet, through the package wfdb (extra `ecg`).

Moody and Mark, "The impact of the MIT-BIH Arrhythmia Database", IEEE EMBS Magazine 2001; Clifford et al., "AF
classification from a short single lead ECG recording: the PhysioNet/Computing in Cardiology Challenge 2017"; Goldberger
et al., "PhysioBank, PhysioToolkit, and PhysioNet", Circulation 2000.
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sensegen_tf.data.missing import complete
from sensegen_tf.data.paths import files_below
from sensegen_tf.data.readers import Read, Readers
from sensegen_tf.data.recording import Event, Recording, Span
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.sources.lookup import read_lookup
from sensegen_tf.errors import InputError

_TERMS = "those of the database; cite it and Goldberger et al. 2000"
_MITBIH_TERMS = "PhysioNet, ODC-By 1.0; cite Moody and Mark 2001 and Goldberger et al. 2000"
_CINC_TERMS = "PhysioNet, ODC-By 1.0; cite Clifford et al. 2017 and Goldberger et al. 2000"
DEFAULT_LEAD = "MLII"
# Of the table of the subjects.
_COLUMNS = ("subject_column", "label_column")
# Annotation codes that mark a beat, and that of a change of rhythm
# (https://archive.physionet.org/physiobank/annotations.shtml).
_BEATS, _RHYTHM = set("NLRBAaJSVrFejnE/fQ?"), "+"
# Of MIT-BIH: rate and samples of every record, and records of one subject under two names: 202 says so itself ("same
# analog tape as record 201").
_MITBIH, _SAME_SUBJECT = (360, 650_000), {"202": "201"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class WfdbConfig:
    """What is read beside the signals of WFDB records.

    Attributes:
      annotator: suffix of the annotations: beats become events, rhythms spans.
      subject_table: a text file with a row a record, in their folder or elsewhere, whose `subject_column` and
        `label_column` (see `TableConfig`) say what they are; "" for none.
      record_column: of the subject table, a record's path below the folder, or its name; "" for its first column.
    """

    annotator: str = "atr"
    subject_table: str = ""
    record_column: str = ""


class _Record(NamedTuple):
    """A record: its path without a suffix, its path below the folder, its header, the names of its leads."""

    path: str
    inside: str
    header: Any
    leads: tuple[str, ...]


def records(
    data_dir: str | os.PathLike[str],
    channels: Sequence[str] = (),
    *,
    config: WfdbConfig | None = None,
    table: TableConfig | None = None,
) -> Readers:
    """WFDB records of a folder and the folders in it; each is of another subject, unless a table says otherwise.

    Args:
      data_dir: holds `.hea` files and what they name. Segments of a longer record are no records of their own.
      channels: leads by name; empty for those of the first record.
      config: annotations, and the table of the subjects.
      table: the columns of the table of the subjects, and what is done where values are missing.

    Returns:
      Recordings at the rate of the leads; a note for each record that lacks a lead.

    Raises:
      InputError: no record, a truncated or unreadable one, none with these leads, leads of different rates, a record
        that the table lacks, or wfdb is not installed.
    """
    config = config or WfdbConfig()
    found = _find(data_dir)
    leads = tuple(channels) or found[0].leads
    return _readers(found, leads, config.annotator, table=_Table(data_dir, config, table or TableConfig()))


def mitbih(
    data_dir: str | os.PathLike[str],
    channels: Sequence[str] = (),
    *,
    config: WfdbConfig | None = None,
    table: TableConfig | None = None,
) -> Readers:
    """The MIT-BIH Arrhythmia Database: as `records`, with the lead MLII where none is named.

    In a folder of other records nothing that holds for MIT-BIH alone is applied: who is recorded twice, and the terms.
    """
    config = config or WfdbConfig()
    found = _find(data_dir, hint="`python -m sensegen_tf.data download mitbih` fetches them")
    leads, columns = tuple(channels) or (DEFAULT_LEAD,), _Table(data_dir, config, table or TableConfig())
    if any((each.header.fs, each.header.sig_len) != _MITBIH for each in found):
        return _readers(found, leads, config.annotator, table=columns)
    known = _readers(found, leads, config.annotator, table=columns, same=_SAME_SUBJECT)
    return dataclasses.replace(known, terms=_MITBIH_TERMS)


def _find(data_dir, hint=""):
    """The records below a folder; segments, and headers that only lay them out, belong to another record."""
    wfdb, data_dir = _package(), os.fspath(data_dir)
    try:
        headers = files_below(data_dir, (".hea",)).files
    except InputError as error:
        message = f"no .hea files in {data_dir}: data_dir must be the folder of WFDB records. {hint}"
        raise InputError(message.strip(), fields=["data_dir"]) from error
    found, parts = [], set()
    for file in headers:
        path = file.path[: -len(".hea")]
        header = _read(wfdb.rdheader, path, ".hea")
        leads = tuple(header.sig_name or ())
        if isinstance(header, wfdb.MultiRecord):
            parts |= {os.path.join(os.path.dirname(path), name) for name in header.seg_name}
            header = _read(wfdb.rdheader, path, ".hea", rd_segments=True)
            leads = tuple(header.get_sig_name())
        if not all(leads):
            raise InputError(
                f"record {file.name}: signal {leads.index(None) + 1} has no name in {path}.hea; give it one"
            )
        found.append(_Record(path, file.name, header, leads))
    return [each for each in found if each.path not in parts]


class _Known(NamedTuple):
    """What is known of a record beside its signals: who it is of, and its label or ""."""

    subject: str
    label: str


class _Table:
    """What a table says of the records, and the rest of what columns mean."""

    def __init__(self, data_dir, config, columns):
        self.columns, self._rows = columns, None
        if not config.subject_table:
            return
        found = read_lookup(
            config.subject_table, data_dir=data_dir, field="subject_table", column_names=columns.column_names
        )
        key = config.record_column or found.names[0]
        for field, name in (("record_column", key), *((each, getattr(columns, each)) for each in _COLUMNS)):
            found.check([name] if name else [], field=field)
        self._path, self._rows = found.path, {row.get(key, ""): row for row in found.rows}

    def of(self, record, column, default):
        """What the column says of a record."""
        if self._rows is None or not column:
            return default
        row = self._rows.get(record.inside) or self._rows.get(os.path.basename(record.inside))
        if row is None:
            raise InputError(f"{self._path} has no row of the record {record.inside}", fields=["record_column"])
        return row.get(column, "")


def _readers(found, leads, annotator, *, table, same: Mapping[str, str] | None = None):
    """Readers of the records that have the leads; `same` are second names of subjects."""
    readers, skipped = [], []
    for record in found:
        missing = [lead for lead in leads if lead not in record.leads]
        if missing:
            has = ", ".join(record.leads or ("nothing",))
            skipped.append(f"record {os.path.basename(record.path)} has no lead {', '.join(missing)}; it has {has}")
            continue
        subject = table.of(record, table.columns.subject_column, record.inside)
        known = _Known((same or {}).get(subject, subject), table.of(record, table.columns.label_column, ""))
        readers.append(functools.partial(_read_record, record, leads, annotator, table.columns, known))
    if not readers:
        folder = os.path.dirname(found[0].path)
        raise InputError(f"no record in {folder} has the leads {', '.join(leads)}:\n  " + "\n  ".join(skipped))
    count = f"{len(found)} records, {len(readers)} with the lead {', '.join(leads)}, {len(skipped)} skipped"
    return Readers(readers=readers, terms=_TERMS, notes=(count, *skipped))


def _read_record(record, leads, annotator, config, known):
    """A record, cut where values are missing."""
    name = f"record {os.path.basename(record.path)}"
    data = _signals(record, leads)
    columns = [data.sig_name.index(lead) for lead in leads]
    rates = [float(data.fs * data.samps_per_frame[column]) for column in columns]
    if len(set(rates)) > 1:
        each = ", ".join(f"{lead} {rate:g} Hz" for lead, rate in zip(leads, rates, strict=True))
        raise InputError(
            f"{name}: its leads have different rates ({each}); choose leads of one rate", fields=["channels"]
        )
    rate, signals = rates[0], np.stack([data.e_p_signal[column] for column in columns], -1)
    missing = int((~np.isfinite(signals)).any(1).sum())
    if missing and config.missing == "refuse":
        raise InputError(
            f"{name}: {missing} samples are missing, the first is {int(np.argmin(np.isfinite(signals).all(1)))}. Give "
            "missing=cut or missing=interpolate, or leave the record out",
            fields=["missing"],
        )
    whole = complete(signals, longest=config.longest_gap_seconds * rate if config.missing == "interpolate" else 0)
    events, spans = _annotations(record.path, annotator, rate=rate, base=float(data.fs), length=len(signals))
    recording = Recording(
        name=name,
        signals=np.nan_to_num(whole.signals, posinf=0.0, neginf=0.0),
        rate=rate,
        channels=leads,
        units=tuple(data.units[column] for column in columns),
        subject=known.subject,
        spans=(Span(start=0, stop=len(signals), label=known.label),) if known.label else spans,
        events=events,
        raw=list(signals[np.isfinite(signals).all(1)].T) if whole.interpolated else None,
    )
    counts = {"samples interpolated": whole.interpolated, "samples cut out": whole.cut}
    return Read([recording.slice(run.start, run.stop) for run in whole.runs], counts=counts)


def _signals(record, leads):
    """A record as wfdb reads it, each lead at its own rate."""
    _check_length(record.path, record.header)
    wfdb = _package()
    some = {} if isinstance(record.header, wfdb.MultiRecord) else {"channel_names": list(leads)}
    return _read(wfdb.rdrecord, record.path, ".dat", smooth_frames=False, **some)


def _annotations(record, annotator, *, rate, base, length):
    """Beats as events and rhythms as spans, in samples of a lead of that rate; none where there is no such file."""
    if not os.path.exists(f"{record}.{annotator}"):
        return (), ()
    found = _read(_package().rdann, record, f".{annotator}", extension=annotator)
    scale = rate / (found.fs or base)
    marks = list(zip((found.sample * scale).round().astype(int).tolist(), found.symbol, found.aux_note, strict=True))
    events = tuple(Event(sample, symbol) for sample, symbol, _ in marks if symbol in _BEATS and sample < length)
    changes = [(at, note.rstrip("\x00 ")) for at, symbol, note in marks if symbol == _RHYTHM and note.startswith("(")]
    stops = [*(at for at, _ in changes[1:]), length]
    spans = (
        Span(start=start, stop=stop, label=note[1:])
        for (start, note), stop in zip(changes, stops[: len(changes)], strict=True)
    )
    return events, tuple(span for span in spans if span.start < span.stop <= length)


def cinc2017(data_dir: str | os.PathLike[str], labels: Sequence[str] = ()) -> Readers:
    """The recordings of the CinC Challenge 2017: one lead of 9 to 61 s at 300 Hz, each of another subject as far as
    anybody knows, since subjects were never published.

    Args:
      data_dir: holds `.hea` and `.mat` files, and `REFERENCE.csv`: record, rhythm (N normal, A atrial fibrillation, O
        other, ~ too noisy).
      labels: the rhythms to read; empty for all.

    Raises:
      InputError: no table, a record that it names is missing or unreadable, or wfdb is not installed.
    """
    _package()
    data_dir = os.fspath(data_dir)
    table = os.path.join(data_dir, "REFERENCE.csv")
    if not os.path.exists(table):
        raise InputError(f"{table} is missing: data_dir must be the folder of the challenge", fields=["data_dir"])
    with open(table, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row and row[0] != "record"]
    wrong = [number for number, row in enumerate(rows, 1) if len(row) != 2]
    if wrong:
        raise InputError(f"{table}, row {wrong[0]}: expected a record and its rhythm", fields=["data_dir"])
    chosen = [(name, rhythm) for name, rhythm in rows if not labels or rhythm in labels]
    readers = [functools.partial(_read_cinc2017, data_dir, name, rhythm) for name, rhythm in chosen]
    return Readers(readers=readers, terms=_CINC_TERMS, notes=(f"{len(chosen)} of {len(rows)} records",))


def _read_cinc2017(data_dir, name, rhythm):
    data = _read(_package().rdrecord, os.path.join(data_dir, name), ".mat")
    recording = Recording(
        name=f"record {name}",
        signals=data.p_signal,
        rate=float(data.fs),
        channels=tuple(data.sig_name),
        units=tuple(data.units),
        subject=name,
        spans=(Span(start=0, stop=data.sig_len, label=rhythm),),
    )
    return Read([recording])


def _package():
    """The package wfdb."""
    try:
        import wfdb
    except ImportError as error:
        raise InputError(
            f"this source needs a package that is not installed ({error.name}): pip install 'sensegen_tf[ecg]'",
            fields=["source"],
        ) from error
    return wfdb


def _read(reader, record, suffix, **arguments):
    """Runs a reader of wfdb; what it cannot read becomes an InputError that names the file."""
    try:
        return reader(record, **arguments)
    except Exception as error:  # wfdb raises whatever its parsing stumbles over
        raise InputError(f"cannot read {record}{suffix}: {type(error).__name__}: {error}") from error


def _check_length(record, header):
    """Refuses a `.dat` file that is shorter than its header says; wfdb's own message does not say so."""
    if set(getattr(header, "fmt", None) or ()) != {"212"} or len(set(header.file_name)) != 1:
        return
    path = os.path.join(os.path.dirname(record), header.file_name[0])
    if not os.path.exists(path):
        raise InputError(f"{path} is missing, which {record}.hea names")
    expected = -(-header.sig_len * header.n_sig * 3 // 2)
    if os.path.getsize(path) < expected:
        raise InputError(
            f"{path} is truncated: {os.path.getsize(path)} bytes, but {record}.hea promises {header.sig_len} "
            f"samples of {header.n_sig} leads, {expected} bytes. Fetch it again"
        )
