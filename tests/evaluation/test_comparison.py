import os

import numpy as np
import pytest

from sensegen_tf.evaluation.plots import comparison


@pytest.mark.slow
def test_the_picture_has_every_trace_spectrum_and_histogram_with_units(tmp_path):
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=[20, 64, 3]), rng.normal(size=[10, 64, 3])
    names = {"channels": ("ax", "ay", "wz"), "units": ("g", "g", "rad/s")}
    figure = comparison.compare(real, synthetic, rate=50.0, **names, title="title")
    blocks = figure.subfigs
    titles = [block.get_suptitle() for block in blocks]
    assert titles == ["Real recordings", "Synthetic"] * 2 + ["Amplitude spectrum", "Distribution of values"]
    labels = [block.axes[0].get_ylabel() for block in blocks[:-1]]
    assert labels == ["[g]", "[g]", "[rad/s]", "[rad/s]", "[g/√Hz]"]
    assert [len(block.axes) for block in blocks] == [4, 4, 4, 4, 3, 3]
    assert blocks[0].axes[0].get_ylim() == blocks[1].axes[0].get_ylim()
    np.testing.assert_allclose(blocks[0].axes[0].lines[1].get_ydata(), real[0, :, 1])
    np.testing.assert_allclose(blocks[1].axes[3].lines[0].get_ydata(), synthetic[-1, :, 0])
    comparison.save(figure, tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG") and os.listdir(tmp_path) == ["p.png"]
    image = comparison.to_image(figure)
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[-1] == 3 and image.std() > 0


@pytest.mark.slow
def test_many_channels_get_rows_of_panels_that_do_not_cover_each_other():
    real = np.random.default_rng(0).normal(size=[8, 24, 16])
    channels = [f"x{number}" for number in range(16)]
    figure = comparison.compare(real, real, rate=1.0, channels=channels, units=["1"] * 16, title="title")
    figure.canvas.draw()
    assert all(axis.get_legend() is None for block in figure.subfigs[:2] for axis in block.axes)
    for block in figure.subfigs[2:]:
        shown = [axis for axis in block.axes if axis.axison]
        assert [axis.get_title() for axis in shown] == channels
        boxes = [axis.get_tightbbox() for axis in shown]
        for number, box in enumerate(boxes):
            assert not any(box.overlaps(other.padded(-1)) for other in boxes[:number])
