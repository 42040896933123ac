"""Heat maps over images."""

from __future__ import annotations

import matplotlib
import numpy as np

from kgan.scalars import as_share
from kgan.visualize.images import to_rgb

_COLORMAP = "inferno"
_COLDEST = 0.35  # the colours below are too dark to be told from a black background
_DIMMED = 0.6


def overlay(
    images: np.ndarray,
    maps: np.ndarray,
    *,
    value_range: tuple[float, float] = (0, 1),
    opacity: float = 0.9,
) -> np.ndarray:
    """Lays a heat map over each image: nothing where it is zero, then red, then yellow where it is largest.

    The images turn grey and are dimmed, so that all colour is heat. Each map is scaled by its own largest value.

    Args:
        images: array `(n, h, w, c)`, uint8 0..255 or float in `value_range`, as `image_grid` takes them.
        maps: array `(n, h, w)` from 0 up, as `saliency` and `grad_cam` return it.
        value_range: `(low, high)`, the floats that are black and white.
        opacity: from 0 to 1, how far the hottest places hide the image.

    Returns:
        uint8 images `(n, h, w, 3)`, for `image_grid`.

    Raises:
        ValueError: if images and maps do not fit each other, or a number is out of its range.

    Examples:

    ```python
    heat = kgan.visualize.grad_cam(classifier, images)
    kgan.visualize.save_image(kgan.visualize.image_grid(kgan.visualize.overlay(images, heat)), "seen.png")
    ```
    """
    opacity = as_share(opacity, "opacity")
    grey = to_rgb(images, value_range).mean(axis=-1, keepdims=True)
    maps = np.asarray(maps, dtype=np.float64)
    if maps.shape != grey.shape[:3] or not (np.isfinite(maps).all() and (maps >= 0).all()):
        raise ValueError(
            f"maps must be finite numbers from 0 up of shape {grey.shape[:3]}, one for each pixel of the images, but "
            f"their shape is {maps.shape} and their range {maps.min(initial=0):g} to {maps.max(initial=0):g}."
        )
    largest = maps.max(axis=(1, 2), keepdims=True)
    heat = maps / np.where(largest == 0, 1, largest)
    color = matplotlib.colormaps[_COLORMAP](_COLDEST + (1 - _COLDEST) * heat)[..., :3] * 255
    share = opacity * heat[..., None]
    # White would outshine any heat, so the image is dimmed.
    return np.round((1 - share) * _DIMMED * grey + share * color).astype(np.uint8)
