"""Avro files of an Empatica EmbracePlus."""

import numpy as np
import pytest

from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.errors import InputError
from tests.data.sources.devices.making import START, devices, embrace, wave

fastavro = pytest.importorskip("fastavro")
AXES = ("ACC.x", "ACC.y", "ACC.z")


@pytest.mark.parametrize(
    "how",
    [
        {},
        # From schema 6.5 on the file says itself what a count stands for.
        {"version": (6, 5), "scale": {"conversionFactor": 1 / 2048}},
    ],
)
def test_counts_become_units_and_the_participant_is_the_subject(how, tmp_path):
    for number in range(2):
        embrace(tmp_path / f"1-1-P1_{START + 20 * number}.avro", start=START + 20 * number, **how)
    embrace(tmp_path / "1-1-P2.avro", subject="P2", rate=63.998, **how)
    found = devices(tmp_path, AXES).recordings
    assert [(each.subject, each.rate, each.units) for each in found] == [
        (subject, 64.0, ("g", "g", "g")) for subject in ("P1", "P1", "P2")
    ]
    np.testing.assert_allclose(found[0].signals, wave(1280), atol=1e-3)
    assert devices(tmp_path, ["EDA"]).recordings[0].units == ("µS",)
    both = devices(tmp_path, ["BVP", "EDA"], table=TableConfig(resample_hz=16.0)).recordings
    assert (both[0].rate, both[0].channels, both[0].units) == (16.0, ("BVP", "EDA"), ("nW", "µS"))


def test_a_sensor_that_was_off_is_no_channel(tmp_path):
    embrace(tmp_path / "a.avro")
    with pytest.raises(InputError, match=r"no channel TEMP; there are ACC.x, ACC.y, ACC.z, EDA, BVP"):
        devices(tmp_path, ["TEMP"])


RANGE = {"physicalMin": -16, "physicalMax": 16, "digitalMin": -128, "digitalMax": 127}


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"scale": RANGE}, "measures -16 to 16"),
        ({"scale": RANGE | {"physicalMin": 16}}, "hold no range"),
        ({"start": START / 1000}, "not in this century"),
        ({"rate": 0.001, "seconds": 5000}, "a rate of 0.001 Hz"),
    ],
)
def test_what_cannot_be_right_is_refused(how, message, tmp_path):
    off = {"timestampStart": START * 10**6, "samplingFrequency": 0.0, "values": []}
    embrace(tmp_path / "a.avro", **how, eda=off, bvp=off)
    with pytest.raises(InputError, match=message):
        devices(tmp_path, AXES)


def test_another_avro_is_refused(tmp_path):
    schema = fastavro.parse_schema({"type": "record", "name": "other", "fields": [{"name": "x", "type": "int"}]})
    with open(tmp_path / "a.avro", "wb") as file:
        fastavro.writer(file, schema, [{"x": 1}])
    with pytest.raises(InputError, match="no file of an EmbracePlus"):
        devices(tmp_path)
