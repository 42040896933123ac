import keras
import numpy as np
import pytest

from kgan.attacks import arguments

X = np.linspace(0, 1, 12).reshape(3, 2, 2)


@pytest.mark.parametrize("x", [X, X.tolist(), keras.ops.cast(X, "bfloat16"), (X * 255).astype("uint8")])
def test_inputs_become_float32(x):
    bounds = (0, 255) if getattr(x, "dtype", None) == np.uint8 else (0, 1)
    found = arguments.as_inputs(x, bounds)
    assert found.dtype == np.float32 and found.shape == (3, 2, 2)
    np.testing.assert_allclose(found, X * bounds[1], atol=1 if bounds[1] > 1 else 5e-3)


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (X[0, 0], r"x must be an array of numbers of shape \(n, ...\), got float64 of shape \(2,\)"),
        (X[:0], r"of shape \(0, 2, 2\)"),
        (X.astype(str), "x must be an array of numbers"),
        (X > 0.5, "x must be an array of numbers of .*, got bool"),
        (np.where(X == 1, np.nan, X), "x holds NaN or infinite numbers"),
        (np.where(X == 1, 1e300, X), "x holds NaN or infinite numbers"),  # too large for float32
        (X * 2, r"x ranges from 0 to 2, outside bounds=\(0, 1\)"),
        ([[1], [1, 2]], "x must be one array"),
    ],
)
def test_other_inputs_are_refused(x, sentence):
    with pytest.raises(ValueError, match=sentence):
        arguments.as_inputs(x, (0, 1))


@pytest.mark.parametrize("y", [[2, 0, 1], [[2], [0], [1]], np.eye(3)[[2, 0, 1]], np.eye(3, dtype=bool)[[2, 0, 1]]])
def test_labels_in_every_form_are_ids(y):
    found = arguments.as_labels(y, 3, 3)
    assert found.dtype == np.int32 and found.tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        ([0, 1], r"y must be 3 integer class ids, or one-hot rows of shape \(3, 4\), got int64 of shape \(2,\)"),
        ([0.0, 1.0, 2.0], "y must be 3 integer class ids, .* got float64"),
        (["a", "b", "c"], "y must be 3 integer class ids"),
        (np.eye(3), "y must be 3 integer class ids"),
        (np.full((3, 4), 0.25), "the rows of y must be one-hot"),
        (np.ones((3, 4)), "the rows of y must be one-hot"),
        ([0, 1, 4], "y must be class ids from 0 to 3, got 0 to 4"),
    ],
)
def test_other_labels_are_refused(y, sentence):
    with pytest.raises(ValueError, match=sentence):
        arguments.as_labels(y, 3, 4)


def test_an_activation_that_is_seen_in_the_model_alone_tells_too():
    layers = [keras.layers.Dense(3, activation="softmax"), keras.layers.Reshape((3,))]
    model = keras.Sequential([keras.Input((4,)), *layers])
    outputs = model(np.random.default_rng(0).normal(size=(5, 4)).astype("float32"))
    assert arguments.are_logits(model, outputs, None) is False
    with pytest.raises(ValueError, match="from_logits is True, but the model ends in a softmax: leave from_logits out"):
        arguments.are_logits(model, outputs, True)
    # A sigmoid of one output, which is no logit however much it looks like one.
    single = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid"), keras.layers.Reshape((1,))])
    assert arguments.are_logits(single, single(np.ones((2, 4), "float32")), None) is False
