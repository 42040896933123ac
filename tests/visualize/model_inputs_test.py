"""Images for models that take images or rows, and scores before a last softmax."""

import warnings

import keras
import numpy as np
import pytest

from kgan.visualize import model_inputs

IMAGES = np.random.default_rng(0).normal(size=(3, 2, 4, 1)).astype("float32")


def network(shape, *layers):
    return keras.Sequential([keras.Input(shape), keras.layers.Flatten(), *layers], name="net")


def test_the_shape_is_that_of_the_model_or_of_the_user():
    assert model_inputs.find_image_shape(network((2, 4, 1))) == (2, 4, 1)
    for shape in ([2, 4, 1], np.array([2, 4, 1])):
        found = model_inputs.find_image_shape(network((8,)), shape)
        assert found == (2, 4, 1) and {type(side) for side in found} == {int}


@pytest.mark.parametrize("shape", [(8,), (None, None, 3), (2, 4)])
def test_a_model_that_does_not_tell_is_asked_about(shape):
    with pytest.raises(ValueError, match=r"'net' does not tell the shape of its images: give image_shape=\(h, w, chan"):
        model_inputs.find_image_shape(keras.Sequential([keras.Input(shape), keras.layers.Dense(1)], name="net"))


@pytest.mark.parametrize("shape", [(2, 4), (2, 4, 0), (2, 4, 1.0), (2, 4, True)])
def test_a_shape_is_three_whole_numbers(shape):
    with pytest.raises(ValueError, match=r"image_shape must be \(height, width, channels\), but it is "):
        model_inputs.find_image_shape(network((8,)), shape)


@pytest.mark.parametrize("shape", [(2, 4, 1), (8,)])
@pytest.mark.parametrize("activation", [None, "softmax", "sigmoid"])
def test_scores_come_before_a_last_softmax_or_sigmoid(shape, activation):
    model = network(shape, keras.layers.Dropout(0.9), keras.layers.Dense(3, activation=activation))
    kernel, bias = model.get_weights()
    expected = IMAGES.reshape(3, 8) @ kernel + bias
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = model_inputs.scores_of(model, stacklevel=2)(IMAGES)  # as it answers, without dropout
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"


def test_half_precision_gives_float32():
    keras.config.set_dtype_policy("mixed_float16")
    found = model_inputs.scores_of(network((2, 4, 1), keras.layers.Dense(3)))(IMAGES)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"


def test_an_end_that_is_flat_and_cannot_be_looked_behind_is_told_once():
    model = network((2, 4, 1), keras.layers.Dense(3, activation="tanh"))
    scores = model_inputs.scores_of(model, stacklevel=2)
    with pytest.warns(UserWarning, match="'net' ends in 'tanh', which is flat where the model is certain") as heard:
        scores(IMAGES)
        scores(IMAGES)
    (warning,) = heard
    assert warning.filename == __file__  # where the scores were asked for


def test_several_inputs_and_no_models_are_refused():
    a, b = keras.Input((2, 4, 1)), keras.Input((2, 4, 1))
    model = keras.Model([a, b], keras.layers.Add()([a, b]), name="two")
    with pytest.raises(ValueError, match="'two' takes 2 inputs, but images only are expected"):
        model_inputs.scores_of(model)
    model_inputs.check_model(model)
    with pytest.raises(ValueError, match="model must be a keras.Model, but it is 'two'"):
        model_inputs.check_model("two")
