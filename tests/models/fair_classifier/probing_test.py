"""The warning of `FairClassifier.fit` that something is still to be read: when it comes, and when not."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm

from kgan.models.fair_classifier import FairClassifier, probing
from kgan.tables.sensitive import SensitiveColumn

BINARY = SensitiveColumn("sex", "binary", ("f", "m"))
RACE = SensitiveColumn("race", "categorical", ("a", "b", "c"))
AGE = SensitiveColumn("age", "continuous")


def made(n, apart, seed=0):
    """A feature whose two groups are `apart` standard deviations apart, an idle one, the groups and a target."""
    rng = np.random.default_rng(seed)
    group, target = rng.integers(0, 2, n), np.eye(2)[rng.integers(0, 2, n)]
    return np.c_[rng.normal(size=n) + apart * group, rng.normal(size=n)], group.astype("float32"), target


def read(columns, seen, told, sensitive, target, with_class=False):
    return probing.readings(columns, seen, told, sensitive, target, with_class=with_class)


@pytest.mark.parametrize("apart", [0.5, 1.0, 2.0])
def test_a_probe_comes_to_the_area_that_two_normals_have(apart):
    seen, group, target = made(20000, apart)
    (found,) = read([BINARY], seen, seen[:, :1], group[:, None], target)
    expected = norm.cdf(apart / np.sqrt(2))
    assert found.probe.low - 0.005 < expected < found.probe.high + 0.005
    assert found.adversary == pytest.approx(expected, abs=0.02) and found.target == pytest.approx(0.5, abs=0.02)
    assert not found.missed and found.beyond_target
    # An adversary that says the opposite, or nothing, has missed it.
    for told in (-seen[:, :1], np.zeros((20000, 1))):
        assert read([BINARY], seen, told, group[:, None], target)[0].missed


def test_categories_and_numbers_are_read_too():
    rng = np.random.default_rng(0)
    race, age, target = rng.integers(0, 3, 4000), rng.normal(size=4000), np.eye(2)[rng.integers(0, 2, 4000)]
    seen = np.c_[np.eye(3)[race] + 0.01 * rng.normal(size=(4000, 3)), age + rng.normal(size=4000)]
    told = np.c_[np.eye(3)[race], -age]
    of_race, of_age = read([RACE, AGE], seen, told, np.c_[race, age].astype("float32"), target)
    assert of_race.probe.value == of_race.adversary == 1 and not of_race.missed
    # Half of the variance of what is seen is the age's, so that the squared correlation is a half.
    assert of_age.probe.low < 0.5 < of_age.probe.high and of_age.adversary == pytest.approx(-1)
    assert of_age.missed and of_age.target == pytest.approx(0, abs=0.01)
    assert str(of_age).startswith("'age' (R2 0.") and str(of_race) == (
        f"'race' (AUC 1.00; the adversary 1.00, the true target alone {of_race.target:.2f})"
    )


@pytest.mark.parametrize("n", [200, 500, 2000])
def test_nothing_is_claimed_of_features_that_tell_nothing(n):
    for seed in range(8):
        seen, group, target = made(n, 0.0, seed)
        rng = np.random.default_rng(100 + seed)
        columns, sensitive = [BINARY, RACE, AGE], np.c_[group, rng.integers(0, 3, n), rng.normal(size=n)]
        features = np.c_[seen, rng.normal(size=(n, 6))]
        readings = read(columns, features, rng.normal(size=(n, 5)), sensitive, target)
        assert [(found.missed, found.beyond_target) for found in readings] == 3 * [(False, False)]


def test_what_the_target_tells_is_not_held_against_the_features():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 4000)
    s = np.where(rng.random(4000) < 0.85, y, 1 - y).astype("float32")
    target = np.eye(2)[y]
    score = (y + 0.3 * rng.normal(size=4000))[:, None]
    for with_class in (False, True):
        (found,) = read([BINARY], score, score, s[:, None], target, with_class)
        assert not found.beyond_target and found.probe.value > 0.75
    (found,) = read([BINARY], score + 0.8 * s[:, None], score, s[:, None], target, True)
    assert found.beyond_target


def test_groups_too_rare_to_judge_by_are_left_out():
    seen, group, target = made(400, 0.0)
    group[:] = np.arange(400) == 7
    assert read([BINARY], seen, seen[:, :1], group[:, None], target) == []


# In fit


def table(seed, n=600):
    """The sensitive bit and the target stand in columns of their own, and have nothing to do with each other."""
    rng = np.random.default_rng(seed)
    y, s = rng.integers(0, 2, n), rng.integers(0, 2, n)
    x = rng.normal(size=(n, 3))
    x[:, 0] += 3 * y
    x[:, 1] += 3 * s
    return x.astype("float32"), {"target": y, "sensitive": {"sex": s}}


def fitted(x, labels=None, *, seed=0, alpha=1.0, rate=0.01, epochs=4, objective="negative", **options):
    """`(model, warnings)`; with this small rate of the classifier the representation keeps what it had."""
    model = FairClassifier(alpha=alpha, objective=objective, seed=seed)
    model.compile(keras.optimizers.SGD(0.01), keras.optimizers.SGD(rate), adversary_steps=1, run_eagerly=True)
    if labels is not None:
        options["batch_size"] = 100
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model.fit(x, labels, epochs=epochs, verbose=0, **options)
    return model, [str(each.message) for each in said if "linear probe" in str(each.message)]


@pytest.mark.slow
def test_an_adversary_that_stands_still_is_told_of_with_what_to_change():
    data = table(0)
    _, (sentence,) = fitted(*data, rate=1e-6)
    for part in ("from the representation", "'sex' (AUC 0.9", "give adversary_optimizer a larger", "(it has 1e-06)"):
        assert part in sentence
    assert "more adversary_steps" in sentence
    _, (of_reversal,) = fitted(*data, rate=1e-6, objective="reversal")
    assert "adversary_steps" not in of_reversal
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(100)
    _, (of_dataset,) = fitted(dataset, rate=1e-6)
    assert "'sex' (AUC 0.9" in of_dataset


@pytest.mark.slow
def test_nobody_is_asked_where_nothing_is_hidden_or_the_training_was_too_short():
    still = {"rate": 1e-6}
    x, labels = table(0)
    assert fitted(x, labels, alpha=0.0, **still)[1] == []
    assert fitted(x, labels, epochs=2, **still)[1] == []  # a sample of a tenth of 1,200 rows is too few
    few = {"target": labels["target"][:150], "sensitive": {"sex": labels["sensitive"]["sex"][:150]}}
    assert fitted(x[:150], few, epochs=15, **still)[1] == []
    # Rows that are held out for validation are no training rows: 120 of them are left.
    assert fitted(x, labels, epochs=18, validation_split=0.8, **still)[1] == []


def on_prediction(seed):
    """A prediction that has no reason to tell, and an adversary at its default rate."""
    model = FairClassifier(on="prediction", seed=seed)
    model.compile()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.fit(*table(seed), batch_size=50, epochs=10, verbose=0)


@pytest.mark.slow
def test_nothing_is_said_when_all_is_well():
    on_prediction(0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_said_when_all_is_well_with_other_seeds(seed):
    on_prediction(seed)
