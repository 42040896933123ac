import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan


def test_latents_are_standard_normal_one_row_per_row_of_the_input():
    z = np.asarray(kgan.layers.LatentSampler(50, seed=0)(np.zeros((4000, 3))))
    assert z.shape == (4000, 50) and z.dtype == np.float32
    np.testing.assert_allclose(z.mean(0), 0, atol=0.07)
    np.testing.assert_allclose(np.cov(z.T), np.eye(50), atol=0.1)


def test_every_call_draws_new_latents_and_the_seed_decides_them():
    a, b = (kgan.layers.LatentSampler(4, seed=3) for _ in range(2))
    like = np.zeros((5, 1))
    first, second = np.asarray(a(like)), np.asarray(a(like))
    assert not np.any(first == second)
    np.testing.assert_array_equal(first, b(like))


def test_replicas_draw_different_rows_that_together_are_those_of_one_device(two_devices):
    with two_devices.scope():
        sampler = kgan.layers.LatentSampler(3, seed=5)
    parts = two_devices.experimental_local_results(
        tf.function(lambda: two_devices.run(lambda: sampler(tf.zeros((4, 1)))))()
    )
    alone = kgan.layers.LatentSampler(3, seed=5)(np.zeros((8, 1)))
    np.testing.assert_array_equal(np.concatenate([p.numpy() for p in parts]), alone)


def test_the_first_latents_of_a_seed_do_not_depend_on_their_number():
    few, many = (np.asarray(kgan.layers.draw_latents(n, 7, seed=1)) for n in (3, 9))
    np.testing.assert_array_equal(few, many[:3])
    assert np.any(few != np.asarray(kgan.layers.draw_latents(3, 7, seed=2)))


def test_round_trip_of_the_config():
    layer = kgan.layers.LatentSampler(4, seed=3)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    np.testing.assert_array_equal(copy(np.zeros((2, 1))), layer(np.zeros((2, 1))))


def test_numbers_of_numpy_are_taken_and_others_refused():
    sampler = kgan.layers.LatentSampler(np.int64(4), seed=np.uint8(3))
    np.testing.assert_array_equal(sampler(np.zeros((2, 1))), kgan.layers.LatentSampler(4, seed=3)(np.zeros((2, 1))))
    for wrong in (0, 2.5, True, "4"):
        with pytest.raises(ValueError, match="latent_dim must be a whole number of at least 1"):
            kgan.layers.LatentSampler(wrong)


def test_latents_are_drawn_in_float32_whatever_the_policy_and_have_no_mask():
    expected = np.asarray(kgan.layers.LatentSampler(3, seed=0)(np.zeros((2, 1))))
    keras.config.set_dtype_policy("mixed_bfloat16")
    np.testing.assert_array_equal(kgan.layers.LatentSampler(3, seed=0)(np.zeros((2, 1))), expected)
    rounded = kgan.layers.LatentSampler(3, seed=0, dtype="bfloat16")(np.zeros((2, 1)))
    np.testing.assert_array_equal(rounded, tf.cast(expected, "bfloat16"))
    masked = keras.layers.Masking()(np.zeros((2, 4, 1)))
    assert getattr(kgan.layers.LatentSampler(3)(masked), "_keras_mask", None) is None


@pytest.mark.parametrize("seed", [0, 7, 2**31 - 3, 2**31 - 2, 2**31 - 1])
@pytest.mark.parametrize("columns", [1, 3, 128])
def test_latents_can_be_drawn_a_few_at_a_time(columns, seed):
    whole = np.asarray(keras.random.normal((40, columns), dtype="float32", seed=seed))
    parts = [kgan.layers.draw_latents(min(16, 40 - start), columns, seed, start) for start in range(0, 40, 16)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
