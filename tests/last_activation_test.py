import keras
import numpy as np
import pytest
from keras import layers, ops

from kgan.attacks.class_scores import ends_in
from kgan.last_activation import reach


def chain(*steps):
    x = inputs = keras.Input((4,))
    for step in steps:
        x = step(x)
    return keras.Model(inputs, x)


def tripled_sigmoid(x):
    return 3 * ops.sigmoid(x)


class Halved(layers.Dense):
    def call(self, x):
        return 0.5 * super().call(x)


# The values at the ends of each function, by its definition.
@pytest.mark.parametrize(
    ("activation", "ends"),
    [
        ("sigmoid", (0, 1)),
        ("hard_sigmoid", (0, 1)),
        ("softmax", (0, 1)),
        ("tanh", (-1, 1)),
        ("softsign", (-1, 1)),
        ("relu", (0, np.inf)),
        ("relu6", (0, 6)),
        ("softplus", (0, np.inf)),
        ("exponential", (0, np.inf)),
        ("elu", (-1, np.inf)),
        ("selu", (-1.7581, np.inf)),
        ("log_softmax", (-np.inf, 0)),
        ("leaky_relu", (-np.inf, np.inf)),
        (tripled_sigmoid, (0, 3)),
    ],
)
def test_a_last_activation_is_named_and_its_ends_are_known(activation, ends):
    network = chain(layers.Dense(2, activation))
    assert ends_in(network) == getattr(activation, "__name__", activation)
    assert reach(network) == pytest.approx(ends, abs=1e-3)


@pytest.mark.parametrize(
    ("steps", "name", "ends"),
    [
        ([layers.Dense(2), layers.Activation("tanh")], "tanh", (-1, 1)),
        ([layers.Dense(2), layers.Softmax()], "softmax", (0, 1)),
        ([layers.Dense(2), layers.ReLU(max_value=6)], "relu", (0, 6)),
        ([layers.Dense(2, activation=layers.ELU(2.0))], "elu", (-2, np.inf)),
        (
            [layers.Dense(4, "sigmoid"), layers.Reshape((2, 2)), layers.Flatten(), layers.Dropout(0.5)],
            "sigmoid",
            (0, 1),
        ),
        ([layers.Dense(4, "sigmoid"), layers.Activation("linear", dtype="float32")], "sigmoid", (0, 1)),
        ([layers.Dense(2, "sigmoid"), layers.Rescaling([2, -2], [-1, 3])], "sigmoid", (-1, 3)),
        ([layers.Dense(2, "tanh"), layers.Rescaling(0.5, 0.5), layers.Rescaling(255)], "tanh", (0, 255)),
        ([layers.Dense(2, "relu"), layers.Rescaling(-1.0)], "relu", (-np.inf, 0)),
        ([layers.Dense(3), keras.Sequential([layers.Dense(2, "sigmoid"), layers.Flatten()])], "sigmoid", (0, 1)),
        ([layers.TimeDistributed(layers.Dense(2, "tanh"))], "tanh", (-1, 1)),
        ([layers.SpectralNormalization(layers.Dense(2, "sigmoid"))], "sigmoid", (0, 1)),
        ([layers.Dense(4), ops.sigmoid, lambda x: ops.reshape(x, (-1, 2, 2))], "sigmoid", (0, 1)),
        ([layers.Dense(4), lambda x: ops.clip(x, -2, 2)], "clip", (-2, 2)),
        ([layers.Dense(2)], None, (-np.inf, np.inf)),
        ([layers.Dense(2, "sigmoid"), layers.Dense(2)], None, (-np.inf, np.inf)),
        ([layers.Dense(2, "sigmoid"), layers.BatchNormalization()], None, (-np.inf, np.inf)),
        ([layers.Dense(2, "sigmoid"), lambda x: 2 * x], None, (-np.inf, np.inf)),
        ([Halved(2, "sigmoid")], None, (-np.inf, np.inf)),
        ([layers.Dense(2), layers.PReLU()], "prelu", (-np.inf, np.inf)),
    ],
)
def test_what_may_follow_an_activation(steps, name, ends):
    if isinstance(steps[0], layers.TimeDistributed):
        steps = [layers.Reshape((2, 2)), *steps]
    network = chain(*steps)
    assert ends_in(network) == name
    assert reach(network) == pytest.approx(ends)
    low, high = reach(network)
    outputs = ops.convert_to_numpy(network(np.random.default_rng(0).normal(0, 50, (200, 4))))
    assert low <= outputs.min() and outputs.max() <= high


def test_networks_that_are_no_chain():
    inputs = keras.Input((4,))
    heads = keras.Model(inputs, [layers.Dense(1)(inputs), layers.Dense(1, "tanh")(inputs)])
    assert ends_in(keras.Model(inputs, heads(inputs)[1])) == "tanh"
    assert ends_in(keras.Model(inputs, heads(inputs)[0])) is None
    both = [layers.Dense(1, "sigmoid")(inputs), layers.Dense(1, "sigmoid")(inputs)]
    assert ends_in(keras.Model(inputs, layers.Add()(both))) is None
    # One layer in two places: what follows it decides.
    shared = layers.Activation("tanh")
    assert ends_in(keras.Model(inputs, layers.Dense(1)(shared(layers.Dense(2)(shared(inputs)))))) is None


def test_networks_without_a_graph():
    assert ends_in(keras.Sequential([layers.Dense(1, "sigmoid")])) == "sigmoid"
    assert ends_in(layers.Dense(1, "tanh")) == "tanh"

    class Written(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.last = layers.Dense(1, "sigmoid"), layers.Dense(1)

        def call(self, x):
            return self.last(self.first(x))

    assert ends_in(Written()) is None
