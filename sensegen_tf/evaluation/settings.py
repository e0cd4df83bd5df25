"""How much is measured."""

from __future__ import annotations

import dataclasses

_FEWEST_IN_GROUP = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """How much is measured. Repeats are pairs: how often for the value, and how often for its baseline.

    Attributes:
      seed: of all random numbers.
      windows: most windows of each set; a larger set is subsampled evenly.
      repeats: of the measures that cost little.
      group_windows: most windows on one side of such a comparison, see `group_size`.
      c2st: repeats of the classifier two-sample test. The baseline needs more, since subjects differ more than the
        samples of one model. (0, 0) leaves it out.
      c2st_epochs: most epochs of its classifier.
      classifier_windows: most windows of each kind that a classifier is trained and tested on.
      published: repeats of the published scores; (0, 0) leaves them out.
      trees: repeats of the utility, with trees; 0 leaves utility out.
      networks: repeats of the utility with a network; 0 leaves the network out.
      privacy_windows: most windows of each kind for the attacks.
      shift_step: of the shifts in time at which windows are compared for privacy, in time steps.
      identity_series: most windows of each kind that are compared with subjects; 0 leaves identity out.
      identity_windows: most windows that stand for the training subjects, see `identity.choose_rows`.
      identity_steps: of the training of each embedding of subjects.
      slice_series: the same as `identity_series` for slicing DTW, which is slow; 0 leaves it out.
      slice_pairs: most pairs of slices; where more would be needed, slicing DTW is left out.

    Example:
      >>> Settings.quick(seed=3).repeats
      (4, 16)
    """

    seed: int = 0
    windows: int = 10_000
    repeats: tuple[int, int] = (8, 16)
    group_windows: int = 5000
    c2st: tuple[int, int] = (4, 8)
    c2st_epochs: int = 40
    classifier_windows: int = 2000
    published: tuple[int, int] = (3, 4)
    trees: int = 5
    networks: int = 3
    privacy_windows: int = 4000
    shift_step: int = 2
    identity_series: int = 10_000
    identity_windows: int = 8000
    identity_steps: int = 400
    slice_series: int = 200
    slice_pairs: int = 5_000_000

    @classmethod
    def quick(cls, seed: int = 0) -> Settings:
        """The settings that end within a minute for 2,000 windows of 128 x 3 on two cores."""
        return cls(
            seed=seed,
            windows=4000,
            repeats=(4, 16),
            group_windows=400,
            c2st=(2, 4),
            c2st_epochs=9,
            classifier_windows=500,
            published=(0, 0),
            trees=2,
            networks=0,
            privacy_windows=1000,
            shift_step=8,
            identity_series=1000,
            identity_windows=1000,
            identity_steps=100,
            slice_series=0,
        )

    def seed_of(self, number: int) -> int:
        """The seed of one of many repeats; below 2^31, as all that take it need."""
        return (self.seed * 1000 + number) % 2**31

    def group_size(self, synthetic: int) -> int:
        """`group_windows`, but at most half of the synthetic windows (or 1,000), so that repeats differ.

        Args:
          synthetic: how many synthetic windows there are.
        """
        return min(self.group_windows, max(synthetic // 2, _FEWEST_IN_GROUP))
