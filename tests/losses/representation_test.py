"""Penalties of a code against closed forms, through the same functions that a training step uses."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import backend

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 6)).astype("float32")
W = RNG.normal(size=(6, 4), scale=0.5).astype("float32")
ALL = [kgan.losses.Contractive(0.5), kgan.losses.Sparsity(0.5, target=0.1)]


def seed():
    return keras.random.SeedGenerator(0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def value_and_derivative(penalty, encoder, x, parameter, seed):
    """The penalty of the code `encoder(parameter, x)` and its derivative with respect to the parameter."""

    def value(scope):
        def encode(x):
            return encoder(parameter.value, x)

        return penalty(encode, x, encode(x), seed), None

    (value, _), (derivative,) = backend.value_and_gradients(value, [parameter])
    (derivative,) = backend.with_zeros([derivative], [parameter])
    return float(value), np.asarray(derivative)


def sigmoid_layer(w, x):
    return tf.sigmoid(x @ w)


def contraction(w):
    """Rifai et al. 2011: sum_j (h_j (1 - h_j))^2 sum_i w_ij^2, and its derivative by w."""
    h = sigmoid(X.astype("float64") @ w)
    slope = h * (1 - h)
    norms = np.sum(w.astype("float64") ** 2, axis=0)
    value = np.mean(np.sum(slope**2 * norms, axis=1))
    derivative = 2 * np.mean(slope**2, axis=0) * w + X.T @ (2 * slope**2 * (1 - 2 * h)) / len(X) * norms
    return value, derivative


def test_contraction_of_one_unit_is_exact():
    # One unit has one gradient: the estimate has no variance.
    value, derivative = value_and_derivative(ALL[0], sigmoid_layer, tf.constant(X), keras.Variable(W[:, :1]), seed())
    expected, expected_derivative = contraction(W[:, :1])
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(derivative, expected_derivative, rtol=1e-4)


def test_contraction_of_orthogonal_units_is_exact():
    w = np.linalg.qr(W)[0] * np.array([0.5, 1, 2, 3], "float32")
    value, _ = value_and_derivative(ALL[0], sigmoid_layer, tf.constant(X), keras.Variable(w), seed())
    np.testing.assert_allclose(value, contraction(w)[0], rtol=1e-5)


@pytest.mark.slow
def test_contraction_of_a_sigmoid_layer_is_right_in_the_mean():
    parameter, noise = keras.Variable(W), seed()
    step = tf.function(lambda: _value_and_gradient(parameter, noise))
    draws = [[np.asarray(part) for part in step()] for _ in range(3000)]
    values = np.array([value for value, _ in draws])
    expected, expected_derivative = contraction(W)
    assert values.std() > 0.02 * expected
    np.testing.assert_allclose(values.mean(), expected, atol=4 * values.std() / np.sqrt(len(values)))
    derivatives = np.array([derivative for _, derivative in draws])
    error = 4.5 * derivatives.std(axis=0) / np.sqrt(len(values))
    assert np.all(np.abs(derivatives.mean(axis=0) - expected_derivative) < error)


def _value_and_gradient(parameter, noise):
    def value(scope):
        of = ALL[0](lambda x: sigmoid_layer(parameter.value, x), tf.constant(X), tf.zeros((5, 4)), noise)
        return of, scope.get_current_value(noise.state)

    (value, state), (gradient,) = backend.value_and_gradients(value, [parameter])
    noise.state.assign(state)  # the scope holds it back
    return value, gradient


def test_contraction_of_feature_maps_sums_over_all_of_them():
    # Codes 3 x of shape (batch, 2, 3) have the identity times 3 as derivative: 6 times 9.
    x = tf.constant(X.reshape(5, 2, 3))
    np.testing.assert_allclose(ALL[0](lambda x: 3 * x, x, 3 * x, seed()), 54, rtol=1e-6)


def test_contraction_takes_a_keras_model_and_half_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    encoder = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, activation="sigmoid")])
    encoder.set_weights([W[:, :1], np.zeros(1)])
    value = ALL[0](encoder, tf.constant(X), encoder(X), seed())
    assert value.dtype == "float32"
    np.testing.assert_allclose(value, contraction(W[:, :1])[0], rtol=0.05)


def test_sparsity_is_the_divergence_of_the_mean_activation_of_each_unit():
    codes = RNG.uniform(0.01, 0.9, size=(8, 3)).astype("float32")
    q = codes.astype("float64").mean(axis=0)
    expected = np.sum(0.1 * np.log(0.1 / q) + 0.9 * np.log(0.9 / (1 - q)))
    scale = keras.Variable(1.0)
    value, derivative = value_and_derivative(ALL[1], lambda s, x: s * x, tf.constant(codes), scale, seed())
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    # d/dq KL(p || q) = -p/q + (1 - p)/(1 - q), and dq/ds = q.
    np.testing.assert_allclose(derivative, np.sum((-0.1 / q + 0.9 / (1 - q)) * q), rtol=1e-4)


def test_sparsity_is_zero_at_its_target_and_finite_at_the_ends():
    at_target = np.full((4, 2, 3), 0.1, "float32")
    np.testing.assert_allclose(ALL[1](None, None, at_target, None), 0, atol=1e-6)
    for end in (0.0, 1.0):
        value, derivative = value_and_derivative(
            ALL[1], lambda s, x: s + x, tf.fill((4, 2), end), keras.Variable(0.0), seed()
        )
        assert np.isfinite(value) and np.isfinite(derivative) and value > 0.1
        assert np.sign(derivative) == (1 if end else -1)


@pytest.mark.parametrize("penalty", ALL, ids=lambda p: p.name)
def test_two_devices_compute_what_one_does(penalty, two_devices):
    def step(w, x, seed, replicas):
        def objective(scope):
            value = penalty(lambda x: sigmoid_layer(w.value, x), x, sigmoid_layer(w.value, x), seed)
            return value / replicas, value

        (_, value), (gradient,) = backend.value_and_gradients(objective, [w])
        return value, gradient

    x = tf.constant(RNG.normal(size=(8, 6)).astype("float32"))
    alone = step(keras.Variable(W), x, seed(), 1)
    with two_devices.scope():
        w, noise = keras.Variable(W), seed()
    halves = two_devices.experimental_distribute_values_from_function(
        lambda context: x[4 * context.replica_id_in_sync_group :][:4]
    )
    parts = [
        [np.asarray(part) for part in two_devices.experimental_local_results(result)]
        for result in tf.function(lambda: two_devices.run(step, args=(w, halves, noise, 2)))()
    ]
    np.testing.assert_allclose(np.mean(parts[0]), alone[0], rtol=1e-5)
    np.testing.assert_allclose(np.sum(parts[1], axis=0), alone[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("penalty", ALL, ids=lambda p: p.name)
def test_penalties_survive_serialization(penalty):
    copy = kgan.losses.get_code_penalty(keras.saving.serialize_keras_object(penalty))
    assert type(copy) is type(penalty) and copy.get_config() == penalty.get_config()
    assert kgan.losses.get_code_penalty(penalty) is penalty


def test_a_wrong_penalty_is_answered_with_the_right_ones():
    right = r"kgan.losses.Contractive\(weight\), kgan.losses.Sparsity\(weight\)"
    for wrong in ("sparsity", kgan.losses.R1(1.0)):
        with pytest.raises(ValueError, match=f"unknown penalty of a code .*: use one of {right}"):
            kgan.losses.get_code_penalty(wrong)
    with pytest.raises(ValueError, match=r"unknown penalty .*kgan.losses.R1\(weight\)"):
        kgan.losses.get_penalty(ALL[0])
    with pytest.raises(ValueError, match="weight of Contractive must be a finite number of at least 0, got -1"):
        kgan.losses.Contractive(-1)
    for target in (0, 1):
        with pytest.raises(ValueError, match="target of Sparsity must be a finite number above 0 and below 1"):
            kgan.losses.Sparsity(1.0, target)
