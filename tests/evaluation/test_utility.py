import numpy as np

from sensegen_tf.evaluation import utility


def test_balanced_accuracy_by_hand():
    counts = utility.confusion(np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 0]), 3)
    np.testing.assert_array_equal(counts, [[3, 1, 0], [1, 1, 0], [0, 0, 0]])
    assert utility.balanced_accuracy(counts) == (3 / 4 + 1 / 2) / 2


def labelled(seed, count=300):
    """Two kinds of windows: a slow and a fast sine in noise."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, count)
    time = np.arange(64) / 32
    phase = rng.uniform(0, 6, count)[:, None]
    waves = np.sin(2 * np.pi * np.where(classes, 5, 2)[:, None] * time + phase)
    return (waves + 0.3 * rng.normal(size=waves.shape))[..., None].astype(np.float32), classes


def test_who_is_trained_on_whom():
    real, synthetic, heldout, half = (labelled(seed) for seed in range(4))
    wrong = synthetic[0], 1 - synthetic[1]
    for classify in (utility.trees, utility.Network(64, 1, 2)):
        found = utility.compare(classify, real, wrong, heldout, half, 2, 32.0, 0)
        accuracy = {name: utility.balanced_accuracy(counts) for name, counts in found.items()}
        assert accuracy["trtr"] > 0.95 and accuracy["half"] > 0.95
        assert accuracy["tstr"] < 0.05 and accuracy["trts"] < 0.05
        assert found["trtr"].sum() == len(heldout[1]) and found["trts"].sum() == len(synthetic[1])


def test_a_class_may_be_missing_from_any_of_the_sets():
    """Rare ones are not in every draw, and the held-out people may do what nobody else did."""
    sets = [labelled(seed) for seed in range(4)]
    rare = sets[2][0], np.where(np.arange(300) < 3, 3, sets[2][1])
    found = utility.compare(utility.trees, sets[0], sets[1], rare, sets[3], 4, 32.0, 0)
    assert {counts.shape for counts in found.values()} == {(4, 4)}
    assert found["trtr"].sum(1)[3] == 3 and found["trtr"].sum() == 300
    assert utility.balanced_accuracy(found["trtr"]) < 0.7 < 0.95 < utility.balanced_accuracy(found["trts"])


def test_features_are_finite_where_a_channel_stands_still():
    values = np.zeros([5, 32, 3], np.float32)
    assert np.isfinite(utility.features(values, 50.0)).all()
