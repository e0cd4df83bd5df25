import numpy as np
import tensorflow as tf

from sensegen_tf.models.condition import Condition
from sensegen_tf.models.config import DiscriminatorConfig, NetworkConfig
from sensegen_tf.models.discriminator import Discriminator


def build(**options):
    increments = options.pop("increments", False)
    config = DiscriminatorConfig(network=NetworkConfig(units=(8,), dense_units=4), increments=increments)
    model = Discriminator(config, 1, **options)
    model.build()
    return model


def test_it_learns_to_classify_two_kinds_of_series():
    model = build()
    rng = np.random.default_rng(0)
    noise = rng.normal(size=[64, 20, 1]).astype("f")
    walks = (np.cumsum(rng.normal(size=[64, 20, 1]), 1) / 3).astype("f")
    series, real = np.concatenate([noise, walks]), np.repeat([0.0, 1.0], 64).astype("f")
    condition = Condition.of_label(tf.zeros([128], tf.int32))
    optimizer = tf.keras.optimizers.Adam(0.05)

    @tf.function
    def learn():
        with tf.GradientTape() as tape:
            logits = model(series, condition)
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(real, logits))
        optimizer.apply(
            tape.gradient(loss, [each.value for each in model.trainable_variables]), model.trainable_variables
        )

    for _ in range(40):
        learn()
    assert np.mean((model(series, condition) > 0) == (real > 0)) > 0.9
    again = model.to_inference()
    np.testing.assert_array_equal(again(series, condition), model(series, condition))


def test_it_sees_label_and_increments_where_it_is_configured_to_and_nothing_past_a_mask():
    model = build(labels=2, increments=True)
    series = tf.random.stateless_normal([3, 10, 1], [0, 1])

    def logits(series, label=0, **how):
        return model(series, Condition.of_label(tf.fill([3], label)), **how).numpy()

    before = logits(series)
    assert (logits(series, 1) != before).all()
    mask = tf.constant([[True] * 6 + [False] * 4] * 3)
    padded = tf.concat([series[:, :6], 100 + series[:, 6:]], 1)
    np.testing.assert_allclose(logits(padded, mask=mask), logits(series[:, :6]), atol=1e-6)
    model.set_increment_unit([0.1])
    assert (logits(series) != before).all()


def test_a_models_configuration_is_the_same_however_many_a_process_has_built():
    assert build().get_config() == build().get_config()
