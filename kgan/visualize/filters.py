"""The weights of a first layer as pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from kgan.scalars import as_count
from kgan.visualize.images import image_grid
from kgan.visualize.model_inputs import find_image_shape

_WIDTH = 600
_MAX_SCALE = 16


def filters(
    layer: keras.layers.Layer,
    *,
    units: Sequence[int] | None = None,
    image_shape: tuple[int, int, int] | None = None,
    columns: int | None = None,
    scale: int | None = None,
) -> np.ndarray:
    """What the units of a first layer multiply an image with, a picture for each unit.

    For a fully connected layer on flattened images these are whole images, and those of a linear classifier are its
    templates of the classes. For a convolution they are its kernels. Grey is zero; each picture is scaled by its own
    largest weight, which is black or white (or, in colour, full in its channel).

    Args:
        layer: `Dense` or `Conv2D` layer, or a model, whose first such layer is taken.
        units: which units or channels; all by default.
        image_shape: `(height, width, channels)` of the images that a `Dense` layer sees flattened; by default that
            of the model.
        columns: pictures per row, as in `image_grid`.
        scale: magnification, as in `image_grid`; by default to about 600 pixels, at most 16 times.

    Returns:
        uint8 array of shape `(H, W, 1 or 3)`, for `save_image`.

    Raises:
        ValueError: if there is no such layer, it is not built, or its weights are not pictures of 1 to 3 channels.

    Examples:

    ```python
    model = kgan.networks.linear_classifier((28, 28, 1), 10)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(images, labels)
    kgan.visualize.save_image(kgan.visualize.filters(model, columns=5), "templates.png")
    ```
    """
    first = _first(layer)
    if first is None:
        raise ValueError(f"filters needs a built Dense or Conv2D layer, or a model with one, but received {layer!r}.")
    kernel = ops.convert_to_numpy(ops.cast(first.kernel, "float32"))
    if isinstance(first, keras.layers.Dense):
        shape = find_image_shape(layer, image_shape)
        if math.prod(shape) != len(kernel):
            raise ValueError(
                f"Images of shape {shape} have not the {len(kernel)} that {first.name!r} takes: give "
                "the image_shape that it sees flattened, or for a layer that sees features use maximize_unit."
            )
        kernel = kernel.reshape(*shape, -1)
    if kernel.shape[2] > 3:
        raise ValueError(
            f"Filters over {kernel.shape[2]} channels are no pictures: take the first layer of a network on images, "
            "and for later ones maximize_unit."
        )
    pictures = np.moveaxis(kernel, -1, 0)
    pictures = pictures if units is None else pictures[as_units(units, len(pictures))]
    largest = np.abs(pictures).max(axis=(1, 2, 3), keepdims=True)
    columns = math.ceil(math.sqrt(len(pictures))) if columns is None else as_count(columns, "columns")
    widest = min(columns, len(pictures)) * pictures.shape[2]
    scale = min(_MAX_SCALE, math.ceil(_WIDTH / widest)) if scale is None else as_count(scale, "scale")
    return image_grid(pictures / np.where(largest == 0, 1, largest), columns=columns, scale=scale)


def as_units(units, count: int) -> np.ndarray:
    """Numbers of units of a layer that has `count` of them, as an array `(n,)`.

    Raises:
        ValueError: if they are not whole numbers from 0 to `count` - 1, or none.
    """
    numbers = np.atleast_1d(np.asarray(units))
    if numbers.ndim != 1 or not numbers.size or numbers.dtype.kind not in "iu":
        raise ValueError(f"units must be a whole number or a list of them, but it is {units!r}.")
    if numbers.min() < 0 or numbers.max() >= count:
        raise ValueError(f"units must be from 0 to {count - 1}, but they are {numbers.min()} to {numbers.max()}.")
    return numbers


def _first(layer):
    """The first fully connected or convolutional layer in a model, or `layer` itself if it is one."""
    if isinstance(layer, keras.Model):
        return next((found for found in map(_first, layer.layers) if found is not None), None)
    suits = isinstance(layer, keras.layers.Dense | keras.layers.Conv2D)
    return layer if suits and layer.built else None
