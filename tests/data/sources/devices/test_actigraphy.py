"""Files of Axivity, ActiGraph and GENEActiv."""

import numpy as np
import pytest

from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.errors import InputError
from tests.data.sources.devices.making import cwa, devices, geneactiv, gt3x, wave

pytest.importorskip("actfast")
AXES = ("ACC.x", "ACC.y", "ACC.z")


def read(path, content, **config):
    path.write_bytes(content)
    return devices(path, table=TableConfig(**config))


def test_axivity_has_the_rate_of_its_clock_and_not_the_one_it_was_set_to(tmp_path):
    signals = wave(800)
    [recording] = read(tmp_path / "left.cwa", cwa(np.arange(10) * 80 / 98.8, signals)).recordings
    assert (recording.subject, recording.channels, recording.units) == ("left", AXES, ("g",) * 3)
    assert recording.rate == pytest.approx(98.8) and len(recording.signals) == 800
    np.testing.assert_allclose(recording.signals, signals, atol=0.5 / 256 + 1e-6)
    assert read(tmp_path / "a.CWA", cwa(np.arange(10) * 0.8, signals)).recordings[0].rate == 100


def test_a_gap_starts_another_recording(tmp_path):
    starts = np.concatenate([np.arange(5) * 0.8, 60 + np.arange(5) * 0.8])
    found = read(tmp_path / "a.cwa", cwa(starts, wave(800))).recordings
    assert [(len(each.signals), each.rate) for each in found] == [(400, 100.0)] * 2
    assert found[1].name == f"{tmp_path / 'a.cwa'} from 60.0 s"
    found = read(tmp_path / "a.gt3x", gt3x([0, 1, 2, 9, 10], wave(150))).recordings
    assert [len(each.signals) for each in found] == [90, 60]


def test_damaged_blocks_are_refused_or_left_out_and_counted(tmp_path):
    content = bytearray(cwa(np.arange(30) * 0.8, wave(2400)))
    content[1024 + 15 * 512 + 100] ^= 0xFF
    with pytest.raises(InputError, match=r"a\.cwa: .*checksum.*missing=cut") as error:
        read(tmp_path / "a.cwa", bytes(content))
    assert error.value.fields == ("missing",)
    found = read(tmp_path / "a.cwa", bytes(content), missing="cut")
    assert [len(each.signals) for each in found.recordings] == [1200, 1120]
    assert found.notes == (f"{tmp_path / 'a.cwa'}: 1 damaged blocks left out",)
    with pytest.raises(InputError, match="truncated"):
        read(tmp_path / "a.cwa", bytes(content[:-1]))


def test_actigraph(tmp_path):
    signals = wave(300)
    [recording] = read(tmp_path / "a.gt3x", gt3x(range(10), signals)).recordings
    assert (recording.rate, recording.channels, recording.units) == (30.0, AXES, ("g",) * 3)
    np.testing.assert_allclose(recording.signals, signals, atol=0.5 / 256 + 1e-6)


def test_geneactiv(tmp_path):
    signals = wave(1800)
    [recording] = read(tmp_path / "a.bin", geneactiv(np.arange(6) * 6.0, signals)).recordings
    assert (recording.rate, recording.channels, recording.units) == (50.0, AXES, ("g",) * 3)
    np.testing.assert_allclose(recording.signals, signals, atol=0.5 / 256 + 1e-5)
    slower = read(tmp_path / "a.bin", geneactiv(np.arange(6) * 300 / 49.2, signals)).recordings[0]
    assert slower.rate == pytest.approx(49.2)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        # Without the scale actfast would make 65,536 times as much of every count.
        ("a.gt3x", lambda: gt3x(range(3), wave(90), parameters=False), "its sensor measures -8 to 8"),
        ("a.gt3x", lambda: gt3x(range(3), wave(180), rate=60, said=30), "set to 30 Hz, but its clock says 60 Hz"),
        ("a.gt3x", lambda: gt3x([], wave(0)), "holds no acceleration"),
        ("a.bin", lambda: geneactiv([0.0, 6.0], wave(600), gain=256), "its sensor measures -8 to 8"),
        ("a.bin", lambda: geneactiv([0.0, 6.0], wave(600), pages=10**12), "says 1000000000000 pages"),
        ("a.bin", lambda: geneactiv([0.0, 12.0], wave(600), rate=25.0)[:-100], "truncated: 591 samples"),
        ("a.cwa", lambda: cwa([0.0, 0.4, 0.8, 1.2], wave(320)), "clock goes back 3 times"),
        ("a.cwa", lambda: b"MD" + bytes(2000), "a.cwa"),
        ("a.cwa", lambda: b"", "is empty"),
    ],
)
def test_what_cannot_be_right_is_refused(name, content, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read(tmp_path / name, content())
