"""How generator and discriminator learn: the configuration of the optimisation."""

from __future__ import annotations

import dataclasses
import math

from sensegen_tf.errors import InputError

OBJECTIVES = ("likelihood", "adversarial", "both")
DECAYS = ("none", "cosine")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearningConfig:
    """How the two models learn.

    Attributes:
      batch_size: B, windows in a minibatch, at least 1.
      generator_learning_rate, discriminator_learning_rate: of Adam, above 0.
      learning_rate_decay: "none", or "cosine" to zero over the model's steps.
      gradient_clip_norm: the largest global norm of the gradient of each objective, above 0.
      seed: of all random numbers, in [0, 2^31).
      balance_labels: whether every label has the same share of the minibatches.
      dequantize: whether values on a grid get uniform noise of one step of it, so that the likelihood cannot be won by
        spikes on the grid (Theis et al., 2016, section 3.1).
      rotation_degrees: largest angle by which a window of sensors with three axes is turned before it is learnt
        from, in [0, 180]; see `training.augment`.
      tempo_change: largest change of the tempo of a window before it is learnt from, as a share in [0, 1).
      generator_objective: what the generator minimises: "likelihood" its negative log-likelihood (as published),
        "adversarial" the discriminator's verdict on its own series, through them, or "both".
      adversarial_weight: of the adversarial loss and its clipped gradient beside the likelihood's, at least 0.
      adversarial_batch_size: series of the generator's own in a step of its adversarial loss, at most: they have the
        labels of every row of the minibatch, or of every second, third and so on.
      evaluation_windows: how many test windows are measured after an outer iteration at most, at least 1.
    """

    batch_size: int = 64
    generator_learning_rate: float = 1e-3
    discriminator_learning_rate: float = 1e-3
    learning_rate_decay: str = "none"
    gradient_clip_norm: float = 1.0
    seed: int = 0
    balance_labels: bool = False
    dequantize: bool = True
    rotation_degrees: float = 0.0
    tempo_change: float = 0.0
    generator_objective: str = "likelihood"
    adversarial_weight: float = 1.0
    adversarial_batch_size: int = 32
    evaluation_windows: int = 512

    def __post_init__(self) -> None:
        for name in ("generator_learning_rate", "discriminator_learning_rate", "gradient_clip_norm"):
            self._check(0 < getattr(self, name) < math.inf, name, "above 0 and finite")
        for name in ("batch_size", "adversarial_batch_size", "evaluation_windows"):
            self._check(getattr(self, name) >= 1, name, "at least 1")
        self._check(0 <= self.adversarial_weight < math.inf, "adversarial_weight", "at least 0 and finite")
        self._check(0 <= self.rotation_degrees <= 180, "rotation_degrees", "in [0, 180]")
        self._check(0 <= self.tempo_change < 1, "tempo_change", "in [0, 1)")
        self._check(0 <= self.seed < 2**31, "seed", "in [0, 2^31)")
        self._check(self.generator_objective in OBJECTIVES, "generator_objective", " or ".join(OBJECTIVES))
        self._check(self.learning_rate_decay in DECAYS, "learning_rate_decay", " or ".join(DECAYS))

    def _check(self, right, name, must):
        if not right:
            raise InputError(f"{name} must be {must}, got {getattr(self, name)}", fields=[name])

    @property
    def augments(self) -> bool:
        """Whether windows are changed before they are learnt from."""
        return self.rotation_degrees > 0 or self.tempo_change > 0

    @property
    def adversarial_stride(self) -> int:
        """Every how many rows of a minibatch there is a series of the generator's own."""
        by_likelihood = self.generator_objective == "likelihood"
        return 1 if by_likelihood else -(-self.batch_size // self.adversarial_batch_size)
