"""A private training: its guarantee, and the secret from which its random numbers come."""

from __future__ import annotations

import dataclasses

from sensegen_tf.data.dataset import Dataset
from sensegen_tf.models.generator import Generator
from sensegen_tf.training.compiled import CompiledGenerator
from sensegen_tf.training.distribution import Distribution
from sensegen_tf.training.parameters import Parameters
from sensegen_tf.training.privacy import Guarantee
from sensegen_tf.training.private_batches import PrivateFeed, SecretStream, secret_seed
from sensegen_tf.training.private_steps import GaussianMechanism, PrivateGeneratorStep
from sensegen_tf.training.update import SummedAdam


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrivateRun:
    """What makes the generator's steps private.

    Attributes:
      guarantee: that the whole training gives.
      secret: two integers below 2^63 that stay with the one who trains.
    """

    guarantee: Guarantee
    secret: tuple[int, int]

    def step(
        self,
        compiled: CompiledGenerator,
        *,
        optimizer: SummedAdam,
        parameters: Parameters,
        distribution: Distribution,
    ) -> PrivateGeneratorStep:
        """The step of the generator; arguments as there."""
        guarantee = self.guarantee
        mechanism = GaussianMechanism(
            clip_norm=guarantee.config.clip_norm,
            noise_multiplier=guarantee.noise_multiplier,
            expected=float(guarantee.config.subjects_per_step),
            seed=secret_seed(self.secret, SecretStream.NOISE),
        )
        return PrivateGeneratorStep(
            compiled,
            optimizer=optimizer,
            parameters=parameters,
            mechanism=mechanism,
            distribution=distribution,
        )

    def feed(self, generator: Generator, dataset: Dataset, *, dequantize: bool, replicas: int) -> PrivateFeed:
        """The batches of the steps, which so many replicas can divide."""
        return PrivateFeed(
            generator,
            dataset,
            guarantee=self.guarantee,
            secret=self.secret,
            dequantize=dequantize,
            replicas=replicas,
        )
