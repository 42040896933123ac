"""A map of a latent space."""

from __future__ import annotations

import os

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from kgan.metrics.frechet import as_numbers
from kgan.scalars import as_count, as_seed
from kgan.visualize.colors import TEN_COLORS
from kgan.visualize.figures import as_label, save_figure
from kgan.visualize.images import as_png_path, to_rgb

METHODS = ("pca", "tsne")
# Height of a thumbnail as a share of the map's.
_THUMBNAIL = 0.045
_LEGEND_ROWS = 25


def latent_map(
    codes: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    path: str | os.PathLike,
    images: np.ndarray | None = None,
    method: str = "pca",
    limit: int | None = 2000,
    value_range: tuple[float, float] = (0, 1),
    seed: int = 0,
) -> None:
    """Draws codes as points of a map, coloured by class, with thumbnails of their images where there is room.

    Two-dimensional codes are drawn as they are. Others are brought to two dimensions by their first two principal
    components, which keep distances as well as a plane can, or by t-SNE (van der Maaten and Hinton 2008), which keeps
    neighbours: then neither the axes nor the distances between groups have a meaning.

    Args:
        codes: array `(n, d)` with `d` from 2 up; further axes are flattened.
        labels: class of each code, `(n,)`: whole numbers or strings.
        path: where to write, ending in `.png`; folders that are missing are made.
        images: image of each code, `(n, h, w, c)`, uint8 0..255 or float in `value_range`.
        method: `"pca"` or `"tsne"`.
        limit: draw so many codes at most, chosen at random; `None` for all. t-SNE takes ten seconds or more for 2000.
        value_range: `(low, high)`, the values of float images that are black and white.
        seed: seed of the choice, of the order of drawing and of t-SNE.

    Raises:
        ValueError: if codes, labels and images do not fit together, or an argument is out of its range.

    Examples:

    ```python
    codes = autoencoder.encode(images)
    kgan.visualize.latent_map(codes, labels, images=images, method="tsne", path="codes.png")
    ```
    """
    as_png_path(path)
    codes, labels, images = _as_arrays(codes, labels, images, value_range)
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}: use one of {', '.join(map(repr, METHODS))}.")
    limit, seed = None if limit is None else as_count(limit, "limit", 4), as_seed(seed)
    # In random order, because what is drawn later hides what is below, and the first images take the room.
    rows = np.random.default_rng(seed).permutation(len(codes))[:limit]
    points, names = _to_plane(codes[rows], method, seed)

    figure = Figure(figsize=(7 if labels is None else 8, 7), dpi=120, layout="constrained")
    axes = figure.subplots()
    colors = _draw_points(axes, points, None if labels is None else labels[rows])
    if images is not None:
        _draw_thumbnails(axes, points, images[rows], colors)
    if names is None:
        axes.set(xticks=[], yticks=[])
    else:
        axes.set(xlabel=names[0], ylabel=names[1])
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_box_aspect(1)
    save_figure(figure, path)


def _to_plane(codes, method: str, seed: int):
    """Points `(n, 2)` and the names of their axes, `None` if the axes mean nothing."""
    if codes.shape[1] == 2:
        return codes, ("code 1", "code 2")
    if method == "pca":
        pca = PCA(2, random_state=seed)
        with np.errstate(invalid="ignore"):  # codes that are all equal have no variance to share
            points = pca.fit_transform(codes)
        shares = np.nan_to_num(pca.explained_variance_ratio_)
        return points, [f"principal component {i + 1} ({share:.0%} of the variance)" for i, share in enumerate(shares)]
    # Fewer codes than neighbours asked for are refused by t-SNE.
    perplexity = min(30, (len(codes) - 1) / 3)
    return TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(codes), None


def _draw_points(axes: Axes, points, labels) -> np.ndarray:
    """Draws the points and the legend, and returns the colour of each point."""
    classes, index = (None, np.zeros(len(points), int)) if labels is None else np.unique(labels, return_inverse=True)
    colors = np.array(TEN_COLORS)[index % len(TEN_COLORS)]
    size = np.clip(20_000 / len(points), 6, 40)
    axes.scatter(*points.T, c=colors, s=size, alpha=0.75, linewidths=0)
    axes.margins(0.06)
    if classes is not None:
        handles = [
            axes.scatter([], [], color=TEN_COLORS[i % len(TEN_COLORS)], s=30, label=as_label(name))
            for i, name in enumerate(classes)
        ]
        columns = -(-len(classes) // _LEGEND_ROWS)
        axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, ncols=columns)
    return colors


def _draw_thumbnails(axes: Axes, points, images, colors):
    """Draws images at their points, each one that no earlier image overlaps."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    height = _THUMBNAIL * (top - bottom)
    width = _THUMBNAIL * (right - left) * images.shape[2] / images.shape[1]
    taken = np.empty((0, 2))
    for point, image, color in zip(points, images, colors, strict=True):
        if (np.abs(taken - point) < [1.1 * width, 1.1 * height]).all(axis=1).any():
            continue
        taken = np.vstack([taken, point])
        corner = point - [width / 2, height / 2]
        extent = (corner[0], corner[0] + width, corner[1], corner[1] + height)
        axes.imshow(image, cmap="gray", vmin=0, vmax=255, extent=extent, aspect="auto", zorder=2)
        axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=color, linewidth=1.2, zorder=2))
    # Images set the limits to themselves.
    axes.set(xlim=(left, right), ylim=(bottom, top))


def _as_arrays(codes, labels, images, value_range):
    codes = as_numbers(codes, "codes")
    codes = codes.reshape(len(codes), -1) if codes.ndim > 2 and codes.size else codes
    if codes.ndim != 2 or codes.shape[1] < 2 or len(codes) < 4 or not np.isfinite(codes).all():
        raise ValueError(
            f"codes must be finite numbers of shape (n, d) with n from 4 and d from 2 up, got shape {codes.shape}."
        )
    if labels is not None:
        labels = np.asarray(labels)
        if labels.shape != (len(codes),) or labels.dtype.kind not in "biuSU":
            raise ValueError(
                f"labels must be a whole number or string for each of the {len(codes)} codes, but they are "
                f"{labels.dtype} of shape {labels.shape}."
            )
    if images is not None:
        images = to_rgb(images, value_range)
        if len(images) != len(codes):
            raise ValueError(f"images must be one for each of the {len(codes)} codes, but they are {len(images)}.")
    return codes, labels, images
