import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import kgan

DIGITS = (load_digits().data / 16).astype("float32")
LABELS = load_digits().target.astype("int32")


def sequential(*layers):
    return keras.Sequential([keras.Input((64,)), *layers])


def deep(activation="sigmoid"):
    hidden = [keras.layers.Dense(30, activation) for _ in range(4)]
    return sequential(*hidden, keras.layers.Dense(10, "softmax"))


def test_hidden_layers_move_and_the_output_stays():
    model = deep()
    before = model.get_weights()
    histories = kgan.pretrain(model, DIGITS, epochs=2, verbose=0)
    moved = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert len(histories) == 4 and moved == [True] * 8 + [False] * 2
    assert all(h.history["loss"][-1] < h.history["loss"][0] for h in histories)


@pytest.mark.slow
def test_a_deep_sigmoid_network_learns_by_gradient_descent_once_it_is_pretrained():
    def accuracy(pretrained):
        keras.utils.set_random_seed(0)
        hidden = [keras.layers.Dense(60, "sigmoid") for _ in range(4)]
        model = sequential(*hidden, keras.layers.Dense(10, "softmax"))
        if pretrained:
            optimizer = keras.optimizers.Adam(0.01)
            kgan.pretrain(model, DIGITS[:1400], epochs=15, optimizer=optimizer, seed=0, verbose=0)
        model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(DIGITS[:1400], LABELS[:1400], epochs=15, verbose=0)
        return model.evaluate(DIGITS[1400:], LABELS[1400:], verbose=0)[1]

    assert accuracy(pretrained=False) < 0.2
    assert accuracy(pretrained=True) > 0.4


@pytest.mark.slow
def test_layers_without_weights_belong_to_the_layer_before_them():
    layers = [keras.layers.Rescaling(2.0), keras.layers.Dense(20), keras.layers.ReLU(), keras.layers.Dropout(0.2)]
    model = sequential(*layers, keras.layers.Dense(8, "tanh"), keras.layers.Dense(10))
    histories = kgan.pretrain(model, DIGITS, epochs=2, verbose=0)
    assert len(histories) == 2
    assert [layer.name for layer in model.layers] == [layer.name for layer in layers] + [
        layer.name for layer in model.layers[-2:]
    ]


@pytest.mark.slow
def test_layers_below_prepare_the_inputs_once():
    def pretrained(x, *below):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((64,)), *below, keras.layers.Dense(20, "tanh"), keras.layers.Dense(10)])
        (history,) = kgan.pretrain(model, x, epochs=3, seed=0, verbose=0)
        return model.get_weights(), history.history["loss"]

    weights, losses = pretrained(DIGITS)
    raw = (DIGITS * 16).astype("uint8")
    rescaled, rescaled_losses = pretrained(raw, keras.layers.Rescaling(1 / 16))
    np.testing.assert_allclose(rescaled_losses, losses, rtol=1e-4)
    for a, b in zip(weights, rescaled, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    normalization = keras.layers.Normalization()
    normalization.adapt(DIGITS)
    assert pretrained(DIGITS, normalization)[1][-1] < 1


@pytest.mark.slow
def test_supervised_and_images():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(30, "relu"),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    (history,) = kgan.pretrain(model, DIGITS.reshape(-1, 8, 8, 1), LABELS, epochs=10, verbose=0)
    assert history.history["accuracy"][-1] > 0.9


@pytest.mark.slow
def test_the_model_can_be_compiled_and_trained_as_ever():
    model = deep("tanh")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    kgan.pretrain(model, DIGITS, epochs=1, verbose=0)
    assert model.fit(DIGITS, LABELS, epochs=10, verbose=0).history["accuracy"][-1] > 0.9


def branching():
    inputs = keras.Input((64,))
    a, b = keras.layers.Dense(5)(inputs), keras.layers.Dense(5)(inputs)
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Add()([a, b])))


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (lambda: keras.Sequential([keras.layers.Dense(3)]), "takes a built keras.Model"),
        (lambda: sequential(keras.layers.Dense(3)), "at least one hidden Dense layer"),
        (
            lambda: sequential(keras.layers.Dense(3), keras.layers.BatchNormalization(), keras.layers.Dense(3)),
            "is a BatchNormalization: for convolutions, use kgan.StackedAutoencoder",
        ),
        (branching, "takes a chain of layers"),
    ],
)
def test_other_models_are_refused(model, sentence):
    with pytest.raises(ValueError, match=sentence):
        kgan.pretrain(model(), DIGITS, verbose=0)


@pytest.mark.slow
def test_a_cross_entropy_is_that_of_probabilities():
    # A linear decoder would have been clipped: half of its outputs would cost 16 nats without any gradient.
    model = deep()
    histories = kgan.pretrain(model, DIGITS, epochs=2, loss="binary_crossentropy", verbose=0)
    assert all(history.history["loss"][-1] < np.log(2) for history in histories)
    logits = kgan.pretrain(deep(), DIGITS, epochs=2, loss=keras.losses.BinaryCrossentropy(from_logits=True), verbose=0)
    assert all(history.history["loss"][-1] < np.log(2) for history in logits)
    with pytest.raises(ValueError, match="layer 1 of 4: binary_crossentropy needs numbers in 0..1"):
        kgan.pretrain(deep(), DIGITS * 2, loss="bce", verbose=0)


@pytest.mark.slow
def test_a_layer_that_has_learned_nothing_is_named():
    with pytest.warns(UserWarning, match="layer 4 of 4 has learned nothing: its squared error is") as said:
        kgan.pretrain(deep(), DIGITS, epochs=1, optimizer=keras.optimizers.SGD(1e-4), verbose=0)
    said = [warning for warning in said if "learned" in str(warning.message)]
    assert len(said) == 4 and {warning.filename for warning in said} == {__file__}
