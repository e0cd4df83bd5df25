"""The programs of experiments/ import one another by their bare names."""

import pathlib

import pytest

EXPERIMENTS = pathlib.Path(__file__).parents[2] / "experiments"


@pytest.fixture(autouse=True)
def _programs(monkeypatch):
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
