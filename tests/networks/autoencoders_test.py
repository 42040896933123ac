import keras
import numpy as np
import pytest

from kgan.layers import DenseTranspose, TiedConv2DTranspose
from kgan.networks import conv_autoencoder, dense_autoencoder, linear_autoencoder

RNG = np.random.default_rng(0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def set_random_weights(*models):
    """Random weights everywhere, biases too; returns them by path."""
    for model in models:
        model.set_weights([RNG.normal(size=w.shape, scale=0.3) for w in model.get_weights()])


@pytest.mark.parametrize("tied", [False, True])
def test_the_linear_autoencoder_is_its_formula(tied):
    encoder, decoder = linear_autoencoder((2, 3), 4, tied=tied)
    set_random_weights(encoder, decoder)
    (w, b), (v, c) = encoder.get_weights(), decoder.get_weights()
    v = v.T if tied else v
    x = RNG.random((5, 2, 3)).astype("float32")
    codes = sigmoid(x.reshape(5, 6) @ encoder.get_weights()[0] + b)
    np.testing.assert_allclose(encoder(x), codes, rtol=1e-4)
    np.testing.assert_allclose(decoder(codes), sigmoid(codes @ v + c).reshape(5, 2, 3), rtol=1e-4)
    assert (encoder.weights[0] is decoder.weights[0]) == tied
    assert decoder.weights[0].shape == ((6, 4) if tied else (4, 6)) and w.shape == (6, 4)


def test_without_activations_it_is_linear():
    encoder, decoder = linear_autoencoder(6, 2, activation=None, output_activation=None)
    x = RNG.normal(size=(3, 6)).astype("float32")
    np.testing.assert_allclose(decoder(encoder(x)), x @ encoder.weights[0] @ decoder.weights[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("tied", [False, True])
def test_the_dense_autoencoder_is_its_formula(tied):
    encoder, decoder = dense_autoencoder((2, 3), (5, 4, 2), activation="tanh", tied=tied)
    set_random_weights(encoder, decoder)
    x = RNG.random((7, 2, 3)).astype("float32")
    w1, b1, w2, b2, w3, b3 = encoder.get_weights()
    codes = np.tanh(np.tanh(x.reshape(7, 6) @ w1 + b1) @ w2 + b2) @ w3 + b3
    np.testing.assert_allclose(encoder(x), codes, rtol=1e-4, atol=1e-5)
    v3, c3, v2, c2, v1, c1 = decoder.get_weights()
    if tied:
        v3, v2, v1 = v3.T, v2.T, v1.T
    back = sigmoid(np.tanh(np.tanh(codes @ v3 + c3) @ v2 + c2) @ v1 + c1)
    np.testing.assert_allclose(decoder(codes), back.reshape(7, 2, 3), rtol=1e-4)
    shared = {id(w) for w in encoder.weights} & {id(w) for w in decoder.weights}
    assert len(shared) == (3 if tied else 0)


def test_default_units():
    encoder, decoder = dense_autoencoder((28, 28, 1))
    assert [w.shape[0] for w in encoder.weights[1::2]] == [256, 128, 32]
    assert [w.shape[0] for w in decoder.weights[1::2]] == [128, 256, 784]


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 31, 3), (28, 28, 1), (33, 17, 2), (15, 16, 6)])
def test_the_convolutional_autoencoder_returns_images_of_any_size(shape, tied):
    encoder, decoder = conv_autoencoder(shape, 7, filters=4, tied=tied)
    x = RNG.random((2, *shape)).astype("float32")
    codes = encoder(x)
    reconstructions = np.asarray(decoder(codes))
    assert codes.shape == (2, 7) and decoder.output.shape == (None, *shape)
    assert reconstructions.shape == x.shape
    assert 0 < reconstructions.min() and reconstructions.max() < 1
    # Codes are linear: some are negative, which ReLU would not let through.
    assert np.min(encoder(RNG.random((50, *shape)).astype("float32"))) < 0


def test_convolutions_halve_the_image_and_widen():
    encoder, decoder = conv_autoencoder((28, 28, 1), filters=8)
    convs = [layer for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.output.shape[1:] for layer in convs] == [(14, 14, 8), (7, 7, 16)]
    assert encoder.output.shape == (None, 32)
    encoder, _ = conv_autoencoder((300, 300, 1), filters=1)
    convs = [layer for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convs] == [1, 2, 4, 8, 8, 8]


def test_tied_convolutions_share_every_kernel():
    encoder, decoder = conv_autoencoder((9, 11, 1), 3, filters=2, tied=True)
    shared = {id(w): w.shape for w in encoder.weights}
    assert [w.shape for w in decoder.weights if id(w) in shared] == [(60, 3), (4, 4, 1, 2)]
    kinds = [type(layer) for layer in decoder.layers]
    assert kinds.count(DenseTranspose) == kinds.count(TiedConv2DTranspose) == 1


@pytest.mark.slow
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(
    "build",
    [
        lambda **kwargs: linear_autoencoder((8, 8, 1), 4, **kwargs),
        lambda **kwargs: dense_autoencoder((64,), (16, 4), **kwargs),
        lambda **kwargs: conv_autoencoder((8, 8, 1), 4, filters=4, **kwargs),
    ],
    ids=["linear", "dense", "conv"],
)
def test_they_learn_are_saved_and_give_float32_in_half_precision(build, tied, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    encoder, decoder = build(tied=tied)
    assert encoder.output.dtype == decoder.output.dtype == "float32"
    # Two images, which one number tells apart.
    shape = encoder.input_shape[1:]
    x = (np.random.default_rng(1).random((2, *shape)) < 0.5).astype("float32")
    model = keras.Sequential([keras.Input(shape), encoder, decoder])
    model.compile(keras.optimizers.Adam(0.03), "mse")
    before, many = model.evaluate(x, x, verbose=0), np.tile(x, (60, *(1 for _ in shape)))
    model.fit(many, many, batch_size=2, shuffle=False, verbose=0)
    assert model.evaluate(x, x, verbose=0) < 0.1 * before
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: linear_autoencoder((8, 0), 3), "input_shape must be a positive whole number or a tuple of them"),
        (lambda: linear_autoencoder(8, 0), "code_size must be a whole number of at least 1, got 0"),
        (lambda: dense_autoencoder(8, ()), r"units must be a list of the number of units of each layer, got \(\)"),
        (lambda: dense_autoencoder(8, 32), "units must be a list of the number of units of each layer, got 32"),
        (lambda: dense_autoencoder(8, (4, 2.5)), "each of units must be a whole number of at least 1, got 2.5"),
        (lambda: conv_autoencoder((7, 8, 1)), r"\(height, width, channels\) with sides of at least 8, got \(7, 8, 1\)"),
        (lambda: conv_autoencoder((8, 8)), r"\(height, width, channels\) with sides of at least 8, got \(8, 8\)"),
        (lambda: conv_autoencoder((8, 8, 1), True), "code_size must be a whole number of at least 1, got True"),
        (lambda: conv_autoencoder((8, 8, 1), filters=-1), "filters must be a whole number of at least 1, got -1"),
    ],
)
def test_bad_arguments_are_refused_in_a_sentence(build, sentence):
    with pytest.raises(ValueError, match=sentence):
        build()
