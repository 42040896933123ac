import keras
import numpy as np
import pytest

import kgan


def test_mlp_is_the_composition_of_its_layers():
    model = kgan.networks.mlp((2, 3), 4, hidden=(5,), activation="tanh", output_activation="softplus")
    w1, b1, w2, b2 = (np.random.default_rng(i).normal(size=w.shape) for i, w in enumerate(model.weights))
    model.set_weights([w1, b1, w2, b2])
    x = np.random.default_rng(9).normal(size=(7, 2, 3)).astype("float32")
    expected = np.log1p(np.exp(np.tanh(x.reshape(7, 6) @ w1 + b1) @ w2 + b2))
    np.testing.assert_allclose(model(x), expected, rtol=1e-4)


def test_shapes_and_dtype():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = kgan.networks.mlp(2, (4, 4, 1), hidden=())
    assert model.output.shape == (None, 4, 4, 1) and model.output.dtype == "float32"


def test_bad_shapes_are_answered_in_a_sentence():
    with pytest.raises(ValueError, match="output_shape must be a positive whole number"):
        kgan.networks.mlp(2, 0)


@keras.saving.register_keras_serializable(package="test")
def doubled(x):
    return 2 * x


@pytest.mark.parametrize(
    "form",
    [
        "tanh",
        keras.activations.tanh,
        keras.layers.Activation("tanh"),
        keras.saving.serialize_keras_object(keras.layers.Activation("tanh")),
    ],
)
def test_every_form_of_an_activation_is_taken_and_saved(form, tmp_path):
    model = kgan.networks.mlp(3, 2, (4, 5), activation=form, output_activation=form)
    x = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    y = x
    for layer in (layer for layer in model.layers if isinstance(layer, keras.layers.Dense)):
        y = np.tanh(y @ layer.kernel.numpy() + layer.bias.numpy())
    np.testing.assert_allclose(model(x), y, atol=1e-5)
    model.save(tmp_path / "mlp.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "mlp.keras")(x), model(x))


def test_layers_with_weights_and_functions_of_ones_own_are_activations():
    model = kgan.networks.mlp(3, 2, (4, 5), activation=keras.layers.PReLU(alpha_initializer="ones"))
    assert [weight.shape for weight in model.trainable_weights if "alpha" in weight.path] == [(4,), (5,)]
    keras.config.set_dtype_policy("mixed_bfloat16")
    assert kgan.networks.mlp(3, 2, output_activation=keras.layers.Softmax()).output.dtype == "float32"
    keras.config.set_dtype_policy("float32")
    x = np.ones((1, 2), "float32")
    own = kgan.networks.mlp(2, 2, (), output_activation=doubled)
    np.testing.assert_allclose(own(x), 2 * (x @ own.layers[-1].kernel.numpy()), rtol=1e-5)


def test_shapes_of_numpy_are_taken():
    model = kgan.networks.mlp(np.array([4, 2]), np.int64(3), np.array([5, 6]))
    assert (model.input_shape, model.output_shape) == ((None, 4, 2), (None, 3))
    for wrong in (0, (), (2, 0), 2.5, True, "3", None):
        with pytest.raises(ValueError, match="input_shape must be a positive whole number or a tuple of them"):
            kgan.networks.mlp(wrong, 1)
    with pytest.raises(ValueError, match="each number in hidden must be a whole number of at least 1, got 0"):
        kgan.networks.mlp(2, 1, (4, 0))
