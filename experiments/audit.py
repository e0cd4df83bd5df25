"""An audit of private training: a lower bound of epsilon, measured in one run, beside the epsilon that is claimed.

    pip install -e ".[privacy]"
    python experiments/audit.py

Steinke, Nasr and Jagielski, "Privacy auditing with one (1) training run", 2023. Some subjects are canaries: simulated
people with recordings of noise and steps that no other subject resembles. A coin of each says whether the canary is
trained on. The auditor sees every update of the weights and knows everybody's recordings, as the guarantee allows: what
was applied in a step is a sum of some of the clipped gradients and noise, and a ridge regression says how much of each
canary's is in it. Canaries with the highest sum over the steps are guessed to be in, those with the lowest to be out.
With epsilon a share of at most exp(epsilon) / (1 + exp(epsilon)) of the guesses is right, but
for chance; so the right guesses bound epsilon from below with 95 % confidence. A trainer without noise is audited
beside it, to show that the audit sees what there is to see. Figures go to results/audit.json.
"""

import math

import numpy as np
import results
import scipy.stats
import tensorflow as tf
from absl import flags

from sensegen_tf import commands

FLAGS = flags.FLAGS
CONFIDENCE = 0.95
LENGTH = 96


def p_value(epsilon, *, canaries, guesses, right, delta):
    """How likely at least so many right guesses are with this epsilon and delta (theorem 5.2 of the paper)."""
    chance = 1 / (1 + math.exp(-epsilon))
    beta = scipy.stats.binom.sf(right - 1, guesses, chance)
    totals = scipy.stats.binom.pmf(np.arange(right)[::-1], guesses, chance).cumsum()
    alpha = (totals / np.arange(1, right + 1)).max(initial=0.0)
    return min(beta + alpha * delta * 2 * canaries, 1.0)


def lower_bound(*, canaries, guesses, right, delta, confidence=CONFIDENCE):
    """The largest epsilon that the right guesses rule out with this confidence; 0 where they rule out none.

    Example:
      >>> round(lower_bound(canaries=1000, guesses=100, right=100, delta=0.0), 2)
      3.49
      >>> lower_bound(canaries=1000, guesses=100, right=50, delta=0.0)
      0.0
    """
    low, high = 0.0, 20.0
    known = {"canaries": canaries, "guesses": guesses, "right": right, "delta": delta}
    if p_value(low, **known) > 1 - confidence:
        return 0.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (middle, high) if p_value(middle, **known) <= 1 - confidence else (low, middle)
    return low


def best_bound(scores, inside, *, delta):
    """The best lower bound over some numbers of guesses, each of which pays its share of the confidence.

    Args:
      scores: [M], higher where a canary is more likely to have been trained on.
      inside: bool [M], whether it was.
      delta: of the guarantee.

    Returns:
      The bound, the number of guesses and how many of them are right.
    """
    count, order = len(scores), np.argsort(-scores, kind="stable")
    numbers = sorted({2 * max(round(count * share / 2), 1) for share in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)})
    found = []
    for guesses in numbers:
        half = guesses // 2
        right = int(inside[order[:half]].sum() + (~inside[order[count - half :]]).sum())
        known = {"canaries": count, "guesses": guesses, "right": right, "delta": delta}
        found.append((lower_bound(**known, confidence=1 - (1 - CONFIDENCE) / len(numbers)), guesses, right))
    return max(found)


def canaries(count, rng):
    """Recordings of noise and steps, [count, LENGTH, 1]."""
    walk = rng.normal(0, 1, [count, LENGTH]).cumsum(1) / LENGTH**0.5
    spikes = rng.normal(0, 4, [count, LENGTH]) * (rng.random([count, LENGTH]) < 0.1)
    return (walk + spikes + rng.normal(0, 0.5, [count, 1]))[..., None].astype(np.float32)


class Watched:
    """An optimiser that keeps the gradients which it was given last."""

    def __init__(self, optimizer, variables):
        self._optimizer = optimizer
        self.seen = [tf.Variable(tf.zeros(variable.shape)) for variable in variables]

    def apply(self, gradients, variables):
        """Moves the variables."""
        for kept, gradient in zip(self.seen, gradients, strict=True):
            kept.assign(gradient)
        self._optimizer.apply(gradients, variables)


def make_dataset(canary, inside, others):
    """The canaries that are in, and other people; standardised by constants."""
    from sensegen_tf.data.dataset import Dataset
    from sensegen_tf.data.standardize import Standardizer
    from sensegen_tf.data.windows import WindowSet

    values = np.concatenate([canary[inside], others])
    windows = WindowSet(values=values, rate=120.0, subjects=np.arange(len(values)).astype(str))
    known = Standardizer(mean=[0.0], std=[1.0], increment=[0.3])
    return Dataset(training=windows, test=windows, standardizer=known, sensors=known.sensors, measured=False)


def other_subjects(count):
    """A window of each of so many simulated people, standardised."""
    from sensegen_tf.data.sources import simulated

    found = [recording.signals[:LENGTH] for recording in simulated.ecg(subjects=count, seconds=2.0).recordings]
    return np.stack(found) / np.std(found)


def audit(guarantee, *, noise, canary, inside, dataset):
    """Trains, and scores every canary: [M]."""
    from sensegen_tf.models.generator import Generator
    from sensegen_tf.models.presets import PRESETS
    from sensegen_tf.training.compiled import CompiledGenerator
    from sensegen_tf.training.distribution import Distribution
    from sensegen_tf.training.parameters import Parameters
    from sensegen_tf.training.private_run import PrivateRun

    generator = Generator(PRESETS["sensegen_small"].generator, 1, use_xla=True)
    generator.build()
    generator.initial.trainable = True
    parameters, adam = Parameters(generator.trainable_variables), tf.keras.optimizers.Adam(1e-3)
    adam.build(parameters.learnt)
    optimizer = Watched(adam, parameters.learnt)
    clip_norm, expected = guarantee.config.clip_norm, guarantee.config.subjects_per_step
    private = PrivateRun(guarantee=guarantee._replace(noise_multiplier=noise), secret=(FLAGS.seed, FLAGS.seed + 1))
    learner = {"optimizer": optimizer, "parameters": parameters}
    step = private.step(CompiledGenerator(generator), **learner, distribution=Distribution())
    feed = private.feed(generator, dataset, dequantize=False, replicas=1)

    @tf.function
    def clipped(batch):
        gradients = step.subject_gradients(batch).gradients
        flat = tf.concat([tf.reshape(each, [each.shape[0], -1]) for each in gradients if 0 not in each.shape], 1)
        return tf.clip_by_norm(flat, clip_norm, axes=[1])

    everybody = np.concatenate([canary, dataset.training.values[inside.sum() :]])
    scores, batches = np.zeros(len(canary)), in_batches(everybody, generator)
    for number in range(guarantee.steps):
        # Before the step, whose gradients they are.
        gradients = np.concatenate([clipped(batch).numpy() for batch in batches])[: len(everybody)]
        step(feed.batch(number))
        applied = np.concatenate([each.numpy().ravel() for each in optimizer.seen]) * expected
        scores += shares(gradients, applied, noise=noise * clip_norm)[: len(canary)]
        if number % 10 == 9:
            right = best_bound(scores, inside, delta=guarantee.config.delta)
            print(f"step {number + 1} of {guarantee.steps}: epsilon at least {right[0]:.2f}", flush=True)
    return scores


def shares(gradients, applied, *, noise):
    """How much of each gradient [N, P] is in a sum of some of them [P] with noise of this standard deviation: [N]."""
    # Recordings of noise have gradients that are alike, so that their products need all digits.
    gradients, applied = gradients.astype(np.float64), applied.astype(np.float64)
    products = gradients @ gradients.T
    ridge = max(noise**2, 1e-10 * np.trace(products) / len(products))
    return np.linalg.solve(products + ridge * np.eye(len(products)), gradients @ applied)


def in_batches(values, generator):
    """Micro-batches of windows [N, T, 1], the last filled up."""
    from sensegen_tf.training.private_steps import SubjectBatch

    rows = 64
    filled = np.concatenate([values, np.zeros([-len(values) % rows, *values.shape[1:]], np.float32)])
    nothing = tf.zeros([rows, generator.latent_size]), tf.zeros([rows, LENGTH, generator.dropout_size])
    return [
        SubjectBatch(tf.constant(filled[start : start + rows]), tf.zeros([rows], tf.int32), *nothing, tf.ones([rows]))
        for start in range(0, len(filled), rows)
    ]


def main():
    from sensegen_tf.training import run_directory
    from sensegen_tf.training.privacy import Guarantee, PrivacyConfig

    rng = np.random.default_rng(FLAGS.seed)
    canary, inside = canaries(FLAGS.canaries, rng), rng.random(FLAGS.canaries) < 0.5
    dataset = make_dataset(canary, inside, other_subjects(FLAGS.others))
    config = PrivacyConfig(
        epsilon=FLAGS.epsilon, delta=1e-5, clip_norm=0.1, subjects_per_step=dataset.training.count // 4
    )
    guarantee = Guarantee.find(config, subjects=dataset.training.count, steps=FLAGS.steps)
    rows = []
    for name, noise in (("as claimed", guarantee.noise_multiplier), ("without noise", 0.0)):
        print(f"{name}: sigma {noise:g}", flush=True)
        scores = audit(guarantee, noise=noise, canary=canary, inside=inside, dataset=dataset)
        bound, guesses, right = best_bound(scores, inside, delta=config.delta)
        claimed = FLAGS.epsilon if noise else "none"
        rows.append([name, noise, claimed, round(bound, 3), guesses, right])
        print(rows[-1], flush=True)
    results.keep(
        "audit",
        "benchmark",
        command=f"python experiments/audit.py --canaries={FLAGS.canaries} --others={FLAGS.others} "
        f"--steps={FLAGS.steps} --epsilon={FLAGS.epsilon:g} --seed={FLAGS.seed}",
        title="An audit of private training with canaries",
        machine=run_directory.machine(),
        seed=FLAGS.seed,
        text=[
            f"{FLAGS.canaries} canaries, of which {inside.sum()} were trained on, and {FLAGS.others} other subjects; "
            f"sensegen_small, windows of {LENGTH} samples, {FLAGS.steps} steps of {config.subjects_per_step} expected "
            f"subjects, clip {config.clip_norm:g}, delta {config.delta:g}. Lower bounds with 95 % confidence."
        ],
        tables={
            "bounds": {
                "text": "What the audit finds.",
                "columns": ["trainer", "sigma", "epsilon claimed", "epsilon at least", "guesses", "right"],
                "rows": rows,
            }
        },
        notes=[],
    )


if __name__ == "__main__":
    with commands.topic("Audit"):
        flags.DEFINE_integer("canaries", 400, "subjects that are guessed about", lower_bound=10)
        flags.DEFINE_integer("others", 100, "other training subjects", lower_bound=0)
        flags.DEFINE_integer("steps", 50, "training steps", lower_bound=1)
        flags.DEFINE_float("epsilon", 8.0, "the claim", lower_bound=1e-3)
        flags.DEFINE_integer("seed", 0, "of all random numbers", lower_bound=0)
    commands.run(main)
