import json

import pytest

from sensegen_tf.errors import InputError
from sensegen_tf.training.run_directory import RunDirectory


def test_another_configuration_is_refused_with_the_difference(tmp_path):
    run = RunDirectory(tmp_path)
    run.agree("flags", {"seed": 1, "batch_size": 8, "model_dir": "a", "channels": ("x",)})
    run.agree("flags", {"seed": 1, "batch_size": 8, "model_dir": "b", "channels": ("x",)})
    with pytest.raises(InputError) as refused:
        run.agree("flags", {"seed": 2, "batch_size": 8, "model_dir": "a", "channels": ("x", "y")})
    assert "seed: 1 before, 2 now" in str(refused.value)
    assert "channels: ['x'] before, ['x', 'y'] now" in str(refused.value)
    assert "batch_size" not in str(refused.value)


def test_two_processes_cannot_share_a_run(tmp_path):
    first = RunDirectory(tmp_path)
    with pytest.raises(InputError, match="another process is training"):
        RunDirectory(tmp_path)
    del first
    RunDirectory(tmp_path)


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(InputError, match="cannot write --run_dir"):
        RunDirectory(path)


def test_rows_of_an_interrupted_run_are_replaced(tmp_path):
    run = RunDirectory(tmp_path)
    for outer, value in [(0, 1.0), (1, 2.0), (2, 3.0), (1, 2.5)]:
        run.add_metrics({"outer": outer, "value": value})
    assert run.metrics() == [{"outer": 0, "value": 1.0}, {"outer": 1, "value": 2.5}]
    assert [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == run.metrics()
