"""Trains SenseGen on recordings and exports a SavedModel that samples.

Example:
  python -m sensegen_tf.train --flagfile=experiments/quickstart.flags

The same command again goes on where a run stopped. Flags are described below; --flagfile=F reads them from a file.
"""

import os
import shlex
import signal
import sys
import time

from absl import flags

from sensegen_tf import commands, data_flags
from sensegen_tf.errors import InputError
from sensegen_tf.models.zoo import ZOO

FLAGS = flags.FLAGS

flags.adopt_module_key_flags(data_flags)

flags.DEFINE_enum(
    "model", "sensegen", list(ZOO), "row of the zoo: " + "; ".join(f"{k}: {v.summary}" for k, v in ZOO.items())
)
flags.DEFINE_enum(
    "schedule",
    "alternating",
    ["alternating", "algorithm1"],
    "alternating: a fresh minibatch at every step; algorithm1: as printed in the paper, one minibatch a player and "
    "outer iteration, repeated for all its steps",
)
flags.DEFINE_integer("outer_iterations", 10, "outer iterations of Algorithm 1", lower_bound=1)
flags.DEFINE_integer("discriminator_steps", 200, "steps of the discriminator in an outer iteration", lower_bound=0)
flags.DEFINE_integer("generator_steps", 100, "steps of the generator in an outer iteration", lower_bound=0)
flags.DEFINE_integer("batch_size", 64, "windows in a minibatch", lower_bound=1)
flags.DEFINE_float("generator_learning_rate", 1e-3, "learning rate of Adam", lower_bound=1e-12)
flags.DEFINE_float("discriminator_learning_rate", 1e-3, "learning rate of Adam", lower_bound=1e-12)
flags.DEFINE_enum("learning_rate_decay", "none", ["none", "cosine"], "of both learning rates, over the whole run")
flags.DEFINE_float("gradient_clip_norm", 1.0, "largest global norm of an objective's gradient", lower_bound=1e-12)
flags.DEFINE_enum(
    "precision",
    "float32",
    ["float32", "bfloat16"],
    "of the matrix products of the training; state, mixture and optimiser stay float32, and so does the exported model",
)
flags.DEFINE_bool("dequantize", True, "spread values that lie on the sensor's grid over its steps while training")
flags.DEFINE_enum(
    "generator_objective",
    "likelihood",
    ["likelihood", "adversarial", "both"],
    "what the generator descends: its negative log-likelihood (as published), what the discriminator says of its own "
    "series, through them, or both",
)
flags.DEFINE_float("adversarial_weight", 1.0, "of the discriminator's part in the objective", lower_bound=0)
flags.DEFINE_integer("adversarial_batch_size", 32, "series in that part of a step, at most --batch_size", lower_bound=1)
flags.DEFINE_bool(
    "calibrate",
    True,
    "at the end, choose for every label the temperature of sampling whose spectrum is nearest to the recordings'",
)
flags.DEFINE_bool("balance_labels", False, "give every label the same share of the minibatches")
flags.DEFINE_integer("evaluation_windows", 512, "most held-out windows measured an outer iteration", lower_bound=1)
flags.DEFINE_integer("seed", 0, "of all random numbers", lower_bound=0, upper_bound=2**31 - 1)
flags.DEFINE_enum(
    "strategy",
    "none",
    ["none", "mirrored", "multi_worker"],
    "of tf.distribute. mirrored: every GPU of this machine has its rows of each minibatch; multi_worker: so has every "
    "worker that TF_CONFIG names; all run the same command, on a file system that they share",
)

flags.DEFINE_string("run_dir", None, "folder of the run: checkpoints, metrics, logs, picture")
flags.DEFINE_string("initial_run", "", "folder of a run of the same model, whose trained weights this one starts from")
flags.DEFINE_string("model_dir", None, "folder of the exported versions; by default RUN_DIR/model")
flags.DEFINE_bool("report", False, "judge samples of the exported model and write RUN_DIR/report (extra `evaluate`)")
flags.DEFINE_bool("quick_report", False, "the same with fewer repeats, in about a minute")
flags.DEFINE_float("checkpoint_seconds", 60, "longest time between two checkpoints", lower_bound=0)
flags.mark_flags_as_required(["source", "run_dir"])

# Windows of whose first values the first step's mixture is made.
_START_WINDOWS = 8192
# Series that are sampled for the picture and its figures.
_PICTURE_SERIES = 512
# Real windows that are measured beside them.
_PICTURE_WINDOWS = 8192
# Series that are sampled for the report and for a quick one, and most real windows of either kind beside them.
_REPORT_SERIES, _QUICK_REPORT_SERIES, _REPORT_WINDOWS = 10_000, 2000, 10_000
# The same with codes of people, since every window is then scored under everybody's.
_REPORT_WINDOWS_OF_CODES = 1000
# Windows of each kind in the pictures along the training.
_DRAWN_WINDOWS = 64


class _Interrupt:
    """While it lasts, the first Ctrl-C (or SIGTERM) asks to stop after the step; a second one stops at once."""

    def __enter__(self):
        self.requested = False
        self._before = {number: signal.signal(number, self._request) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *exception):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _request(self, number, frame):
        del frame
        self.requested = True
        signal.signal(number, self._before[number])


def _build_models(dataset):
    from sensegen_tf.data.windows import numbered
    from sensegen_tf.models.discriminator import Discriminator
    from sensegen_tf.models.generator import Generator

    row = ZOO[FLAGS.model]
    how = {"seed": FLAGS.seed, "native": True, "precision": FLAGS.precision}
    channels, labels = len(dataset.channels), len(_labels(dataset))
    people = len(dataset.training.people) if row.generator.code else 0
    generator = Generator(row.generator, channels, labels=labels, people=people, **how)
    discriminator = Discriminator(row.discriminator, channels, labels=labels, **how)
    generator.build()
    discriminator.build()
    some = dataset.training.spread(_START_WINDOWS)
    label = numbered(_labels(dataset), some.labels)
    person = numbered(dataset.training.people, some.subjects)
    generator.adapt(dataset.standardizer.increment, dataset.standardizer.to_standard(some.values), label, person)
    discriminator.adapt(dataset.standardizer.increment)
    return generator, discriminator


def _check_length(dataset):
    """Refuses windows that the model's blocks do not fill."""
    block = ZOO[FLAGS.model].generator.block
    if dataset.length % block:
        raise InputError(
            f"windows of {dataset.length} samples are no multiple of {block}, the block of --model={FLAGS.model}; "
            "change --window_length"
        )


def _labels(dataset):
    """The labels that the model is conditional on."""
    return dataset.training.label_names if ZOO[FLAGS.model].generator.conditional else ()


def _samples(version, dataset, count):
    """Labels (None of an unconditional model) and values of samples as long as the windows."""
    from sensegen_tf.generation.model import Model

    model = Model(version)
    found = model.sample(count, dataset.length, FLAGS.seed)
    samples, labels = found if model.card.labels else (found, None)
    return labels, samples


def _look(run, version, dataset):
    """Samples from the exported model; draws real beside synthetic; measures the spectra."""
    from sensegen_tf.evaluation import fidelity

    _, synthetic = _samples(version, dataset, _PICTURE_SERIES)
    real, heldout = (part.spread(_PICTURE_WINDOWS).values for part in (dataset.training, dataset.heldout))
    low, high = fidelity.usual_band(dataset.rate, dataset.length)
    differences = {
        what: fidelity.spectral_difference(real, values, dataset.rate, low, high).tolist()
        for what, values in (("synthetic", synthetic), ("held-out", heldout))
    }
    results = {"spectrum": {"band_hz": [low, high], "largest_difference_db": differences}}
    picture = _picture()
    if picture:
        counts = f"{dataset.training.count} training windows, {len(synthetic)} synthetic ones"
        title = f"{FLAGS.model} on {FLAGS.source}: {counts}"
        figure = picture.compare(real, synthetic, dataset.rate, dataset.channels, dataset.units, title)
        picture.save(figure, run.file("picture.png"))
        results["picture"] = run.file("picture.png")
    return results


def _report(run, version, dataset, trainer):
    """Judges samples of the exported model beside the recordings; prints the summary."""
    from sensegen_tf.evaluation import run as evaluation
    from sensegen_tf.evaluation.samples import Samples

    def samples(name, values, **known):
        return Samples(name, values, dataset.rate, dataset.channels, dataset.units, **known)

    def real(name, part):
        windows = part.spread(_REPORT_WINDOWS_OF_CODES if trainer.generator.code_size else _REPORT_WINDOWS)
        scored = trainer.log_likelihood(dataset, windows)
        labels = windows.labels if all(windows.labels) else None
        return samples(name, windows.values, subjects=windows.subjects, labels=labels, log_likelihood=scored)

    if int(trainer.step) < trainer.schedule.steps:
        raise InputError(f"{run.file('checkpoints')} no longer holds the end of this run, so it cannot be judged")
    count = _QUICK_REPORT_SERIES if FLAGS.quick_report else _REPORT_SERIES
    labels, values = _samples(version, dataset, count)
    summary = evaluation.evaluate(
        real("training windows", dataset.training),
        samples(f"{count} samples of {version}", values, labels=labels),
        real("held-out windows", dataset.heldout),
        run.file("report"),
        FLAGS.seed,
        FLAGS.quick_report,
        dataset.unseen and real("unseen windows of the training people", dataset.unseen),
    )
    print(f"\n{summary}")


def _picture():
    """The module that draws, or None where matplotlib is not installed."""
    try:
        from sensegen_tf.evaluation import picture
    except ImportError:
        return None
    return picture


def _print_results(run, results):
    data = run.read("data")
    low, high = results["spectrum"]["band_hz"]
    print(f"\nLargest difference of the amplitude spectrum from {low:g} to {high:g} Hz against the training windows:")
    for what, differences in results["spectrum"]["largest_difference_db"].items():
        print(f"  {what:<10}", ", ".join(f"{c} {d:.1f} dB" for c, d in zip(data["channels"], differences, strict=True)))
    drawn = results.get("picture", "not drawn: pip install 'sensegen_tf[report]'")
    print(f"SavedModel  {results['model']}\nPicture     {drawn}\nLogs        {run.file()}")
    if os.path.isdir(run.file("logs")):
        print(f"TensorBoard tensorboard --logdir={run.file('logs')}")
    print(
        "Samples     python -m sensegen_tf.sample "
        f"--model={results['model']} --num=1000 --length={data['length']} --seed=0 --output=samples.npz"
    )


def _report_asked():
    return FLAGS.report or FLAGS.quick_report


def _train(run, trainer, checkpoints, dataset):
    """Trains to the end of the schedule, exports and looks; the results, or None where it was stopped before."""
    from sensegen_tf.evaluation.fidelity import log_spectral_distance
    from sensegen_tf.serving import exporting, saved_model
    from sensegen_tf.training import calibration, progress, run_directory

    picture = _picture()
    real = dataset.training.spread(_DRAWN_WINDOWS)
    _, label = trainer.standardized(dataset, real)

    def draw():
        synthetic = dataset.standardizer.to_physical(trainer.generate_for_picture(label, dataset.length))
        figure = picture.compare(real.values, synthetic, dataset.rate, dataset.channels, dataset.units, FLAGS.model)
        return picture.to_image(figure)

    first_step, started = int(trainer.step), time.monotonic()
    with (
        progress.Progress(run, trainer.schedule, first_step, picture and draw) as shown,
        _Interrupt() as interrupt,
    ):

        def calibrate():
            shown.write("choosing the temperature of sampling by the spectra of samples")
            calibration.calibrate(trainer, dataset, log_spectral_distance)

        done = trainer.fit(
            dataset,
            checkpoints,
            on_step=shown.step,
            on_outer=shown.outer,
            on_end=calibrate if FLAGS.calibrate else None,
            should_stop=lambda: interrupt.requested,
        )
    if not done:
        return None
    seconds = round(time.monotonic() - started, 1)
    version = exporting.export_run(run.path, FLAGS.model_dir or run.file("model"))
    results = {
        "model": version,
        "training_seconds": seconds,
        "first_step_of_that_time": first_step,
        "machine": run_directory.machine(),
        "temperatures": saved_model.read_card(version).temperatures,
        **_look(run, version, dataset),
    }
    run.finish(results)
    return results


def _trainer(dataset, plan, learning, distribution):
    from sensegen_tf.training import loop

    with distribution.scope():
        models = _build_models(dataset)
    return loop.Trainer(*models, plan, learning, distribution)


def _restore(trainer):
    """The run's checkpoints; the trainer is where the run stopped, or else where the initial run ended."""
    from sensegen_tf.training.checkpoints import Checkpoints

    checkpoints = Checkpoints(os.path.join(FLAGS.run_dir, "checkpoints"), **trainer.state())
    if not checkpoints.restore() and FLAGS.initial_run:
        checkpoints.restore_models(os.path.join(FLAGS.initial_run, "checkpoints"))
    trainer.distribution.take_from_chief(checkpoints.variables())
    return checkpoints


def _stopped(trainer):
    command = shlex.join(["python", "-m", "sensegen_tf.train", *sys.argv[1:]])
    saved = " and saved" if trainer.distribution.chief else ""
    print(f"\nStopped{saved} at step {int(trainer.step)} of {trainer.schedule.steps}. To go on:\n  {command}")
    return 130


def _follow(trainer, checkpoints, dataset):
    """What a worker does that is not the chief: it learns, and writes nothing."""
    distribution = trainer.distribution
    print(f"worker {distribution.worker} of {distribution.workers}; the chief, worker 0, shows how it goes", flush=True)
    with _Interrupt() as interrupt:
        done = trainer.fit(dataset, checkpoints, should_stop=lambda: interrupt.requested)
    return 0 if done else _stopped(trainer)


def main():
    # Slow imports wait until the flags have been checked.
    from sensegen_tf.data import pipeline
    from sensegen_tf.training import loop, schedule
    from sensegen_tf.training.distribution import Distribution

    plan = schedule.SCHEDULES[FLAGS.schedule](FLAGS.outer_iterations, FLAGS.discriminator_steps, FLAGS.generator_steps)
    learning = commands.from_flags(loop.TrainingConfig)
    if _report_asked():
        from sensegen_tf.evaluation import run as evaluation

        evaluation.check_installed()
    distribution = Distribution(FLAGS.strategy)
    distribution.check_batch(learning.batch_size, learning.adversarial_stride)
    dataset = data_flags.load_dataset()
    _check_length(dataset)
    pipeline.check(dataset.training, learning.balance_labels, distribution.workers)
    with distribution.lost_workers():
        return _run(distribution, dataset, plan, learning)


def _run(distribution, dataset, plan, learning):
    from sensegen_tf.training import run_directory

    started_with = {
        "flags": {flag.name: flag.value for flag in FLAGS.get_key_flags_for_module(sys.modules[__name__])},
        "data": dataset.describe(),
        "versions": run_directory.package_versions(),
    }
    distribution.check_alike(run_directory.what_counts(started_with))
    run = run_directory.RunDirectory(FLAGS.run_dir) if distribution.chief else None
    for name, values in started_with.items() if run else ():
        run.agree(name, values)
    results = run and run.finished()
    if distribution.any(bool(results)):
        return run and _judge_finished(run, results, dataset, plan, learning)

    trainer = _trainer(dataset, plan, learning, distribution)
    if run:
        run.agree("models", trainer.players.configs())
    checkpoints = _restore(trainer)
    if not run:
        return _follow(trainer, checkpoints, dataset)
    results = _train(run, trainer, checkpoints, dataset)
    if results is None:
        return _stopped(trainer)
    _print_results(run, results)
    if _report_asked():
        _report(run, results["model"], dataset, trainer)


def _judge_finished(run, results, dataset, plan, learning):
    """What there is to do of a run that is finished already: judge it where that is asked for."""
    from sensegen_tf.training.distribution import Distribution

    trainer = _trainer(dataset, plan, learning, Distribution("none"))
    run.agree("models", trainer.players.configs())
    print(f"{run.path} holds this run already, finished.")
    _print_results(run, results)
    if _report_asked():
        _restore(trainer)
        _report(run, results["model"], dataset, trainer)


if __name__ == "__main__":
    commands.run(main)
