"""Draws subjects by Poisson sampling, as the accounting of differential privacy assumes."""

from __future__ import annotations

import numpy as np

from sensegen_tf.data.windows import WindowSet
from sensegen_tf.errors import InputError


class PoissonSubjects:
    """In every step each subject takes part by a coin of his own, with some of his windows.

    The number of subjects varies from step to step. Batches of a fixed size are not the same: the accountant's
    guarantee does not hold for them.

    Args:
      windows: of the training subjects.
      rate: q, in (0, 1], the probability that a subject takes part.
      windows_per_subject: m, drawn of his windows with replacement, at least 1.
      seed: integers that nobody knows who gets the model; otherwise there is no guarantee.
      unit: "subject", or "window" where each window counts as a subject.

    Raises:
      InputError: the windows have no subjects, or a number is out of its range.

    Example:
      >>> windows = WindowSet(values=np.zeros([6, 4, 1]), subjects=["a", "a", "b", "b", "b", "c"])
      >>> sampler = PoissonSubjects(windows, rate=1.0, windows_per_subject=2, seed=(1,))
      >>> sampler.rows(0).shape
      (3, 2)
    """

    def __init__(
        self,
        windows: WindowSet,
        *,
        rate: float,
        windows_per_subject: int,
        seed: tuple[int, ...],
        unit: str = "subject",
    ):
        if unit == "subject" and windows.subjects is None:
            raise InputError("a guarantee for subjects needs windows whose subjects are known", fields=["privacy"])
        if not 0 < rate <= 1:
            raise InputError(f"rate must lie in (0, 1], got {rate}", fields=["subjects_per_step"])
        if windows_per_subject < 1:
            raise InputError("windows_per_subject must be at least 1", fields=["windows_per_subject"])
        units = np.arange(windows.count) if unit == "window" or windows.subjects is None else windows.subjects
        _, member, self._counts = np.unique(units, return_inverse=True, return_counts=True)
        # Rows sorted by subject: those of subject k are order[starts[k] : starts[k] + counts[k]].
        self._order = np.argsort(member, kind="stable")
        self._starts = np.cumsum(self._counts) - self._counts
        self._rate, self._size, self._seed = rate, windows_per_subject, seed

    @property
    def count(self) -> int:
        """How many subjects there are."""
        return len(self._counts)

    def rows(self, number: int) -> np.ndarray:
        """The windows of step `number`: int [n, m], a row each of the n subjects who were drawn; n may be 0."""
        rng = np.random.default_rng([*self._seed, number])
        drawn = np.flatnonzero(rng.random(self.count) < self._rate)
        within = rng.random([len(drawn), self._size]) * self._counts[drawn, None]
        return self._order[self._starts[drawn, None] + within.astype(int)]
