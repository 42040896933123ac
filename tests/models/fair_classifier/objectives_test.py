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

    def opposing_loss(self, answers):
        # The same as `answers.loss`, from the answers: the logit of a binary column against its truth.
        (column,) = answers.columns
        assert column.kind == "binary"
        return -self.factor * ops.mean(ops.softplus(answers.outputs) - answers.sensitive * answers.outputs)

    def get_config(self):
        return {"factor": self.factor}


@keras.saving.register_keras_serializable(package="objectives_test")
class SumByHand(losses.HidingObjective):
    """The gradient of the sum, put together from those of the two losses."""

    def combined(self, target, opposing, alpha):
        return [t + alpha * o for t, o in zip(target, opposing, strict=True)]


@keras.saving.register_keras_serializable(package="objectives_test")
class Together(losses.HidingObjective):
    together = True


def trained(objective, *, alpha=0.7, run_eagerly=True, **settings):
    model = FairClassifier(objective=objective, alpha=alpha, seed=0, **settings)
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), 1, run_eagerly=run_eagerly)
    model.fit(X, LABELS, batch_size=16, epochs=2, shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize(("own", "ours"), [(Scaled(), "negative"), (SumByHand(), "negative"), (Together(), "reversal")])
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


def test_a_rule_of_ones_own_is_compiled_while_alpha_rises():
    own, ours = (trained(of, run_eagerly=False, warmup_steps=5) for of in (SumByHand(), "negative"))
    for a, b in zip(own.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_without_alpha_no_rule_is_asked():
    class Never(losses.HidingObjective):
        def combined(self, target, opposing, alpha):
            raise AssertionError

    trained(Never(), alpha=0.0)


class Vector(losses.HidingObjective):
    def opposing_loss(self, answers):
        return answers.outputs[:, 0]


class VectorWithRule(SumByHand):
    opposing_loss = Vector.opposing_loss


class Nothing(losses.HidingObjective):
    def opposing_loss(self, answers):
        return None


class TooFew(losses.HidingObjective):
    def combined(self, target, opposing, alpha):
        return target[:-1]


class NoGradients(losses.HidingObjective):
    def combined(self, target, opposing, alpha):
        return None


@pytest.mark.parametrize(
    ("objective", "sentence"),
    [
        (Vector(), "^opposing_loss of Vector must return a scalar tensor, the mean over the minibatch, but returned"),
        (VectorWithRule(), "^opposing_loss of VectorWithRule must return a scalar tensor"),
        (Nothing(), "^opposing_loss of Nothing must return a scalar tensor, .* but returned None"),
        (TooFew(), "^combined of TooFew must return a list of 6 gradients, one for each that it got"),
        (NoGradients(), "^combined of NoGradients must return a list of 6 gradients"),
    ],
)
def test_what_an_objective_must_return_is_a_sentence(objective, sentence):
    with pytest.raises(ValueError, match=sentence):
        trained(objective)


class LossAndTogether(Nothing):
    together = True


class RuleAndTogether(losses.Reversal):
    combined = SumByHand.combined


@pytest.mark.parametrize("kind", [LossAndTogether, RuleAndTogether])
def test_what_would_have_no_part_is_refused(kind):
    with pytest.raises(ValueError, match=f"{kind.__name__} lets both players step together, where opposing_loss and"):
        FairClassifier(objective=kind())


def test_steps_of_one_player_are_refused_in_the_name_of_the_objective():
    with pytest.raises(ValueError, match="^Together moves both players in one pass: leave out adversary_steps.$"):
        FairClassifier(objective=Together()).compile(adversary_steps=2)


class Forgets(losses.HidingObjective):
    def __init__(self, factor=1.0):
        self.factor = factor


class NotRegistered(losses.HidingObjective):
    pass


def test_what_could_not_be_loaded_is_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="Forgets takes arguments: give it a get_config that returns them"):
        trained(Forgets()).save(tmp_path / "model.keras")
    config = FairClassifier(objective=NotRegistered(), seed=0).get_config()
    with pytest.raises(ValueError, match="cannot find the class 'NotRegistered': import it, and register it by"):
        FairClassifier.from_config(config)
    loaded = FairClassifier.from_config(config, custom_objects={"NotRegistered": NotRegistered})
    assert type(loaded.objective) is NotRegistered
