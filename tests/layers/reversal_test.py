import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.layers.reversal import GradientReversal, reverse_gradient

X = np.array([[0.1, -3.0, 1e30], [1e-30, 0.0, 7.7]], "float32")


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0, 5.0, -2.0])
@pytest.mark.parametrize("compiled", [False, True])
def test_values_pass_exactly_and_gradients_come_back_times_minus_the_weight(weight, compiled):
    layer = GradientReversal(weight)

    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            loss = tf.reduce_sum(y * [[1.0, 2.0, 3.0]])
        return y, tape.gradient(loss, x)

    y, gradient = (tf.function(run) if compiled else run)(tf.constant(X))
    np.testing.assert_array_equal(y, X)
    np.testing.assert_allclose(gradient, -weight * np.array([[1.0, 2.0, 3.0]] * 2), rtol=1e-6)


def test_the_weight_may_be_a_tensor_and_the_dtype_stays():
    x = tf.constant(X, "bfloat16")
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = reverse_gradient(x, tf.constant(0.5))
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(tf.cast(tape.gradient(y, x), "float32"), np.full_like(X, -0.5))


def test_one_descent_trains_a_reader_and_features_that_hide_from_it():
    """Against the two gradients that two tapes give."""
    keras.utils.set_random_seed(1)
    features, reader = keras.layers.Dense(4), keras.layers.Dense(1)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, reader(GradientReversal(0.7)(features(inputs))))
    x, y = tf.random.normal((8, 3)), tf.random.normal((8, 1))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
    gradients = tape.gradient(loss, model.trainable_weights)
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.reduce_mean((reader(features(x)) - y) ** 2)
    for got, own in zip(gradients[:2], tape.gradient(loss, features.trainable_weights), strict=True):
        np.testing.assert_allclose(got, -0.7 * own, rtol=1e-5, atol=1e-7)
    for got, own in zip(gradients[2:], tape.gradient(loss, reader.trainable_weights), strict=True):
        np.testing.assert_allclose(got, own, rtol=1e-5, atol=1e-7)


def test_a_model_with_it_survives_saving(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), GradientReversal(0.25)])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.layers[-1].weight == 0.25
    np.testing.assert_array_equal(again(X), model(X))


def test_a_weight_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="must be a finite number, got '1'"):
        GradientReversal("1")
