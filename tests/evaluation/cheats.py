"""What several tests of the evaluator share: samples that cheat, and what it means to be caught."""

import dataclasses

import numpy as np


def cheat(windows, values):
    """These windows with other values."""
    return dataclasses.replace(windows, name="cheat", values=np.asarray(values, np.float32))


def assert_caught(score, margin):
    """The whole interval of the value lies beyond the bound by a factor."""
    assert score.passed is False, score
    if score.definition.better == "lower":
        assert score.low > margin * score.bound, score
    else:
        assert score.high < score.bound / margin, score


def subject_groups(windows, sizes, *, seed):
    """Windows of disjoint groups of subjects."""
    order = np.random.default_rng(seed).permutation(np.unique(windows.subjects))
    groups = np.split(order, np.cumsum(sizes)[:-1])
    return [
        dataclasses.replace(windows.take(np.flatnonzero(np.isin(windows.subjects, group))), name=f"group {index}")
        for index, group in enumerate(groups)
    ]


def together(first, second):
    """All windows of two sets as one."""
    values, subjects, labels = (
        np.concatenate([getattr(first, what), getattr(second, what)]) for what in ("values", "subjects", "labels")
    )
    return dataclasses.replace(first, values=values, subjects=subjects, labels=labels)
