"""The learning curves of a run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kgan.visualize.colors import COLORS
from kgan.visualize.figures import as_label, save_figure


def plot_history(history: Mapping[str, Sequence[float]], path: str | os.PathLike) -> None:
    """Draws the learning curves of a run as PNG, a panel for each kind of value that it logged.

    Losses share one panel, mean outputs of the discriminator (`real` or `fake` in their names) another, penalties a
    third, accuracies a fourth, and what is left a fifth. A validation value (`val_...`) is the dashed line of its
    training value's colour.
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
        colors = dict(zip(dict.fromkeys(map(_base, names)), COLORS * len(names), strict=False))
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
                label=as_label(name.replace("_", " ")),
            )
        axes.set_title(title, fontsize=11, loc="left")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(color="0.9")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
    save_figure(figure, path)


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
    panels = {"loss": [], "mean discriminator output": [], "penalty": [], "accuracy": [], "other values": []}
    for name in names:
        if name.endswith("loss"):
            panels["loss"].append(name)
        elif {"real", "fake"} & set(name.split("_")):
            panels["mean discriminator output"].append(name)
        elif name.endswith("penalty") or _base(name) in ("r1", "r2", "dragan"):
            panels["penalty"].append(name)
        elif name.endswith("accuracy"):
            panels["accuracy"].append(name)
        else:
            panels["other values"].append(name)
    return panels
