import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import kstest

import kgan
from kgan.layers import GaussianNoise, MaskingNoise, SaltAndPepperNoise

X = np.random.default_rng(0).uniform(2, 3, size=(200, 10, 20)).astype("float32")
REPLACING = [MaskingNoise, SaltAndPepperNoise]
KINDS = [GaussianNoise, *REPLACING]


def test_masking_zeroes_a_share_and_keeps_the_other_numbers_as_they_are():
    noisy = np.asarray(MaskingNoise(0.3, seed=0)(X, training=True))
    kept = noisy != 0
    np.testing.assert_allclose(1 - kept.mean(), 0.3, atol=0.01)  # 40,000 numbers: a standard deviation of 0.0023
    np.testing.assert_array_equal(noisy[kept], X[kept])
    np.testing.assert_allclose(1 - kept.mean(axis=0), 0.3, atol=0.2)  # everywhere alike
    np.testing.assert_allclose(np.cov(kept[:, 0, 0], kept[:, 0, 1])[0, 1], 0, atol=0.06)  # and independent


def test_salt_and_pepper_are_equally_likely():
    noisy = np.asarray(SaltAndPepperNoise(0.3, seed=0)(X, training=True))
    pepper, salt = noisy == 0, noisy == 1
    np.testing.assert_allclose([pepper.mean(), salt.mean()], 0.15, atol=0.01)
    kept = ~(pepper | salt)
    np.testing.assert_array_equal(noisy[kept], X[kept])


def test_gaussian_noise_has_the_mean_and_the_deviation_that_was_asked_for():
    noise = np.asarray(GaussianNoise(0.3, seed=0)(X, training=True)) - X
    np.testing.assert_allclose([noise.mean(), noise.std()], [0, 0.3], atol=0.006)
    assert kstest(noise.ravel() / 0.3, "norm").pvalue > 0.01
    np.testing.assert_array_equal(GaussianNoise(0)(X, training=True), X)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_acts_in_training_only(kind):
    layer = kind(0.5)
    np.testing.assert_array_equal(layer(X), X)
    np.testing.assert_array_equal(layer(X, training=False), X)
    model = keras.Sequential([keras.Input(X.shape[1:]), layer])
    np.testing.assert_array_equal(model.predict(X, verbose=0), X)
    assert np.any(np.asarray(model(X, training=True)) != X)


@pytest.mark.parametrize("kind", REPLACING)
def test_the_ends_of_the_rate(kind):
    np.testing.assert_array_equal(kind(0)(X, training=True), X)
    assert set(np.unique(kind(1)(X, training=True))) == ({0} if kind is MaskingNoise else {0, 1})


@pytest.mark.parametrize("kind", KINDS)
def test_every_call_draws_new_noise_and_the_seed_decides_it(kind):
    a, b = kind(0.5, seed=3), kind(0.5, seed=3)
    first, second = np.asarray(a(X, training=True)), np.asarray(a(X, training=True))
    assert np.any(first != second)
    np.testing.assert_array_equal(first, b(X, training=True))
    shared = keras.random.SeedGenerator(3)
    np.testing.assert_array_equal(first, kind(0.5, seed=shared)(X, training=True))


@pytest.mark.parametrize("kind", KINDS)
def test_replicas_draw_different_noise_that_together_is_that_of_one_device(kind, two_devices):
    with two_devices.scope():
        layer = kind(0.5, seed=5)
    parts = two_devices.experimental_local_results(
        tf.function(lambda: two_devices.run(lambda: layer(2 * tf.ones((4, 3)), training=True)))()
    )
    alone = kind(0.5, seed=5)(2 * np.ones((8, 3)), training=True)
    np.testing.assert_array_equal(np.concatenate([p.numpy() for p in parts]), alone)


@pytest.mark.parametrize("kind", REPLACING)
def test_half_precision_keeps_small_rates(kind):
    # bfloat16 has no number between 0.996 and 1: drawn in it, one of 256 numbers would be the smallest rate.
    noisy = kind(0.001, seed=0, dtype="bfloat16")(X, training=True)
    assert noisy.dtype == "bfloat16"
    np.testing.assert_allclose(np.mean(np.asarray(noisy, "float32") < 2), 0.001, atol=0.0007)


@pytest.mark.parametrize("kind", KINDS)
def test_models_with_noise_are_saved_and_loaded(kind, tmp_path):
    keras.Sequential([keras.Input((None,)), kind(0.25, seed=4, name="noise")]).save(tmp_path / "model.keras")
    layer = keras.models.load_model(tmp_path / "model.keras").get_layer("noise")
    assert (type(layer), getattr(layer, kind.argument)) == (kind, 0.25)
    np.testing.assert_array_equal(layer(X, training=True), kind(0.25, seed=4)(X, training=True))


@pytest.mark.parametrize("rate", [-0.1, 1.5, "0.5", None, True])
def test_a_wrong_rate_is_refused_in_a_sentence(rate):
    with pytest.raises(ValueError, match="rate of MaskingNoise must be a number from 0 to 1, got"):
        kgan.layers.MaskingNoise(rate)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [False, True])
def test_masks_pass_so_that_padding_stays_padding(kind, training):
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(9, 4, mask_zero=True)(ids)
    model = keras.Model(ids, keras.layers.LSTM(3)(kind(0.0)(x)))
    padded, alone = (np.asarray(model(np.array([row]), training=training)) for row in ([1, 2, 0, 0], [1, 2]))
    np.testing.assert_allclose(padded, alone, atol=1e-6)


def test_numbers_of_numpy_and_tensors_are_numbers():
    expected = MaskingNoise(0.25, seed=3, name="noise").get_config()
    for rate in (np.float32(0.25), np.float64(0.25), tf.constant(0.25)):
        assert MaskingNoise(rate, seed=np.int64(3), name="noise").get_config() == expected
    assert type(GaussianNoise(np.float32(0.5)).stddev) is float


@pytest.mark.parametrize("kind", KINDS)
def test_noise_of_pixels_as_they_are_stored_is_that_of_the_same_numbers(kind):
    pixels = np.arange(200, dtype="uint8").reshape(2, 100)
    noisy = kind(0.5, seed=1)(pixels, training=True)
    assert noisy.dtype == "float32"
    np.testing.assert_array_equal(noisy, kind(0.5, seed=1)(pixels.astype("float32"), training=True))
