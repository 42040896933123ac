"""Objectives of one's own for `FairClassifier`: trained along, saved and loaded."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan import losses
from kgan.models.fair_classifier import FairClassifier, SKLearnFairClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype("float32")
LABELS = {"target": RNG.integers(0, 2, 64), "sensitive": RNG.integers(0, 2, 64)}


@keras.saving.register_keras_serializable(package="objectives_test")
class Scaled(losses.HidingObjective):
    """A sum like that of `Negative`, with a factor that is saved."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def opposing_loss(self, adversary):
        # The same as `adversary.loss`, from the answers: the logit of a binary column against its truth.
        (column,) = adversary.columns
        assert column.kind == "binary"
        return -self.factor * ops.mean(ops.softplus(adversary.outputs) - adversary.sensitive * adversary.outputs)

    def get_config(self):
        return {"factor": self.factor}


@keras.saving.register_keras_serializable(package="objectives_test")
class SumByHand(losses.HidingObjective):
    """The gradient of the sum, put together from those of the two losses."""

    def combined(self, target, opposing, alpha):
        return [t + alpha * o for t, o in zip(target, opposing, strict=True)]


@keras.saving.register_keras_serializable(package="objectives_test")
class SumByLoss(losses.HidingObjective):
    together = True

    def shown(self, seen, alpha):
        return (1 + alpha) * ops.stop_gradient(seen) - alpha * seen  # the identity, and -alpha backward


def trained(objective):
    model = FairClassifier(objective=objective, alpha=0.7, seed=0)
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), 1, run_eagerly=True)
    model.fit(X, LABELS, batch_size=16, epochs=2, shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize(
    ("own", "ours"), [(Scaled(), "negative"), (SumByHand(), "negative"), (SumByLoss(), "reversal")]
)
def test_one_of_ones_own_trains_as_ours_with_the_same_formula(own, ours):
    for a, b in zip(trained(own).get_weights(), trained(ours).get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_its_argument_counts_is_saved_and_loaded_and_training_goes_on(tmp_path, assert_same_weights):
    model = trained(Scaled(3.0))
    assert not np.allclose(model.get_weights()[0], trained(Scaled()).get_weights()[0], rtol=1e-3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.objective.factor == 3.0
    for of in (model, loaded):
        of.fit(X, LABELS, batch_size=16, shuffle=False, verbose=0)
    assert_same_weights(model, loaded)


@pytest.mark.slow
def test_the_estimator_takes_it_too():
    fair = SKLearnFairClassifier(objective=Scaled(2.0), epochs=1, batch_size=16, random_state=0)
    fair.fit(X, LABELS["target"], sensitive_features=LABELS["sensitive"])
    assert fair.model_.objective.factor == 2.0


def test_a_wrong_one_is_refused_before_any_data():
    with pytest.raises(ValueError, match="unknown objective 'projecton'"):
        FairClassifier(objective="projecton")
