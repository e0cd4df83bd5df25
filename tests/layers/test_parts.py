import numpy as np
import pytest

from sensegen_tf.layers import parts as module
from sensegen_tf.layers.parts import parts


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 63, 64, 257])
def test_parts_cover_every_row_once_and_are_nearly_equal(rows):
    sizes = [part.stop - part.start for part in parts(rows)]
    np.testing.assert_array_equal(np.concatenate([np.arange(rows)[part] for part in parts(rows)]), np.arange(rows))
    assert len(sizes) <= 4 and min(sizes) >= min(rows, 8) and max(sizes) - min(sizes) <= 1


def test_a_gpu_runs_a_batch_whole(monkeypatch):
    monkeypatch.setattr(module, "on_gpu", lambda: True)
    assert parts(64) == [slice(0, 64)]
