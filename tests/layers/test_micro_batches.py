import numpy as np
import pytest

from sensegen_tf.layers import micro_batches as module
from sensegen_tf.layers.micro_batches import map_micro_batches, micro_batches


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 63, 64, 257])
def test_micro_batches_cover_every_row_once_and_are_nearly_equal(rows):
    slices = micro_batches(rows)
    sizes = [each.stop - each.start for each in slices]
    np.testing.assert_array_equal(np.concatenate([np.arange(rows)[each] for each in slices]), np.arange(rows))
    assert len(sizes) <= 4 and min(sizes) >= min(rows, 8) and max(sizes) - min(sizes) <= 1


def test_a_function_is_mapped_over_micro_batches_in_the_order_of_the_rows():
    sizes = []

    def add(a, b):
        sizes.append(len(a))
        return a + b

    a, b = np.arange(33.0), 100 * np.arange(33.0)
    np.testing.assert_array_equal(map_micro_batches(add, a, b), a + b)
    assert len(sizes) == 4


def test_a_gpu_runs_a_batch_whole(monkeypatch):
    monkeypatch.setattr(module, "gpu_available", lambda: True)
    assert micro_batches(64) == [slice(0, 64)]
