"""Trains SenseGen on recordings and exports a SavedModel that samples.

Example:
  python -m sensegen_tf.train --flagfile=experiments/flags/quickstart.flags

The same command again goes on where a run stopped. --flagfile=F reads flags from a file; flags after it override it.
"""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

from absl import flags

from sensegen_tf import commands, data_flags, privacy_flags

if TYPE_CHECKING:
    from sensegen_tf.training.config import TrainConfig

FLAGS = flags.FLAGS

# The names of `models.presets.PRESETS`, which importing it would load TensorFlow for; a test compares them.
PRESETS = (
    "sensegen",
    "sensegen_small",
    "sensegen_accel",
    "sensegen_imu",
    "sensegen_ecg",
    "sensegen_table",
    "sensegen_channelwise",
    "sensegen_fast",
)

data_flags.define()
_DATA_FLAGS = tuple(commands.flag_values())
with commands.topic("Model"):
    flags.DEFINE_enum("preset", "sensegen", PRESETS, "architecture; README.md says which for what")
    flags.DEFINE_string("initial_run", "", "folder of a run of the same preset, from whose weights this one starts")
    flags.DEFINE_enum(
        "trainable",
        "all",
        ["all", "head", "lora"],
        "parameters of the generator that learn; head: its last two layers and all biases; lora: low-rank changes of "
        "every matrix, and all biases",
    )
    commands.only_with("trainable", lambda given: bool(given.initial_run), what="--initial_run")
with commands.topic("Schedule"):
    flags.DEFINE_enum(
        "schedule",
        "alternating",
        ["alternating", "algorithm1"],
        "alternating: a fresh minibatch at every step; algorithm1: as printed in the paper, one minibatch for each "
        "model and outer iteration, repeated for all its steps",
    )
    flags.DEFINE_integer("outer_iterations", 10, "outer iterations of Algorithm 1", lower_bound=1)
    flags.DEFINE_integer("discriminator_steps", 200, "steps of the discriminator in an outer iteration", lower_bound=0)
    flags.DEFINE_integer("generator_steps", 100, "steps of the generator in an outer iteration", lower_bound=0)
with commands.topic("Learning"):
    flags.DEFINE_integer("batch_size", 64, "windows in a minibatch", lower_bound=1)
    flags.DEFINE_float("generator_learning_rate", 1e-3, "learning rate of Adam", lower_bound=1e-12)
    flags.DEFINE_float("discriminator_learning_rate", 1e-3, "learning rate of Adam", lower_bound=1e-12)
    flags.DEFINE_enum("learning_rate_decay", "none", ["none", "cosine"], "of both learning rates, over the whole run")
    flags.DEFINE_float("gradient_clip_norm", 1.0, "largest global norm of an objective's gradient", lower_bound=1e-12)
    flags.DEFINE_bool("dequantize", True, "add noise of one step of the sensor's grid to the training windows")
    flags.DEFINE_float(
        "rotation_degrees",
        0.0,
        "turn every window of sensors with three axes by a random angle up to this before it is learnt from",
        lower_bound=0.0,
        upper_bound=180.0,
    )
    flags.DEFINE_float(
        "tempo_change",
        0.0,
        "play every window faster or slower by a random share up to this before it is learnt from; below 1",
        lower_bound=0.0,
    )
    flags.DEFINE_bool("balance_labels", False, "give every label the same share of the minibatches")
    flags.DEFINE_enum(
        "generator_objective",
        "likelihood",
        ["likelihood", "adversarial", "both"],
        "what the generator minimises: its negative log-likelihood (as published), the discriminator's loss on the "
        "generator's own series, or both",
    )
    flags.DEFINE_float("adversarial_weight", 1.0, "weight of the adversarial objective", lower_bound=0)
    flags.DEFINE_integer(
        "adversarial_batch_size", 32, "most series of the adversarial objective in a step", lower_bound=1
    )
    flags.DEFINE_bool(
        "calibrate",
        True,
        "choose at the end for every label the temperature whose samples have the recordings' spectrum",
    )
    flags.DEFINE_integer("seed", 0, "of all random numbers", lower_bound=0, upper_bound=2**31 - 1)
    flags.DEFINE_enum(
        "precision",
        "float32",
        ["float32", "bfloat16"],
        "of the matrix products of the training; all else, and the exported model, is float32",
    )
    flags.DEFINE_enum(
        "strategy",
        "none",
        ["none", "mirrored", "multi_worker"],
        "of tf.distribute. mirrored: every GPU of this machine takes its share of each minibatch; multi_worker: so "
        "does every worker that TF_CONFIG names; all run the same command, on a file system that they share",
    )
privacy_flags.define()
with commands.topic("Results"):
    flags.DEFINE_string("run_dir", None, "folder of the run: checkpoints, metrics, logs, picture")
    flags.DEFINE_string("model_dir", None, "folder of the exported versions; by default RUN_DIR/model")
    flags.DEFINE_bool("report", False, "evaluate samples and write RUN_DIR/report (extra `evaluate`)")
    flags.DEFINE_bool("quick_report", False, "the same with fewer repeats, in about a minute")
    flags.DEFINE_integer("evaluation_windows", 512, "most test windows measured an outer iteration", lower_bound=1)
    flags.DEFINE_float("checkpoint_seconds", 60, "longest time between two checkpoints", lower_bound=0)
commands.required("source", "run_dir")
commands.only_with(
    ["adversarial_weight", "adversarial_batch_size"],
    lambda given: given.generator_objective != "likelihood",
    what="--generator_objective=adversarial or both",
)


def config_from_flags() -> TrainConfig:
    """The `TrainConfig` that the flags ask for."""
    from sensegen_tf.training import config, learning, schedule

    steps = {"discriminator_steps": FLAGS.discriminator_steps, "generator_steps": FLAGS.generator_steps}
    return config.TrainConfig.from_preset(
        FLAGS.preset,
        schedule=schedule.SCHEDULES[FLAGS.schedule](FLAGS.outer_iterations, **steps),
        learning=commands.from_flags(learning.LearningConfig),
        precision=FLAGS.precision,
        # A guarantee does not cover it, so that it must be asked for to be refused.
        calibrate=FLAGS.calibrate and (FLAGS.privacy == "none" or FLAGS["calibrate"].present),
        initial_run=FLAGS.initial_run,
        trainable=FLAGS.trainable,
        privacy=privacy_flags.config(),
    )


def _provenance():
    """The flags that say where the data came from, but for the user's own folders."""
    return {name: FLAGS[name].value for name in _DATA_FLAGS if name != "data_dir"}


def _callbacks(chief):
    """Who looks on: every worker listens to signals, the chief shows the run too."""
    # Slow imports wait until the flags have been checked.
    from sensegen_tf.assess import Pictures
    from sensegen_tf.training.progress import Interrupt, Progress

    return [Interrupt(), Progress(), Pictures()] if chief else [Interrupt()]


def _export(run):
    """Exports the complete run, draws its picture, and records both; what was recorded."""
    from sensegen_tf import assess
    from sensegen_tf.serving import export, model_card
    from sensegen_tf.training import run_directory

    version = export.export_run(run.path, FLAGS.model_dir or os.path.join(run.path, "model"), name=_name())
    results = {
        "model": version,
        "training_seconds": round(run.seconds, 1),
        "resumed_at": run.resumed_at,
        "machine": run_directory.machine(),
        "temperatures": model_card.read_card(version).temperatures,
        **assess.summarize(run, version),
    }
    run.finish(results)
    return results


def _name():
    """The model's own name: that of its folder, or of the run's."""
    return os.path.basename(os.path.abspath(FLAGS.model_dir or FLAGS.run_dir))


def _print_results(run, results):
    low, high = results["spectrum"]["band_hz"]
    print(f"\nLargest difference of the amplitude spectrum from {low:g} to {high:g} Hz against the training windows:")
    for what, differences in results["spectrum"]["largest_difference_db"].items():
        shown = zip(run.dataset.channels, differences, strict=True)
        print(f"  {what:<10}", ", ".join(f"{channel} {difference:.1f} dB" for channel, difference in shown))
    drawn = results.get("picture", "not drawn: pip install 'sensegen_tf[plots]'")
    print(f"SavedModel  {results['model']}\nPicture     {drawn}\nLogs        {run.path}")
    logs = os.path.join(run.path, "logs")
    if os.path.isdir(logs):
        print(f"TensorBoard tensorboard --logdir={logs}")
    print(
        "Samples     python -m sensegen_tf.sample "
        f"--model={results['model']} --num=1000 --length={run.dataset.length} --seed=0 --output=samples.npz"
    )


def _stopped(run, chief):
    command = shlex.join(["python", "-m", "sensegen_tf.train", *sys.argv[1:]])
    saved, step = " and saved" if chief else "", int(run.trainer.step)
    print(f"\nStopped{saved} at step {step} of {run.config.schedule.steps}. To resume:\n  {command}")
    return 130


def main() -> int | None:
    """Trains, exports, and reports; exit status 130 where it was interrupted."""
    # Slow imports wait until the flags have been checked.
    from sensegen_tf.evaluation import run as evaluation
    from sensegen_tf.training.distribution import Distribution

    if FLAGS.report or FLAGS.quick_report:
        evaluation.check_installed()
    config = config_from_flags()
    if FLAGS.strategy == "multi_worker":
        print("waiting for all workers", flush=True)
    distribution = Distribution(FLAGS.strategy)
    distribution.check_batch(config.learning.batch_size, stride=config.learning.adversarial_stride)
    dataset = privacy_flags.apply(data_flags.load_dataset())
    with distribution.lost_workers():
        return _train(config, dataset, distribution)


def _train(config, dataset, distribution):
    from sensegen_tf import assess
    from sensegen_tf.serving import export
    from sensegen_tf.training.run import train

    if not distribution.chief:
        print(
            f"worker {distribution.worker} of {distribution.workers}; worker 0, the chief, shows progress", flush=True
        )
    run = train(
        config,
        dataset,
        run_dir=FLAGS.run_dir,
        callbacks=_callbacks(distribution.chief),
        provenance=_provenance(),
        distribution=distribution,
        checkpoint_seconds=FLAGS.checkpoint_seconds,
    )
    results = run.results
    if results:
        print(f"{run.path} holds this run already, finished.")
    elif not run.complete:
        return _stopped(run, distribution.chief)
    if not distribution.chief:
        return 0
    results = results or _export(run)
    _print_results(run, results)
    if FLAGS.report or FLAGS.quick_report:
        written = assess.report(run, results["model"], quick=FLAGS.quick_report)
        export.attach_report(results["model"], written.description)
        print(f"\n{written.summary}")
    return 0


if __name__ == "__main__":
    commands.run(main)
