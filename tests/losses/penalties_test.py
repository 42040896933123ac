"""Penalties against gradients known in closed form, through the same functions that a training step uses."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan import backend

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(6, 3, 2)).astype("float32")
FAKE = RNG.normal(size=(6, 3, 2)).astype("float32") + 1
ALL = [kgan.losses.R1(3.0), kgan.losses.R2(3.0), kgan.losses.GradientPenalty(3.0), kgan.losses.DRAGAN(3.0)]


def seed():
    return keras.random.SeedGenerator(0)


def penalty_and_derivative(penalty, discriminator, parameter):
    """The penalty of `discriminator(parameter, x)` and its derivative with respect to the parameter."""
    parameter = keras.Variable(parameter)
    points = tf.constant(penalty.points(REAL, FAKE, seed()))

    def value(scope):
        _, gradients = backend.value_and_input_gradient(lambda x: discriminator(parameter.value, x), points)
        return penalty.value(gradients), None

    (value, _), (derivative,) = backend.value_and_gradients(value, [parameter])
    (derivative,) = backend.with_zeros([derivative], [parameter])
    return float(value), np.asarray(derivative), np.asarray(points)


def linear(w, x):
    return tf.tensordot(x, w, [[1, 2], [0, 1]])[:, None]


def quadratic(a, x):
    return a / 2 * tf.reduce_sum(x**2, [1, 2])[:, None]


@pytest.mark.parametrize("penalty", ALL[:2])
def test_zero_centred_penalties_of_a_quadratic_discriminator(penalty):
    # D(x) = a/2 |x|^2 has the gradient a x: the penalty is weight/2 a^2 E|x|^2, its derivative weight a E|x|^2.
    samples = REAL if penalty.name == "r1" else FAKE
    mean_square = np.mean(np.sum(samples.astype("float64") ** 2, axis=(1, 2)))
    value, derivative, _ = penalty_and_derivative(penalty, quadratic, 0.7)
    np.testing.assert_allclose(value, 3.0 / 2 * 0.7**2 * mean_square, rtol=1e-5)
    np.testing.assert_allclose(derivative, 3.0 * 0.7 * mean_square, rtol=1e-5)


@pytest.mark.parametrize("penalty", ALL[2:])
def test_norm_penalties_of_a_linear_discriminator(penalty):
    # D(x) = w.x has the gradient w everywhere: weight (|w| - 1)^2, derivative 2 weight (|w| - 1) w / |w|.
    w = RNG.normal(size=(3, 2)).astype("float32")
    norm = np.linalg.norm(w)
    value, derivative, _ = penalty_and_derivative(penalty, linear, w)
    np.testing.assert_allclose(value, 3.0 * (norm - 1) ** 2, rtol=1e-5)
    np.testing.assert_allclose(derivative, 6.0 * (norm - 1) * w / norm, rtol=1e-4)


def test_norms_are_taken_per_sample():
    # |grad D(x)| = |x| for a = 1. Over the whole batch it would be one far larger number.
    penalty = kgan.losses.GradientPenalty(1.0, target=2.0)
    value, _, points = penalty_and_derivative(penalty, quadratic, 1.0)
    norms = np.linalg.norm(points.reshape(6, -1), axis=1)
    np.testing.assert_allclose(value, np.mean((norms - 2.0) ** 2), rtol=1e-5)


def test_one_sided_target_spares_small_gradients():
    small, large = np.full((3, 2), 0.1, "float32"), np.full((3, 2), 1.0, "float32")
    one_sided = kgan.losses.GradientPenalty(1.0, one_sided=True)
    value, derivative, _ = penalty_and_derivative(one_sided, linear, small)
    assert value == 0 and not derivative.any()
    value, _, _ = penalty_and_derivative(one_sided, linear, large)
    np.testing.assert_allclose(value, (np.sqrt(6) - 1) ** 2, rtol=1e-5)


@pytest.mark.parametrize("penalty", ALL, ids=lambda p: p.name)
def test_penalties_and_derivatives_are_finite_at_zero_gradient(penalty):
    value, derivative, _ = penalty_and_derivative(penalty, linear, np.zeros((3, 2), "float32"))
    assert np.isfinite(value) and np.isfinite(derivative).all()


def test_interpolation_has_one_uniform_factor_per_sample():
    n = 4000
    real, fake = np.ones((n, 2, 2), "float32"), np.zeros((n, 2, 2), "float32")
    share = np.asarray(kgan.losses.GradientPenalty().points(real, fake, seed()))
    assert np.all(share == share[:, :1, :1])
    share = share[:, 0, 0]
    assert share.min() >= 0 and share.max() <= 1
    np.testing.assert_allclose([share.mean(), share.var()], [1 / 2, 1 / 12], atol=0.01)


def test_dragan_stays_within_its_noise_around_real_samples():
    offset = np.asarray(kgan.losses.DRAGAN(noise_scale=0.5).points(REAL, FAKE, seed())) - REAL
    assert offset.min() >= 0 and 0 < offset.max() <= 0.5 * REAL.std() + 1e-6


@pytest.mark.parametrize("penalty", ALL, ids=lambda p: p.name)
def test_penalties_survive_serialization(penalty):
    copy = kgan.losses.get_penalty(keras.saving.serialize_keras_object(penalty))
    assert type(copy) is type(penalty) and copy.get_config() == penalty.get_config()


def test_a_wrong_penalty_is_answered_with_the_right_ones():
    with pytest.raises(ValueError, match=r"'r1'.*kgan.losses.R1\(weight\)"):
        kgan.losses.get_penalty("r1")
    with pytest.raises(ValueError, match="weight of R1 must be a finite number of at least 0"):
        kgan.losses.R1(-1.0)


def test_penalties_resolve_as_in_keras():
    for form in (
        kgan.losses.DRAGAN,
        {"class_name": "DRAGAN", "config": {}},
        keras.saving.serialize_keras_object(kgan.losses.DRAGAN()),
    ):
        assert kgan.losses.get_penalty(form).get_config() == kgan.losses.DRAGAN().get_config()
    for form in (kgan.losses.R1, "r1", {"class_name": "R3", "config": {}}):  # R1 needs its weight
        with pytest.raises(ValueError, match=r"unknown penalty .*kgan.losses.R1\(weight\)"):
            kgan.losses.get_penalty(form)


def test_numbers_of_numpy_are_taken_and_others_refused():
    penalty = kgan.losses.GradientPenalty(np.float32(0.5), np.int64(1), one_sided=np.True_)
    assert penalty.get_config() == {"weight": 0.5, "target": 1.0, "one_sided": True}
    assert kgan.losses.DRAGAN(np.int64(2), noise_scale=np.float32(0.5)).get_config() == {
        "weight": 2,
        "noise_scale": 0.5,
    }
    for wrong in ("1", None, float("nan"), True):
        with pytest.raises(ValueError, match="the weight of R2 must be a finite number of at least 0"):
            kgan.losses.R2(wrong)
