import numpy as np
import pytest
import sklearn.metrics

from sensegen_tf.evaluation.metrics import privacy


def test_the_auc_agrees_with_scikit_learn_with_ties():
    rng = np.random.default_rng(0)
    members, others = rng.integers(0, 9, 200) + 1.0, rng.integers(0, 9, 150).astype(float)
    truth = np.repeat([1, 0], [200, 150])
    expected = sklearn.metrics.roc_auc_score(truth, np.concatenate([members, others]))
    assert privacy.auc(members, others) == pytest.approx(expected)
    assert privacy.auc(others, others) == pytest.approx(0.5)


def test_the_true_positive_rate_at_one_percent():
    others = np.arange(200.0)
    # Two of 200 others may be taken for members: the scores 198 and 199.
    assert privacy.true_positive_rate(np.array([197.0, 197.5, 198.5, 500.0]), others) == 0.75
    assert privacy.true_positive_rate(others, others) == pytest.approx(0.01)
    # With fewer than a hundred others, none may.
    assert privacy.true_positive_rate(np.array([49.0, 50.0]), np.arange(50.0)) == 0.5


def test_distances_agree_with_a_search_over_shifts():
    rng = np.random.default_rng(1)
    first, second = (rng.normal(size=[count, 16, 2]).astype(np.float32) for count in (3, 4))
    tried = privacy.shifts(16, 2)
    assert tried == [-4, -2, 0, 2, 4]

    def search(a, b):
        pairs = [(a[: 16 - s], b[s:]) if s >= 0 else (a[-s:], b[: 16 + s]) for s in tried]
        return min(np.sqrt(((x - y) ** 2).mean()) for x, y in pairs)

    expected = [[search(a, b) for b in second] for a in first]
    np.testing.assert_allclose(privacy.distances(first, second, tried=tried), expected, rtol=1e-4)


def test_a_window_from_another_moment_is_near():
    series = np.cumsum(np.random.default_rng(2).normal(size=100)).astype(np.float32)
    first, later = series[None, 0:32, None], series[None, 6:38, None]
    assert privacy.distances(first, later, tried=privacy.shifts(32, 1))[0, 0] == pytest.approx(0, abs=1e-3)
    assert privacy.distances(first, later, tried=[0])[0, 0] > 0.5


def subjects(count, windows):
    return np.repeat([f"p{index}" for index in range(count)], windows)


def attack(members, others):
    """Scores by name, of 8 training subjects and 4 test subjects with 50 windows each."""
    names = {"member_subjects": subjects(8, 50), "other_subjects": np.char.add("q", subjects(4, 50))}
    scores = privacy.likelihood_attack(members, others, **names, seed=0)
    return {score.metric: score for score in scores}


def test_a_likelihood_that_knows_who_was_trained_on_is_a_leak():
    rng = np.random.default_rng(3)
    area = attack(rng.normal(size=400) + 3, rng.normal(size=200))["likelihood_auc"]
    assert area.low <= area.value <= area.high and area.value > 0.95
    assert area.reference.kind == "null" and area.low > area.bound and area.passed is False


def test_a_likelihood_that_differs_from_subject_to_subject_alone_is_no_leak():
    rng = np.random.default_rng(4)
    of_subject = np.repeat(rng.normal(size=12), 50)
    scores = of_subject + 0.1 * rng.normal(size=600)
    for score in attack(scores[:400], scores[400:]).values():
        assert score.low <= score.bound
