"""The models that the tests of this folder sample from."""

import functools

import pytest

import sensegen_tf
from sensegen_tf.generation import local


@pytest.fixture(scope="session", autouse=True)
def loaded_once():
    """Loading takes seconds, so a version that was loaded is taken again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "load", functools.cache(local.load))
        yield


@pytest.fixture(scope="session")
def watch():
    """A conditional model: seven labels, three channels at 50 Hz."""
    return sensegen_tf.load("sensegen_watch")


@pytest.fixture(scope="session")
def plain(version):
    """A model that is not conditional: three channels at 50 Hz."""
    return sensegen_tf.load(version)
