"""What `FairClassifier` hides: freshly trained classifiers do not find it."""

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from kgan.models.fair_classifier import FairClassifier


def probe(model, x, s):
    """Accuracy of a fresh linear classifier of s on the representation, on rows it has not seen."""
    h, half = model.transform(x), len(x) // 2
    return LogisticRegression(max_iter=1000).fit(h[:half], s[:half]).score(h[half:], s[half:])


def table(n=2000):
    """The target and the sensitive bit stand in different directions of x; nothing forces one to tell the other."""
    rng = np.random.default_rng(1)
    y, s = rng.integers(0, 2, n), rng.integers(0, 2, n)
    x = rng.normal(size=(n, 6))
    x[:, 0] += 4 * y
    x[:, 1] += 4 * s
    return x @ np.linalg.qr(rng.normal(size=(6, 6)))[0], y, s


@pytest.mark.slow
@pytest.mark.parametrize(
    ("objective", "alpha", "epochs"), [("reversal", 0.0, 8), ("projection", 1.0, 12), ("reversal", 1.0, 12)]
)
def test_a_fresh_probe_finds_the_sensitive_feature_unless_it_is_hidden(objective, alpha, epochs):
    x, y, s = table()
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])
    model = FairClassifier(encoder, alpha=alpha, objective=objective, seed=1)
    model.compile(keras.optimizers.Adam(0.003), keras.optimizers.Adam(0.02), adversary_steps=1)
    model.fit(x, {"target": y, "sensitive": s}, batch_size=100, epochs=epochs, verbose=0)
    assert (model.predict(x, verbose=0).argmax(axis=1) == y).mean() > 0.93
    assert probe(model, x, s) > 0.95 if alpha == 0 else probe(model, x, s) < 0.65


@pytest.mark.slow
def test_equalised_odds_hide_within_each_class_only():
    rng = np.random.default_rng(2)
    x, y, _ = table(3000)
    s = np.where(rng.random(3000) < 0.85, y, 1 - y)  # tells the target, mostly
    x[:, 2] += 3 * s
    model = FairClassifier(alpha=1.0, on="prediction", equalised_odds=True, seed=1)
    model.compile(keras.optimizers.Adam(0.003), keras.optimizers.Adam(0.01))
    model.fit(x, {"target": y, "sensitive": s}, batch_size=100, epochs=8, verbose=0)
    score = model.predict(x, verbose=0)[:, 1]
    assert ((score > 0.5) == y).mean() > 0.9
    # By how much the shares of positive decisions differ: within the classes hardly, and over all of them a lot.
    gap = lambda rows: abs((score[rows & (s == 1)] > 0.5).mean() - (score[rows & (s == 0)] > 0.5).mean())  # noqa: E731
    assert gap(y == 0) < 0.06 and gap(y == 1) < 0.06
    assert gap(np.full(3000, True)) > 0.5
