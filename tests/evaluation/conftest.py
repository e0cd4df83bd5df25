"""Real windows to evaluate: made-up ones, embedded ones, and HAPT where it lies beside the checkout."""

import numpy as np
import pytest

from sensegen_tf.data import sources, split
from sensegen_tf.data.windows import WindowConfig, WindowSet
from tests.conftest import shared

RATE = 50.0


def walkers(seed, *, subjects=8, each=30, length=64, name="walkers"):
    """Made-up accelerations of subjects who walk and run, each in a way of their own."""
    rng = np.random.default_rng(seed)
    count = subjects * each
    subject = np.repeat(np.arange(subjects), each)
    runs = rng.integers(0, 2, count)
    pace = np.where(runs, 2.6, 1.8) + 0.1 * rng.normal(size=subjects)[subject]
    size = np.where(runs, 0.5, 0.2) * np.exp(0.15 * rng.normal(size=subjects))[subject]
    phase = 2 * np.pi * pace[:, None] * np.arange(length) / RATE + rng.uniform(0, 2 * np.pi, count)[:, None]
    # Steeper up than down, so that the direction of time shows.
    swing = size[:, None] * (np.sin(phase) - 0.4 * np.sin(2 * phase))
    tilt = 0.04 * rng.normal(size=[subjects, 3])[subject] + 0.03 * rng.normal(size=[count, 3])
    values = (np.array([0.2, 0.9, 0.4]) + tilt)[:, None] * (1 + swing[..., None])
    return WindowSet(
        values=values + 0.02 * rng.normal(size=values.shape),
        name=name,
        rate=RATE,
        channels=("ax", "ay", "az"),
        units=("g", "g", "g"),
        subjects=np.array([f"p{seed}-{index}" for index in subject]),
        labels=np.where(runs, "run", "walk"),
    )


def real_windows(source, config):
    """The windows of training and of test subjects of a source."""
    dataset = split.prepare(sources.load(source), config)
    return dataset.training, dataset.test


@pytest.fixture(scope="session")
def watch():
    """Wrist accelerations of ten people, seven exercises."""
    config = WindowConfig(length=128, stride=64)
    return real_windows(sources.SourceConfig(source="watch", channels=("ax", "ay", "az")), config)


@pytest.fixture(scope="session")
def ecg():
    """Five minutes of one person's ECG at 120 Hz."""
    return real_windows(sources.SourceConfig(source="ecg", resample_hz=120), WindowConfig(length=360, stride=60))


@pytest.fixture(scope="session")
def hapt():
    """Accelerations at the waist of 25 people, six activities."""
    config = WindowConfig(length=128, stride=128, test_subjects=("04", "10", "12", "18", "25"))
    source = sources.SourceConfig(source="hapt", data_dir=shared("hapt"), channels=("ax", "ay", "az"))
    return real_windows(source, config)
