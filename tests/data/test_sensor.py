import os
import subprocess
import sys

import numpy as np
import pytest

from sensegen_tf.data.recording import Recording
from sensegen_tf.data.sensor import measure


def sensor(values):
    recording = Recording(
        name="r", signals=np.asarray(values)[:, None], rate=50.0, channels=("x",), units=("g",), subject="1"
    )
    return measure([recording])[0]


@pytest.mark.parametrize("step", [1 / 720, 0.005, 3.0])
def test_the_step_of_a_grid_is_found(step):
    counts = np.random.default_rng(0).normal(0, 300, 20_000).round()
    assert sensor(counts * step + 7 * step).resolution == pytest.approx(step, rel=1e-4)


def test_values_on_no_grid_have_no_resolution():
    assert sensor(np.random.default_rng(0).normal(size=20_000)).resolution is None


def test_saturation_is_an_extreme_value_that_is_held():
    wave = np.sin(np.arange(1000) / 20).round(2) * 3
    clipped = np.clip(wave, -3.0, 2.0)
    assert sensor(np.clip(wave, -10, 2.0)).high == pytest.approx(2.0)
    spike = np.append(wave, [9.0, 0.0])
    assert sensor(spike).high is None
    assert sensor(clipped).high == pytest.approx(2.0)


@pytest.mark.process
def test_the_resolution_does_not_depend_on_how_many_cores_there_are():
    script = (
        "import numpy as np; from tests.data.test_sensor import sensor\n"
        "print(sensor(np.random.default_rng(0).normal(0, 8000, 400_000).round() * 0.000305432622).resolution)"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    ]
    assert found[0] == found[1] and float(found[0]) == pytest.approx(0.000305432622, rel=1e-4)
