import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import array_kinds

NUMBERS = ["bool", "int8", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64"]
OTHERS = {
    "U3": "text",
    "S3": "text",
    "O": "Python objects",
    "complex64": "complex numbers",
    "datetime64[D]": "dates",
    "timedelta64[s]": "spans of time",
    "i4,f4": "records",
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_of_numpy_tensorflow_and_keras(name):
    of_keras = keras.ops.zeros((), name).dtype
    for dtype in (tf.as_dtype(name), tf.as_dtype(name).as_numpy_dtype, keras.backend.standardize_dtype(of_keras)):
        assert array_kinds.holds_numbers(dtype)
        array_kinds.refuse_unless_numbers(dtype, "x")


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_number_has_its_word(name):
    dtype = np.dtype(name)
    assert not array_kinds.holds_numbers(dtype) and array_kinds.in_words(dtype) == OTHERS[name]
    with pytest.raises(ValueError, match=f"^x holds {OTHERS[name]}, but must"):
        array_kinds.refuse_unless_numbers(dtype, "x")


def test_text_of_tensorflow():
    assert not array_kinds.holds_numbers(tf.string) and array_kinds.in_words(tf.string) == "text"
    assert array_kinds.in_words(np.dtypes.StringDType()) == "text"


def test_anything_of_one_shape_is_an_array():
    np.testing.assert_array_equal(array_kinds.as_array([[1, 2], [3, 4]], "x"), np.arange(1, 5).reshape(2, 2))
    assert array_kinds.as_array("words", "x").shape == ()
    with pytest.raises(ValueError, match="^x must be one array, but its rows have different lengths: give"):
        array_kinds.as_array([[1, 2], [3]], "x")
