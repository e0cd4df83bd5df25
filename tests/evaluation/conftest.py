"""Real windows to judge by: embedded ones, and HAPT where it lies beside the checkout."""

import pytest

from sensegen_tf.data import sources, windows
from sensegen_tf.evaluation.samples import Samples
from tests.conftest import shared


def real_windows(source, config):
    """The training and the held-out windows of a source, as `Samples`."""
    dataset = windows.prepare(sources.load(source), config, labels_asked=False)

    def samples(name, part):
        labels = part.labels if all(part.labels) else None
        return Samples(name, part.values, dataset.rate, dataset.channels, dataset.units, part.subjects, labels)

    return samples("training", dataset.training), samples("held-out", dataset.heldout)


@pytest.fixture(scope="session")
def watch():
    """Wrist accelerations of ten people, seven exercises."""
    config = windows.WindowConfig(128, 64)
    return real_windows(sources.SourceConfig("watch", channels=("ax", "ay", "az")), config)


@pytest.fixture(scope="session")
def ecg():
    """Five minutes of one person's ECG at 120 Hz."""
    return real_windows(sources.SourceConfig("ecg", resample_hz=120), windows.WindowConfig(360, 60))


@pytest.fixture(scope="session")
def hapt():
    """Accelerations at the waist of 25 people, six activities."""
    config = windows.WindowConfig(128, 128, holdout_subjects=("04", "10", "12", "18", "25"))
    return real_windows(sources.SourceConfig("hapt", shared("hapt"), channels=("ax", "ay", "az")), config)
