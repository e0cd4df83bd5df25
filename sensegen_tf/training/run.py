"""Training from Python: a configuration and a dataset in, a run out. It prints nothing; callbacks may."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sensegen_tf.data.dataset import Dataset
from sensegen_tf.data.pipeline import check_minibatches
from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError
from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.generator import Generator
from sensegen_tf.training.augment import AXES
from sensegen_tf.training.batches import Stream
from sensegen_tf.training.calibration import calibrate, fit_prior
from sensegen_tf.training.callback import Callback
from sensegen_tf.training.checkpoints import Checkpoints
from sensegen_tf.training.config import TrainConfig
from sensegen_tf.training.distribution import Distribution
from sensegen_tf.training.loop import Trainer
from sensegen_tf.training.privacy import Guarantee
from sensegen_tf.training.private_run import PrivateRun
from sensegen_tf.training.run_directory import RunDirectory, package_versions

# At most this many training windows are used to fit the mixture of the first block and to count subjects.
_INITIAL_WINDOWS = 8192


class Run:
    """A training run in a folder; it may be unfinished.

    Attributes:
      path: the folder.
      config, dataset: as given to `train`.
      trainer: both models and their optimisers, in their current state.
      complete: whether all training steps are done.
      results: what the caller recorded after export, or None. A run with results is not trained again.
      resumed_at: the step at which this call of `train` started; 0 of a new run.
      seconds: that this call trained.
    """

    def __init__(self, config: TrainConfig, dataset: Dataset, *, directory: RunDirectory | None, trainer: Trainer):
        self.config, self.dataset, self.trainer = config, dataset, trainer
        self._directory = directory
        self.resumed_at, self.seconds = int(trainer.step), 0.0

    @property
    def path(self) -> str:
        """The folder; "" of a worker that is not the chief, which writes nothing."""
        return self._directory.path if self._directory else ""

    @property
    def complete(self) -> bool:
        """Whether all training steps are done."""
        return int(self.trainer.step) >= self.config.schedule.steps

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The metrics of the outer iterations so far, see `Trainer.evaluate`."""
        return self._directory.metrics() if self._directory else []

    @property
    def results(self) -> dict[str, Any] | None:
        """What `finish` recorded, or None."""
        return self._directory.results() if self._directory else None

    def add_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Records the metrics of an outer iteration."""
        if self._directory:
            self._directory.add_metrics(metrics)

    def finish(self, results: Mapping[str, Any]) -> None:
        """Records the results of a complete run, such as the path of its exported model."""
        if self._directory:
            self._directory.finish(results)

    def log_likelihood(self, windows: WindowSet) -> np.ndarray:
        """Log-likelihood of windows under the generator: float32 [N], nats."""
        return self.trainer.log_likelihood(self.dataset, windows)

    def preview(self, windows: WindowSet) -> np.ndarray:
        """One series for each window, with the window's label: [N, T, C] in physical units.

        Every call uses the same random numbers, so that previews of one run can be compared.
        """
        batches, dataset = self.trainer.batches, self.dataset
        label = batches.encode_labels(dataset, windows)
        series = batches.generate(Stream.PICTURE_ROLLOUTS, 0, label=label, steps=dataset.length)
        return dataset.standardizer.to_physical(series)


def train(
    config: TrainConfig,
    dataset: Dataset,
    *,
    run_dir: str | os.PathLike[str],
    callbacks: Sequence[Callback] = (),
    provenance: Mapping[str, Any] | None = None,
    distribution: Distribution | None = None,
    checkpoint_seconds: float = 60.0,
) -> Run:
    """Trains both models, or goes on where the run in this folder stopped.

    An interrupted run continues from its last checkpoint when `train` is called with the same arguments. On the same
    machine its final weights are bit-identical to those of an uninterrupted run. A run with `results` is not trained
    again.

    Args:
      config: what to train, and how.
      dataset: the windows.
      run_dir: folder of the run; made if missing.
      callbacks: called during training; they may ask to stop.
      provenance: where the dataset came from, for the model card, as JSON can hold it.
      distribution: for several devices or machines; None for this process alone.
      checkpoint_seconds: after which the next finished step is saved, as the end of every outer iteration is.

    Returns:
      The `Run`; not complete where a callback asked to stop.

    Raises:
      InputError: windows that the model or the minibatches cannot take, or a folder that holds another run.
      NotFiniteError: a loss or gradient is not finite.

    Example:
      >>> import tempfile
      >>> from sensegen_tf.data import sources, split, windows
      >>> from sensegen_tf.training import config, run, schedule
      >>> recordings = sources.load(sources.SourceConfig(source="watch", channels=("ax",)))
      >>> dataset = split.prepare(recordings, windows.WindowConfig(length=16, stride=400))
      >>> steps = schedule.alternating(1, discriminator_steps=1, generator_steps=1)
      >>> small = config.TrainConfig.from_preset("sensegen_small", schedule=steps, calibrate=False)
      >>> run.train(small, dataset, run_dir=tempfile.mkdtemp()).complete
      True
    """
    distribution = distribution or Distribution()
    _check(config, dataset, distribution)
    directory = _claim(config, dataset, run_dir=run_dir, provenance=provenance, distribution=distribution)
    run, checkpoints = _restore(config, dataset, directory=directory, run_dir=run_dir, distribution=distribution)
    if not distribution.any(run.results is not None):
        _fit(run, checkpoints, callbacks, checkpoint_seconds)
    return run


def _claim(config, dataset, *, run_dir, provenance, distribution):
    """The folder of the chief, which holds no other run; None for other workers."""
    fingerprint = {
        "config": config.describe(),
        "provenance": dict(provenance or {}),
        "data": dataset.describe(),
        "versions": package_versions(),
    }
    distribution.verify_identical(fingerprint)
    if not distribution.chief:
        return None
    directory = RunDirectory(run_dir)
    for name, values in fingerprint.items():
        directory.write_or_verify(name, values)
    return directory


def _restore(config, dataset, *, directory, run_dir, distribution):
    """The run where it stopped, or at its start; and its checkpoints."""
    with distribution.scope():
        generator, discriminator = _build_models(config, dataset)
    private = _private(config, dataset, directory=directory)
    options = {"schedule": config.schedule, "config": config.learning, "distribution": distribution}
    trainer = Trainer(generator, discriminator, private=private, trainable=config.trainable, **options)
    if directory:
        models = {"generator": generator.get_config(), "discriminator": discriminator.get_config()}
        directory.write_or_verify("models", models)
    checkpoints = Checkpoints(os.path.join(run_dir, "checkpoints"), **trainer.state())
    if not checkpoints.restore():
        if config.initial_run:
            checkpoints.restore_models(os.path.join(config.initial_run, "checkpoints"))
        _fit_to_recordings(generator, discriminator, config, dataset)
        trainer.parameters.start()
    distribution.broadcast_from_chief(checkpoints.variables())
    return Run(config, dataset, directory=directory, trainer=trainer), checkpoints


def _private(config, dataset, *, directory):
    """The guarantee and the secret of the run, or None; the guarantee is written down before the first step."""
    if not config.privacy:
        return None
    windows = dataset.training
    count = windows.count if config.privacy.unit == "window" else len(windows.subject_names)
    steps = config.schedule.outer_iterations * config.schedule.generator_steps
    guarantee = Guarantee.find(config.privacy, subjects=count, steps=steps)
    directory.write_or_verify("privacy", guarantee.describe())
    return PrivateRun(guarantee=guarantee, secret=directory.secret())


def _check_private(config, dataset, distribution):
    """Refuses what would look at the recordings without being paid for by the guarantee."""
    if distribution.workers > 1:
        raise InputError(
            "a training with a guarantee runs on one machine; the strategy mirrored uses all its GPUs",
            fields=["strategy", "privacy"],
        )
    if dataset.measured:
        raise InputError(
            "the standardisation was measured on the recordings, which a guarantee does not cover; give physical_range "
            "or standardize_by, which are known without them",
            fields=["physical_range", "standardize_by", "privacy"],
        )


def _check(config, dataset, distribution):
    """Refuses what the models or the replicas cannot take."""
    if config.privacy:
        _check_private(config, dataset, distribution)
    distribution.check_batch(config.learning.batch_size, stride=config.learning.adversarial_stride)
    block = config.generator.head.block
    if dataset.length % block:
        raise InputError(
            f"length {dataset.length} of the windows is not a multiple of {block}, the block size of {config.preset}",
            fields=["length"],
        )
    if config.learning.rotation_degrees and len(dataset.channels) % AXES:
        raise InputError(
            f"rotation_degrees turns sensors with three axes; {len(dataset.channels)} channels are not threes",
            fields=["rotation_degrees", "channels"],
        )
    balance = config.learning.balance_labels
    check_minibatches(dataset.training, balance=balance, num_shards=distribution.workers)


def _build_models(config, dataset):
    """Builds both models."""
    labels = dataset.training.label_names if config.generator.condition.label else ()
    options = {
        "labels": len(labels),
        "seed": config.learning.seed,
        "use_xla": True,
        "precision": config.precision,
    }
    # Keras would number the names, and a run could not be resumed in the same process.
    generator = Generator(config.generator, len(dataset.channels), name="generator", **options)
    discriminator = Discriminator(config.discriminator, len(dataset.channels), name="discriminator", **options)
    generator.build()
    discriminator.build()
    if config.privacy and generator.initial:
        # It is not fitted to the recordings, but learnt under the guarantee.
        generator.initial.trainable = True
    return generator, discriminator


def _fit_to_recordings(generator, discriminator, config, dataset):
    """Fits the parts that are not trained: the unit of the increments, and the mixture of the first step."""
    for model in (generator, discriminator):
        model.set_increment_unit(dataset.standardizer.increment)
    if not generator.initial or config.privacy or (config.initial_run and generator.initial.trainable):
        return
    windows = dataset.training.subsample(_INITIAL_WINDOWS)
    labels = dataset.training.label_names if generator.labels else ()
    generator.adapt(
        dataset.standardizer.to_standard(windows.values),
        increments=dataset.standardizer.increment,
        label=windows.encoded_labels(labels),
        subject=windows.encoded_subjects(dataset.training.subject_names),
    )


def _fit(run, checkpoints, callbacks, checkpoint_seconds):
    """Runs what is left of the schedule."""
    started = time.monotonic()
    trainer, config = run.trainer, run.config

    def choose_last():
        # The prior of a model with a guarantee is that of the run from which it started.
        if trainer.generator.latent_size and not config.privacy:
            fit_prior(trainer, run.dataset)
        if config.calibrate:
            for callback in callbacks:
                callback.on_calibrate()
            calibrate(trainer, run.dataset)

    for callback in callbacks:
        callback.on_begin(run)
    try:
        trainer.fit(
            run.dataset,
            checkpoints,
            callbacks=callbacks,
            checkpoint_seconds=checkpoint_seconds,
            on_outer=run.add_metrics,
            on_last=choose_last if trainer.distribution.chief else None,
        )
    finally:
        run.seconds = time.monotonic() - started
        for callback in callbacks:
            callback.on_end(run)
