import pytest

from tests.training.making import eager_functions


@pytest.fixture
def eagerly():
    """See `eager_functions`."""
    with eager_functions():
        yield


def pytest_collection_modifyitems(items):
    for item in items:
        if "eagerly" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.filterwarnings("ignore:Even though the `tf.config:UserWarning"))
