import numpy as np
import tensorflow as tf

from sensegen_tf.models.discriminator import Discriminator
from sensegen_tf.models.zoo import DiscriminatorConfig


def test_it_learns_to_tell_two_kinds_of_series_apart_as_a_keras_model():
    model = Discriminator(DiscriminatorConfig(units=(8,), dense_units=4), 1, seed=0)
    model.build()
    rng = np.random.default_rng(0)
    noise = rng.normal(size=[64, 20, 1]).astype("f")
    walks = (np.cumsum(rng.normal(size=[64, 20, 1]), 1) / 3).astype("f")
    series, real = np.concatenate([noise, walks]), np.repeat([0.0, 1.0], 64)
    optimizer = tf.keras.optimizers.Adam(0.02)
    loss = tf.keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=[tf.keras.metrics.BinaryAccuracy(threshold=0.0)])
    model.fit(series, real, epochs=40, batch_size=32, shuffle=False, verbose=0)
    assert model.evaluate(series, real, verbose=0)[1] > 0.9
    again = Discriminator.from_config(model.get_config())
    again.build()
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again(series), model(series))
