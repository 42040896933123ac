import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import kgan
from kgan.networks import linear_classifier, two_layer_classifier


def test_shapes_and_sizes_of_the_lecture():
    linear = linear_classifier((32, 32, 3), 10)
    assert [w.shape for w in linear.weights] == [(3072, 10), (10,)]
    two_layer = two_layer_classifier((32, 32, 3), 10)
    assert [w.shape for w in two_layer.weights] == [(3072, 100), (100,), (100, 10), (10,)]
    assert linear.output.shape == two_layer.output.shape == (None, 10)


def test_classifiers_are_their_formulas():
    x = np.random.default_rng(0).normal(size=(4, 2, 3)).astype("float32")
    rows = x.reshape(4, 6)
    logits = linear_classifier((2, 3), 5, classifier_activation=None)
    np.testing.assert_allclose(logits(x), rows @ logits.weights[0] + logits.weights[1], rtol=1e-4, atol=1e-5)
    model = two_layer_classifier((2, 3), 5, hidden=7)
    w1, b1, w2, b2 = (np.random.default_rng(i).normal(size=w.shape) for i, w in enumerate(model.weights))
    model.set_weights([w1, b1, w2, b2])
    scores = np.exp(np.maximum(rows @ w1 + b1, 0) @ w2 + b2)
    np.testing.assert_allclose(model(x), scores / scores.sum(axis=1, keepdims=True), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("classifier", [linear_classifier, two_layer_classifier])
def test_outputs_are_float32_in_half_precision(classifier):
    keras.config.set_dtype_policy("mixed_bfloat16")
    assert classifier(6, 3).output.dtype == "float32"


@pytest.mark.slow
def test_a_trained_linear_classifier_is_logistic_regression():
    # Both minimise mean cross-entropy + penalty * sum(W^2), which has one minimum: sklearn's C is 1 / (2 n penalty).
    x, y = load_digits(return_X_y=True)
    x, y, penalty = (x[:300] / 16).astype("float32"), y[:300], 1e-2
    oracle = LogisticRegression(C=1 / (2 * len(x) * penalty), tol=1e-8, max_iter=1000).fit(x.astype("float64"), y)
    model = linear_classifier(64, 10)
    kernel, bias = model.weights
    kernel.regularizer = keras.regularizers.L2(penalty)
    model.compile(keras.optimizers.SGD(1.0, momentum=0.9, nesterov=True), "sparse_categorical_crossentropy")
    # One epoch over copies of the data: every step sees all of it.
    model.fit(np.tile(x, (500, 1)), np.tile(y, 500), batch_size=len(x), shuffle=False, verbose=0)
    np.testing.assert_allclose(kernel, oracle.coef_.T, atol=1e-5)
    np.testing.assert_allclose(model.predict(x, verbose=0), oracle.predict_proba(x), atol=1e-5)
    # Biases may be moved together; sklearn's add up to zero.
    np.testing.assert_allclose(bias - np.mean(bias), oracle.intercept_ - oracle.intercept_.mean(), atol=5e-5)


def test_bad_numbers_are_refused_in_a_sentence():
    for bad in (1, 2.0, None, True):
        with pytest.raises(ValueError, match="num_classes must be a whole number of at least 2, got"):
            kgan.networks.linear_classifier(4, bad)
    with pytest.raises(ValueError, match="hidden must be a whole number of at least 1, got 0"):
        kgan.networks.two_layer_classifier(4, 2, 0)
    with pytest.raises(ValueError, match="input_shape must be a positive whole number"):
        kgan.networks.linear_classifier((4, 0), 2)
