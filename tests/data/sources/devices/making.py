"""Small files of devices, written after the public descriptions of their formats."""

import io
import os
import struct
import time
import zipfile

import numpy as np

from sensegen_tf.data.sources import SourceConfig, load
from sensegen_tf.data.sources.columns import TableConfig

START = 1_700_000_000
_CWA_8_G_100_HZ = 0x4A
_GENEACTIV = """Device Identity
Device Unique Serial Code:1
Device Type:GENEActiv
Device Model:1.2
Device Firmware Version:Ver06.17
Calibration Date:2023-09-08 14:14:04:000

Device Capabilities
Accelerometer Range:-8 to 8
Accelerometer Resolution:0.0039
Accelerometer Units:g

Configuration Info
Measurement Frequency:{rate:g} Hz
Start Time:2023-11-14 22:13:20:000
Time Zone:GMT +00:00

Subject Info
Subject Code:Anna

Calibration Data
x gain:{gain}
x offset:0
y gain:{gain}
y offset:0
z gain:{gain}
z offset:0
Volts:50
Lux:1000

Memory Status
Number of Pages:{pages}
"""


def wave(length, *, axes=3):
    """Acceleration of a wrist in g, float64 [length, axes]."""
    moments = np.arange(length)[:, None] / 10 + np.arange(axes)
    return np.round(np.sin(moments), 2)


def devices(path, channels=(), *, table=None):
    """The recordings of files of devices."""
    table = table or TableConfig()
    given = {"channels": tuple(channels), "table": table, "resample_hz": table.resample_hz}
    return load(SourceConfig(source="device", data_dir=os.fspath(path), **given))


def e4(folder, *, seconds=20, start=START, **changes):
    """A session of an E4; `changes` are texts in the place of its files, None for no file."""
    folder.mkdir(parents=True, exist_ok=True)
    acceleration = (wave(32 * seconds) * 64).round().astype(int)
    texts = {
        "ACC": "\n".join([", ".join([f"{start}.000000"] * 3), ", ".join(["32.000000"] * 3)])
        + "\n"
        + "".join(f"{x},{y},{z}\n" for x, y, z in acceleration),
        "BVP": _column(start, 64, 50 * wave(64 * seconds, axes=1)),
        "EDA": _column(start, 4, 1 + wave(4 * seconds, axes=1) ** 2),
        "TEMP": _column(start, 4, 30 + wave(4 * seconds, axes=1)),
        "HR": _column(start + 10, 1, 70 + wave(seconds - 10, axes=1)),
        "IBI": f"{start}.000000, IBI\n1.5,0.8\n",
        "tags": f"{start + 3}.25\n",
    }
    for name, text in (texts | changes).items():
        if text is not None:
            (folder / f"{name}.csv").write_text(text)


def _column(start, rate, values):
    return f"{start}.000000\n{rate:.6f}\n" + "".join(f"{value:.6f}\n" for value in values[:, 0])


def cwa(starts, signals, *, rate_byte=_CWA_8_G_100_HZ):
    """Blocks of 80 samples of an AX3 that begin so many seconds after START; signals in g, [80 * blocks, 3]."""
    header = bytearray(1024)
    header[0:4] = b"MD" + struct.pack("<H", 1020)
    header[11:13] = b"\xff\xff"
    header[36] = rate_byte
    blocks = [_cwa_block(index, START + each, signals[80 * index :][:80]) for index, each in enumerate(starts)]
    return bytes(header) + b"".join(blocks)


def _cwa_block(index, start, signals):
    block, second = bytearray(512), int(start)
    fraction = int((start - second) * 32768)
    moment = time.gmtime(second)
    packed = (moment.tm_year - 2000) << 26 | moment.tm_mon << 22 | moment.tm_mday << 17
    packed |= moment.tm_hour << 12 | moment.tm_min << 6 | moment.tm_sec
    block[0:4] = b"AX" + struct.pack("<H", 508)
    struct.pack_into("<HIIIHHBBBBhH", block, 4, 0x8000 | fraction, 1, index, packed, 100, 200, 0, 150, 0x4A, 0x32, 0, 0)
    # The whole samples in the fraction of a second are taken off again, for readers that do not know it.
    struct.pack_into("<hH", block, 26, -((2 * fraction * 100) >> 16), len(signals))
    counts = (np.asarray(signals) * 256).round().astype("<i2").tobytes()
    block[30 : 30 + len(counts)] = counts
    total = sum(struct.unpack("<255H", block[:510]))
    block[510:512] = struct.pack("<H", -total & 0xFFFF)
    return bytes(block)


def gt3x(seconds, signals, *, rate=30, parameters=True, said=None):
    """A log of an ActiGraph with a record for each of these seconds after START; signals in g, [rate * seconds, 3]."""
    log = b""
    if parameters:
        # The scale of 256 counts a g in the device's own floating-point form.
        values = struct.pack("<HHIHHI", 1, 10, rate, 0, 55, 0x09400000)
        log += _gt3x_record(0x15, START, values)
    for index, second in enumerate(seconds):
        counts = (np.asarray(signals[rate * index :][:rate]) * 256).round().astype(int)[:, [1, 0, 2]]
        bits = "".join(f"{count & 0xFFF:012b}" for count in counts.ravel())
        bits += "0" * (-len(bits) % 8)
        log += _gt3x_record(0x00, START + second, int(bits, 2).to_bytes(len(bits) // 8, "big"))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("info.txt", f"Sample Rate: {said or rate}\nAcceleration Scale: 256.0\nAcceleration Max: 8.0\n")
        archive.writestr("log.bin", log)
    return file.getvalue()


def _gt3x_record(kind, second, payload):
    record = struct.pack("<BBIH", 0x1E, kind, second, len(payload)) + payload
    checksum = 0
    for byte in record:
        checksum ^= byte
    return record + bytes([~checksum & 0xFF])


def geneactiv(starts, signals, *, rate=50.0, gain=25600, pages=None):
    """Pages of 300 samples that begin so many seconds after START; signals in g, [300 * pages, 3]."""
    header = _GENEACTIV.format(rate=rate, gain=gain, pages=len(starts) if pages is None else pages)
    lines = header.splitlines()
    lines += [""] * (59 - len(lines))
    for index, start in enumerate(starts):
        moment = time.gmtime(START + int(start))
        counts = (np.asarray(signals[300 * index :][:300]) * 256).round().astype(int) & 0xFFF
        lines += [
            "Recorded Data",
            "Device Unique Serial Code:1",
            f"Sequence Number:{index}",
            f"Page Time:{time.strftime('%Y-%m-%d %H:%M:%S', moment)}:{round(start % 1 * 1000):03d}",
            "Unassigned:",
            "Temperature:30.5",
            "Battery voltage:4.0",
            "Device Status:Recording",
            f"Measurement Frequency:{rate:.1f}",
            "".join(f"{x:03X}{y:03X}{z:03X}000" for x, y, z in counts),
        ]
    return ("\n".join(lines) + "\n").encode()


def edf(path, signals, *, kind=None):
    """An EDF+ file; signals: name -> (rate, unit, values) of whole seconds."""
    import pyedflib

    kind = pyedflib.FILETYPE_EDFPLUS if kind is None else kind
    deepest = 8388607 if kind in (pyedflib.FILETYPE_BDF, pyedflib.FILETYPE_BDFPLUS) else 32767
    with pyedflib.EdfWriter(str(path), len(signals), file_type=kind) as writer:
        for index, (name, (rate, unit, _)) in enumerate(signals.items()):
            header = {
                "label": name,
                "dimension": unit,
                "sample_frequency": rate,
                "physical_min": -100.0,
                "physical_max": 100.0,
                "digital_min": -deepest - 1,
                "digital_max": deepest,
                "transducer": "",
                "prefilter": "",
            }
            writer.setSignalHeader(index, header)
        writer.writeSamples([np.asarray(values, np.float64) for _, _, values in signals.values()])


def _of(name, fields):
    return {"type": "record", "name": name, "fields": [{"name": key, "type": kind} for key, kind in fields.items()]}


_TIMED = {"timestampStart": "long", "samplingFrequency": "double"}
_COUNTS, _VALUES = ({"type": "array", "items": kind} for kind in ("int", "double"))


def embrace(path, *, version=(6, 0), subject="P1", start=START, seconds=20, rate=64.0, scale=None, **changes):
    """A file of an EmbracePlus; `changes` are sensors in the place of its own."""
    import fastavro

    scale = scale or {"physicalMin": -16, "physicalMax": 16, "digitalMin": -32768, "digitalMax": 32767}
    kinds = {key: "double" if key == "conversionFactor" else "int" for key in scale}
    motion = {**_TIMED, "imuParams": _of("scale", kinds), **dict.fromkeys("xyz", _COUNTS)}
    raw = {"accelerometer": _of("accelerometer", motion)}
    raw |= {name: _of(name, {**_TIMED, "values": _VALUES}) for name in ("eda", "temperature", "bvp")}
    schema = _of(
        "file",
        {
            "schemaVersion": _of("version", dict.fromkeys(("major", "minor", "patch"), "int")),
            "enrollment": _of("enrollment", {"participantID": "string"}),
            "rawData": _of("rawData", raw),
        },
    )
    begins = {"timestampStart": round(start * 1e6), "samplingFrequency": 4.0}
    counts = (wave(round(rate * seconds)) * 2048).astype(int)
    sensors = {
        "accelerometer": {
            **begins,
            "samplingFrequency": rate,
            "imuParams": scale,
            **{axis: counts[:, index].tolist() for index, axis in enumerate("xyz")},
        },
        "eda": {**begins, "values": (1 + wave(4 * seconds, axes=1)[:, 0] ** 2).tolist()},
        "temperature": {**begins, "samplingFrequency": 0.0, "values": []},
        "bvp": {**begins, "samplingFrequency": rate, "values": wave(round(rate * seconds), axes=1)[:, 0].tolist()},
    }
    record = {
        "schemaVersion": {"major": version[0], "minor": version[1], "patch": 0},
        "enrollment": {"participantID": subject},
        "rawData": sensors | changes,
    }
    with open(path, "wb") as file:
        fastavro.writer(file, fastavro.parse_schema(schema), [record])
