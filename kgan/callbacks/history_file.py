"""The history of a training as a table on the disk."""

import csv
import io
import os
import pathlib

import keras

from kgan.callbacks.files import write_text


class HistoryFile(keras.callbacks.Callback):
    """Writes a CSV file with a row per epoch: its number, from 1, and everything that was logged, in full precision.

    When `fit` starts at a later epoch, because training is resumed, the rows of the epochs before are kept and those
    of epochs that are trained again are replaced. The file is complete at every moment.

    Args:
        path: where to write, usually ending in `.csv`.
    """

    def __init__(self, path: str | os.PathLike):
        super().__init__()
        self.path = pathlib.Path(path)
        self._rows = None

    def on_train_begin(self, logs=None):
        self._rows = None

    def on_epoch_begin(self, epoch, logs=None):
        if self._rows is None:
            before = read_rows(self.path) if epoch and self.path.exists() else []
            self._rows = [row for row in before if int(row["epoch"]) <= epoch]

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, **{name: repr(float(value)) for name, value in (logs or {}).items()}}
        self._rows.append(row)
        text = io.StringIO()
        names = dict.fromkeys(name for row in self._rows for name in row)
        table = csv.DictWriter(text, names, lineterminator="\n")
        table.writeheader()
        table.writerows(self._rows)
        write_text(self.path, text.getvalue())


def read_history(path: str | os.PathLike, epochs: int | None = None) -> dict[str, list[float]]:
    """Reads what `HistoryFile` wrote, as `History.history` of `fit` holds it.

    Args:
        path: the CSV file.
        epochs: leave out what comes after so many epochs.

    Returns:
        Dict from each logged name, and `epoch`, to a list of one number per epoch; NaN where it was not logged. Empty
        if there is no such file.
    """
    if not pathlib.Path(path).exists():
        return {}
    rows = [row for row in read_rows(path) if epochs is None or int(row["epoch"]) <= epochs]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [float(row.get(name) or "nan") for row in rows] for name in names}


def read_rows(path: str | os.PathLike) -> list[dict[str, str]]:
    """The rows of the file as text, by column."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
