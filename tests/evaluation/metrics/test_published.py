import numpy as np
import pytest

from sensegen_tf.evaluation.metrics import published


def noise(seed, channels, count=200):
    return np.random.default_rng(seed).uniform(size=[count, 12, channels])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_cell_is_tensorflow_ones():
    network = published._Gru(3, 2, sequences=True, seed=0)
    kernel, recurrent, bias, dense, offset = (np.array(each) for each in network.variables)
    np.testing.assert_array_equal(bias, [1, 1, 1, 1, 0, 0])
    values, state, expected = noise(0, 3, 5), np.zeros([5, 2]), []
    for x in np.moveaxis(values, 1, 0):
        z, r = (sigmoid(x @ kernel[:, i : i + 2] + state @ recurrent[:, i : i + 2] + bias[i : i + 2]) for i in (0, 2))
        candidate = np.tanh(x @ kernel[:, 4:] + (r * state) @ recurrent[:, 4:] + bias[4:])
        state = z * state + (1 - z) * candidate
        expected.append(state @ dense + offset)
    np.testing.assert_allclose(network(values.astype(np.float32)), np.stack(expected, 1)[..., 0], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 4])
def test_what_is_different_is_recognised_and_what_is_alike_is_not(channels):
    real, same = noise(1, channels, 1000), noise(2, channels, 1000)
    other = np.sort(noise(3, channels, 1000), axis=1)
    assert published.discriminative_score(real, same, seed=0) < 0.1
    assert published.discriminative_score(real, other, seed=0) > 0.35
    assert published.discriminative_score(real, other, seed=0) == published.discriminative_score(real, other, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_the_predictive_score_prefers_the_right_dynamics(channels):
    start = np.random.default_rng(4).uniform(size=[300, 1, channels])
    # Each step is mirrored: the next value of every channel is one minus this one.
    real = np.where(np.arange(12)[None, :, None] % 2, 1 - start, start)
    if channels > 1:
        real[..., -1] = np.roll(real[..., 0], 1, 1)
    right = published.predictive_score(real, real, seed=0)
    wrong = published.predictive_score(real, noise(5, channels), seed=0)
    assert right < 0.6 * wrong


@pytest.mark.slow
def test_the_scores_after_a_few_steps(monkeypatch):
    for steps in ("_DISCRIMINATIVE_STEPS", "_PREDICTIVE_STEPS"):
        monkeypatch.setattr(published, steps, 20)
    assert 0 <= published.discriminative_score(noise(1, 3), noise(2, 3), seed=7) <= 0.5
    assert 0 < published.predictive_score(noise(1, 3), noise(2, 3), seed=7) < 1
