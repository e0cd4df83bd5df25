import os
import subprocess
import sys

import numpy as np
import pytest

from sensegen_tf.data import sources
from sensegen_tf.data.recording import Recording, Sensor
from sensegen_tf.data.sensor import Levels, measure
from sensegen_tf.data.sources.columns import TableConfig


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


def test_steps_that_float32_hides_are_found():
    counts = 50_000_000 + np.random.default_rng(0).normal(0, 5000, 20_000).round()
    assert sensor(counts).resolution == 1 and sensor(counts / 1e6).resolution == pytest.approx(1e-6, rel=1e-4)
    assert sensor(np.random.default_rng(0).integers(0, 1 << 26, 20_000)).resolution == 1
    # Digits of a text are none of a sensor's.
    assert sensor(np.random.default_rng(0).normal(0, 5, 20_000).round(6)).resolution is None


@pytest.mark.parametrize("fault", ["jitter", "missing"])
def test_the_step_is_that_of_raw_values_not_of_interpolated_ones(fault, tmp_path):
    pytest.importorskip("pyarrow")
    rng = np.random.default_rng(0)
    times = np.arange(400) / 50 + (rng.uniform(-0.004, 0.004, 400) if fault == "jitter" else 0)
    cells = [f"{value:.1f}" for value in rng.normal(0, 3, 400)]
    cells[100:150:5] = [""] * 10 if fault == "missing" else cells[100:150:5]
    lines = [f"{time:.6f},{cell}" for time, cell in zip(times, cells, strict=True)]
    (tmp_path / "a.csv").write_text("\n".join(["t,x", *lines]))
    how = {"missing": "interpolate"} if fault == "missing" else {"resample_hz": 50.0}
    table = TableConfig(channels=("x",), time_column="t", **how)
    given = {"resample_hz": how.get("resample_hz")}
    found = sources.load(sources.SourceConfig(source="table", data_dir=str(tmp_path), table=table, **given))
    assert found.sensors[0].resolution == pytest.approx(0.1) and found.recordings[0].raw is None
    assert len(np.unique(found.recordings[0].signals * 10 % 1 > 1e-6)) == 2


def test_recordings_one_after_the_other_say_the_same_as_together():
    values = np.random.default_rng(0).normal(0, 3, [40, 50, 1]).round(1)
    alone, together = Levels(), Levels()
    for piece in values:
        part = Levels()
        part.add(piece.T)
        alone.merge(part)
    together.add([values.ravel()])
    assert alone.sensors() == together.sensors() == (Sensor(resolution=pytest.approx(0.1)),)


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
