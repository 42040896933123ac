import warnings

import numpy as np
import pytest
import tensorflow as tf

from kgan.datasets import to_float, to_uint8

LEVELS = np.arange(256, dtype="uint8")


def test_floats_span_minus_one_to_one_evenly():
    floats = to_float(LEVELS)
    assert floats.dtype == np.float32
    np.testing.assert_allclose(floats, np.linspace(-1, 1, 256), atol=1e-7)
    assert floats[0] == -1 and floats[-1] == 1


def test_round_trip_is_exact_for_every_level():
    back = to_uint8(to_float(LEVELS))
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, LEVELS)


def test_tensors_give_tensors_with_the_same_values():
    floats = to_float(tf.constant(LEVELS))
    assert tf.is_tensor(floats) and floats.dtype == tf.float32
    np.testing.assert_array_equal(floats, to_float(LEVELS))
    back = to_uint8(floats)
    assert tf.is_tensor(back) and back.dtype == tf.uint8
    np.testing.assert_array_equal(back, LEVELS)


def test_they_work_inside_a_dataset():
    dataset = tf.data.Dataset.from_tensor_slices(LEVELS[:, None]).map(to_float).map(to_uint8)
    np.testing.assert_array_equal(np.concatenate(list(dataset.as_numpy_iterator())), LEVELS)


@pytest.mark.parametrize("wrap", [np.asarray, tf.constant])
def test_values_are_rounded_and_clipped(wrap):
    values = np.array([-3.0, -1.0, -0.9985, 0.0, 0.001, 0.999, 1.0, 1.5], "float32")
    expected = [round(min(max((value + 1) * 127.5, 0), 255)) for value in values.astype("float64")]
    np.testing.assert_array_equal(to_uint8(wrap(values)), expected)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_any_float_precision_is_taken(dtype):
    values = tf.cast([-1.0, 0.0, 1.0], dtype)
    np.testing.assert_array_equal(to_uint8(values), [0, 128, 255])
    np.testing.assert_array_equal(to_uint8(values.numpy()), [0, 128, 255])


@pytest.mark.parametrize("wrap", [np.asarray, tf.constant])
def test_converting_twice_is_refused(wrap):
    with pytest.raises(ValueError, match="uint8.*received float32"):
        to_float(to_float(wrap(LEVELS)))
    with pytest.raises(ValueError, match="float.*received uint8"):
        to_uint8(wrap(LEVELS))


def test_what_is_no_number_or_far_outside_is_clipped_without_a_warning():
    images = np.array([np.nan, 1e300, -1e300, np.inf, -np.inf, 0.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(to_uint8(images), [0, 255, 0, 255, 0, 128])
    np.testing.assert_array_equal(to_uint8(tf.constant(images)), [0, 255, 0, 255, 0, 128])
