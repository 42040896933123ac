"""The confusion matrix of a classifier as a picture."""

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from kgan.array_kinds import as_array
from kgan.visualize.colors import COLORS
from kgan.visualize.figures import as_label, save_figure

# Right answers are blue and mistakes orange: a faint mistake is still seen as one.
_BLUE = LinearSegmentedColormap.from_list("right", ["#ffffff", COLORS[0]])
_ORANGE = LinearSegmentedColormap.from_list("wrong", ["#ffffff", COLORS[1]])
# With more classes than these, a cell has no room for the share below the count, and then for no number at all.
_MOST_WITH_SHARES, _MOST_WITH_COUNTS = 12, 40
_MOST_NAMES = 60  # on an axis; of more classes every second, third, ... is named
_LONGEST_NAME = 24  # characters


def plot_confusion_matrix(
    counts: np.ndarray, path: str | os.PathLike, *, class_names: Sequence[str] | None = None
) -> None:
    """Draws how often each class was taken for which, as PNG.

    Rows are true classes and columns predicted ones, as `sklearn.metrics.confusion_matrix` counts them. A cell shows
    how many images it stands for and, with up to 12 classes, which share of its row they are; with more, the share of
    right answers stands beside each row. The darker, the larger the share; right answers, on the diagonal, are blue
    and mistakes orange. Mistakes are darkened by the square root of their share, because most of them are rare.

    Args:
        counts: whole numbers from 0 up, of shape `(classes, classes)`.
        path: where to write, ending in `.png`; folders that are missing are made.
        class_names: names of the classes, in their order; numbers from 0 by default.

    Raises:
        ValueError: if the counts are no square matrix of whole numbers, the names do not fit them, or the path does
            not end in `.png`.

    Examples:

    ```python
    counts = sklearn.metrics.confusion_matrix(labels, classifier.predict(images).argmax(axis=-1))
    kgan.visualize.plot_confusion_matrix(counts, "confusion_matrix.png", class_names=["cat", "dog"])
    ```
    """
    counts = _as_counts(counts)
    names = _short_names(class_names, len(counts))
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, np.newaxis]

    n, longest = len(counts), max(map(len, names))
    cell = 0.72 if n <= _MOST_WITH_SHARES else 0.4 if n <= _MOST_WITH_COUNTS else max(0.06, 14 / n)  # inches
    font = 9 if n <= _MOST_WITH_COUNTS else 7
    letter = font * 0.0085  # the width of a letter in inches, about
    slanted = longest * letter > 0.95 * cell
    width = n * cell + longest * letter + (1.6 if n > _MOST_WITH_SHARES else 1.0)
    height = n * cell + (0.75 * longest * letter if slanted else 0.15) + 0.9
    figure = Figure(figsize=(max(width, 3.6), height), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(_colors(shares), interpolation="nearest")
    if n <= _MOST_WITH_COUNTS:
        _write_numbers(axes, counts, shares)
    _name_classes(axes, names, font, slanted)
    if n > _MOST_WITH_SHARES:
        _write_recalls(axes, shares, totals, font)
    right, total = int(np.trace(counts)), int(totals.sum())
    axes.set_title(f"{right:,} of {total:,} right ({_percent(right / max(total, 1))})", fontsize=11, pad=10)
    save_figure(figure, path)


def _as_counts(counts) -> np.ndarray:
    counts = as_array(counts, "counts")
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ValueError(f"counts must have the shape (classes, classes), but have {counts.shape}.")
    if counts.dtype.kind not in "iuf" or not np.isfinite(counts).all() or not _are_whole(counts):
        raise ValueError("counts must be whole numbers from 0 up: how many images of each class were taken for which.")
    return counts.astype("int64")


def _are_whole(counts) -> bool:
    return bool(((counts == np.floor(counts)) & (counts >= 0) & (counts < 2**53)).all())


def _short_names(class_names, classes: int) -> list[str]:
    names = [str(name) for name in (range(classes) if class_names is None else class_names)]
    if len(names) != classes:
        raise ValueError(f"class_names must name the {classes} classes of counts, but there are {len(names)}.")
    return [name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…" for name in names]


def _colors(shares) -> np.ndarray:
    diagonal = np.eye(len(shares), dtype=bool)[..., np.newaxis]
    return np.where(diagonal, _BLUE(shares), _ORANGE(np.sqrt(shares)))


def _write_numbers(axes, counts, shares):
    with_shares = len(counts) <= _MOST_WITH_SHARES
    for row, column in zip(*np.nonzero(counts), strict=True):
        share = shares[row, column]
        dark = share > 0.5 if row == column else share > 0.4
        text = f"{counts[row, column]:,}"
        size = 10 if with_shares else 8 if len(text) <= 3 else 6
        color = "white" if dark else "black"
        axes.text(column, row - (0.13 if with_shares else 0), text, ha="center", va="center", color=color, size=size)
        if with_shares:
            axes.text(column, row + 0.2, _percent(share), ha="center", va="center", color=color, size=7)


def _write_recalls(axes, shares, totals, font):
    ticks = _ticks(len(shares))
    recalls = [_percent(shares[i, i]) if totals[i] else "none" for i in ticks]
    beside = axes.secondary_yaxis("right")
    beside.set_yticks(ticks, recalls, fontsize=font, color=COLORS[0])
    beside.set_ylabel("right answers", color=COLORS[0])
    beside.tick_params(length=0)


def _ticks(classes: int) -> range:
    return range(0, classes, -(-classes // _MOST_NAMES))


def _name_classes(axes, names, font, slanted):
    ticks = _ticks(len(names))
    shown = [as_label(names[i]) for i in ticks]
    axes.set_yticks(ticks, shown, fontsize=font)
    turn = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
    axes.set_xticks(ticks, shown, fontsize=font, **turn)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.tick_params(length=0)
    axes.spines[:].set_color("0.7")
    # Lines between the cells.
    borders = np.arange(len(names) - 1) + 0.5
    axes.set_xticks(borders, minor=True)
    axes.set_yticks(borders, minor=True)
    axes.grid(which="minor", color="0.9", linewidth=0.8 if len(names) <= _MOST_WITH_COUNTS else 0)
    axes.tick_params(which="minor", length=0)


def _percent(share: float) -> str:
    """`97 %`; never 0 % of something nor 100 % of less than everything."""
    if share in (0, 1):
        return f"{share:.0%}".replace("%", " %")
    if share < 0.005:
        return "< 1 %"
    if share > 0.995:
        return "> 99 %"
    return f"{share:.0%}".replace("%", " %")
