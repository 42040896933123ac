"""The images that a two-dimensional code stands for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from keras import ops

from kgan import memory
from kgan.metrics.frechet import as_numbers
from kgan.scalars import as_count
from kgan.visualize.images import as_value_range, image_grid


def manifold(
    decoder: Callable,
    *,
    codes: np.ndarray | None = None,
    low: float | tuple[float, float] | None = None,
    high: float | tuple[float, float] | None = None,
    n: int = 20,
    image_shape: tuple[int, int, int] | None = None,
    value_range: tuple[float, float] = (0, 1),
) -> np.ndarray:
    """Decodes a grid of 2-D codes and puts the images together as the codes lie: first number to the right, second up.

    The grid has the quantiles of given codes, so that most of it is where data is; or equal steps from `low` to
    `high`.

    Args:
        decoder: model or function from codes `(m, 2)`, float32, to images `(m, h, w, c)` or rows of numbers.
        codes: array `(m, 2)`, the codes of data. Its columns are cut at `n` quantiles each, the middles of `n` equal
            parts.
        low: smallest code, a number or one for each axis.
        high: largest code, likewise.
        n: images per row and column.
        image_shape: `(height, width, channels)`, if the decoder gives rows of numbers.
        value_range: `(low, high)`, the values that are black and white; `(-1, 1)` for the generator of a GAN.

    Returns:
        uint8 array of shape `(H, W, 1 or 3)`, for `save_image`.

    Raises:
        ValueError: if neither codes nor low and high are given, or they do not fit.

    Examples:

    ```python
    encoder, decoder = kgan.networks.dense_autoencoder((28, 28, 1), units=(256, 64, 2))
    autoencoder = kgan.Autoencoder(encoder, decoder)
    autoencoder.compile()
    autoencoder.fit(images, epochs=20)
    picture = kgan.visualize.manifold(decoder, codes=autoencoder.encode(images))
    kgan.visualize.save_image(picture, "manifold.png")
    ```
    """
    as_value_range(value_range)
    n = as_count(n, "n", 2)
    memory.check_fits(16 * n * n, f"the codes of {n:,} x {n:,} images", "lower n")
    across, up = (
        _quantiles(codes, n) if codes is not None and low is None and high is None else _steps(codes, low, high, n)
    )
    # The first row of a picture is its top, where the second number is largest.
    grid = np.stack(np.meshgrid(across, up[::-1]), axis=-1).reshape(-1, 2).astype("float32")
    images = ops.convert_to_numpy(ops.cast(decoder(grid), "float32"))
    if image_shape is not None:
        images = images.reshape(-1, *image_shape)
    return image_grid(images, columns=n, padding=0, value_range=value_range)


def _quantiles(codes, n):
    codes = as_numbers(codes, "codes")
    if codes.ndim != 2 or codes.shape[1] != 2 or not len(codes) or not np.isfinite(codes).all():
        raise ValueError(f"codes must be finite numbers of shape (m, 2), but their shape is {codes.shape}.")
    return np.quantile(codes, (np.arange(n) + 0.5) / n, axis=0).T


def _steps(codes, low, high, n):
    if codes is not None or low is None or high is None:
        raise ValueError("manifold needs either codes, or low and high.")
    low, high = (np.asarray(value, dtype=np.float64) for value in (low, high))
    if any(value.shape not in ((), (2,)) for value in (low, high)) or not (low < high).all():
        raise ValueError(f"low and high must be numbers or pairs with low < high, but they are {low} and {high}.")
    return np.linspace(np.broadcast_to(low, 2), np.broadcast_to(high, 2), n).T
