"""Whether a network that learns the rhythm from samples of an ECG model recognises it in recordings of test subjects.

    pip install -e ".[ecg,evaluate,plots]"
    python experiments/rhythm.py --flagfile=FLAGFILE --data_dir=FOLDER --exported=MODEL

FLAGFILE is that of the model's training, FOLDER holds its recordings, MODEL is an exported model or the name of a
pretrained one. The same network learns from stretches of the training subjects, from as many samples with the same
labels, and from both together; each is tested on the same stretches of test subjects. A tenth of what it learns from
is held out, by subject, and says when to stop; test subjects say nothing before the end. Keeps
results/rhythm_MODEL.json.
"""

import typing

import ecg_subjects
import keras
import numpy as np
import results
from absl import flags
from sklearn.metrics import balanced_accuracy_score, f1_score

from sensegen_tf import commands, data_flags

FLAGS = flags.FLAGS
SECONDS = 30
_EPOCHS, _PATIENCE, _BATCH, _HELD_OUT, _RESAMPLES = 40, 6, 64, 0.1, 1000
# Peaks beyond so many median deviations say nothing more.
_CLIP = 20.0
SCORES = {
    "macro F1": lambda true, found: f1_score(true, found, average="macro"),
    "balanced accuracy": balanced_accuracy_score,
}
REAL, SYNTHETIC, BOTH = "recordings", "samples", "both"


class Examples(typing.NamedTuple):
    """Series [N, T, 1], their classes int [N], and the subjects that they are of, texts [N]."""

    values: np.ndarray
    classes: np.ndarray
    subjects: np.ndarray


def network(length, classes, *, seed):
    """A small residual network over the series, and a recurrent layer over what it found."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input([length, 1])
    x = keras.layers.Conv1D(24, 16, strides=2, padding="same", use_bias=False)(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.MaxPooling1D(2)(keras.layers.ReLU()(x))
    for filters in (24, 32, 48, 64):
        x = _residual(x, filters)
    x = keras.layers.Dropout(0.3)(x)
    x = keras.layers.Bidirectional(keras.layers.GRU(48, return_sequences=True))(x)
    x = keras.layers.Concatenate()(
        [keras.layers.GlobalAveragePooling1D()(x), keras.layers.GlobalMaxPooling1D()(x)],
    )
    return keras.Model(inputs, keras.layers.Dense(classes)(keras.layers.Dropout(0.3)(x)))


def _residual(x, filters):
    """Two convolutions beside a shortcut, at half the rate."""
    y = keras.layers.Conv1D(filters, 8, strides=2, padding="same", use_bias=False)(x)
    y = keras.layers.ReLU()(keras.layers.BatchNormalization()(y))
    y = keras.layers.Conv1D(filters, 8, padding="same", use_bias=False)(y)
    y = keras.layers.BatchNormalization()(y)
    shortcut = keras.layers.Conv1D(filters, 1, use_bias=False)(keras.layers.MaxPooling1D(2, padding="same")(x))
    return keras.layers.ReLU()(keras.layers.Add()([y, shortcut]))


def normalised(values):
    """Series around their median in units of their median deviation, float32."""
    away = values - np.median(values, 1, keepdims=True)
    unit = np.median(np.abs(away), 1, keepdims=True)
    return np.clip(away / np.maximum(unit, 1e-6), -_CLIP, _CLIP).astype(np.float32)


def predict(examples, test_values, *, classes, seed):
    """The classes that the network, trained on examples, finds in other series: int [M]."""
    rng = np.random.default_rng(seed)
    subjects = rng.permutation(np.unique(examples.subjects))
    held = np.isin(examples.subjects, subjects[: max(1, round(_HELD_OUT * len(subjects)))])
    model = network(examples.values.shape[1], classes, seed=seed)
    model.compile(
        keras.optimizers.Adam(2e-3, clipnorm=1.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    counts = np.bincount(examples.classes[~held], minlength=classes)
    weights = dict(enumerate((len(examples.classes[~held]) / (classes * np.maximum(counts, 1))).tolist()))
    x, y = normalised(examples.values), examples.classes
    model.fit(
        x[~held],
        y[~held],
        validation_data=(x[held], y[held], np.array([weights[each] for each in y[held].tolist()])),
        class_weight=weights,
        batch_size=_BATCH,
        epochs=_EPOCHS,
        callbacks=[
            keras.callbacks.ReduceLROnPlateau(patience=2, factor=0.3),
            keras.callbacks.EarlyStopping(patience=_PATIENCE, restore_best_weights=True),
        ],
        verbose=0,
    )
    return model.predict(normalised(test_values), batch_size=256, verbose=0).argmax(-1)


def interval(statistic, subjects):
    """The 95 % interval of a statistic of rows, by the bootstrap over subjects."""
    rng, names = np.random.default_rng(0), np.unique(subjects)
    rows_of = {name: np.flatnonzero(subjects == name) for name in names}
    found = [
        statistic(np.concatenate([rows_of[name] for name in rng.choice(names, len(names))])) for _ in range(_RESAMPLES)
    ]
    low, high = np.quantile(found, [0.025, 0.975])
    return {"value": float(statistic(np.arange(len(subjects)))), "low": float(low), "high": float(high)}


def tables(found, test):
    """The tables of the result, of predictions: what was learnt from -> int [repeats, M]."""

    def score(name, kind, rows):
        return np.mean([SCORES[name](test.classes[rows], each[rows]) for each in found[kind]])

    scores = [
        [kind, *(interval(lambda rows, n=name, k=kind: score(n, k, rows), test.subjects) for name in SCORES)]
        for kind in found
    ]
    ratios = [
        [
            f"{kind} / {REAL}",
            *(
                interval(lambda rows, n=name, k=kind: score(n, k, rows) / score(n, REAL, rows), test.subjects)
                for name in SCORES
            ),
        ]
        for kind in (SYNTHETIC, BOTH)
    ]
    return {
        "scores": {"text": "On test subjects.", "columns": ["learnt from", *SCORES], "rows": scores},
        "ratios": {"text": "Against learning from recordings.", "columns": ["what", *SCORES], "rows": ratios},
    }


def examples_of(windows, names):
    """A `WindowSet` as examples of the classes `names`."""
    return Examples(windows.values, np.array([names.index(str(label)) for label in windows.labels]), windows.subjects)


def main():
    import sensegen_tf
    from sensegen_tf.training.run_directory import machine

    model, collection = sensegen_tf.load(FLAGS.exported), data_flags.load_collection()
    training, test = ecg_subjects.real_series(collection, SECONDS - FLAGS.skip_seconds)
    names = sorted({str(label) for label in training.labels})
    real, tested = examples_of(training, names), examples_of(test, names)
    made = ecg_subjects.sample(model, training.labels, training.length)
    # Each sample is a subject of its own.
    synthetic = Examples(made, real.classes, np.array([f"sample {n}" for n in range(len(made))]))
    both = Examples(*(np.concatenate(pair) for pair in zip(real, synthetic, strict=True)))
    found = {
        kind: np.stack(
            [predict(each, tested.values, classes=len(names), seed=FLAGS.seed + n) for n in range(FLAGS.repeats)]
        )
        for kind, each in ((REAL, real), (SYNTHETIC, synthetic), (BOTH, both))
    }
    results.keep(
        f"rhythm_{model.card.name}",
        "benchmark",
        command=f"python experiments/rhythm.py --flagfile=experiments/flags/{model.card.name}.flags "
        f"--data_dir=FOLDER --exported={FLAGS.exported} --repeats={FLAGS.repeats} --seed={FLAGS.seed}",
        title=f"The rhythm, learnt from samples of {model.card.name}",
        machine=machine(),
        seed=FLAGS.seed,
        text=[
            f"{len(real.values)} stretches of {SECONDS - FLAGS.skip_seconds:g} s of training subjects, as many samples "
            f"with the same labels ({', '.join(names)}), tested on {len(tested.values)} stretches of "
            f"{len(np.unique(tested.subjects))} test subjects. Means of {FLAGS.repeats} trainings with 95 % intervals "
            "over test subjects."
        ],
        tables=tables(found, tested),
        notes=[],
    )
    for title, table in tables(found, tested).items():
        print(title, *table["rows"], sep="\n  ")


if __name__ == "__main__":
    # Its flags stand in the flagfiles.
    from sensegen_tf import train  # noqa: F401

    with commands.topic("Exported model"):
        flags.DEFINE_string("exported", None, "folder of an exported model, or the name of a pretrained one")
        flags.DEFINE_integer("repeats", 3, "trainings of the network on each", lower_bound=1)
    commands.required("exported")
    commands.run(main)
