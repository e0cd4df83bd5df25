import os

import pytest

from sensegen_tf.errors import InputError
from sensegen_tf.files import read_json, whole_file, whole_folder, write_json


def test_a_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "a" / "file"
    with whole_file(path) as temporary:
        with open(temporary, "w") as file:
            file.write("content")
        assert not path.exists()
    assert path.read_text() == "content" and os.listdir(path.parent) == ["file"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("whole", [whole_file, whole_folder])
def test_nothing_is_left_behind_when_it_fails(tmp_path, whole, error):
    with pytest.raises(error), whole(tmp_path / "name"):
        raise error
    assert os.listdir(tmp_path) == []


def test_an_old_file_survives_a_failure(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), whole_file(path) as temporary:
        with open(temporary, "w") as file:
            file.write("new")
        raise RuntimeError
    assert path.read_text() == "old"


def test_a_full_disk_says_so_and_leaves_nothing(tmp_path):
    def fill():
        # /dev/full is the device that is always full.
        with whole_file(tmp_path / "f"), open("/dev/full", "w") as file:
            file.write("x" * 100_000)

    with pytest.raises(InputError, match="No space left on device; nothing was left behind"):
        fill()
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write .*file/below"), whole_file(tmp_path / "file" / "below"):
        pass


def test_json_round_trip_and_broken_json(tmp_path):
    write_json(tmp_path / "x.json", {"a": [1, 2.5, None]})
    assert read_json(tmp_path / "x.json") == {"a": [1, 2.5, None]}
    (tmp_path / "y.json").write_text("{")
    with pytest.raises(InputError, match=r"cannot read .*y\.json"):
        read_json(tmp_path / "y.json")
