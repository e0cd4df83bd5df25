"""From windows to a written report, with a progress bar: what the commands `evaluate` and `train` share."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any, NamedTuple

import tqdm

from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError
from sensegen_tf.evaluation.settings import Settings

_NEEDED = ("sklearn", "plotly")


class Written(NamedTuple):
    """A report that was written.

    Attributes:
      path: of the HTML file.
      summary: a page of text for the terminal, with the path at its end.
      description: what `report.json` beside it holds.
    """

    path: str
    summary: str
    description: dict[str, Any]


def check_installed() -> None:
    """Refuses to begin without the packages of the extra `evaluate`.

    Raises:
      InputError: one of them is missing.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"{', '.join(missing)} not installed: pip install 'sensegen_tf[evaluate]'")


def evaluate(
    real: WindowSet,
    synthetic: WindowSet,
    *,
    folder: str,
    test: WindowSet | None = None,
    heldout: WindowSet | None = None,
    settings: Settings | None = None,
    keep: Sequence[str] = ("label",),
    hide: Sequence[str] = ("subject",),
) -> Written:
    """Evaluates windows, showing progress on stderr, and writes `report.html` and `report.json`.

    Args:
      real, synthetic, test, heldout, settings, keep, hide: see `evaluator.evaluate`.
      folder: for the report; made if missing.

    Returns:
      What was written.

    Raises:
      InputError: sets that cannot be compared, or a folder that cannot be written.
    """
    from sensegen_tf.evaluation import evaluator, report

    with tqdm.tqdm(unit="step", desc="evaluating") as bar:

        def progress(now: evaluator.Progress) -> None:
            # One more step for drawing.
            bar.total = now.steps + 1
            bar.set_postfix_str(now.what)
            bar.update()

        evaluation = evaluator.evaluate(
            real, synthetic, test=test, heldout=heldout, keep=keep, hide=hide, settings=settings, progress=progress
        )
        bar.total = bar.n + 1
        bar.set_postfix_str("drawing")
        path = report.write(evaluation, folder)
        bar.update()
    return Written(path, f"{report.summary(evaluation)}\n\nReport  {path}", report.describe(evaluation))
