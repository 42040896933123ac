import keras
import numpy as np
import pytest
from keras import ops

from kgan.losses import reconstruction

RNG = np.random.default_rng(0)
X, R = RNG.random((6, 5, 3)).astype("float32"), RNG.uniform(0.05, 0.95, (6, 5, 3)).astype("float32")
MASK = np.arange(5) < RNG.integers(1, 6, (6, 1))


def outputs(mask=None):
    tensor = ops.convert_to_tensor(R)
    if mask is not None:
        tensor._keras_mask = ops.convert_to_tensor(mask)
    return tensor


@keras.saving.register_keras_serializable(package="tests")
def cubed_error(originals, reconstructions):
    return ops.mean(ops.abs(originals - reconstructions) ** 3, axis=-1)


class Largest(keras.losses.Loss):
    def call(self, originals, reconstructions):
        return ops.max(ops.abs(originals - reconstructions), axis=-1)


FORMS = [
    "mse",
    "mean_squared_error",
    "MeanSquaredError",
    "mae",
    "bce",
    "BinaryCrossentropy",
    "huber",
    "log_cosh",
    "cosine_similarity",
    keras.losses.mean_squared_error,
    keras.losses.binary_crossentropy,
    keras.losses.MeanSquaredError,
    keras.losses.MeanSquaredError(),
    keras.losses.MeanSquaredError(reduction="sum"),
    keras.losses.BinaryCrossentropy(label_smoothing=0.1),
    keras.losses.serialize(keras.losses.MeanAbsoluteError()),
    cubed_error,
    Largest(),
    Largest(reduction="sum"),
    ["mse"],
    {"decoder": "mae"},
]


# Keras's own loss, called as `keras.Model.fit` calls it.
@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_value_that_keras_gives_it(form, mask):
    model = keras.Sequential([keras.Input((5, 3)), keras.layers.Identity()])
    # Keras takes a config in `keras.losses.get` alone, and a dict for the outputs of a model with names.
    model.compile(loss="mae" if isinstance(form, dict) else form)
    expected = model.compute_loss(X, X, outputs(mask))
    loss, logs = reconstruction.get(form)(ops.convert_to_tensor(X), outputs(mask))
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    squares = (X.astype("float64") - R) ** 2 * (1 if mask is None else mask[..., None])
    assert float(logs["squared_error_per_image"]) == pytest.approx(squares.sum() / 6, rel=1e-5)
    count = X.size if mask is None else 3 * mask.sum()
    assert float(logs["squared_error_per_pixel"]) == pytest.approx(squares.sum() / count, rel=1e-5)


def test_cross_entropy_of_logits_is_that_of_their_probabilities():
    logits = ops.convert_to_tensor(np.log(R / (1 - R)))
    loss = reconstruction.get(keras.losses.BinaryCrossentropy(from_logits=True))
    value, logs = loss(ops.convert_to_tensor(X), logits)
    expected, expected_logs = reconstruction.get("binary_crossentropy")(ops.convert_to_tensor(X), outputs())
    assert float(value) == pytest.approx(float(expected), rel=1e-5)
    assert {name: float(log) for name, log in logs.items()} == pytest.approx(
        {name: float(log) for name, log in expected_logs.items()}, rel=1e-4
    )


@pytest.mark.parametrize("form", FORMS)
def test_its_identifier_makes_it_again(form):
    if isinstance(form, Largest):
        with keras.saving.CustomObjectScope({"Largest": Largest}):
            again = reconstruction.get(reconstruction.get(form).identifier)
    else:
        again = reconstruction.get(reconstruction.get(form).identifier)
    values = [float(loss(ops.convert_to_tensor(X), outputs())[0]) for loss in (again, reconstruction.get(form))]
    assert values[0] == values[1]


def test_a_batch_in_which_everything_is_masked_costs_nothing():
    for name in ("mse", "mae"):
        loss, logs = reconstruction.get(name)(ops.convert_to_tensor(X), outputs(np.zeros((6, 5), bool)))
        assert float(loss) == 0 and float(logs["squared_error_per_pixel"]) == 0
