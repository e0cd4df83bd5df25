import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.data.recording import Sensor
from sensegen_tf.data.standardize import Standardizer
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError
from tests.data.making import dataset

SENSORS = (Sensor(resolution=0.25, low=-1.0), Sensor(high=2.0))


def two_channels(sensors=SENSORS):
    return Standardizer(mean=[1.0, -2.0], std=[3.0, 0.5], increment=[0.2, 0.4], sensors=sensors)


def values(*shape):
    return np.random.default_rng(0).normal(0, 3, [*shape, 2]).astype(np.float32)


def test_statistics_are_measured_in_double_precision_and_kept_in_single():
    windows = WindowSet(values=values(5, 8))
    found = Standardizer.measure(windows, SENSORS)
    flat = windows.values.reshape(-1, 2).astype(np.float64)
    np.testing.assert_allclose(found.mean, flat.mean(0), rtol=1e-6)
    np.testing.assert_allclose(found.std, flat.std(0), rtol=1e-6)
    np.testing.assert_allclose(found.increment, np.diff(windows.values, axis=1).std((0, 1)) / flat.std(0), rtol=1e-5)
    assert {each.dtype for each in (found.mean, found.std, found.increment, found.grid)} == {np.dtype(np.float32)}
    assert found.sensors == SENSORS


def test_a_constant_channel_is_refused():
    still = values(5, 8)
    still[..., 1] = 7
    with pytest.raises(InputError, match="channel b is constant at 7") as error:
        Standardizer.measure(WindowSet(values=still, channels=("a", "b")), SENSORS)
    assert error.value.fields == ("channels",)


@pytest.mark.parametrize("convert", [np.asarray, tf.constant])
def test_there_and_back(convert):
    physical = convert(values(4, 6))
    standard = two_channels().to_standard(physical)
    expected = (values(4, 6) - np.array([1, -2], "f")) / np.array([3, 0.5], "f")
    np.testing.assert_array_equal(standard, expected)
    assert isinstance(standard, type(physical))
    np.testing.assert_allclose(two_channels().to_physical(standard), physical, atol=1e-5)
    np.testing.assert_array_equal(
        two_channels().to_physical(standard), expected * np.array([3, 0.5], "f") + np.array([1, -2], "f")
    )


@pytest.mark.parametrize("convert", [np.asarray, tf.constant])
def test_counts_that_float32_cannot_hold_keep_their_steps(convert):
    standardizer = Standardizer(mean=[50_000_000.0], std=[100.0], increment=[1.0])
    standard = standardizer.to_standard(convert(50_000_000.0 + np.arange(5)[:, None]))
    assert standard.dtype == np.float32
    np.testing.assert_allclose(np.diff(np.asarray(standard), axis=0), 0.01, rtol=1e-5)


def test_the_grid_is_that_of_the_sensors_that_have_one():
    np.testing.assert_array_equal(two_channels().grid, [0.25, 0])
    assert two_channels().has_grid and not two_channels(()).has_grid
    assert two_channels(()).sensors == (Sensor(), Sensor())
    resampled = Standardizer.measure(WindowSet(values=values(5, 8)), SENSORS, resampled=True)
    assert resampled.sensors == (Sensor(low=-1.0), Sensor(high=2.0)) and not resampled.has_grid


@pytest.mark.parametrize("convert", [np.asarray, tf.constant])
def test_dequantized_values_stay_within_half_a_step_of_the_grid(convert):
    standardizer = two_channels()
    physical = np.round(values(4, 6) * 4) / 4
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, physical.shape).astype(np.float32)
    standard = standardizer.to_standard(physical)
    moved = standardizer.dequantize(convert(standard), convert(noise))
    np.testing.assert_allclose(moved, standard + noise * np.array([0.25 / 3, 0]), atol=1e-6)
    # The channel without a grid is not touched; rounding gives back the other.
    np.testing.assert_array_equal(moved[..., 1], standard[..., 1])
    back = standardizer.as_measured(standardizer.to_physical(tf.convert_to_tensor(moved)))
    np.testing.assert_array_equal(back[..., 0], np.maximum(physical[..., 0], -1))


def test_samples_are_put_on_the_grid_and_inside_the_range():
    samples = np.array([[0.3, 1.9], [-7.0, 2.5], [0.376, -9.0]], np.float32)
    np.testing.assert_array_equal(
        two_channels().as_measured(tf.constant(samples)), np.array([[0.25, 1.9], [-1, 2], [0.5, -9]], "f")
    )


def test_as_measured_has_the_bytes_of_every_version():
    """Column by column: divide by the resolution, round, multiply, then the lower and the upper limit."""
    sensors = (Sensor(resolution=1 / 720, low=-2.0, high=2.0), Sensor(resolution=0.00030543), Sensor(low=-0.1))
    standardizer = Standardizer(mean=[0.0] * 3, std=[1.0] * 3, increment=[1.0] * 3, sensors=sensors)
    samples = tf.constant(np.random.default_rng(0).normal(0, 3, [500, 3]).astype(np.float32))
    columns = []
    for column, sensor in zip(tf.unstack(samples, axis=-1), sensors, strict=True):
        if sensor.resolution:
            column = tf.round(column / sensor.resolution) * sensor.resolution
        if sensor.low is not None:
            column = tf.maximum(column, sensor.low)
        if sensor.high is not None:
            column = tf.minimum(column, sensor.high)
        columns.append(column)
    np.testing.assert_array_equal(standardizer.as_measured(samples), tf.stack(columns, -1))
    np.testing.assert_array_equal(tf.function(standardizer.as_measured)(samples), tf.stack(columns, -1))


@pytest.mark.parametrize("resampled", [False, True])
def test_a_standardizer_comes_back_from_the_description_of_its_dataset(resampled):
    original = dataset(resampled=resampled)
    found = Standardizer.from_description(original.describe())
    assert found.describe() == original.standardizer.describe() == {"mean": [3.0], "std": [2.0], "increment": [0.5]}
    assert found.sensors == (Sensor(resolution=None if resampled else 0.5, high=9.0),)


def test_a_description_without_what_is_needed_is_refused():
    description = dataset().describe()
    del description["std"], description["sensors"]
    with pytest.raises(InputError, match="has no std, sensors"):
        Standardizer.from_description(description)


@pytest.mark.parametrize(
    "changes", [{"std": [1.0]}, {"mean": [1.0, 2.0, 3.0]}, {"sensors": (Sensor(),)}, {"increment": [[1.0, 1.0]]}]
)
def test_statistics_that_do_not_fit_each_other_are_refused(changes):
    with pytest.raises(InputError, match="expected one a channel"):
        Standardizer(**{"mean": [1.0, -2.0], "std": [3.0, 0.5], "increment": [0.2, 0.4], **changes})
