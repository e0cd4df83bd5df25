"""What is made of a trained run: samples of its exported model beside the recordings, a picture, a report."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from sensegen_tf.data.windows import WindowSet, evenly_spaced
from sensegen_tf.errors import InputError
from sensegen_tf.evaluation import run as evaluation
from sensegen_tf.evaluation.metrics import fidelity
from sensegen_tf.evaluation.settings import Settings
from sensegen_tf.generation.model import Model
from sensegen_tf.models.config import GeneratorConfig
from sensegen_tf.training.callback import Callback
from sensegen_tf.training.progress import summary_writer
from sensegen_tf.training.run import Run

# Series that are sampled for the picture and its figures, and real windows that are measured beside them.
_PICTURE_SERIES, _PICTURE_WINDOWS = 512, 8192
# Series that are sampled for the report and for a quick one.
_REPORT_SERIES, _QUICK_REPORT_SERIES = 10_000, 2000
# Most windows of a kind whose likelihood is computed where there is a latent, since it is then computed under many.
_LATENT_SCORES = 1000
# Windows of each kind in the pictures along a training, and about how many pictures at most: each takes a second.
_PREVIEW_WINDOWS, _PREVIEWS = 64, 20


def sample_windows(version: str, run: Run, *, count: int, seed: int) -> WindowSet:
    """Samples of an exported model, as long as the windows of its run."""
    samples = Model(version).sample(count, length=run.dataset.length, seed=seed)
    return WindowSet(
        name=f"{count} samples of {version}",
        values=samples.values,
        labels=samples.labels,
        rate=run.dataset.rate,
        channels=run.dataset.channels,
        units=run.dataset.units,
    )


def scored(windows: WindowSet, score: Callable[[WindowSet], Any], *, config: GeneratorConfig) -> WindowSet:
    """Windows with their log-likelihoods; of a generator with a latent those of some of them, evenly spaced.

    Args:
      windows: in memory.
      score: the log-likelihoods [N] of windows.
      config: of the generator.
    """
    rows = evenly_spaced(windows.count, _LATENT_SCORES if config.latent else windows.count)
    found = np.full(windows.count, np.nan)
    found[rows] = score(windows.take(rows))
    return dataclasses.replace(windows, log_likelihood=found)


def compare_spectra(run: Run, synthetic: WindowSet) -> dict[str, Any]:
    """The largest differences of the amplitude spectrum against the training windows, of samples and of test windows.

    Returns:
      `band_hz`, the lowest and the highest frequency; `largest_difference_db`: "synthetic" and "test" -> dB, one number
      a channel.
    """
    dataset = run.dataset
    low, high = fidelity.usual_band(dataset.rate, dataset.length)
    real, test = (split.subsample(_PICTURE_WINDOWS).values for split in (dataset.training, dataset.test))
    differences = {
        name: fidelity.spectral_difference(real, values, rate=dataset.rate, low=low, high=high).tolist()
        for name, values in (("synthetic", synthetic.values), ("test", test))
    }
    return {"band_hz": [low, high], "largest_difference_db": differences}


def _plots():
    """The module that draws, or None where matplotlib is not installed."""
    try:
        from sensegen_tf.evaluation.plots import comparison
    except ImportError:
        return None
    return comparison


def _compare(plots, real, synthetic, title):
    """A figure of windows beside samples [N, T, C]."""
    shown = {"rate": real.rate, "channels": real.channels, "units": real.units}
    return plots.compare(real.values, synthetic, title=title, **shown)


class Pictures(Callback):
    """Training windows beside series of the generator in TensorBoard, after some of the outer iterations."""

    def on_begin(self, run: Run) -> None:
        """Opens the log."""
        self._run, self._plots = run, _plots()
        self._writer = summary_writer(os.path.join(run.path, "logs")) if self._plots else None

    def on_outer(self, metrics: dict[str, float]) -> None:
        """Draws, after every twentieth of the outer iterations."""
        schedule, outer = self._run.config.schedule, int(metrics["outer"])
        count = schedule.outer_iterations
        if self._writer and (outer % math.ceil(count / _PREVIEWS) == 0 or outer == count - 1):
            windows = self._run.dataset.training.subsample(_PREVIEW_WINDOWS)
            figure = _compare(self._plots, windows, self._run.preview(windows), self._run.config.preset)
            with self._writer.as_default((outer + 1) * schedule.steps_per_outer):
                tf.summary.image("samples", self._plots.to_image(figure)[None])
            self._writer.flush()

    def on_end(self, run: Run) -> None:
        """Closes the log."""
        if self._writer:
            self._writer.close()


def summarize(run: Run, version: str) -> dict[str, Any]:
    """Samples an exported model, compares spectra, and writes RUN/picture.png.

    Returns:
      `spectrum`, see `compare_spectra`; `picture`, the path of the picture, where it could be drawn.
    """
    synthetic = sample_windows(version, run, count=_PICTURE_SERIES, seed=run.config.learning.seed)
    results: dict[str, Any] = {"spectrum": compare_spectra(run, synthetic)}
    counts = f"{run.dataset.training.count} training windows, {synthetic.count} synthetic ones"
    if plots := _plots():
        results["picture"] = os.path.join(run.path, "picture.png")
        real = run.dataset.training.subsample(_PICTURE_WINDOWS)
        plots.save(_compare(plots, real, synthetic.values, f"{run.config.preset}: {counts}"), results["picture"])
    return results


def report(run: Run, version: str, *, quick: bool = False) -> evaluation.Written:
    """Evaluates samples of the exported model of a complete run, and writes RUN/report.

    Args:
      run: complete.
      version: folder of the exported version.
      quick: whether with fewer samples and repeats, in about a minute.

    Raises:
      InputError: the checkpoint of the end of the run is gone.
    """
    if not run.complete:
        raise InputError(f"{run.path} no longer holds the end of this run, so it cannot be evaluated")
    dataset, seed = run.dataset, run.config.learning.seed
    settings = Settings.quick(seed) if quick else Settings(seed=seed)

    def real(name, split):
        windows = scored(split.subsample(settings.windows), run.log_likelihood, config=run.config.generator)
        labels = windows.labels if windows.labels is not None and all(windows.labels) else None
        known = {"rate": windows.rate, "channels": windows.channels, "units": windows.units}
        known |= {"subjects": windows.subjects, "log_likelihood": windows.log_likelihood}
        return WindowSet(name=name, values=windows.values, labels=labels, **known)

    count = _QUICK_REPORT_SERIES if quick else _REPORT_SERIES
    heldout = None
    if dataset.heldout is not None:
        heldout = real("held-out windows of the training subjects", dataset.heldout)
    return evaluation.evaluate(
        real("training windows", dataset.training),
        sample_windows(version, run, count=count, seed=seed),
        folder=os.path.join(run.path, "report"),
        test=real("windows of the test subjects", dataset.test),
        heldout=heldout,
        settings=settings,
    )
