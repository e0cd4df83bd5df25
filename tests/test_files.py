import os
import pickle

import pytest

from sensegen_tf.errors import InputError, SensegenError
from sensegen_tf.files import atomic_folder, atomic_write, files_in, lock, read_json, write_json, write_or_verify


def test_a_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "a" / "file"
    with atomic_write(path) as temporary:
        with open(temporary, "w") as file:
            file.write("content")
        assert not path.exists()
    assert path.read_text() == "content" and os.listdir(path.parent) == ["file"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("whole", [atomic_write, atomic_folder])
def test_nothing_is_left_behind_when_it_fails(tmp_path, whole, error):
    with pytest.raises(error), whole(tmp_path / "name"):
        raise error
    assert os.listdir(tmp_path) == []


def test_an_old_file_survives_a_failure(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(path) as temporary:
        with open(temporary, "w") as file:
            file.write("new")
        raise RuntimeError
    assert path.read_text() == "old"


def test_a_full_disk_says_so_and_leaves_nothing(tmp_path):
    def fill():
        # /dev/full is the device that is always full.
        with atomic_write(tmp_path / "f"), open("/dev/full", "w") as file:
            file.write("x" * 100_000)

    with pytest.raises(InputError, match="No space left on device; nothing was left behind"):
        fill()
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write .*file/below"), atomic_write(tmp_path / "file" / "below"):
        pass


def test_json_round_trip_and_broken_json(tmp_path):
    write_json(tmp_path / "x.json", {"a": [1, 2.5, None]})
    assert read_json(tmp_path / "x.json") == {"a": [1, 2.5, None]}
    (tmp_path / "y.json").write_text("{")
    with pytest.raises(InputError, match=r"cannot read .*y\.json"):
        read_json(tmp_path / "y.json")


def test_values_are_written_once_and_compared_from_then_on(tmp_path):
    path, words = str(tmp_path / "x.json"), {"what": "F holds others", "otherwise": "take another folder"}
    write_or_verify(path, {"seed": 1, "deep": {"a": 1, "b": (2, 3)}}, **words)
    write_or_verify(path, {"seed": 1, "deep": {"a": 1, "b": [2, 3]}}, **words)
    with pytest.raises(InputError, match=r"(?s)F holds others:.*deep\.a: 1 before, 5 now.*take another") as error:
        write_or_verify(path, {"seed": 1, "deep": {"a": 5, "b": [2, 3]}}, **words)
    assert "seed" not in str(error.value)
    assert read_json(path) == {"seed": 1, "deep": {"a": 1, "b": [2, 3]}}


def test_a_lock_is_held_as_long_as_its_holder_lives(tmp_path):
    path = str(tmp_path / "lock")
    held = lock(path, "somebody else has it")
    with pytest.raises(InputError, match="somebody else has it"):
        lock(path, "somebody else has it")
    held.close()
    lock(path, "somebody else has it").close()


def test_files_are_found_by_pattern_in_the_order_of_names(tmp_path):
    folder = tmp_path / "odd [name]"
    folder.mkdir()
    for name in ("b.txt", "a.txt", "c.csv"):
        (folder / name).write_text("")
    assert [os.path.basename(path) for path in files_in(str(folder), "*.txt")] == ["a.txt", "b.txt"]
    assert files_in(str(folder / "a.txt"), "*") == []


def test_an_error_keeps_its_fields_between_processes():
    error = pickle.loads(pickle.dumps(InputError("block must be at least 1", fields=["block"])))
    assert isinstance(error, SensegenError) and error.fields == ("block",) and str(error) == "block must be at least 1"
