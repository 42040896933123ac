"""Figures: grids of images, and the learning curves of a run."""

from __future__ import annotations

import math
import os
import pathlib
import uuid
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from kgan.datasets import to_uint8

# Between the images: seen beside black and beside white, loud beside neither.
_GREY = 96
# Small images are magnified until a grid is at least this wide, in pixels, but never more often than _MAX_SCALE.
_MIN_WIDTH = 600
_MAX_SCALE = 8
# Okabe and Ito's colours, which stay apart for colour-blind readers.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def image_grid(
    images: np.ndarray, *, columns: int | None = None, padding: int = 2, scale: int | None = None
) -> np.ndarray:
    """Puts images side by side into one picture, row by row.

    Args:
        images: array of shape `(n, h, w, c)`, uint8 0..255 or float -1..1. One channel is grey and three are RGB;
            of two channels the first is shown green and the second magenta, equal ones grey; a fourth channel is
            opacity, over white.
        columns: images per row. By default the grid is as square as the number of images allows.
        padding: pixels of grey around and between the images, counted after magnification.
        scale: whole number by which every pixel is repeated. By default small images are magnified until the grid
            is about 600 pixels wide, at most 8 times.

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
    images = _to_rgb(_checked_uint8(images))
    n, height, width, channels = images.shape
    for name, value, least in (("columns", columns, 1), ("padding", padding, 0), ("scale", scale, 1)):
        if value is not None and (int(value) != value or value < least):
            raise ValueError(f"{name} must be a whole number from {least} up, but it is {value!r}.")
    columns = min(n, int(columns or math.ceil(math.sqrt(n))))
    rows = -(-n // columns)
    scale = int(scale or min(_MAX_SCALE, math.ceil(_MIN_WIDTH / (columns * width))))
    height, width, padding = height * scale, width * scale, int(padding)

    canvas = np.full(
        (padding + rows * (height + padding), padding + columns * (width + padding), channels), _GREY, np.uint8
    )
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
    _write_png(path, lambda temporary: Image.fromarray(array).save(temporary, format="PNG", pnginfo=info))


def plot_history(history: Mapping[str, Sequence[float]], path: str | os.PathLike) -> None:
    """Draws the learning curves of a run as PNG, a panel for each kind of value that it logged.

    Losses share one panel, mean outputs of the discriminator (`real` or `fake` in their names) another, penalties a
    third, and what is left a fourth. A validation value (`val_...`) is the dashed line of its training value's colour.
    A value that was not logged in every epoch may hold NaN there.

    Args:
        history: dict from the name of a value to its list of one number per epoch, as `History.history` of
            `model.fit`.
        path: where to write, ending in `.png`; folders that are missing are made.

    Raises:
        ValueError: if the history is empty or not of numbers, or the path does not end in `.png`.
    """
    history = {name: _curve(name, values) for name, values in history.items()}
    if not any(len(values) for values in history.values()):
        raise ValueError("plot_history needs at least one epoch of one value, but the history is empty.")
    panels = {title: names for title, names in _panels(history).items() if names}

    figure = Figure(figsize=(max(5.0, 4.2 * len(panels)), 3.4), dpi=120, layout="constrained")
    for axes, (title, names) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        colors = dict(zip(dict.fromkeys(map(_base, names)), _COLORS * len(names), strict=False))
        for name in names:
            values = history[name]
            axes.plot(
                np.arange(1, len(values) + 1),
                values,
                color=colors[_base(name)],
                linestyle="-" if name == _base(name) else "--",
                linewidth=1.6,
                # A single epoch is a point, and a line of one point is invisible.
                marker="o" if len(values) < 10 else None,
                markersize=3.5,
                label=name.replace("_", " "),
            )
        axes.set_title(title, fontsize=11, loc="left")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(color="0.9")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
    _write_png(path, lambda temporary: figure.savefig(temporary, format="png"))


def _checked_uint8(images) -> np.ndarray:
    images = np.asarray(images)
    if images.ndim != 4 or not images.size or images.shape[-1] > 4:
        raise ValueError(
            f"images must be of shape (n, height, width, 1 to 4 channels) and not empty, but their shape is "
            f"{images.shape}."
        )
    return images if images.dtype == np.uint8 else to_uint8(images)


def _to_rgb(images: np.ndarray) -> np.ndarray:
    channels = images.shape[-1]
    if channels == 2:
        return images[..., [1, 0, 1]]
    if channels == 4:
        opacity = images[..., 3:] / 255
        return np.round(images[..., :3] * opacity + 255 * (1 - opacity)).astype(np.uint8)
    return images


def _curve(name: str, values) -> np.ndarray:
    try:
        return np.asarray(values, dtype=np.float64).reshape(len(values))
    except (TypeError, ValueError):
        raise ValueError(
            f"history[{name!r}] must be a list of one number per epoch, but it is {values!r:.80}."
        ) from None


def _base(name: str) -> str:
    return name.removeprefix("val_")


def _panels(names) -> dict[str, list[str]]:
    panels = {"loss": [], "mean discriminator output": [], "penalty": [], "other values": []}
    for name in names:
        if name.endswith("loss"):
            panels["loss"].append(name)
        elif {"real", "fake"} & set(name.split("_")):
            panels["mean discriminator output"].append(name)
        elif name.endswith("penalty") or _base(name) in ("r1", "r2", "dragan"):
            panels["penalty"].append(name)
        else:
            panels["other values"].append(name)
    return panels


def _write_png(path: str | os.PathLike, write: Callable[[pathlib.Path], None]) -> None:
    """Calls `write` with a temporary name beside `path` and renames the result: a reader sees no half-written file."""
    path = pathlib.Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"The path of a picture must end in .png, but it is {str(path)!r}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
