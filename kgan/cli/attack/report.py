"""What `kgan attack` found: on the screen, in a table and in a figure."""

import csv
import dataclasses
import io
import pathlib

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from kgan.files import write_text
from kgan.metrics.intervals import wilson_interval
from kgan.visualize.attacks import plot_accuracy


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
        plot_accuracy(
            epsilons,
            accuracy,
            (low, high),
            folder / "accuracy.png",
            guess=self.guess,
            title=f"Right answers of {self.images:,} images, attacked by {self.attack}",
            unit=f"epsilon, in the range {self.bounds} of the input",
        )
