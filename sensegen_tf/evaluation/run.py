"""From windows to a written report, with a progress bar: what the commands `evaluate` and `train` share."""

import importlib.util

import tqdm

from sensegen_tf.errors import InputError

_NEEDED = ("sklearn", "plotly")


def check_installed():
    """Refuses to begin without the packages of the extra `evaluate`.

    Raises:
      InputError: one of them is missing.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"{', '.join(missing)} not installed: pip install 'sensegen_tf[evaluate]'")


def evaluate(real, synthetic, heldout, folder, seed, quick, unseen=None):
    """Judges windows and writes the report.

    Args:
      real, synthetic: `Samples`.
      heldout: `Samples`, or None.
      folder: for `report.html` and `report.json`.
      seed: of all random numbers.
      quick: see `judge.Settings.quick`.
      unseen: `Samples`, or None, see `judge.Judge`.

    Returns:
      The summary for the terminal, with the paths of the report.

    Raises:
      InputError: sets that cannot be compared, or a folder that cannot be written.
    """
    from sensegen_tf.evaluation import judge, report

    settings = judge.Settings.quick(seed) if quick else judge.Settings(seed=seed)
    with tqdm.tqdm(unit="step", desc="evaluating") as bar:

        def progress(what):
            bar.set_postfix_str(what)
            bar.update()

        jury = judge.Judge(real, synthetic, heldout, settings, progress, unseen)
        # One more for drawing.
        bar.reset(jury.steps + 1)
        evaluation = jury.evaluate()
        progress("drawing")
        path = report.write(evaluation, folder)
    return f"{report.summary(evaluation)}\n\nReport  {path}"
