"""Layers that rewrite weights that train: what was trained is what predicts, as in plain Keras."""

import keras
import numpy as np
import pytest
from keras import ops

import kgan

X = np.random.default_rng(0).normal(0, 0.3, (32, 3)).astype("float32")


@keras.saving.register_keras_serializable(package="kgan_tests")
class Halved(keras.layers.Layer):
    """A linear layer whose training call halves the kernel first, and counts its calls."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="kernel")
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

    def call(self, inputs, training=False):
        if training:
            self.kernel.assign(self.kernel / 2)
            self.calls.assign(self.calls + 1)
        return ops.matmul(inputs, self.kernel)


def spectral(units):
    return keras.layers.SpectralNormalization(keras.layers.Dense(units))


def networks(make):
    keras.utils.set_random_seed(1)
    inputs, codes = keras.Input((3,)), keras.Input((4,))
    return keras.Model(inputs, make(4)(inputs)), keras.Model(codes, make(3)(codes))


def autoencoder(make):
    model = kgan.Autoencoder(*networks(make), seed=0)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    return model


@pytest.mark.slow
@pytest.mark.parametrize("make", [spectral, Halved])
def test_every_step_is_that_of_plain_keras(make):
    ours = autoencoder(make)
    encoder, decoder = networks(make)
    plain = keras.Sequential([encoder, decoder])
    plain.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    for model, data in ((ours, (X,)), (plain, (X, X))):
        model.fit(*data, batch_size=8, epochs=2, shuffle=False, verbose=0)
    for own, other in zip([ours.encoder, ours.decoder], [encoder, decoder], strict=True):
        for a, b in zip(own.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours.predict(X, verbose=0), plain.predict(X, verbose=0), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_two_devices_make_the_weights_of_one(two_devices):
    one = autoencoder(Halved)
    with two_devices.scope():
        two = autoencoder(Halved)
    for model in (one, two):
        model.fit(X, batch_size=8, shuffle=False, verbose=0)
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_turn_leaves_no_trace_in_other_players():
    class Neighbours(kgan.Game):
        def player_loss(self, player, data):
            hidden = self.players["first"][0](data, training=self.training)
            output = self.players["second"][0](hidden, training=self.training)
            return ops.mean(output**2) if player == "first" else ops.mean((output - 1) ** 2)

    layers = [Halved(2) for _ in range(2)]
    layers[0].build((None, 3))
    layers[1].build((None, 2))
    game = Neighbours({"first": layers[0], "second": layers[1]}, seed=0)
    game.compile("sgd", steps={"first": 2})
    game.optimizers["first"].learning_rate = game.optimizers["second"].learning_rate = 0.0
    before = [layer.kernel.numpy() for layer in layers]
    game.fit(X[:16], batch_size=8, verbose=0)  # one round: two turns of the first player, one of the second
    np.testing.assert_allclose(layers[0].kernel.numpy(), before[0] / 4, rtol=1e-6)
    np.testing.assert_allclose(layers[1].kernel.numpy(), before[1] / 2, rtol=1e-6)
    assert [float(layer.calls.numpy()) for layer in layers] == [2.0, 1.0]


def test_adversarial_training_keeps_what_layers_rewrite():
    def classifier():
        keras.utils.set_random_seed(0)
        return keras.Sequential([keras.Input((3,)), Halved(2)])

    labels = (X[:, 0] > 0).astype("int32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    ours, plain = classifier(), classifier()
    robust = kgan.RobustClassifier(ours, epsilon=0.0, clean_share=1.0, bounds=(-np.inf, np.inf), seed=0)
    for model in (robust, plain):
        model.compile(keras.optimizers.SGD(0.1), loss)
        model.fit(X, labels, batch_size=8, shuffle=False, verbose=0)
    for a, b in zip(ours.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
def test_a_gan_generates_exports_and_resumes_as_it_was_trained(tmp_path, assert_same_weights):
    import tensorflow as tf

    def gan():
        keras.utils.set_random_seed(0)
        z, x = keras.Input((4,)), keras.Input((3,))
        model = kgan.GAN(keras.Model(z, Halved(3)(spectral(8)(z))), keras.Model(x, spectral(1)(x)), seed=0)
        model.compile(loss="hinge")
        return model

    whole, first = gan(), gan()
    whole.fit(X, batch_size=8, epochs=2, verbose=0)
    first.fit(X, batch_size=8, epochs=1, verbose=0)
    first.save(tmp_path / "gan.keras")
    resumed = keras.models.load_model(tmp_path / "gan.keras")
    resumed.fit(X, batch_size=8, epochs=1, verbose=0)
    assert_same_weights(whole, resumed)
    whole.export(tmp_path / "generator", ema=False)
    loaded = tf.saved_model.load(tmp_path / "generator")
    np.testing.assert_allclose(loaded.sample(5, 0), whole.generate(5, seed=0, ema=False), rtol=1e-5, atol=1e-6)
