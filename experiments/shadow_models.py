"""The likelihood-ratio attack on an exported model, with shadow models (LiRA, Carlini et al., 2022, offline variant).

    pip install -e ".[demo,evaluate]"
    python experiments/shadow_models.py --flagfile=experiments/flags/sensegen_watch.flags --exported=sensegen_watch \\
        --shadow_models=8 --outer_iterations=3 --discriminator_steps=0

Trains so many models with the flags, each on a random half of all subjects; flags after the flagfile make them smaller
than the attacked model. A subject's score is how far the likelihood of all windows of the subject under the attacked
model lies above that under the shadow models which were not trained on the subject. Shadow models are kept in
experiments/runs/shadow/NAME, so that a program that was stopped goes on; figures go to results/shadow_NAME.json.
"""

import dataclasses
import os

import numpy as np
import results
from absl import flags

from sensegen_tf import commands, data_flags
from sensegen_tf.files import read_json, write_json

FLAGS = flags.FLAGS
# Windows of a subject, at most.
WINDOWS = 100


def by_subject(windows, names):
    """Subject -> evenly spaced windows of the subject."""
    return {name: windows.take(windows.subjects == name).subsample(WINDOWS) for name in names}


def trained_on(names, number, seed):
    """Which subjects a shadow model is trained on: bool [S]."""
    inside = np.zeros(len(names), bool)
    inside[np.random.default_rng([seed, number]).permutation(len(names))[: len(names) // 2]] = True
    return inside


def shadow(number, inside, windows, dataset):
    """Mean log-likelihood of a window of each subject under a shadow model, which is trained where it is missing."""
    from sensegen_tf import train
    from sensegen_tf.training import run
    from sensegen_tf.training.progress import Interrupt, Progress

    folder = os.path.join(results.RUNS, "shadow", os.path.basename(FLAGS.exported), str(number))
    path = os.path.join(folder, "measured.json")
    if not os.path.exists(path):
        config = dataclasses.replace(train.config_from_flags(), calibrate=False)
        trained = run.train(
            config,
            part(dataset, windows, inside),
            run_dir=folder,
            callbacks=[Interrupt(), Progress()],
            provenance={"source": FLAGS.source, "shadow": number},
        )
        if not trained.complete:
            raise KeyboardInterrupt
        write_json(path, [float(trained.log_likelihood(each).mean()) for each in windows.values()])
    return np.array(read_json(path))


def part(dataset, windows, inside):
    """The data with the windows of some subjects for training, and those of the others for tests."""
    from sensegen_tf.data.windows import WindowSet

    def together(chosen):
        sets = [each for each, wanted in zip(windows.values(), chosen, strict=True) if wanted]
        values, subjects = (np.concatenate([getattr(each, what) for each in sets]) for what in ("values", "subjects"))
        labels = None if sets[0].labels is None else np.concatenate([each.labels for each in sets])
        known = {"rate": dataset.rate, "channels": dataset.channels, "units": dataset.units}
        return WindowSet(values=values, subjects=subjects, labels=labels, **known)

    return dataclasses.replace(dataset, training=together(inside), test=together(~inside), heldout=None)


def measure(scores, names, members):
    """AUC over subjects beside its null, as a report measures it: each subject is one window here."""
    from sensegen_tf.evaluation.metrics.privacy import likelihood_attack

    found = likelihood_attack(
        scores[members],
        scores[~members],
        member_subjects=names[members],
        other_subjects=names[~members],
        seed=FLAGS.seed,
    )
    (score,) = (each for each in found if each.metric == "subject_likelihood_auc")
    null = score.reference
    return [
        {"value": score.value, "low": score.low, "high": score.high},
        {"value": null.mean, "low": null.low, "high": null.high},
    ]


def main():
    import sensegen_tf
    from sensegen_tf.evaluation.metrics.privacy import likelihood_ratios
    from sensegen_tf.training import run_directory

    model, dataset = sensegen_tf.load(FLAGS.exported), data_flags.load_dataset()
    windows = by_subject(dataset.training, dataset.training.subject_names)
    windows |= by_subject(dataset.test, dataset.test.subject_names)
    names = np.array(list(windows))
    members = np.array([name in dataset.training.subject_names for name in windows])

    def score(each):
        labels = each.labels if model.card.labels else None
        return float(model.score(each.values, label=labels).total.mean())

    target = np.array([score(each) for each in windows.values()])
    inside = np.array([trained_on(list(windows), number, FLAGS.seed) for number in range(FLAGS.shadow_models)])
    shadows = np.array([shadow(number, each, windows, dataset) for number, each in enumerate(inside)])
    ratios = likelihood_ratios(target, shadows, trained=inside)
    known = np.isfinite(ratios)
    rows = [
        ["likelihood alone", *measure(target, names, members)],
        [
            f"likelihood ratio, {FLAGS.shadow_models} shadow models",
            *measure(ratios[known], names[known], members[known]),
        ],
    ]
    results.keep(
        f"shadow_{model.card.name}",
        "benchmark",
        command=f"python experiments/shadow_models.py --flagfile=experiments/flags/{model.card.name}.flags "
        f"--exported={model.card.name} --shadow_models={FLAGS.shadow_models} "
        f"--outer_iterations={FLAGS.outer_iterations} --discriminator_steps={FLAGS.discriminator_steps} "
        f"--generator_steps={FLAGS.generator_steps}",
        title=f"Membership of a subject in the training of {model.card.name}, with shadow models",
        machine=run_directory.machine(),
        seed=FLAGS.seed,
        text=[f"{members.sum()} training subjects, {(~members).sum()} test subjects; {known.sum()} have a score."],
        tables={
            "attack": {
                "text": "AUC over subjects, with 95 % intervals by subject; the null permutes membership.",
                "columns": ["score of a subject", "AUC", "null"],
                "rows": rows,
            }
        },
        notes=[],
    )
    print(*rows, sep="\n")


if __name__ == "__main__":
    # Its flags stand in the flagfiles.
    from sensegen_tf import train  # noqa: F401

    with commands.topic("Attack"):
        flags.DEFINE_string("exported", None, "folder of the attacked model, or the name of a pretrained one")
        flags.DEFINE_integer("shadow_models", None, "models to train on random halves of the subjects", lower_bound=2)
    commands.required("exported", "shadow_models")
    commands.run(main)
