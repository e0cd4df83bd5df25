import pytest

from sensegen_tf.evaluation.metrics import METRICS, QUESTIONS, score


@pytest.mark.parametrize(
    ("name", "value", "floor", "passed"),
    [
        ("critic", (0.2, 0.15, 0.25), (0.1, 0.0, 0.18), True),  # the interval reaches into the floor's
        ("critic", (0.3, 0.25, 0.35), (0.1, 0.0, 0.18), False),
        ("critic", (0.49, 0.48, 0.5), (0.3, 0.1, 0.7), None),  # real people may be told apart as well as that
        ("critic", (0.1, 0.05, 0.15), (0.3, 0.1, 0.7), True),  # better than real people are on average
        ("coverage", (0.5, 0.4, 0.6), (0.8, 0.55, 1.05), True),
        ("coverage", (0.5, 0.4, 0.6), (0.8, 0.65, 0.95), False),
        ("coverage", (0.1, 0.05, 0.15), (0.4, -0.1, 0.9), None),
        ("trtr_trees", (0.9, 0.8, 1.1), None, None),
    ],
)
def test_what_passes(name, value, floor, passed):
    found = score(name, "training", value, floor)
    assert found.passed is passed
    assert METRICS[name].lowest <= found.low <= found.high <= METRICS[name].highest


def test_every_metric_says_what_it_means():
    for metric in METRICS.values():
        assert metric.question in QUESTIONS and metric.meaning.endswith(".") and metric.title
        assert bool(metric.failing) == bool(metric.advice)
