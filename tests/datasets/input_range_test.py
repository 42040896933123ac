import keras
import numpy as np
import pytest
from keras import layers as L

from kgan.datasets.input_range import as_text, told_range


def model(*layers):
    return keras.Sequential([keras.Input((8, 8, 3)), *layers, L.Flatten(), L.Dense(2)])


@pytest.mark.parametrize(
    ("rescaling", "bounds"),
    [
        ({"scale": 1 / 255}, (0, 255)),  # to 0..1
        ({"scale": 1 / 127.5, "offset": -1}, (0, 255)),  # to -1..1
        ({"scale": 2, "offset": -1}, (0, 1)),
        ({"scale": 1}, (-1, 1)),
        ({"scale": 0.5, "offset": 0.5}, (-1, 1)),
        ({"scale": [1 / 255, 1 / 254, 1 / 256]}, (0, 255)),
        ({"scale": 1 / 255, "offset": [-0.485, -0.456, -0.406]}, (0, 255)),
        ({"scale": 100}, None),  # no range that people keep images in fits
        ({"scale": 1e-4}, None),
    ],
)
def test_the_first_rescaling_tells(rescaling, bounds):
    found = told_range(model(L.Rescaling(**rescaling)))
    assert found == bounds
    if bounds:  # by brute force: these bounds are taken nearly to -1..1 or 0..1, and no further
        ends = np.outer(bounds, np.ones(3)) * rescaling["scale"] + rescaling.get("offset", 0)
        assert np.abs(ends).max() <= 1.01 and np.ptp(ends, axis=0).min() > 0.5


def test_layers_that_keep_the_range_and_models_within_are_passed():
    inner = keras.Sequential([keras.Input((8, 8, 3)), L.ZeroPadding2D(), L.Rescaling(1 / 255)])
    assert told_range(model(L.RandomFlip(), L.CenterCrop(8, 8), inner)) == (0, 255)


def test_what_comes_after_a_layer_that_computes_tells_nothing():
    assert told_range(model(L.Conv2D(3, 1), L.Rescaling(1 / 255))) is None
    assert told_range(model()) is None
    assert told_range(model(L.Activation("relu"), L.Rescaling(1 / 255))) is None


def test_in_words():
    assert [as_text(bounds) for bounds in ((0, 255.0), (-1.0, 1.0), (0, 0.5))] == ["0..255", "-1..1", "0..0.5"]
