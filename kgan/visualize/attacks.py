"""What an attack does to a classifier, and to images."""

import os

import numpy as np
from matplotlib.figure import Figure

from kgan.visualize.colors import COLORS
from kgan.visualize.figures import as_label, save_figure

_NAME = 18  # characters of a class name under an image


def plot_accuracy(epsilons, accuracy, interval, path: str | os.PathLike, *, guess: float, title: str, unit: str):
    """Draws the accuracy for each strength of an attack.

    Args:
        epsilons: the strengths, growing, `(n,)`.
        accuracy: shares of right answers, `(n,)`.
        interval: the ends of their 95 % confidence intervals: two arrays `(n,)`.
        path: where to write.
        guess: the accuracy of always answering the largest class.
        title: what was attacked, and how.
        unit: what epsilon is.
    """
    figure = Figure(figsize=(6.4, 4), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.fill_between(epsilons, *interval, color=COLORS[0], alpha=0.2, linewidth=0, label="95 % interval")
    axes.plot(epsilons, accuracy, "o-", color=COLORS[0], linewidth=2, markersize=4, label="accuracy")
    axes.axhline(guess, color="0.5", linewidth=1, linestyle=":", label="always the largest class")
    axes.set_title(title, fontsize=11, loc="left")
    axes.set_xlabel(unit)
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.grid(color="0.92")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    save_figure(figure, path)


def plot_attacked(before, after, said, path: str | os.PathLike, *, targets, class_names: list[str], title: str):
    """Draws a few images before and after an attack: original, perturbation and attacked image, a column for each.

    Args:
        before: float `(n, h, w, c)` with 1 or 3 channels, in 0..1.
        after: the same, attacked.
        said: what the classifier says to both: two arrays of probabilities `(n, classes)`.
        path: where to write.
        targets: the true classes, `(n,)`.
        class_names: the names of all classes.
        title: what was done.
    """
    n = len(before)
    change = after - before
    largest = float(np.abs(change).max())
    rows = {
        "original": (before, said[0]),
        "perturbation": (0.5 + change / (2 * largest or 1), None),
        "attacked": (after, said[1]),
    }
    figure = Figure(figsize=(1.7 * n + 0.6, 6.4), dpi=120, layout="constrained")
    figure.suptitle(title, fontsize=11)
    for line, (name, (images, answers)) in zip(figure.subplots(3, n, squeeze=False), rows.items(), strict=True):
        for i, axes in enumerate(line):
            image = images[i].squeeze(-1) if images.shape[-1] == 1 else images[i]
            axes.imshow(np.clip(image, 0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            if answers is not None:
                best = int(answers[i].argmax())
                color = COLORS[0] if best == targets[i] else COLORS[1]
                axes.set_xlabel(f"{_short(class_names[best])}\n{answers[i][best]:.1%}", fontsize=9, color=color)
        line[0].set_ylabel(name, fontsize=10)
    figure.supxlabel(
        "Below each image what the classifier says: blue is right, orange wrong. In the middle grey is no change, "
        f"black and white {100 * largest:.2g} % of the range.",
        fontsize=8.5,
        color="0.35",
    )
    save_figure(figure, path)


def _short(name: str) -> str:
    return as_label(name if len(name) <= _NAME else name[: _NAME - 1] + "…")
