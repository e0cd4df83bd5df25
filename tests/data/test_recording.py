import numpy as np
import pytest

from sensegen_tf.data.recording import Recording
from sensegen_tf.errors import InputError
from tests.data.making import span


def make(signals, **changes):
    values = {"name": "r", "rate": 50.0, "channels": ("x", "y"), "units": ("g", "mV"), "subject": "1", **changes}
    return Recording(signals=signals, **values)


def test_value_that_is_not_finite_is_named_by_sample_and_channel():
    signals = np.zeros([5, 2])
    signals[3, 1] = np.nan
    with pytest.raises(InputError, match="sample 3 of channel y"):
        make(signals)


@pytest.mark.parametrize(
    ("shape", "changes", "message"),
    [
        ((5, 3), {}, "do not fit 2 channels"),
        ((5,), {}, "do not fit"),
        ((5, 2), {"rate": 0.0}, "rate must be in"),
        ((5, 2), {"units": ("g",)}, "1 units for 2 channels"),
        ((5, 2), {"channels": ("x", "x")}, "stands twice"),
    ],
)
def test_wrong_shapes_and_rates_are_refused(shape, changes, message):
    with pytest.raises(InputError, match=message):
        make(np.zeros(shape), **changes)


def test_select_keeps_order_and_units():
    signals = np.arange(10.0).reshape(5, 2)
    selected = make(signals).select(["y", "x"])
    np.testing.assert_array_equal(selected.signals, signals[:, ::-1])
    assert selected.units == ("mV", "g")
    with pytest.raises(InputError, match="no channel named z; it has x, y"):
        make(signals).select(["z"])


def test_resample_keeps_a_slow_sine_and_scales_the_spans():
    time = np.arange(720) / 360
    recording = make(np.sin(2 * np.pi * 3 * time)[:, None], rate=360.0, channels=("x",), units=("mV",))
    recording = Recording(**{**vars(recording), "spans": (span(0, 360, "a"), span(360, 720, "b"))})
    slow = recording.resample(120.0)
    assert slow.rate == 120 and len(slow.signals) == 240
    expected = np.sin(2 * np.pi * 3 * np.arange(240) / 120)
    np.testing.assert_allclose(slow.signals[20:-20, 0], expected[20:-20], atol=2e-3)
    assert slow.spans == (span(0, 120, "a"), span(120, 240, "b"))
    assert recording.resample(360.0) is recording
    with pytest.raises(InputError, match="resample_hz must be above 0"):
        recording.resample(-1.0)
    with pytest.raises(InputError, match="nothing would be left of 2 s, with resample_hz 0.001") as error:
        recording.resample(0.001)
    assert error.value.fields == ("resample_hz",)
