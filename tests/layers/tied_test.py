"""Ties: one variable, after training, saving, loading and copying; and the transposes against brute force."""

import copy
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.layers import DenseTranspose, TiedConv2DTranspose, retie

RNG = np.random.default_rng(0)
X = RNG.random((12, 9, 7, 2)).astype("float32")


def encoder_and_decoder():
    """Both kinds of tied layers, in two models."""
    conv = keras.layers.Conv2D(3, 3, strides=2, padding="same", activation="relu", name="conv")
    dense = keras.layers.Dense(5, name="dense")
    images = keras.Input(X.shape[1:])
    encoder = keras.Model(images, dense(keras.layers.Flatten()(conv(images))), name="encoder")
    codes = keras.Input((5,))
    x = keras.layers.Reshape((5, 4, 3))(DenseTranspose(dense, activation="relu", name="dense_transpose")(codes))
    decoder = keras.Model(codes, TiedConv2DTranspose(conv, name="conv_transpose")(x), name="decoder")
    return encoder, decoder


def one_model():
    conv = keras.layers.Conv2D(3, 3, strides=2, padding="same", activation="relu", name="conv")
    dense = keras.layers.Dense(5, name="dense")
    images = keras.Input(X.shape[1:])
    x = dense(keras.layers.Flatten()(conv(images)))
    x = keras.layers.Reshape((5, 4, 3))(DenseTranspose(dense, activation="relu", name="dense_transpose")(x))
    return keras.Model(images, TiedConv2DTranspose(conv, name="conv_transpose")(x))


def one_sequential():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, name="dense")])
    model.add(DenseTranspose(model.layers[0], name="dense_transpose"))
    return model


def in_one_parent():
    encoder, decoder = encoder_and_decoder()
    images = keras.Input(X.shape[1:])
    return keras.Model(images, decoder(encoder(images)))


@keras.saving.register_keras_serializable(package="tests")
class Reconstruction(kgan.Game):
    def player_loss(self, player, data):
        decoder, encoder = sorted(self.players[player], key=lambda model: model.name)
        return keras.ops.mean((decoder(encoder(data)) - data) ** 2)


def kernels(*models):
    """For each tied layer its kernel and the kernel of the layer with the name of its partner."""
    layers = {layer.name: layer for model in models for layer in model._flatten_layers()}
    names = [name for name in layers if name.endswith("_transpose")]
    assert names
    return [(layers[name].kernel, layers[name.removesuffix("_transpose")].kernel) for name in names]


def tied(*models):
    return all(own is others for own, others in kernels(*models))


def perturb(model):
    model.set_weights([w + RNG.normal(size=w.shape, scale=0.1) for w in model.get_weights()])


# What the layers compute


def test_dense_transpose_is_the_product_with_the_transposed_kernel_in_any_rank():
    dense = keras.layers.Dense(3)
    dense.build((None, 4))
    layer = DenseTranspose(dense, activation="tanh")
    codes = RNG.normal(size=(2, 6, 3)).astype("float32")
    assert layer.compute_output_shape((2, 6, 3)) == layer(codes).shape == (2, 6, 4)
    layer.bias.assign([1.0, -1.0, 0.5, 0.0])
    expected = np.tanh(codes @ np.asarray(dense.kernel).T + np.asarray(layer.bias))
    np.testing.assert_allclose(layer(codes), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("height", "width", "kernel", "strides", "padding", "dilation"),
    [
        (8, 8, 3, 2, "same", 1),
        (7, 9, 3, 2, "same", 1),
        (7, 8, 4, 2, "same", 1),
        (11, 10, 5, 3, "same", 1),
        (9, 12, 2, 3, "same", 1),
        (7, 7, (1, 4), (2, 1), "same", 1),
        (8, 9, 3, 2, "valid", 1),
        (11, 10, 3, 3, "valid", 1),
        (9, 12, 2, 3, "valid", 1),
        (8, 9, 4, 1, "valid", 1),
        (8, 9, 3, 1, "same", 2),
        (8, 9, 3, 1, "valid", 2),
        (10, 9, 4, 1, "same", (2, 3)),
    ],
)
def test_convolution_and_transpose_are_adjoint(height, width, kernel, strides, padding, dilation):
    conv = keras.layers.Conv2D(4, kernel, strides=strides, padding=padding, dilation_rate=dilation, use_bias=False)
    x = RNG.normal(size=(1, height, width, 3)).astype("float32")
    features = np.asarray(conv(x))
    y = RNG.normal(size=features.shape).astype("float32")
    transpose = TiedConv2DTranspose(conv, use_bias=False)
    back = np.asarray(transpose(y))
    assert back.shape == x.shape == transpose.compute_output_shape(y.shape)
    np.testing.assert_allclose(np.sum(features * y), np.sum(x * back), rtol=1e-4)


def test_transposed_convolution_has_its_own_bias_and_activation():
    conv = keras.layers.Conv2D(4, 3)
    x = RNG.normal(size=(2, 6, 6, 3)).astype("float32")
    y = conv(x)
    plain, full = TiedConv2DTranspose(conv, use_bias=False), TiedConv2DTranspose(conv, activation="tanh")
    full.build(y.shape)
    full.bias.assign([0.1, -0.2, 0.3])
    np.testing.assert_allclose(full(y), np.tanh(plain(y) + np.array([0.1, -0.2, 0.3])), rtol=1e-5, atol=1e-6)


def test_the_gradient_of_the_kernel_is_the_sum_over_both_of_its_places():
    # f(W) = sum((x W W^T - x)^2) has the gradient 2 (x^T r W + r^T x W) with r = x W W^T - x.
    dense = keras.layers.Dense(2, use_bias=False)
    x = RNG.normal(size=(5, 4)).astype("float32")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, DenseTranspose(dense, use_bias=False)(dense(inputs)))
    before = np.asarray(dense.kernel)
    model.compile(keras.optimizers.SGD(0.01), loss="mse")
    model.fit(x, x, batch_size=5, verbose=0)
    residual = x @ before @ before.T - x
    gradient = 2 * (x.T @ residual @ before + residual.T @ x @ before) / x.size
    np.testing.assert_allclose(model.weights[0], before - 0.01 * gradient, rtol=1e-4, atol=1e-6)


def test_half_precision_computes_in_it_and_keeps_float32_weights():
    keras.config.set_dtype_policy("mixed_bfloat16")
    encoder, decoder = encoder_and_decoder()
    assert encoder.output.dtype == decoder.output.dtype == "bfloat16"
    assert {w.dtype for w in decoder.weights} == {"float32"}
    in_float32 = DenseTranspose(encoder.get_layer("dense"), dtype="float32")
    assert in_float32(np.ones((1, 5), "float32")).dtype == "float32"


# One variable


@pytest.mark.parametrize(
    ("make", "kernel_params", "bias_params"),
    [
        (one_model, 3 * 3 * 2 * 3 + 60 * 5, 3 + 5 + 60 + 2),
        (in_one_parent, 3 * 3 * 2 * 3 + 60 * 5, 3 + 5 + 60 + 2),
        (one_sequential, 6 * 4, 4 + 6),
    ],
)
def test_a_kernel_is_one_variable_that_is_counted_once(make, kernel_params, bias_params):
    model = make()
    assert tied(model)
    assert model.count_params() == kernel_params + bias_params
    assert len(model.weights) == 3 * len(kernels(model))


def test_the_weights_of_the_decoder_are_the_kernels_and_its_own_biases():
    encoder, decoder = encoder_and_decoder()
    own = {"dense_transpose/bias", "conv_transpose/bias"}
    assert {w.path for w in decoder.weights} == {"dense/kernel", "conv/kernel", *own}
    assert len({id(w) for w in encoder.weights + decoder.weights}) == 6


def test_freezing_reaches_the_shared_kernel_from_both_sides():
    encoder, decoder = encoder_and_decoder()
    encoder.trainable = False
    assert {w.path for w in decoder.trainable_weights} == {"dense_transpose/bias", "conv_transpose/bias"}
    # A layer that is tied to a frozen one lists its weights in the same order, and does not thaw it.
    late = DenseTranspose(encoder.get_layer("dense"))
    late.build((None, 5))
    assert [w.name for w in late.weights] == ["kernel", "bias"] and not late.kernel.trainable
    encoder.trainable = True
    decoder.trainable = False
    assert {w.path for w in encoder.trainable_weights} == {"dense/bias", "conv/bias"}
    decoder.trainable = True
    DenseTranspose(encoder.get_layer("dense"), trainable=False).build((None, 5))
    assert {w.path for w in encoder.trainable_weights} == {"conv/kernel", "conv/bias", "dense/bias"}


# Files


@pytest.mark.slow
@pytest.mark.parametrize("make", [one_model, one_sequential, in_one_parent])
def test_one_model_stays_tied_through_fit_and_files(make, tmp_path):
    model = make()
    x = RNG.random((12, *model.input_shape[1:])).astype("float32")
    model.compile("adam", loss="mse")
    model.fit(x, x, verbose=0)
    perturb(model)
    assert tied(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = make()
    fresh.load_weights(tmp_path / "model.weights.h5")
    for other in (loaded, fresh):
        assert tied(other) and other.count_params() == model.count_params()
        np.testing.assert_array_equal(other(x), model(x))
        other.compile("sgd", loss="mse")
        other.fit(x, x, verbose=0)
        assert tied(other)


@pytest.mark.slow
@pytest.mark.parametrize("decoder_first", [False, True])
def test_two_models_in_one_file_stay_tied(decoder_first, tmp_path):
    models = encoder_and_decoder()[:: -1 if decoder_first else 1]
    game = Reconstruction({"both": list(models)}, seed=0)
    game.compile("adam")
    game.fit(X, batch_size=6, verbose=0)
    game.save(tmp_path / "game.keras")
    loaded = keras.models.load_model(tmp_path / "game.keras")
    assert tied(*loaded.players["both"])
    for a, b in zip(models, loaded.players["both"], strict=True):
        for v, w in zip(a.weights, b.weights, strict=True):
            np.testing.assert_array_equal(v, w)
    # The optimizer knows the kernels once, and goes on as it would have.
    for other in (game, loaded):
        other.fit(X, batch_size=6, verbose=0)
    np.testing.assert_array_equal(models[0].weights[0], loaded.players["both"][0].weights[0])
    game.save_weights(tmp_path / "game.weights.h5")
    fresh = Reconstruction({"both": list(encoder_and_decoder()[:: -1 if decoder_first else 1])}, seed=0)
    fresh.compile("adam")
    fresh.load_weights(tmp_path / "game.weights.h5")
    assert tied(*fresh.players["both"])
    np.testing.assert_array_equal(models[0].weights[0], fresh.players["both"][0].weights[0])


def test_layers_without_a_model_stay_tied_in_a_file(tmp_path):
    dense = keras.layers.Dense(2, name="dense")
    dense.build((None, 3))
    transpose = DenseTranspose(dense, name="dense_transpose")
    transpose.build((None, 2))
    game = kgan.Game({"both": [dense, transpose]})
    game.save(tmp_path / "game.keras")
    assert tied(*keras.models.load_model(tmp_path / "game.keras").players["both"])


def test_a_decoder_alone_carries_the_kernels(tmp_path):
    encoder, decoder = encoder_and_decoder()
    perturb(decoder)
    codes = RNG.normal(size=(3, 5)).astype("float32")
    decoder.save(tmp_path / "decoder.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        loaded = keras.models.load_model(tmp_path / "decoder.keras")
        np.testing.assert_array_equal(loaded(codes), decoder(codes))
    assert [w.shape for w in loaded.weights] == [w.shape for w in decoder.weights]
    loaded.save(tmp_path / "again.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "again.keras")(codes), decoder(codes))
    decoder.save_weights(tmp_path / "decoder.weights.h5")
    _, fresh = encoder_and_decoder()
    fresh.load_weights(tmp_path / "decoder.weights.h5")
    np.testing.assert_array_equal(fresh(codes), decoder(codes))
    # Frozen weights are listed elsewhere, and are found all the same.
    encoder.trainable = False
    decoder.save(tmp_path / "frozen.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "frozen.keras")(codes), decoder(codes))


def test_an_encoder_alone_is_a_plain_model_in_its_file(tmp_path):
    encoder, _ = encoder_and_decoder()
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.models.load_model(tmp_path / "encoder.keras", custom_objects={})
    assert [type(layer).__module__.split(".")[0] for layer in loaded.layers] == ["keras"] * 4
    np.testing.assert_array_equal(loaded(X), encoder(X))


def test_a_decoder_exports(tmp_path):
    _, decoder = encoder_and_decoder()
    codes = RNG.normal(size=(3, 5)).astype("float32")
    decoder.export(tmp_path / "decoder", verbose=False)
    exported = tf.saved_model.load(str(tmp_path / "decoder"))
    np.testing.assert_allclose(exported.serve(codes), decoder(codes), rtol=1e-5, atol=1e-6)


# Copies


@pytest.mark.parametrize("make", [one_model, one_sequential])
@pytest.mark.parametrize(
    "duplicate",
    [
        keras.models.clone_model,
        lambda model: type(model).from_config(model.get_config()),
        lambda model: keras.models.model_from_json(model.to_json()),
        copy.deepcopy,
    ],
)
def test_a_copy_of_one_model_is_tied_to_itself(make, duplicate):
    model = make()
    duplicated = duplicate(model)
    assert tied(duplicated) and duplicated.count_params() == model.count_params()
    assert not {id(w) for w in model.weights} & {id(w) for w in duplicated.weights}
    duplicated.set_weights(model.get_weights())
    x = RNG.random((2, *model.input_shape[1:])).astype("float32")
    np.testing.assert_array_equal(duplicated(x), model(x))


def test_models_that_were_copied_one_by_one_say_so_and_can_be_tied_again(tmp_path):
    models = encoder_and_decoder()
    copies = [keras.models.clone_model(model) for model in models]
    assert not tied(*copies)
    with pytest.warns(UserWarning, match=r"_transpose' was copied without .*kgan.layers.retie"):
        copies[1](np.ones((1, 5), "float32"))
    retie(*copies)
    assert tied(*copies)
    assert [w.path for w in copies[1].weights] == [w.path for w in models[1].weights]
    assert copies[1].count_params() == models[1].count_params()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        copies[1](np.ones((1, 5), "float32"))
    # From then on they are tied in files, too.
    game = kgan.Game({"both": copies})
    game.save(tmp_path / "game.keras")
    assert tied(*keras.models.load_model(tmp_path / "game.keras").players["both"])


def test_models_from_two_files_can_be_tied_to_the_kernels_of_the_encoder(tmp_path):
    encoder, decoder = encoder_and_decoder()
    for model in (encoder, decoder):
        model.save(tmp_path / f"{model.name}.keras")
    loaded = [keras.models.load_model(tmp_path / f"{name}.keras") for name in ("encoder", "decoder")]
    perturb(loaded[0])
    assert not tied(*loaded)
    retie(*loaded)
    assert tied(*loaded)
    moved = encoder_and_decoder()
    moved[0].set_weights(loaded[0].get_weights())
    for name in ("dense_transpose", "conv_transpose"):
        moved[1].get_layer(name).bias.assign(decoder.get_layer(name).bias)
    codes = RNG.normal(size=(3, 5)).astype("float32")
    np.testing.assert_array_equal(loaded[1](codes), moved[1](codes))
    # A tie that holds is left alone, though others have the same names.
    retie(*encoder_and_decoder(), *loaded)
    assert tied(*loaded)


# Errors


def test_a_wrong_partner_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="DenseTranspose is tied to a keras.layers.Dense, got"):
        DenseTranspose(keras.layers.Conv2D(3, 3))
    with pytest.raises(ValueError, match="TiedConv2DTranspose is tied to a keras.layers.Conv2D, got"):
        TiedConv2DTranspose(keras.layers.Conv2DTranspose(3, 3))
    for bad in ({"groups": 2}, {"data_format": "channels_first"}):
        with pytest.raises(ValueError, match="channels last and without groups"):
            TiedConv2DTranspose(keras.layers.Conv2D(4, 3, **bad))


def test_a_partner_without_a_kernel_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="'dense', which has no kernel yet: call that layer"):
        DenseTranspose(keras.layers.Dense(3, name="dense"))(np.ones((1, 3)))
    adapted = keras.layers.Dense(3, name="dense")
    adapted.build((None, 4))
    adapted.enable_lora(2)
    with pytest.raises(ValueError, match="before LoRA or quantization"):
        DenseTranspose(adapted)(np.ones((1, 3)))


def test_inputs_that_do_not_fit_are_refused_in_a_sentence():
    dense, conv, unknown = keras.layers.Dense(3), keras.layers.Conv2D(4, 3), keras.layers.Conv2D(4, 3)
    dense.build((None, 5))
    conv.build((None, 8, 8, 1))
    unknown.build((None, None, None, 1))
    with pytest.raises(ValueError, match=r"takes the 3 outputs of .* shape \(1, 4\)"):
        DenseTranspose(dense)(np.ones((1, 4)))
    with pytest.raises(ValueError, match=r"of shape \(6, 6, 4\), but its inputs have the shape \(8, 8, 4\)"):
        TiedConv2DTranspose(conv)(np.ones((1, 8, 8, 4)))
    with pytest.raises(ValueError, match="give its keras.Input a height and a width"):
        TiedConv2DTranspose(unknown)(np.ones((1, 6, 6, 4)))


@pytest.mark.parametrize("training", [False, True])
def test_masks_pass_through_the_transpose(training):
    ids, dense = keras.Input((None,), dtype="int32"), keras.layers.Dense(2)
    x = dense(keras.layers.Embedding(9, 4, mask_zero=True)(ids))
    model = keras.Model(ids, keras.layers.LSTM(3)(DenseTranspose(dense)(x)))
    padded, alone = (np.asarray(model(np.array([row]), training=training)) for row in ([1, 2, 0, 0], [1, 2]))
    np.testing.assert_allclose(padded, alone, atol=1e-6)


def test_the_kernel_of_a_partner_in_another_dtype_is_used_in_that_of_the_layer():
    dense = keras.layers.Dense(2)
    x = np.asarray(dense(np.ones((1, 3), "float32")))
    transpose = DenseTranspose(dense, dtype="float64")
    expected = x.astype("float64") @ dense.kernel.numpy().astype("float64").T
    np.testing.assert_allclose(transpose(x), expected, rtol=1e-12)
    assert DenseTranspose(dense, dtype="bfloat16")(x).dtype == "bfloat16"
