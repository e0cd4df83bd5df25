import pytest

from sensegen_tf.evaluation.baselines import Estimate
from sensegen_tf.evaluation.metrics.definitions import METRICS, QUESTIONS
from sensegen_tf.evaluation.scores import Reference, make_score


@pytest.mark.parametrize(
    ("name", "value", "reference", "passed"),
    [
        ("c2st", (0.7, 0.65, 0.75), (0.6, 0.5, 0.68), True),  # the interval reaches into the baseline's
        ("c2st", (0.8, 0.75, 0.85), (0.6, 0.5, 0.68), False),
        ("c2st", (0.99, 0.98, 1.0), (0.8, 0.6, 1.2), None),  # real people may be recognised as well as that
        ("c2st", (0.6, 0.55, 0.65), (0.8, 0.6, 1.2), True),  # better than real people are on average
        ("coverage", (0.5, 0.4, 0.6), (0.8, 0.55, 1.05), True),
        ("coverage", (0.5, 0.4, 0.6), (0.8, 0.65, 0.95), False),
        ("coverage", (0.1, 0.05, 0.15), (0.4, -0.1, 0.9), None),
        ("trtr_trees", (0.9, 0.8, 1.1), None, None),
    ],
)
def test_what_passes(name, value, reference, passed):
    reference = reference and Reference.baseline(Estimate(*reference))
    found = make_score(name, against="training", value=Estimate(*value), reference=reference)
    assert found.passed is passed
    assert METRICS[name].lowest <= found.low <= found.high <= METRICS[name].highest
    assert found.mark(passed="yes", failed="no") == {True: "yes", False: "no", None: "?" if reference else ""}[passed]


def test_the_bound_and_the_margin_are_those_of_the_side_that_is_worse():
    reference = Reference.null(Estimate(0.5, 0.4, 0.6))
    auc = make_score("membership_auc", against="training", value=Estimate(0.8, 0.7, 0.9), reference=reference)
    assert auc.bound == 0.6 and auc.margin == pytest.approx(2)
    coverage = make_score("coverage", against="test", value=Estimate(0.2, 0.1, 0.3), reference=reference)
    assert coverage.bound == 0.4 and coverage.margin == pytest.approx(2)
    alone = make_score("trtr_trees", against="test", value=Estimate(0.2, 0.1, 0.3))
    assert alone.bound is None and alone.margin is None


def test_json_holds_the_reference_and_its_kind():
    reference = Reference.null(Estimate(0.5, 0.4, 0.6))
    found = make_score("likelihood_auc", against="training", value=Estimate(0.8, 0.7, 0.9), reference=reference)
    described = found.describe()
    assert described["reference"] == "null" and described["reference_mean"] == 0.5
    assert (described["reference_low"], described["reference_high"]) == (0.4, 0.6)
    assert described["metric"] == "likelihood_auc" and described["passed"] is False
    alone = make_score("trtr_trees", against="test", value=Estimate(0.2, 0.1, 0.3)).describe()
    assert alone["reference"] is alone["reference_mean"] is alone["passed"] is None
    assert alone.keys() == described.keys()


def test_every_metric_says_what_it_means():
    for metric in METRICS.values():
        assert metric.question in QUESTIONS and metric.meaning.endswith(".") and metric.title
        assert bool(metric.failing) == bool(metric.advice)
