"""The examples in the docstrings do what they say."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "sensegen_tf",
        "sensegen_tf.errors",
        "sensegen_tf.evaluation.evaluator",
        "sensegen_tf.evaluation.metrics.embedding",
        "sensegen_tf.evaluation.metrics.privacy",
        "sensegen_tf.generation.model",
        "sensegen_tf.training.privacy",
        pytest.param("sensegen_tf.training.run", marks=pytest.mark.slow),
    ],
)
def test_examples_of_docstrings(module, tmp_path, monkeypatch):
    """In an empty folder, so that an example may write files."""
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert found.attempted > 0 and found.failed == 0
