"""WFDB records of PhysioNet, through the package wfdb (extra `ecg`).

Moody and Mark, "The impact of the MIT-BIH Arrhythmia Database", IEEE EMBS Magazine 2001; Clifford et al., "AF
classification from a short single lead ECG recording: the PhysioNet/Computing in Cardiology Challenge 2017"; Goldberger
et al., "PhysioBank, PhysioToolkit, and PhysioNet", Circulation 2000.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence

from sensegen_tf.data.recording import Collection, Event, Recording, Span
from sensegen_tf.errors import InputError
from sensegen_tf.files import files_in

_MITBIH_TERMS = "PhysioNet, ODC-By 1.0; cite Moody and Mark 2001 and Goldberger et al. 2000"
_CINC_TERMS = "PhysioNet, ODC-By 1.0; cite Clifford et al. 2017 and Goldberger et al. 2000"
DEFAULT_LEAD = "MLII"
# Annotation codes that mark a beat (https://archive.physionet.org/physiobank/annotations.shtml).
_BEATS = set("NLRBAaJSVrFejnE/fQ?")
# Records of one subject under two names: 202 says so itself ("same analog tape as record 201").
_SAME_SUBJECT = {"202": "201"}


def mitbih(data_dir: str | os.PathLike[str], channels: Sequence[str] = ()) -> Collection:
    """WFDB records of a folder, with beat annotations (MIT-BIH Arrhythmia Database).

    Args:
      data_dir: holds `.hea`, `.dat` and `.atr` files.
      channels: leads by name; empty for MLII.

    Returns:
      Recordings with beats as events, rhythms as spans, a note for each record that lacks a lead.

    Raises:
      InputError: no record, a truncated or unreadable one, none with these leads, or wfdb is not installed.
    """
    wfdb, data_dir = _package(), os.fspath(data_dir)
    leads = tuple(channels) or (DEFAULT_LEAD,)
    headers = files_in(data_dir, "*.hea")
    if not headers:
        raise InputError(
            f"no .hea files in {data_dir}: data_dir must be the folder of WFDB records. "
            "`python -m sensegen_tf.data download mitbih` fetches them",
            fields=["data_dir"],
        )
    recordings, skipped = [], []
    for path in headers:
        record = path[: -len(".hea")]
        header = _read(wfdb.rdheader, record, ".hea")
        missing = [lead for lead in leads if lead not in (header.sig_name or ())]
        if missing:
            has = ", ".join(header.sig_name or ("nothing",))
            skipped.append(f"record {os.path.basename(record)} has no lead {', '.join(missing)}; it has {has}")
        else:
            recordings.append(_recording(wfdb, record, header, leads))
    if not recordings:
        raise InputError(f"no record in {data_dir} has the leads {', '.join(leads)}:\n  " + "\n  ".join(skipped))
    count = f"{len(headers)} records, {len(recordings)} with the lead {', '.join(leads)}, {len(skipped)} skipped"
    return Collection(recordings=recordings, terms=_MITBIH_TERMS, notes=(count, *skipped))


def cinc2017(data_dir: str | os.PathLike[str], labels: Sequence[str] = ()) -> Collection:
    """The recordings of the CinC Challenge 2017: one lead of 9 to 61 s at 300 Hz, each of another subject as far as
    anybody knows, since subjects were never published.

    Args:
      data_dir: holds `.hea` and `.mat` files, and `REFERENCE.csv`: record, rhythm (N normal, A atrial fibrillation, O
        other, ~ too noisy).
      labels: the rhythms to read; empty for all.

    Raises:
      InputError: no table, a record that it names is missing or unreadable, or wfdb is not installed.
    """
    wfdb, data_dir = _package(), os.fspath(data_dir)
    table = os.path.join(data_dir, "REFERENCE.csv")
    if not os.path.exists(table):
        raise InputError(f"{table} is missing: data_dir must be the folder of the challenge", fields=["data_dir"])
    with open(table, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row and row[0] != "record"]
    wrong = [number for number, row in enumerate(rows, 1) if len(row) != 2]
    if wrong:
        raise InputError(f"{table}, row {wrong[0]}: expected a record and its rhythm", fields=["data_dir"])
    chosen = [(name, rhythm) for name, rhythm in rows if not labels or rhythm in labels]
    recordings = []
    for name, rhythm in chosen:
        data = _read(wfdb.rdrecord, os.path.join(data_dir, name), ".mat")
        recordings.append(
            Recording(
                name=f"record {name}",
                signals=data.p_signal,
                rate=float(data.fs),
                channels=tuple(data.sig_name),
                units=tuple(data.units),
                subject=name,
                spans=(Span(start=0, stop=data.sig_len, label=rhythm),),
            )
        )
    return Collection(recordings=recordings, terms=_CINC_TERMS, notes=(f"{len(chosen)} of {len(rows)} records",))


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


def _recording(wfdb, record, header, leads):
    _check_length(record, header)
    data = _read(wfdb.rdrecord, record, ".dat", channel_names=list(leads))
    order = [data.sig_name.index(lead) for lead in leads]
    events, spans = (), ()
    if os.path.exists(f"{record}.atr"):
        annotation = _read(wfdb.rdann, record, ".atr", extension="atr")
        marks = list(zip(annotation.sample.tolist(), annotation.symbol, annotation.aux_note, strict=True))
        events = tuple(Event(sample, symbol) for sample, symbol, _ in marks if symbol in _BEATS)
        changes = [(sample, note.rstrip("\x00")) for sample, _, note in marks if note.startswith("(")]
        stops = [sample for sample, _ in changes[1:]] + [data.sig_len]
        spans = tuple(
            Span(start=start, stop=stop, label=note[1:]) for (start, note), stop in zip(changes, stops, strict=True)
        )
    return Recording(
        name=f"record {os.path.basename(record)}",
        signals=data.p_signal[:, order],
        rate=float(data.fs),
        channels=leads,
        units=tuple(data.units[column] for column in order),
        subject=_SAME_SUBJECT.get(os.path.basename(record), os.path.basename(record)),
        spans=spans,
        events=events,
    )


def _check_length(record, header):
    """Refuses a `.dat` file that is shorter than its header says; wfdb's own message does not say so."""
    if set(header.fmt) != {"212"} or len(set(header.file_name)) != 1:
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
