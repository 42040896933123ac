import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.layers.preprocessing import BackbonePreprocessing, ImageResizing

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 21, 30, 3)).astype("uint8")


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
def test_images_of_any_kind_are_resized_with_antialiasing(dtype):
    resized = ImageResizing(8, 10)(IMAGES.astype(dtype))
    assert resized.dtype == tf.float32
    np.testing.assert_allclose(resized, tf.image.resize(IMAGES, (8, 10), antialias=True), atol=1e-4)


def test_half_of_the_size_of_stripes_is_grey():
    stripes = np.zeros((1, 16, 16, 1), "uint8")
    stripes[:, :, ::2] = 255
    middle = np.asarray(ImageResizing(16, 8)(stripes))[0, :, 2:-2]
    np.testing.assert_allclose(middle, 127.5, atol=1)  # without antialiasing, these would depend on the phase


def test_images_of_the_right_size_pass_unchanged_and_grey_ones_are_repeated():
    np.testing.assert_array_equal(ImageResizing(21, 30)(IMAGES), IMAGES)
    np.testing.assert_array_equal(ImageResizing(21, 30)(IMAGES[..., :1]), np.repeat(IMAGES[..., :1], 3, -1))
    np.testing.assert_array_equal(ImageResizing(21, 30, channels=1)(IMAGES[..., :1]), IMAGES[..., :1])
    unknown = tf.function(ImageResizing(21, 30), input_signature=[tf.TensorSpec((None, None, None, None), tf.uint8)])
    np.testing.assert_array_equal(unknown(IMAGES), IMAGES)
    np.testing.assert_array_equal(unknown(IMAGES[..., :1]), np.repeat(IMAGES[..., :1], 3, -1))


def test_half_precision_does_not_blur_grey_levels():
    keras.config.set_dtype_policy("mixed_bfloat16")
    np.testing.assert_array_equal(ImageResizing(21, 30)(IMAGES + 0.25), IMAGES + 0.25)
    expected = keras.applications.vgg16.preprocess_input(IMAGES.astype("float32"))
    np.testing.assert_allclose(BackbonePreprocessing("vgg16")(IMAGES), expected, atol=1e-4)


def test_the_array_that_preprocessing_is_given_stays_as_it_is():
    images = IMAGES.astype("float32")
    copy = images.copy()
    for name in ("vgg16", "resnet50v2", "densenet121"):
        assert np.any(np.asarray(BackbonePreprocessing(name)(images)) != copy)
        np.testing.assert_array_equal(images, copy)


def test_both_are_saved(tmp_path):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, BackbonePreprocessing("resnet_50")(ImageResizing(8, 9)(inputs)))
    assert model.output_shape == (None, 8, 9, 3)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(IMAGES), model(IMAGES))


def test_a_wrong_name_is_answered_with_near_ones():
    with pytest.raises(ValueError, match="no network called 'densnet121': choose one such as DenseNet121"):
        BackbonePreprocessing("densnet121")
