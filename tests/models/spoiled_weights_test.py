"""NaN in the weights that training begins with is not called the data's fault, nor the learning rate's."""

import keras
import numpy as np
import pytest

import kgan

X = np.random.default_rng(0).uniform(0, 1, (32, 4)).astype("float32")
IMAGES = np.random.default_rng(0).uniform(0, 255, (32, 4, 4, 3)).astype("uint8")
LABELS = np.arange(32) % 2


def spoil(variable, number=np.nan):
    value = np.array(variable)
    value.flat[0] = number
    variable.assign(value)


def autoencoder(**compiled):
    encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="hidden")], name="narrow")
    decoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)], name="wide")
    made = kgan.Autoencoder(encoder, decoder)
    made.compile(keras.optimizers.Adam(1e-3), **compiled)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_the_network_and_the_weight_are_named(number, jit_compile, tmp_path):
    source, model = autoencoder(), autoencoder(jit_compile=jit_compile)
    spoil(source.encoder.layers[-1].kernel, number)
    source.save_weights(tmp_path / "x.weights.h5")
    model.load_weights(tmp_path / "x.weights.h5")
    with pytest.raises(FloatingPointError) as found:
        model.fit(X, verbose=0)
    text = str(found.value)
    assert "hidden/kernel' of 'narrow' held NaN or infinite numbers before training began" in text
    assert "learning rate" not in text and "the data" not in text


def test_the_state_of_an_optimizer_is_named():
    model = autoencoder()
    model.fit(X, verbose=0)
    slot = next(v for v in model.optimizers["autoencoder"].variables if "hidden_kernel_momentum" in v.path)
    spoil(slot)
    with pytest.raises(FloatingPointError, match="the optimizer's state '.*hidden_kernel_momentum' held NaN"):
        model.fit(X, verbose=0, epochs=2)


def test_a_run_that_diverges_is_still_told_to_lower_the_learning_rate():
    model = autoencoder()
    model.compile(keras.optimizers.SGD(1e30))
    with pytest.raises(FloatingPointError, match="Lower the learning rate"):
        model.fit(X, verbose=0, epochs=5)


class Masked(keras.layers.Layer):
    """Keeps minus infinity, as attention masks do."""

    def build(self, shape):
        self.mask = self.add_weight(shape=(2,), initializer="zeros", trainable=False)

    def call(self, x):
        return x


def test_infinite_constants_that_harm_nothing_are_no_fault():
    masked = Masked()
    encoder = keras.Sequential([keras.Input((4,)), masked, keras.layers.Dense(3)])
    model = kgan.Autoencoder(encoder, keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)]))
    model.compile()
    spoil(masked.mask, -np.inf)
    model.fit(X, verbose=0)


def transfer():
    base = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 3, name="conv")], name="seen")
    made = kgan.TransferClassifier(2, base=base, cut=None)
    made.compile()
    return made


def test_features_are_traced_to_the_base():
    model = transfer()
    spoil(model.base.weights[0])
    for _ in range(2):
        with pytest.raises(FloatingPointError) as found:
            model.fit(IMAGES, LABELS, verbose=0)
        assert "gives NaN or infinite features, because the weight" in str(found.value), found.value
        assert "conv/kernel" in str(found.value) and "seen" in str(found.value)
    model = transfer()
    model.fit(IMAGES, LABELS, verbose=0)  # measured; what comes later is not the data's fault either
    spoil(model.base.weights[0])
    with pytest.raises(FloatingPointError, match="conv/kernel"):
        model.fit(IMAGES, LABELS, verbose=0)


@pytest.mark.slow
def test_the_head_of_a_classifier_is_named():
    model = transfer()
    spoil(model.head.weights[0])
    with pytest.raises(FloatingPointError, match="held NaN or infinite numbers before training began"):
        model.fit(IMAGES, LABELS, verbose=0)


def test_layers_below_those_that_are_pretrained_are_named():
    scale = keras.layers.Normalization(mean=np.zeros(4), variance=np.ones(4))
    below = keras.layers.BatchNormalization(trainable=False, name="below")
    model = keras.Sequential([keras.Input((4,)), scale, below, keras.layers.Dense(3), keras.layers.Dense(2)])
    spoil(below.weights[-1])
    with pytest.raises(FloatingPointError, match="infinite features, because the weight '.*below/moving_var"):
        kgan.pretrain(model, X, epochs=1, verbose=0)
