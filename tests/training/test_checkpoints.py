import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from sensegen_tf.errors import InputError
from sensegen_tf.training.checkpoints import Checkpoints


def test_the_newest_two_are_kept_and_the_newest_is_restored(tmp_path):
    value = tf.Variable(0.0)
    checkpoints = Checkpoints(tmp_path, value=value)
    assert not checkpoints.restore()
    for step in (1, 2, 3, 3):
        value.assign(step)
        checkpoints.save(step)
    kept = {name for name in os.listdir(tmp_path) if name.endswith(".index")}
    assert kept == {"ckpt-2.index", "ckpt-3.index"}
    other = tf.Variable(0.0)
    assert Checkpoints(tmp_path, value=other).restore() and other.numpy() == 3


def test_a_save_of_another_model_is_refused(tmp_path):
    Checkpoints(tmp_path, value=tf.Variable([0.0, 1.0])).save(1)
    with pytest.raises(InputError, match="cannot be restored into this model"):
        Checkpoints(tmp_path, value=tf.Variable([0.0]), other=tf.Variable(0.0)).restore()


def test_weights_alone_are_taken_from_another_run(tmp_path):
    dense = keras.layers.Dense(1)
    model, other = (keras.Sequential([keras.layers.Input([2]), keras.layers.Dense(1)]) for _ in range(2))
    Checkpoints(tmp_path, model=model, step=tf.Variable(5)).save(5)
    step = tf.Variable(0)
    checkpoints = Checkpoints(tmp_path / "other", model=other, step=step)
    checkpoints.restore_models(tmp_path)
    assert step.numpy() == 0
    for weight, expected in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)
    with pytest.raises(InputError, match="there is no checkpoint"):
        checkpoints.restore_models(tmp_path / "other")
    larger = keras.Sequential([keras.layers.Input([3]), dense])
    with pytest.raises(InputError, match="is of another model"):
        Checkpoints(tmp_path / "other", model=larger).restore_models(tmp_path)


def test_a_half_written_save_is_never_restored(tmp_path):
    value = tf.Variable(1.0)
    Checkpoints(tmp_path, value=value).save(1)
    (tmp_path / "ckpt-2.index").write_bytes(b"half")
    assert Checkpoints(tmp_path, value=value).restore() and value.numpy() == 1
