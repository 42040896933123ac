import keras
import numpy as np
import pytest
from keras import ops

import kgan
from kgan.networks import feature_extractor

X = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")


def dense(name, units=4, **kwargs):
    return keras.layers.Dense(units, name=name, **kwargs)


def nested():
    """`outer/middle/inner`, with other layers before, between and after."""
    inner = keras.Sequential([keras.Input((4,)), dense("a"), dense("b", activation="tanh")], name="inner")
    inputs = keras.Input((4,))
    middle = keras.Model(inputs, dense("d")(inner(dense("c")(inputs))), name="middle")
    inputs = keras.Input((4,), name="inputs")
    return keras.Model(inputs, dense("f")(middle(dense("e")(inputs))), name="outer")


def test_layers_of_a_functional_model_by_name_object_and_index():
    inputs = keras.Input((4,))
    first, second = dense("first", activation="relu"), dense("second")
    model = keras.Model(inputs, second(first(inputs)))
    expected = np.maximum(X @ first.kernel, 0)
    for layer in ("first", first, 1, -2):
        np.testing.assert_allclose(feature_extractor(model, layer).predict(X, verbose=0), expected, rtol=1e-5)
    np.testing.assert_array_equal(feature_extractor(model, "second")(X), model(X))


def test_layers_of_a_sequential_model_that_grew_layer_by_layer():
    model = keras.Sequential([keras.Input((4,))])
    for name in ("first", "second", "third"):
        model.add(dense(name))
    model.build((None, 4))
    expected = X @ model.layers[0].kernel @ model.layers[1].kernel
    for layer in ("second", 1):
        np.testing.assert_allclose(feature_extractor(model, layer)(X), expected, rtol=1e-4, atol=1e-5)


def test_paths_into_models_in_models():
    model = nested()
    middle = model.get_layer("middle")
    inner = middle.get_layer("inner")
    e, c, a, b = model.get_layer("e"), middle.get_layer("c"), *inner.layers
    expected = c(e(X))
    np.testing.assert_allclose(feature_extractor(model, "middle/c")(X), expected, rtol=1e-5)
    np.testing.assert_allclose(feature_extractor(model, "middle/inner/a")(X), a(expected), rtol=1e-5)
    expected = b(a(expected))
    for layer in ("middle/inner/b", b, "middle/inner", inner):
        np.testing.assert_allclose(feature_extractor(model, layer)(X), expected, rtol=1e-5)


@pytest.mark.slow
def test_weights_are_shared_and_the_model_is_left_as_it_was():
    model = nested()
    model.compile("adam", "mse")
    config, before = model.to_json(), model.predict(X, verbose=0)
    extractor = feature_extractor(model, "middle/inner/a")
    assert not extractor.compiled
    assert len(extractor.weights) == 6
    assert {id(w) for w in extractor.weights} < {id(w) for w in model.weights}
    assert model.to_json() == config
    np.testing.assert_array_equal(model.predict(X, verbose=0), before)
    model.fit(X, X, verbose=0)
    expected = X
    middle = model.get_layer("middle")
    for layer in (model.get_layer("e"), middle.get_layer("c"), middle.get_layer("inner").get_layer("a")):
        expected = expected @ layer.kernel + layer.bias
    np.testing.assert_allclose(extractor(X), expected, rtol=1e-4, atol=1e-5)


def test_a_layer_that_another_model_uses_too_is_followed_within_this_model():
    shared = dense("shared")
    other = keras.Input((4,))
    keras.Model(other, shared(dense("elsewhere")(other)))
    inputs = keras.Input((4,))
    here = dense("here")
    model = keras.Model(inputs, dense("after")(shared(here(inputs))))
    np.testing.assert_allclose(feature_extractor(model, "shared")(X), shared(here(X)), rtol=1e-5)


def test_operations_several_inputs_and_names_of_inputs_are_kept():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    layer = dense("layer")
    model = keras.Model({"a": a, "b": b}, ops.exp(layer(ops.sin(a) + 2 * b)))
    features = feature_extractor(model, "layer").predict({"a": X, "b": X + 1}, verbose=0)
    np.testing.assert_allclose(features, layer(np.sin(X) + 2 * (X + 1)), rtol=1e-4, atol=1e-5)


def test_features_of_a_discriminator_are_those_before_its_logits():
    generator = kgan.networks.dcgan_generator((8, 8, 1), 3, filters=2)
    gan = kgan.GAN(generator, kgan.networks.dcgan_discriminator((8, 8, 1), filters=2))
    images = np.random.default_rng(0).uniform(-1, 1, size=(4, 8, 8, 1)).astype("float32")
    features = feature_extractor(gan.discriminator, "features").predict(images, verbose=0)
    kernel, bias = gan.discriminator.get_layer("logits").weights
    np.testing.assert_allclose(features @ kernel + bias, gan.discriminator(images), rtol=1e-4, atol=1e-6)


def test_layers_run_as_the_caller_says():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, dense("after")(keras.layers.Dropout(0.5, name="dropout")(inputs)))
    extractor = feature_extractor(model, "dropout")
    np.testing.assert_array_equal(extractor(X), X)
    assert np.any(np.asarray(extractor(X, training=True)) == 0)


def test_wrong_layers_are_answered_with_the_right_ones():
    model = nested()
    for wrong, sentence in (
        ("midle", "'outer' has no layer 'midle' besides its inputs: use one of middle, "),
        ("c", "use one of middle/c.$"),
        ("inputs", "use one of e, middle, middle/c, middle/inner, middle/inner/a, middle/inner/b, middle/d, f.$"),
        ("xyz", "use one of e, middle, .*, f.$"),
        (7, "'outer' has no layer 7 besides"),
        (0, "has no layer <InputLayer .* besides its inputs"),
        (dense("foreign"), "has no layer <Dense name=foreign"),
    ):
        with pytest.raises(ValueError, match=sentence):
            feature_extractor(model, wrong)


def test_a_layer_that_is_used_twice_is_refused_in_a_sentence():
    inputs = keras.Input((4,))
    twice = dense("twice")
    with pytest.raises(ValueError, match="uses its layer 'twice' 2 times"):
        feature_extractor(keras.Model(inputs, twice(twice(inputs)), name="model"), "twice")


def test_other_models_are_refused_in_a_sentence():
    for other in (keras.Sequential([dense("unbuilt")]), dense("layer")):
        with pytest.raises(ValueError, match="takes a built functional or sequential keras.Model"):
            feature_extractor(other, "layer")
