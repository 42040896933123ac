"""Pictures: grids of images, and PNG files that are written whole or not at all."""

from __future__ import annotations

import math
import os
import pathlib
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from kgan import files, memory
from kgan.array_kinds import as_array, refuse_unless_numbers
from kgan.datasets import to_uint8
from kgan.scalars import as_count, is_real

# Between the images: seen beside black and beside white, loud beside neither.
_GREY = 96
# Small images are magnified until a grid is at least this wide, in pixels, but never more often than _MAX_SCALE.
_MIN_WIDTH = 600
_MAX_SCALE = 8


def image_grid(
    images: np.ndarray,
    *,
    columns: int | None = None,
    padding: int = 2,
    scale: int | None = None,
    value_range: tuple[float, float] = (-1, 1),
) -> np.ndarray:
    """Puts images side by side into one picture, row by row.

    Args:
        images: array of shape `(n, h, w, c)`, uint8 0..255 or float in `value_range`. One channel is grey and three
            are RGB; of two channels the first is shown green and the second magenta, equal ones grey; a fourth channel
            is opacity, over white.
        columns: images per row. By default the grid is as square as the number of images allows.
        padding: pixels of grey around and between the images, counted after magnification.
        scale: whole number by which every pixel is repeated. By default small images are magnified until the grid
            is about 600 pixels wide, at most 8 times.
        value_range: `(low, high)`, the floats that are black and white; `(0, 1)` for images of autoencoders.

    Returns:
        uint8 array of shape `(H, W, 1)` for grey images and `(H, W, 3)` for all others.

    Raises:
        ValueError: if the images are not 4-D, empty, of more than 4 channels or of another dtype, or if a number is
            out of its range.

    Examples:

    ```python
    grid = kgan.visualize.image_grid(gan.generate(64, seed=0))
    kgan.visualize.save_image(grid, "samples.png")
    ```
    """
    images = to_rgb(images, value_range)
    n, height, width, channels = images.shape
    for name, value, least in (("columns", columns, 1), ("padding", padding, 0), ("scale", scale, 1)):
        if value is not None:
            as_count(value, name, least)
    columns = min(n, int(columns or math.ceil(math.sqrt(n))))
    rows = -(-n // columns)
    scale = int(scale or min(_MAX_SCALE, math.ceil(_MIN_WIDTH / (columns * width))))
    height, width, padding = height * scale, width * scale, int(padding)
    shape = (padding + rows * (height + padding), padding + columns * (width + padding), channels)
    memory.check_fits(math.prod(shape), f"a grid of {shape[1]:,} x {shape[0]:,} pixels", "lower scale or padding")
    canvas = np.full(shape, _GREY, np.uint8)
    for i, image in enumerate(images):
        top = padding + i // columns * (height + padding)
        left = padding + i % columns * (width + padding)
        canvas[top : top + height, left : left + width] = image.repeat(scale, axis=0).repeat(scale, axis=1)
    return canvas


def save_image(array: np.ndarray, path: str | os.PathLike, *, metadata: Mapping[str, object] | None = None) -> None:
    """Writes a picture as PNG, whole or not at all; folders that are missing are made.

    Args:
        array: uint8 array of shape `(h, w)` or `(h, w, c)` with 1, 3 or 4 channels, as `image_grid` returns it.
        path: where to write, ending in `.png`.
        metadata: text to keep inside the file, such as the seed; values are written as `str(value)`, and
            `PIL.Image.open(path).text` reads them.

    Raises:
        ValueError: if the array is no uint8 picture or the path does not end in `.png`.
    """
    array = np.asarray(array)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    picture = array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (3, 4))
    if array.dtype != np.uint8 or not picture or not array.size:
        raise ValueError(
            f"save_image needs a uint8 array of shape (h, w) or (h, w, 1, 3 or 4), but received {array.dtype} of "
            f"shape {array.shape}: make one from images with image_grid."
        )
    info = PngInfo()
    for key, value in (metadata or {}).items():
        info.add_text(str(key), str(value))
    write_png(path, lambda temporary: Image.fromarray(array).save(temporary, format="PNG", pnginfo=info))


def write_png(path: str | os.PathLike, write: Callable[[pathlib.Path], None]) -> None:
    """Writes a PNG file as `kgan.files.write_file` does; folders that are missing are made."""
    path = as_png_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_file(path, write)


def as_png_path(path: str | os.PathLike) -> pathlib.Path:
    """The path of a picture, which has to end in `.png`."""
    path = pathlib.Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"The path of a picture must end in .png, but it is {str(path)!r}.")
    return path


def to_rgb(images: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Images as `image_grid` takes them, as uint8 of shape `(n, h, w, 1)` if they are grey, or else `(n, h, w, 3)`."""
    images = as_array(images, "images")
    low, high = as_value_range(value_range)
    if images.ndim != 4 or not images.size or images.shape[-1] > 4:
        raise ValueError(
            f"images must be of shape (n, height, width, 1 to 4 channels) and not empty, but their shape is "
            f"{images.shape}."
        )
    refuse_unless_numbers(images.dtype, "images")
    if images.dtype != np.uint8:
        with np.errstate(over="ignore"):
            images = images if images.dtype.kind in "biu" else images.astype(np.float32)
        if np.isnan(images).any():
            raise ValueError("images hold NaN, which is no colour: remove or replace it first.")
        # Integers are refused by to_uint8, so they are passed on as they are.
        scaled = images.dtype.kind not in "biu" and (low, high) != (-1, 1)
        images = to_uint8((images - low) / (high - low) * 2 - 1 if scaled else images)
    channels = images.shape[-1]
    if channels == 2:
        return images[..., [1, 0, 1]]
    if channels == 4:
        opacity = images[..., 3:] / 255
        return np.round(images[..., :3] * opacity + 255 * (1 - opacity)).astype(np.uint8)
    return images


def as_value_range(value_range) -> tuple[float, float]:
    """A pair `(low, high)` of finite numbers that grow, as floats."""
    ends = [] if isinstance(value_range, str | bytes | dict) or np.ndim(value_range) != 1 else list(value_range)
    ends = [end.numpy() if hasattr(end, "numpy") else end for end in ends]
    if len(ends) != 2 or not all(map(is_real, ends)) or not ends[0] < ends[1]:
        raise ValueError(f"value_range must be (low, high) with low < high, but it is {value_range!r}.")
    return float(ends[0]), float(ends[1])
