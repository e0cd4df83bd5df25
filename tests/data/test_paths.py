"""Files of folders, and what their paths say."""

import os

import pytest

from sensegen_tf.data import paths
from sensegen_tf.data.sources.columns import TableConfig
from sensegen_tf.data.sources.table import table
from sensegen_tf.errors import InputError

pytest.importorskip("pyarrow")


def write(folder, *names):
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("i,ax\n" + "".join(f"{i},{number}\n" for i in range(60)))


def read(folder, **config):
    return table(os.fspath(folder), TableConfig(channels=("ax",), rate_hz=50.0, **config)).load()


def test_folders_in_a_folder_are_read_and_what_was_not_is_said(tmp_path):
    write(tmp_path, "S1.csv", "S2.CSV", "day2/S1.csv", "notes.md", ".hidden/S9.csv")
    found = read(tmp_path)
    assert [each.subject for each in found.recordings] == ["S1", "S2", os.path.join("day2", "S1")]
    assert found.notes == (f"1 files of {tmp_path} were not read: notes.md",)


def test_a_pattern_says_subject_session_and_label(tmp_path):
    write(tmp_path, "data/wlk_7/sub_1.csv", "data/wlk_8/sub_1.csv", "data/jog_9/sub_2.csv", "data/readme.csv")
    found = read(tmp_path, path_pattern="{label}_{trial}/sub_{subject}.csv")
    assert [(each.subject, each.spans[0].label) for each in found.recordings] == [
        ("2", "jog"),
        ("1", "wlk"),
        ("1", "wlk"),
    ]
    assert "readme.csv" in found.notes[0]
    one = read(tmp_path / "data/wlk_7/sub_1.csv", path_pattern="sub_{subject}.csv")
    assert one.recordings[0].subject == "1"
    for path in (tmp_path, tmp_path / "data/readme.csv"):
        with pytest.raises(InputError, match="ends? like .*P_"):
            read(path, path_pattern="P_{subject}.csv")


@pytest.mark.parametrize("pattern", ["{a}/{a}.csv", "{not a name}.csv", "{.csv"])
def test_a_pattern_without_sense_is_refused(pattern):
    with pytest.raises(InputError) as error:
        paths.compiled(pattern)
    assert error.value.fields == ("path_pattern",)
