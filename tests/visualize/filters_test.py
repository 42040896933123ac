import keras
import numpy as np
import pytest

import kgan
from kgan.visualize import filters

L = keras.layers


def cells(grid, columns, height, width):
    """The pictures of a grid of scale 1 with its 2 pixels of padding."""
    rows = (grid.shape[0] - 2) // (height + 2)
    corners = [(2 + r * (height + 2), 2 + c * (width + 2)) for r in range(rows) for c in range(columns)]
    return np.stack([grid[top : top + height, left : left + width] for top, left in corners])


def expected(pictures):
    """Grey for zero, black or white for the largest of each picture."""
    return np.round(127.5 + 127.5 * pictures / np.abs(pictures).max(axis=(1, 2, 3), keepdims=True))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_templates_of_a_linear_classifier_are_its_columns_as_images(channels):
    model = kgan.networks.linear_classifier((4, 6, channels), 5)
    kernel = model.layers[-1].kernel.numpy()
    grid = filters(model, columns=5, scale=1)
    assert (grid.dtype, grid.shape) == (np.uint8, (8, 42, channels))
    pictures = np.stack([kernel[:, unit].reshape(4, 6, channels) for unit in range(5)])
    np.testing.assert_allclose(cells(grid, 5, 4, 6), expected(pictures), atol=1)
    np.testing.assert_array_equal(filters(model.layers[-1], image_shape=(4, 6, channels), columns=5, scale=1), grid)


@pytest.mark.parametrize("channels", [1, 3])
def test_kernels_of_a_convolution_are_pictures(channels):
    conv = L.Conv2D(6, (3, 5))
    model = keras.Sequential([keras.Input((8, 8, channels)), conv, L.Flatten(), L.Dense(2)])
    kernel = conv.kernel.numpy()
    pictures = np.stack([kernel[..., unit] for unit in range(6)])
    np.testing.assert_allclose(cells(filters(model, columns=3, scale=1), 3, 3, 5), expected(pictures), atol=1)
    chosen = filters(conv, units=[4, 0], columns=2, scale=1)
    np.testing.assert_allclose(cells(chosen, 2, 3, 5), expected(pictures[[4, 0]]), atol=1)


def test_a_grey_level_does_not_depend_on_the_other_units_and_no_weight_is_grey():
    dense = L.Dense(2)
    dense.build((None, 4))
    dense.kernel.assign([[1, 0], [-0.5, 0], [0, 0], [0.25, 0]])
    grid = filters(dense, image_shape=(2, 2, 1), columns=2, scale=1, units=[0, 1])
    assert cells(grid, 2, 2, 2)[..., 0].tolist() == [[[255, 64], [128, 159]], [[128, 128], [128, 128]]]


def test_the_first_layer_is_found_in_a_model_in_a_model_behind_other_layers():
    inner = keras.Sequential([keras.Input((6, 6, 3)), L.BatchNormalization(), L.Conv2D(4, 3), L.Conv2D(2, 3)])
    model = keras.Sequential([keras.Input((6, 6, 3)), L.Rescaling(2.0), inner, L.Flatten(), L.Dense(3)])
    np.testing.assert_array_equal(filters(model), filters(inner.layers[1]))


def test_small_pictures_are_magnified():
    conv = L.Conv2D(4, 3)
    conv.build((None, 8, 8, 1))
    assert filters(conv).shape == (2 * (2 + 48) + 2, 2 * (2 + 48) + 2, 1)
    assert filters(kgan.networks.linear_classifier((28, 28, 1), 10), columns=5).shape[1] == 5 * (5 * 28 + 2) + 2


def built(layer, shape):
    layer.build(shape)
    return layer


@pytest.mark.parametrize(
    "layer, options, message",
    [
        (L.Dense(3), {}, "built Dense or Conv2D"),
        (L.ReLU(), {}, "Dense or Conv2D"),
        ("dense", {}, "Dense or Conv2D"),
        (built(L.Dense(3), (None, 16)), {}, "give image_shape"),
        (built(L.Dense(3), (None, 16)), {"image_shape": (4, 5, 1)}, "not the 16"),
        (built(L.Dense(3), (None, 16)), {"image_shape": (4, 4)}, r"\(height, width, channels\)"),
        (built(L.Dense(3), (None, 16)), {"image_shape": (4, 4, 1), "units": [3]}, "from 0 to 2"),
        (built(L.Dense(3), (None, 16)), {"image_shape": (4, 4, 1), "units": [0.5]}, "whole number"),
        (built(L.Conv2D(3, 3), (None, 8, 8, 32)), {}, "32 channels .* maximize_unit"),
    ],
)
def test_what_has_no_pictures_is_refused(layer, options, message):
    with pytest.raises(ValueError, match=message):
        filters(layer, **options)
