import json
import os

import pytest

from sensegen_tf.errors import InputError
from sensegen_tf.files import lock
from sensegen_tf.training.run_directory import RunDirectory


def test_another_configuration_is_refused_with_the_difference(tmp_path):
    run = RunDirectory(tmp_path)
    run.write_or_verify("config", {"seed": 1, "batch_size": 8, "network": {"units": (8,)}})
    run.write_or_verify("config", {"seed": 1, "batch_size": 8, "network": {"units": [8]}})
    with pytest.raises(InputError) as refused:
        run.write_or_verify("config", {"seed": 2, "batch_size": 8, "network": {"units": (8, 9)}})
    assert "seed: 1 before, 2 now" in str(refused.value)
    assert "network.units: [8] before, [8, 9] now" in str(refused.value)
    assert "batch_size" not in str(refused.value)


def test_two_processes_cannot_share_a_run(tmp_path):
    # The lock belongs to what opened the file, so it is taken here as another process would take it.
    other = lock(os.path.join(tmp_path, "lock"), "")
    with pytest.raises(InputError, match="another process is training"):
        RunDirectory(tmp_path)
    other.close()
    # In one process a run may be trained again while its results are still held.
    first, second = RunDirectory(tmp_path), RunDirectory(tmp_path)
    assert first.path == second.path
    with pytest.raises(InputError):
        lock(os.path.join(tmp_path, "lock"), "")
    del first
    with pytest.raises(InputError):
        lock(os.path.join(tmp_path, "lock"), "")
    del second
    lock(os.path.join(tmp_path, "lock"), "")


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(InputError) as refused:
        RunDirectory(path)
    assert refused.value.fields == ("run_dir",)


def test_a_run_of_version_0_1_is_not_trained_in(tmp_path):
    (tmp_path / "flags.json").write_text("{}")
    with pytest.raises(InputError) as refused:
        RunDirectory(tmp_path)
    assert refused.value.fields == ("run_dir",) and [path.name for path in tmp_path.iterdir()] == ["flags.json"]


def test_metrics_of_an_interrupted_run_are_replaced(tmp_path):
    run = RunDirectory(tmp_path)
    for outer, value in [(0, 1.0), (1, 2.0), (2, 3.0), (1, 2.5)]:
        run.add_metrics({"outer": outer, "value": value})
    assert run.metrics() == [{"outer": 0, "value": 1.0}, {"outer": 1, "value": 2.5}]
    assert [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == run.metrics()
