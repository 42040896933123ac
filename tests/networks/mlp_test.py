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
