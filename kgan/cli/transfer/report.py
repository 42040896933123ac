"""How well a classifier did on held-out images: on the screen, in a table and in a picture; and how to use it."""

import csv
import io
import os

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kgan.files import write_text
from kgan.foreign_text import shortened, storable
from kgan.metrics.held_out import HeldOut
from kgan.metrics.intervals import wilson_interval

_MOST_ROWS = 20  # of the table on the screen; of more classes it has the worst _WORST
_WORST = 10


def write_predictions(result: HeldOut, path: str | os.PathLike) -> None:
    """Writes a CSV file with a row per image: file, true class, predicted class and the probability of that.

    The names of files are as they are, within quotes where they hold a line break; of stray bytes, which UTF-8
    cannot hold, there are escapes.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["file", "true", "predicted", "probability"])
    for file, target, row in zip(result.files, result.targets, result.probabilities, strict=True):
        best = row.argmax()
        table.writerow([storable(file), result.class_names[target], result.class_names[best], f"{row[best]:.4f}"])
    write_text(path, text.getvalue())


def show(result: HeldOut, console: Console, before: float | None = None) -> None:
    """Prints the accuracy beside that of guessing, and before fine-tuning, and how it is for each class."""
    low, high = wilson_interval(result.right, len(result.targets))
    guess = float((result.targets == result.largest_class).mean())
    largest = result.class_names[result.largest_class]
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_row(
        Text("held-out accuracy", "bold"),
        Text(_percent(result.accuracy), "bold green"),
        Text(f"{result.right:,} of {len(result.targets):,}; 95 % interval {100 * low:.1f} to {_percent(high)}"),
    )
    if before is not None:
        table.add_row("before fine-tuning", _percent(before), "")
    table.add_row(
        "without looking", _percent(guess), Text(f"by always answering {shortened(largest)}, the largest class")
    )
    console.print(table)
    _show_classes(result, console)


def _show_classes(result, console):
    counts = result.counts
    totals, right = counts.sum(axis=1), counts.diagonal()
    order = np.arange(len(counts))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    if len(counts) > _MOST_ROWS:
        order = np.argsort(right / np.maximum(totals, 1), kind="stable")[:_WORST]
        table.title, table.title_justify = f"The {_WORST} classes with the fewest right answers", "left"
    table.add_column("class", style="cyan", overflow="fold")
    table.add_column("held out", justify="right")
    table.add_column("right", justify="right")
    table.add_column("most often mistaken for", overflow="fold")
    for i in order:
        mistakes = np.where(np.arange(len(counts)) == i, 0, counts[i])
        worst = mistakes.argmax()
        mistaken = f"{shortened(result.class_names[worst])} ({mistakes[worst]})" if mistakes[worst] else ""
        share = _percent(right[i] / totals[i], 0) if totals[i] else "-"
        table.add_row(Text(shortened(result.class_names[i])), f"{totals[i]:,}", share, Text(mistaken))
    console.print(table)


def serving_lines(classifier: str | os.PathLike, image_shape: tuple[int, int, int]) -> list[str]:
    """The lines of a Python program that classifies an image file, which it reads exactly as training did.

    Args:
        classifier: the folder of the exported classifier.
        image_shape: `(height, width, channels)` of the images that it was trained on.
    """
    height, width, channels = image_shape
    # A classifier that learned from grey pictures sees grey in all three channels.
    grey = (", channels=1", ".repeat(3, axis=-1)") if channels == 1 else ("", "")
    return [
        "import kgan, tensorflow as tf",
        f"classifier = tf.saved_model.load({os.fspath(classifier)!r})",
        f'image = kgan.datasets.read_image("photo.jpg", ({height}, {width}){grey[0]}){grey[1]}',
        "probabilities = classifier.serve(image[None]).numpy()[0]",
        "print(classifier.class_names.numpy()[probabilities.argmax()].decode(), probabilities.max())",
    ]


def _percent(share: float, decimals: int = 1) -> str:
    return f"{100 * share:.{decimals}f} %"
