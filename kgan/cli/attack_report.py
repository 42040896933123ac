"""What `kgan attack` found: on the screen, in a table and in figures."""

import csv
import dataclasses
import io
import pathlib

import numpy as np
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table

from kgan.files import write_text
from kgan.metrics.intervals import wilson_interval
from kgan.visualize.colors import COLORS
from kgan.visualize.figures import as_label, save_figure

_NAME = 18  # characters of a class name under an image


@dataclasses.dataclass(frozen=True)
class Report:
    """Accuracy for each strength of an attack.

    Attributes:
        epsilons: the strengths, growing.
        right: how many images are classified rightly at each of them.
        images: of how many.
        attack: the attack in words, such as `"fgsm, linf"`.
        bounds: the range that epsilon is measured in.
        guess: the accuracy of always answering the largest class.
    """

    epsilons: list[float]
    right: list[int]
    images: int
    attack: str
    bounds: str
    guess: float

    def rows(self) -> list[tuple[float, int, float, float, float]]:
        """`(epsilon, right, accuracy, low, high)` for each strength, with the 95 % confidence interval."""
        return [
            (epsilon, right, right / self.images, *wilson_interval(right, self.images))
            for epsilon, right in zip(self.epsilons, self.right, strict=True)
        ]

    def show(self, console: Console) -> None:
        """Prints the table."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("epsilon", "right", "of images", "accuracy", "95 % interval"):
            table.add_column(name, justify="right", no_wrap=True, style="bold" if name == "accuracy" else None)
        for epsilon, right, accuracy, low, high in self.rows():
            color = "red" if high < self.guess else "yellow" if low < self.guess else "green"
            share = f"[{color}]{100 * accuracy:.1f} %[/]"
            table.add_row(
                f"{epsilon:.4g}", f"{right:,}", f"{self.images:,}", share, f"{100 * low:.1f} to {100 * high:.1f} %"
            )
        console.print(table)

    def write(self, folder: pathlib.Path) -> None:
        """Writes `accuracy.csv` and `accuracy.png`."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["epsilon", "right", "images", "accuracy", "low", "high"])
        for epsilon, right, accuracy, low, high in self.rows():
            table.writerow([repr(epsilon), right, self.images, *(f"{share:.6f}" for share in (accuracy, low, high))])
        write_text(folder / "accuracy.csv", text.getvalue())

        epsilons, _, accuracy, low, high = map(np.array, zip(*self.rows(), strict=True))
        figure = Figure(figsize=(6.4, 4), dpi=120, layout="constrained")
        axes = figure.subplots()
        axes.fill_between(epsilons, low, high, color=COLORS[0], alpha=0.2, linewidth=0, label="95 % interval")
        axes.plot(epsilons, accuracy, "o-", color=COLORS[0], linewidth=2, markersize=4, label="accuracy")
        axes.axhline(self.guess, color="0.5", linewidth=1, linestyle=":", label="always the largest class")
        axes.set_title(f"Right answers of {self.images:,} images, attacked by {self.attack}", fontsize=11, loc="left")
        axes.set_xlabel(f"epsilon, in the range {self.bounds} of the input")
        axes.set_ylim(-0.02, 1.02)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.grid(color="0.92")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        save_figure(figure, folder / "accuracy.png")


@dataclasses.dataclass(frozen=True)
class Examples:
    """A few images before and after an attack.

    Attributes:
        before: float `(n, h, w, c)` with 1 or 3 channels, in 0..1.
        after: the same, attacked.
        said: what the classifier says to both: two arrays of probabilities `(n, classes)`.
        targets: the true classes.
        class_names: the names of all classes.
        title: what was done.
    """

    before: np.ndarray
    after: np.ndarray
    said: tuple[np.ndarray, np.ndarray]
    targets: np.ndarray
    class_names: list[str]
    title: str

    def write(self, path: pathlib.Path) -> None:
        """Draws original, perturbation and attacked image, a column for each."""
        n = len(self.before)
        change = self.after - self.before
        largest = float(np.abs(change).max())
        rows = {
            "original": (self.before, self.said[0]),
            "perturbation": (0.5 + change / (2 * largest or 1), None),
            "attacked": (self.after, self.said[1]),
        }
        figure = Figure(figsize=(1.7 * n + 0.6, 6.4), dpi=120, layout="constrained")
        figure.suptitle(self.title, fontsize=11)
        for line, (name, (images, said)) in zip(figure.subplots(3, n, squeeze=False), rows.items(), strict=True):
            for i, axes in enumerate(line):
                image = images[i].squeeze(-1) if images.shape[-1] == 1 else images[i]
                axes.imshow(np.clip(image, 0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
                axes.set_xticks([])
                axes.set_yticks([])
                if said is not None:
                    best = int(said[i].argmax())
                    color = COLORS[0] if best == self.targets[i] else COLORS[1]
                    axes.set_xlabel(f"{_short(self.class_names[best])}\n{said[i][best]:.1%}", fontsize=9, color=color)
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
