"""What holds for the files of all devices."""

import os
import sys

import pytest

from sensegen_tf.errors import InputError
from tests.data.sources.devices.making import cwa, devices, e4, embrace, geneactiv, wave


@pytest.mark.parametrize(
    ("name", "package"), [("a.cwa", "actfast"), ("a.edf", "pyedflib"), ("a.avro", "fastavro"), ("a.gt3x", "actfast")]
)
def test_a_missing_package_is_named_and_how_to_install_it(name, package, tmp_path, monkeypatch):
    (tmp_path / name).write_bytes(b"anything")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"needs {package}.*pip install 'sensegen_tf\[native\]'"):
        devices(tmp_path)


def test_nothing_to_read_is_refused(tmp_path):
    (tmp_path / "firmware.bin").write_bytes(b"no page of a GENEActiv")
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError) as error:
            devices(path)
        assert "data_dir" in error.value.fields


def test_one_folder_may_hold_several_devices(tmp_path):
    pytest.importorskip("actfast")
    e4(tmp_path / "anna")
    embrace(tmp_path / "bert.avro", subject="bert")
    (tmp_path / "carl.bin").write_bytes(geneactiv([0.0, 6.0], wave(600)))
    (tmp_path / "dora.cwa").write_bytes(cwa([0.0, 0.8], wave(160)))
    found = devices(tmp_path, ["ACC.x"])
    assert [(each.subject, each.rate) for each in found.recordings] == [
        ("bert", 64.0),
        ("carl", 50.0),
        ("dora", 100.0),
        ("anna", 32.0),
    ]
    lacking = devices(tmp_path, ["EDA"])
    assert [each.subject for each in lacking.recordings] == ["bert", "anna"]
    assert (
        f"{os.path.join(tmp_path, 'carl.bin')} and 1 more: no channel EDA; there are ACC.x, ACC.y, ACC.z"
        in lacking.notes
    )
