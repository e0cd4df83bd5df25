"""The two players: their optimisers, a compiled step of each, and what they make and judge."""

import keras
import numpy as np
import tensorflow as tf

from sensegen_tf.layers.parts import in_parts, parts
from sensegen_tf.training import losses

# Series that are scored at once.
CHUNK = 256


class SummedAdam(keras.optimizers.Adam):
    """Adam of gradients that are summed over the replicas already: Keras sums them itself, but they are clipped before
    it does."""

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars


def _weighted(weights, terms):
    return sum(weight * term for weight, term in zip(weights, terms, strict=True))


class Players:
    """Generator and discriminator while they learn.

    Args:
      generator, discriminator: built models.
      schedule: a `Schedule`.
      config: a `training.loop.TrainingConfig`.
      distribution: the `Distribution` whose replicas learn; the batches of the steps are dealt out by it.
    """

    def __init__(self, generator, discriminator, schedule, config, distribution):
        self.generator, self.discriminator, self._config = generator, discriminator, config
        self._distribution = distribution
        outer = schedule.outer_iterations
        self.generator_optimizer = self._optimizer(config.generator_learning_rate, outer * schedule.generator_steps)
        self.discriminator_optimizer = self._optimizer(
            config.discriminator_learning_rate, outer * schedule.discriminator_steps
        )
        self.generator_optimizer.build(generator.trainable_variables)
        self.discriminator_optimizer.build(discriminator.trainable_variables)

    def configs(self):
        """The configurations of both models, as JSON can hold them."""
        return {"generator": self.generator.get_config(), "discriminator": self.discriminator.get_config()}

    def _optimizer(self, learning_rate, steps):
        if self._config.learning_rate_decay == "cosine":
            learning_rate = keras.optimizers.schedules.CosineDecay(learning_rate, max(1, steps))
        return SummedAdam(learning_rate)

    def _gradient(self, loss_function, model, *batch):
        """This replica's share of the mean loss of a minibatch and of its gradient, taken in parts side by side."""
        replicas = self._distribution.replicas
        rows = batch[0].shape[0]
        variables = [variable.value for variable in model.trainable_variables]
        total, sums = 0.0, [0.0] * len(variables)
        for part in parts(rows):
            with tf.GradientTape() as tape:
                loss = loss_function(*(each[part] for each in batch)) * ((part.stop - part.start) / (rows * replicas))
            gradients = tape.gradient(loss, variables)
            total, sums = total + loss, [a + b for a, b in zip(sums, gradients, strict=True)]
        return total, sums

    def _learn(self, model, optimizer, *objectives):
        """Updates the model in every replica.

        Args:
          objectives: of each its weight, and this replica's share of its loss and of its gradient.

        Returns:
          The weighted loss of all replicas and the norm of the gradients.
        """
        weights, *shares = zip(*objectives, strict=True)
        if self._distribution.alone:
            return self._compiled_update(model, optimizer, weights, *shares)
        # Replicas meet in the update, which they cannot do in a function that is compiled for each.
        summed = self._distribution.summed(tf.nest.flatten(shares))
        return self._update(model, optimizer, weights, *tf.nest.pack_sequence_as(shares, summed))

    def _update(self, model, optimizer, weights, losses, gradients):
        # Each on its own: one that explodes on its way through a long rollout would leave nothing of the other.
        clipped = [tf.clip_by_global_norm(each, self._config.gradient_clip_norm)[0] for each in gradients]
        total = [_weighted(weights, parts) for parts in zip(*clipped, strict=True)]
        optimizer.apply(total, model.trainable_variables)
        return _weighted(weights, losses), tf.linalg.global_norm(tf.nest.flatten(gradients))

    _compiled_update = tf.function(_update, jit_compile=True)

    @tf.function(jit_compile=True)
    def _log_prob(self, prediction, real):
        return self.generator.log_prob(prediction, real)

    def _likelihood(self, batch):
        def loss(real, label, person, code_noise, dropout_noise):
            condition = self.generator.condition(label, self.generator.person_code(person, code_noise))
            log_prob = self._log_prob(self.generator(real, condition, dropout_noise), real)
            return losses.negative_log_likelihood(log_prob, self.generator.block)

        return self._gradient(loss, self.generator, *batch)

    @tf.function
    def generator_step(self, batch):
        """One step of the generator by likelihood.

        Args:
          batch: standardised series [B, T, C]; labels and people, int32 [B]; normals [B, E] on the codes of the people;
            noise of the dropout [B, S, D].

        Returns:
          Loss and gradient norm.
        """
        return self._distribution.run(self._generator_step, (batch,))

    def _generator_step(self, batch):
        return self._learn(self.generator, self.generator_optimizer, (1.0, *self._likelihood(batch)))

    @tf.function
    def adversarial_generator_step(self, batch, *own):
        """One step of the generator through what the discriminator says of its rollouts, and where the objective is
        "both", by likelihood as well.

        Args:
          batch: as `generator_step`.
          own: noise and series noise of A rollouts, see `Generator.noise`, and their labels, int32 [A].

        Returns:
          Loss and gradient norm.
        """
        return self._distribution.run(self._adversarial_step, (batch, *own))

    def _adversarial_step(self, batch, *own):
        objectives = [(self._config.adversarial_weight, *self._adversarial(*own))]
        if self._config.generator_objective == "both":
            objectives.append((1.0, *self._likelihood(batch)))
        return self._learn(self.generator, self.generator_optimizer, *objectives)

    @tf.function(jit_compile=True)
    def _adversarial(self, noise, series_noise, label):
        """This replica's share of the adversarial loss of rollouts and of its gradient; in one, since XLA cannot hand
        the loop's tape across."""
        variables = [variable.value for variable in self.generator.trainable_variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            generated = self.generator.generate(noise, series_noise, label)
            loss = losses.minimax_generator_loss(self.discriminator(generated, label)) / self._distribution.replicas
        return loss, tape.gradient(loss, variables, unconnected_gradients="zero")

    @tf.function
    def discriminator_step(self, *batch):
        """One step of the discriminator on real series and as many of the generator's, with the same labels.

        Args:
          batch: standardised series [B, T, C]; labels, int32 [B]; noise and series noise, see `Generator.noise`.

        Returns:
          Loss and gradient norm.
        """
        return self._distribution.run(self._discriminator_step, batch)

    def _discriminator_step(self, real, label, *noise):
        def loss(real, generated, label):
            logits = self.discriminator(tf.concat([real, generated], 0), tf.concat([label, label], 0))  # [2 B]
            return losses.minimax_discriminator_loss(*tf.split(logits, 2))

        found = self._gradient(loss, self.discriminator, real, self.generate(*noise, label), label)
        return self._learn(self.discriminator, self.discriminator_optimizer, (1.0, *found))

    @tf.function
    def noise(self, seeds, steps):
        """Noise of series of `steps` samples from a seed each, int64 [B], see `Generator.noise`."""
        return self.generator.noise(seeds, steps)

    @tf.function
    def generate(self, noise, series_noise, label):
        """Standardised series [B, T, C] from noise and labels int32 [B]."""
        return in_parts(self._compiled_generate, noise, series_noise, label)

    @tf.function(jit_compile=True)
    def _compiled_generate(self, noise, series_noise, label):
        return self.generator.generate(noise, series_noise, label)

    @tf.function
    def judge(self, real, generated, label):
        """The discriminator's logits [B] of both kinds of series."""
        return self.discriminator(real, label), self.discriminator(generated, label)

    @tf.function
    def _log_likelihood(self, real, label, person):
        code = self.generator.person_code(person, tf.zeros([tf.shape(person)[0], self.generator.code_size]))
        prediction = self.generator(real, self.generator.condition(label, code))
        return tf.reduce_sum(self._log_prob(prediction, real), 1)

    def log_likelihood(self, real, label):
        """Log-likelihood of whole series [N, T, C], standardised, given their labels [N]: float32 [N], nats.

        With codes of people, it is that of the mixture of everybody's, in the shares of those who have the label.
        """
        people = range(self.generator.people if self.generator.code_size else 1)
        found = []
        for start in range(0, len(real), CHUNK):
            rows = slice(start, start + CHUNK)
            chunk, of_chunk = real[rows], label[rows]
            under = [self._log_likelihood(chunk, of_chunk, np.full(len(chunk), p, np.int32)).numpy() for p in people]
            found.append(np.logaddexp.reduce(under + self.generator.log_shares(of_chunk).numpy().T, axis=0))
        return np.concatenate(found)
