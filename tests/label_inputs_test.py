import keras
import numpy as np
import pytest

from kgan.label_inputs import as_network_takes, one_hot_classes

IDS = np.array([2, 0, 1])
FORMS = {"ids": IDS, "a column of ids": IDS[:, None], "one-hot": np.eye(3, dtype="float32")[IDS]}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_becomes_the_one_that_a_network_takes(form):
    labels = keras.ops.convert_to_tensor(FORMS[form])
    for shape, dtype, expected in (
        ((), "int32", IDS),
        ((1,), "int64", IDS[:, None]),
        ((3,), "float32", np.eye(3)[IDS]),
        ((3,), "float16", np.eye(3)[IDS]),
    ):
        found = as_network_takes(labels, keras.Input(shape, dtype=dtype))
        assert keras.backend.standardize_dtype(found.dtype) == dtype
        np.testing.assert_array_equal(found, expected)


def test_how_many_classes_an_input_has():
    assert [one_hot_classes(keras.Input(shape)) for shape in ((), (1,), (2,), (7,))] == [None, None, 2, 7]
