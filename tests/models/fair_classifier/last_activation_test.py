"""Networks of the user's own for `FairClassifier` that end in an activation where logits belong."""

import keras
import numpy as np
import pytest

from kgan.models.fair_classifier import FairClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype("float32")
TARGET = np.array(["low", "mid", "high"])[RNG.integers(0, 3, 64)]
AGE = 40 + 10 * RNG.normal(size=64)
SEX = np.array(["f", "m"])[(RNG.random(64) < 0.3).astype(int)]


class Written(keras.Model):
    """The same layer as Python, in which no last activation can be seen from outside."""

    def __init__(self, units, activation):
        super().__init__()
        self.dense = keras.layers.Dense(units, activation)

    def call(self, inputs, training=False):
        return self.dense(inputs)


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["projection", "reversal", "uniform"])
@pytest.mark.parametrize("kind", ["Sequential", "as Python"])
def test_what_stands_before_a_last_softmax_or_sigmoid_is_trained_and_predicted_with(objective, kind):
    labels = {"target": TARGET, "sensitive": SEX}

    def trained(activations):
        keras.utils.set_random_seed(2)
        encoder = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5, "tanh")])
        if kind == "Sequential":
            heads = [
                keras.Sequential([keras.Input((5,)), keras.layers.Dense(units, activation)])
                for units, activation in zip((3, 1), activations, strict=True)
            ]
        else:
            heads = [Written(*of) for of in zip((3, 1), activations, strict=True)]
        model = FairClassifier(encoder, *heads, objective=objective, seed=0)
        rates = keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1)
        model.compile(*rates, 1, run_eagerly=objective == "uniform")
        logs = model.fit(X, labels, batch_size=16, epochs=2, verbose=0).history
        return logs, model.get_weights(), model.predict(X, verbose=0)

    for logits, squashed in zip(trained((None, None)), trained(("softmax", "sigmoid")), strict=True):
        keras.tree.map_structure(np.testing.assert_array_equal, logits, squashed)


@pytest.mark.parametrize(
    ("place", "layers", "sentence"),
    [
        (
            0,
            [keras.layers.Dense(3, "tanh")],
            r"predictor has to give logits, but ends in 'tanh', .* only -1 to 1: leave",
        ),
        (
            0,
            [keras.layers.Dense(3, "softmax"), keras.layers.Reshape((3,))],
            "predictor has to give logits, but ends in 's",
        ),
        (1, [keras.layers.Dense(2, "tanh")], "adversary has to give logits and unbounded numbers, but ends in 'tanh'"),
    ],
)
def test_an_activation_that_cannot_be_looked_behind_is_refused(place, layers, sentence):
    encoder = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5, "tanh")])
    heads = [keras.Sequential([keras.Input((5,)), keras.layers.Dense(units)]) for units in (3, 2)]
    heads[place] = keras.Sequential([keras.Input((5,)), *layers])
    model = FairClassifier(encoder, *heads)
    model.compile()
    with pytest.raises(ValueError, match=sentence):
        model.fit(X, {"target": TARGET, "sensitive": {"sex": SEX, "age": AGE}}, batch_size=16, verbose=0)


@pytest.mark.slow
def test_a_representation_may_end_in_any_activation():
    model = FairClassifier(keras.Sequential([keras.Input((6,)), keras.layers.Dense(5, "sigmoid")]))
    model.compile(run_eagerly=True)
    assert model.fit(X, {"target": TARGET, "sensitive": SEX}, batch_size=16, verbose=0).history["target_loss"][0] > 0
