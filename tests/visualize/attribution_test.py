import keras
import numpy as np
import pytest
import tensorflow as tf
from tf_keras_vis.gradcam import Gradcam
from tf_keras_vis.saliency import Saliency
from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
from tf_keras_vis.utils.scores import CategoricalScore

import kgan
from kgan.visualize import grad_cam, saliency

L = keras.layers
IMAGES = np.random.default_rng(0).uniform(0, 1, (7, 12, 14, 3)).astype("float32")
CLASSES = np.array([0, 3, 1, 2, 3, 0, 2])


def network(activation="softmax", head=None):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((12, 14, 3))
    x = L.Conv2D(8, 3, activation="relu", name="first")(inputs)
    x = L.BatchNormalization(name="norm")(x)
    x = L.Conv2D(8, 3, activation="relu", padding="same", name="last")(x)
    x = L.MaxPooling2D(name="pool")(x)
    x = (head or L.Flatten())(x)
    return keras.Model(inputs, L.Dense(4, activation=activation, name="classes")(x), name="network")


def enlarged(maps):
    return keras.ops.convert_to_numpy(keras.ops.image.resize(maps[..., None], (12, 14)))[..., 0]


def by_tape(model, layer, images, classes):
    """Grad-CAM by its formula, for a functional model that ends in logits."""
    both = keras.Model(model.input, [model.get_layer(layer).output, model.output])
    with tf.GradientTape() as tape:
        maps, outputs = both(images)
        score = tf.gather(outputs, classes, batch_dims=1)
    importance = tape.gradient(score, maps).numpy().mean(axis=(1, 2))
    return enlarged(np.maximum(np.einsum("nhwk,nk->nhw", maps.numpy(), importance), 0))


def test_the_saliency_of_a_linear_classifier_is_the_size_of_its_weights():
    model = kgan.networks.linear_classifier((12, 14, 3), 4)
    templates = np.abs(model.layers[-1].kernel.numpy()).reshape(12, 14, 3, 4).max(axis=2)
    np.testing.assert_allclose(saliency(model, IMAGES, CLASSES), np.moveaxis(templates, -1, 0)[CLASSES], rtol=1e-5)


def test_both_agree_with_tf_keras_vis():
    model, score = network(), CategoricalScore(CLASSES.tolist())
    expected = Saliency(model, ReplaceToLinear())(score, IMAGES, normalize_map=False)
    np.testing.assert_allclose(saliency(model, IMAGES, CLASSES), expected, rtol=1e-4, atol=1e-7)
    maps = Gradcam(model, ReplaceToLinear())(score, IMAGES, normalize_cam=False, expand_cam=False)
    np.testing.assert_allclose(grad_cam(model, IMAGES, CLASSES), enlarged(np.asarray(maps)), rtol=1e-4, atol=1e-7)


def test_grad_cam_after_an_average_over_places_is_the_class_activation_map():
    """Selvaraju et al., section 3.1: it generalises CAM, the feature maps weighted by the last layer."""
    model = network(head=L.GlobalAveragePooling2D())
    maps = kgan.networks.feature_extractor(model, "pool").predict(IMAGES, verbose=0)
    weights = model.get_layer("classes").kernel.numpy()
    cam = np.maximum(np.einsum("nhwk,kc->nhwc", maps, weights), 0) / (maps.shape[1] * maps.shape[2])
    expected = enlarged(cam[np.arange(7), ..., CLASSES])
    np.testing.assert_allclose(grad_cam(model, IMAGES, CLASSES, "pool"), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("function", [saliency, grad_cam])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_the_score_is_the_one_before_the_last_activation(function, activation):
    logits, model = network(None), network(activation)
    expected = function(logits, IMAGES, CLASSES)
    assert expected.any(axis=(1, 2)).all()
    np.testing.assert_array_equal(function(model, IMAGES, CLASSES), expected)
    ends_apart = keras.Sequential([logits, L.Activation(activation)])
    np.testing.assert_allclose(function(ends_apart, IMAGES, CLASSES), expected, rtol=1e-5, atol=1e-8)
    # However confident it is.
    for layer in (logits.get_layer("classes"), model.get_layer("classes")):
        layer.kernel.assign(1e4 * layer.kernel)
    np.testing.assert_array_equal(function(model, IMAGES, CLASSES), function(logits, IMAGES, CLASSES))


def softened(x):
    return keras.ops.tanh(x) / 2


@pytest.mark.slow
@pytest.mark.parametrize("function", [saliency, grad_cam])
def test_an_activation_that_cannot_be_looked_behind_is_named(function, recwarn):
    for name, layers in (
        ("softmax", [L.Softmax(), L.Reshape((4,))]),
        ("tanh", [L.Activation("tanh")]),
        ("softened", [L.Activation(softened)]),
    ):
        with pytest.warns(UserWarning, match=f"ends in {name!r}, which is flat") as said:
            function(keras.Sequential([network(None), *layers]), IMAGES, CLASSES, batch_size=2)
        assert [warning.filename for warning in said] == [__file__]
    recwarn.clear()
    for layers in ([], [L.Softmax()], [keras.layers.LeakyReLU()], [L.Activation("sigmoid")]):
        function(keras.Sequential([network(None), *layers]), IMAGES[:2], CLASSES[:2])
    assert not list(recwarn)


class Subclassed(keras.Model):
    """A model that is written as Python, with a model inside."""

    def __init__(self, inner):
        super().__init__(name="subclassed")
        self.scale = L.Rescaling(0.5)
        self.inner = inner

    def call(self, images, training=False):
        return self.inner(self.scale(images), training=training)


@pytest.mark.parametrize("layer", [None, "network/first", "network/norm"])
def test_grad_cam_reaches_into_models_in_models_and_models_without_a_graph(layer):
    inner = network(None)
    expected = by_tape(inner, (layer or "network/last").split("/")[1], IMAGES * 0.5, CLASSES)
    assert expected.any()
    inputs = keras.Input((12, 14, 3))
    for model in (Subclassed(inner), keras.Model(inputs, inner(L.Rescaling(0.5)(inputs)))):
        np.testing.assert_allclose(grad_cam(model, IMAGES, CLASSES, layer), expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(
        grad_cam(Subclassed(inner), IMAGES, CLASSES, inner.get_layer("last")),
        by_tape(inner, "last", IMAGES * 0.5, CLASSES),
        rtol=1e-4,
        atol=1e-7,
    )


def test_grad_cam_of_a_layer_beside_a_shortcut():
    inputs = keras.Input((12, 14, 3))
    x = L.Conv2D(6, 3, padding="same", activation="relu")(inputs)
    y = L.Conv2D(6, 3, padding="same", activation="relu", name="branch")(x)
    outputs = L.Dense(4)(L.Flatten()(L.Add()([x, y])))
    model = keras.Model(inputs, outputs)
    expected = by_tape(model, "branch", IMAGES, CLASSES)
    np.testing.assert_allclose(grad_cam(model, IMAGES, CLASSES, "branch"), expected, rtol=1e-4, atol=1e-7)


def test_grad_cam_leaves_the_model_as_it_was():
    model = network()
    before = model.predict(IMAGES, verbose=0)
    grad_cam(model, IMAGES, CLASSES)
    with pytest.raises(ValueError, match="channels"):
        grad_cam(model, IMAGES, CLASSES, "classes")
    for layer in model.layers:
        assert "call" not in vars(layer)
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), before)


@pytest.mark.parametrize("function", [saliency, grad_cam])
def test_batches_one_class_for_all_and_the_predicted_class(function):
    model = network()
    expected = function(model, IMAGES, CLASSES)
    assert (expected.shape, expected.dtype) == ((7, 12, 14), np.float32)
    np.testing.assert_allclose(function(model, IMAGES, CLASSES, batch_size=3), expected, rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(function(model, IMAGES, 2), function(model, IMAGES, np.full(7, 2)))
    predicted = model.predict(IMAGES, verbose=0).argmax(axis=-1)
    np.testing.assert_array_equal(function(model, IMAGES), function(model, IMAGES, predicted))


@pytest.mark.parametrize("function", [saliency, grad_cam])
def test_batch_norm_and_dropout_are_those_of_inference(function):
    model = keras.Sequential([network(None), L.Dropout(0.9)])
    np.testing.assert_allclose(
        function(model, IMAGES, CLASSES), function(model.layers[0], IMAGES, CLASSES), rtol=1e-5, atol=1e-8
    )


def test_grey_uint8_images_and_the_one_logit_of_a_discriminator():
    discriminator = kgan.networks.dcgan_discriminator((16, 16, 1), filters=4)
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), dtype=np.uint8)
    for function in (saliency, grad_cam):
        maps = function(discriminator, images)
        assert maps.shape == (3, 16, 16) and maps.any()
        np.testing.assert_array_equal(maps, function(discriminator, images.astype("float32"), 0))


def test_a_model_of_rows_of_numbers_sees_images_flattened():
    rows = keras.Sequential([keras.Input((12 * 14 * 3,)), L.Dense(4)])
    np.testing.assert_allclose(
        saliency(rows, IMAGES, 1), np.broadcast_to(saliency_of_row(rows), (7, 12, 14)), rtol=1e-5
    )


def saliency_of_row(rows):
    return np.abs(rows.layers[-1].kernel.numpy()[:, 1]).reshape(12, 14, 3).max(axis=-1)


def test_half_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    half = network()
    keras.config.set_dtype_policy("float32")
    full = network()
    full.set_weights(half.get_weights())
    for function in (saliency, grad_cam):
        maps, expected = function(half, IMAGES, CLASSES), function(full, IMAGES, CLASSES)
        assert maps.dtype == np.float32
        assert np.abs(maps - expected).mean() < 0.05 * expected.mean()


@pytest.mark.parametrize("function", [saliency, grad_cam])
@pytest.mark.parametrize(
    "images, classes, options, message",
    [
        (IMAGES[0], 0, {}, "images must be"),
        (IMAGES[:0], 0, {}, "images must be"),
        (IMAGES, 4, {}, "from 0 to 3"),
        (IMAGES, -1, {}, "from 0 to 3"),
        (IMAGES, [0, 1], {}, "each of the 7 images"),
        (IMAGES, 0.5, {}, "classes must be"),
        (IMAGES, 0, {"batch_size": 0}, "batch_size must be"),
    ],
)
def test_what_does_not_fit_the_model_is_refused(function, images, classes, options, message):
    with pytest.raises(ValueError, match=message):
        function(network(), images, classes, **options)


def test_models_without_what_is_needed_are_refused():
    dense = kgan.networks.linear_classifier((12, 14, 3), 4)
    with pytest.raises(ValueError, match="no layer with an output .* use saliency"):
        grad_cam(dense, IMAGES)
    with pytest.raises(ValueError, match="has no layer 'lats'.*last"):
        grad_cam(network(), IMAGES, layer="lats")
    with pytest.raises(ValueError, match=r"scores \(n, classes\)"):
        saliency(keras.Sequential([L.Conv2D(2, 3)]), IMAGES)
    with pytest.raises(ValueError, match="keras.Model"):
        saliency(lambda x: x, IMAGES)
