"""What is made of a trained run; the report itself is in evaluation/."""

import numpy as np

from sensegen_tf import assess
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.models.presets import PRESETS


def test_with_a_latent_some_windows_are_scored_and_all_stay():
    windows = WindowSet(values=np.arange(2500.0)[:, None, None] * np.ones([1, 4, 1]))
    for preset, count in (("sensegen_accel", 2500), ("sensegen_ecg", 1000)):
        found = assess.scored(windows, lambda each: each.values[:, 0, 0], config=PRESETS[preset].generator)
        known = ~np.isnan(found.log_likelihood)
        assert known.sum() == count and found.count == 2500
        np.testing.assert_array_equal(found.log_likelihood[known], np.arange(2500)[known])
        assert np.diff(np.flatnonzero(known)).max() <= 3
