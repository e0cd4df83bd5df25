"""What the flags of a guarantee say of the recordings in place of measuring them."""

import numpy as np
import pytest

from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError
from tests.commands import loaded
from tests.training.making import make_dataset

USUAL = {"source": "watch", "run_dir": "nowhere", "preset": "sensegen_small"}


def dataset():
    values = np.random.default_rng(0).normal(3, 20, [6, 12, 2]).astype("f")
    windows = WindowSet(values=values, rate=50.0, channels=("a", "b"), subjects=list("aabbcc"))
    return make_dataset(values, training=windows, test=windows)


def applied(**given):
    with loaded("train", **USUAL, **given) as names:
        from sensegen_tf import privacy_flags

        return names["config_from_flags"](), privacy_flags.apply(dataset())


def test_without_a_guarantee_the_measured_dataset_stays():
    config, found = applied()
    assert config.privacy is None and config.calibrate and found.measured


def test_a_range_standardises_and_clips():
    config, found = applied(privacy="subject", epsilon=2, subjects_per_step=3, physical_range="-8:24")
    assert (config.privacy.epsilon, config.privacy.subjects_per_step, config.calibrate) == (2.0, 3, False)
    assert (
        not found.measured and found.standardizer.mean.tolist() == [8, 8] and found.standardizer.std.tolist() == [4, 4]
    )
    assert found.sensors[1].low == -8 and found.sensors[1].high == 24
    for windows in (found.training, found.test):
        assert windows.values.min() == -8 and windows.values.max() == 24 and windows.values.dtype == np.float32


def test_statistics_are_given_for_each_channel():
    _, found = applied(privacy="window", physical_range="-8:24,0:1", standardize_by="1:2:0.5,3:4:0.25")
    assert found.standardizer.mean.tolist() == [1, 3] and found.standardizer.std.tolist() == [2, 4]
    assert found.standardizer.increment.tolist() == [0.5, 0.25] and found.training.values[..., 1].max() == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"privacy": "subject"}, "physical_range"),
        ({"privacy": "subject", "physical_range": "4:-4"}, "physical_range"),
        ({"privacy": "subject", "physical_range": "low:high"}, "physical_range"),
        ({"privacy": "subject", "physical_range": "0:1,0:1,0:1"}, "physical_range"),
        ({"privacy": "subject", "standardize_by": "0:0:1"}, "standardize_by"),
        ({"privacy": "subject", "standardize_by": "0:1"}, "standardize_by"),
        ({"privacy": "subject", "standardize_by": "0:nan:1"}, "standardize_by"),
        ({"privacy": "subject", "physical_range": "0:1", "calibrate": "true"}, "calibrate"),
        ({"privacy": "subject", "physical_range": "0:1", "initial_run": "runs/a"}, "physical_range"),
        ({"epsilon": 4}, "epsilon"),
        ({"physical_range": "0:1"}, "physical_range"),
        ({"trainable": "head"}, "trainable"),
    ],
)
def test_flags_that_cannot_be_or_have_no_effect_are_refused(given, field):
    with pytest.raises(InputError) as error:
        applied(**given)
    assert field in error.value.fields
