"""The audit of private training: what it rules out, and that a trainer without noise is caught."""

import numpy as np
import pytest

from sensegen_tf.training.privacy import Guarantee, PrivacyConfig


def test_a_bound_is_what_the_right_guesses_rule_out():
    import audit

    # Of pure guesses with the probability exp(e) / (1 + exp(e)) a bound above e comes up in one of twenty at most.
    rng, epsilon = np.random.default_rng(0), 1.5
    chance = 1 / (1 + np.exp(-epsilon))
    found = [
        audit.lower_bound(canaries=500, guesses=200, right=int(rng.binomial(200, chance)), delta=0.0)
        for _ in range(200)
    ]
    assert np.mean(np.array(found) > epsilon) < 0.08 and 0.9 < np.median(found) < epsilon
    known = {"canaries": 500, "guesses": 200, "right": 190}
    assert audit.lower_bound(**known, delta=0.0) > audit.lower_bound(**known, delta=1e-4) > 0


@pytest.mark.parametrize(("distance", "low", "high"), [(0.0, 0.0, 0.4), (1.5, 0.6, 4.0), (20.0, 4.0, 9.0)])
def test_scores_that_differ_more_give_a_higher_bound(distance, low, high):
    import audit

    rng = np.random.default_rng(1)
    inside = rng.random(1000) < 0.5
    bound, guesses, right = audit.best_bound(rng.normal(size=1000) + distance * inside, inside, delta=1e-5)
    assert low <= bound <= high and 0 <= right <= guesses


@pytest.mark.slow
def test_a_trainer_without_noise_is_caught_and_one_with_it_is_not(monkeypatch):
    import audit

    monkeypatch.setattr(audit, "LENGTH", 16)
    monkeypatch.setattr(audit, "FLAGS", type("Flags", (), {"seed": 0}))
    rng = np.random.default_rng(0)
    canary, inside = audit.canaries(128, rng), rng.random(128) < 0.5
    dataset = audit.make_dataset(canary, inside, audit.other_subjects(16))
    config = PrivacyConfig(epsilon=1.0, delta=1e-5, clip_norm=0.1, subjects_per_step=dataset.training.count // 2)
    guarantee = Guarantee.find(config, subjects=dataset.training.count, steps=6)
    bounds = [
        audit.best_bound(
            audit.audit(guarantee, noise=noise, canary=canary, inside=inside, dataset=dataset), inside, delta=1e-5
        )[0]
        for noise in (0.0, guarantee.noise_multiplier)
    ]
    assert bounds[0] > 1.0 > bounds[1]
