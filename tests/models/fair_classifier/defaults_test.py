"""What the fair classifier does by default, and that it makes the groups of a small table more equal."""

import warnings

import keras
import numpy as np
import pytest

from kgan.models.fair_classifier import FairClassifier, SKLearnFairClassifier, defaults


def people(rows, seed):
    """Income that hangs on skill and, less, on sex, which two other columns tell."""
    rng = np.random.default_rng(seed)
    sex, skill = rng.integers(0, 2, rows), rng.normal(size=rows)
    x = np.c_[40 + 3 * sex + 3 * rng.normal(size=rows), skill, 38 + 4 * sex + rng.normal(size=rows)]
    return x.astype("float32"), skill + 0.8 * sex + 0.5 * rng.normal(size=rows) > 0.4, sex


def gap_and_accuracy(seed, **settings):
    x, y, sex = people(500, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fair = SKLearnFairClassifier(on="prediction", random_state=seed, **settings).fit(x, y, sex)
    # On the people it was trained on: other 500 differ by .04 by chance alone.
    rich = fair.predict(x)
    return abs(rich[sex == 1].mean() - rich[sex == 0].mean()), np.mean(rich == y)


@pytest.mark.slow
def test_a_small_table_becomes_more_equal_by_default():
    gap, accuracy = gap_and_accuracy(0, alpha=6)
    assert gap < 0.06 and accuracy > 0.75  # .3 between the groups, and .86, if nothing is hidden


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_it_does_so_with_other_seeds(seed):
    gap, accuracy = gap_and_accuracy(seed, alpha=6)
    assert gap < 0.06 and accuracy > 0.75


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({"on": "prediction"}, 1),
        ({"on": "representation"}, 3),
        ({"objective": "reversal"}, 1),
        ({"alpha": 0}, 1),
    ],
)
def test_the_adversary_is_the_quicker_one_unless_one_says_otherwise(settings, steps):
    model = FairClassifier(seed=0, **settings)
    model.compile(run_eagerly=True)
    x, y, sex = people(96, 0)
    model.fit(x, {"target": y, "sensitive": sex}, verbose=0)
    assert model.steps == {"classifier": 1, "adversary": steps}
    rates = {player: float(optimizer.learning_rate.numpy()) for player, optimizer in model.optimizers.items()}
    assert rates == pytest.approx({"classifier": 1e-3, "adversary": 5e-3})
    own = keras.optimizers.SGD(0.5)
    model.compile("sgd", own, adversary_steps=1)
    assert model.optimizers["adversary"] is own


@pytest.mark.parametrize("rows", [1, 20, 64, 500, 800, 3000, 50000])
@pytest.mark.parametrize("on", ["prediction", "representation"])
def test_a_table_of_any_length_gets_enough_steps(rows, on):
    model = FairClassifier(on=on)
    per_step = max(1, min(64, rows // 3)) * (1 if on == "prediction" else 3)
    epochs, copies, steps = defaults.plan(None, model, rows, per_step)
    assert steps == epochs * (rows * copies // per_step)  # as fit leaves out an incomplete last minibatch
    passes = epochs * copies
    assert steps >= {"prediction": 1000, "representation": 3000}[on] and passes >= 5
    # No more than that, within an epoch.
    assert steps - steps / epochs < 3000 or passes - copies < 6
    assert defaults.plan(7, model, rows, per_step) == (7, 1, 7 * max(1, rows // per_step))


@pytest.mark.slow
def test_copies_of_the_rows_change_an_epoch_and_nothing_else():
    x, y, sex = people(100, 0)
    labels = {"target": y, "sensitive": sex}

    def trained(copies, epochs):
        model = FairClassifier(on="prediction", seed=0)
        model.compile("sgd", "sgd", run_eagerly=True)
        model._copies = copies
        model.fit(x, labels, batch_size=50, epochs=epochs, shuffle=False, verbose=0)
        model._copies = 1
        return model

    several, one = trained(3, 1), trained(1, 3)
    assert several.rounds == one.rounds == 6
    for a, b in zip(several.get_weights(), one.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    several.fit(x, labels, batch_size=50, verbose=0)
    assert several.rounds == 8


@pytest.mark.slow
def test_the_estimator_takes_its_classifier_to_rest():
    x, y, sex = people(200, 0)
    fair = SKLearnFairClassifier(on="prediction", epochs=2, batch_size=20, random_state=0).fit(x, y, sex)
    optimizer = fair.model_.optimizers["classifier"]
    assert int(optimizer.iterations) == 20
    assert float(optimizer.learning_rate.numpy()) == pytest.approx(0, abs=1e-9)
    assert float(fair.model_.optimizers["adversary"].learning_rate.numpy()) == pytest.approx(5e-3)
