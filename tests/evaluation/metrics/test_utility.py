import numpy as np
import pytest

from sensegen_tf.evaluation.metrics import utility
from sensegen_tf.evaluation.metrics.c2st import LabelledWindows


def test_balanced_accuracy_by_hand():
    counts = utility.confusion(np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 0]), classes=3)
    np.testing.assert_array_equal(counts, [[3, 1, 0], [1, 1, 0], [0, 0, 0]])
    assert utility.balanced_accuracy(counts) == (3 / 4 + 1 / 2) / 2


def labelled(seed, count=300):
    """Two kinds of windows: a slow and a fast sine in noise."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, count)
    time = np.arange(64) / 32
    phase = rng.uniform(0, 6, count)[:, None]
    waves = np.sin(2 * np.pi * np.where(classes, 5, 2)[:, None] * time + phase)
    return LabelledWindows((waves + 0.3 * rng.normal(size=waves.shape))[..., None].astype(np.float32), classes)


@pytest.mark.parametrize("classifier", ["trees", pytest.param("network", marks=pytest.mark.slow)])
def test_who_is_trained_on_whom(classifier):
    real, synthetic, test, half = (labelled(seed) for seed in range(4))
    wrong = synthetic._replace(classes=1 - synthetic.classes)
    sets = utility.Sets(real, wrong, test, half)
    classify = utility.trees if classifier == "trees" else utility.Network(64, 1, classes=2)
    found = utility.compare(classify, sets, classes=2, rate=32.0, seed=0)
    accuracy = {name: utility.balanced_accuracy(counts) for name, counts in found.items()}
    assert accuracy["trtr"] > 0.95 and accuracy["half"] > 0.95
    assert accuracy["tstr"] < 0.05 and accuracy["trts"] < 0.05
    assert found["trtr"].sum() == len(test.classes) and found["trts"].sum() == len(synthetic.classes)


@pytest.mark.slow
def test_the_network_recognises_classes():
    training, test = labelled(0), labelled(1)
    predicted = utility.Network(64, 1, classes=2)(training, test.values, rate=32.0, seed=0)
    assert (predicted == test.classes).mean() > 0.95


def test_a_class_may_be_missing_from_any_of_the_sets():
    """Rare ones are not in every draw, and test subjects may do what nobody else did."""
    sets = utility.Sets(*(labelled(seed) for seed in range(4)))
    rare = sets.test._replace(classes=np.where(np.arange(300) < 3, 3, sets.test.classes))
    found = utility.compare(utility.trees, sets._replace(test=rare), classes=4, rate=32.0, seed=0)
    assert {counts.shape for counts in found.values()} == {(4, 4)}
    assert found["trtr"].sum(1)[3] == 3 and found["trtr"].sum() == 300
    assert utility.balanced_accuracy(found["trtr"]) < 0.7 < 0.95 < utility.balanced_accuracy(found["trts"])


def test_features_are_finite_where_a_channel_stands_still():
    values = np.zeros([5, 32, 3], np.float32)
    assert np.isfinite(utility.features(values, 50.0)).all()
