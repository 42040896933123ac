"""The history of a training as a table on the disk."""

import csv
import io
import itertools
import os
import pathlib
import re

import keras

from kgan.files import reason, write_text


class HistoryFile(keras.callbacks.Callback):
    """Writes a CSV file with a row per epoch: its number, from 1, and everything that was logged, in full precision.

    When `fit` starts at a later epoch, because training is resumed, the rows of the epochs before are kept and those
    of epochs that are trained again are replaced. The file is complete at every moment.

    Args:
        path: where to write, usually ending in `.csv`; folders that are missing are made when training begins.

    Raises:
        ValueError: by `fit`, if training is resumed and the file is damaged.
    """

    def __init__(self, path: str | os.PathLike):
        super().__init__()
        self.path = pathlib.Path(path)
        self._rows = None

    def on_train_begin(self, logs=None):
        self.path.parent.mkdir(parents=True, exist_ok=True)
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

    Raises:
        ValueError: if the file is damaged.
    """
    if not pathlib.Path(path).exists():
        return {}
    rows = [row for row in read_rows(path) if epochs is None or int(row["epoch"]) <= epochs]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [float(row.get(name) or "nan") for row in rows] for name in names}


def read_rows(path: str | os.PathLike) -> list[dict[str, str]]:
    """The rows of the file as text, by column.

    Raises:
        ValueError: if it does not hold a row of numbers for each epoch, in their order.
    """
    try:
        text = pathlib.Path(path).read_bytes().decode("utf-8")
        # Strict: a quotation mark that somebody's editor left open would swallow the rows after it.
        table = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        rows, names = list(table), table.fieldnames or ()
    except OSError as error:
        raise ValueError(f"{reason(error)}: it cannot be read.") from None
    except (ValueError, csv.Error) as error:  # a ValueError: bytes that are no UTF-8
        raise ValueError(f"{path} is damaged: {error}.") from None
    if text and not text.endswith("\n"):  # a number may have lost its end and still be one
        raise ValueError(f"{path} is damaged: its last line has no end.")
    if "epoch" not in names:
        raise ValueError(f"{path} is damaged: it has no column named epoch.")
    for number, row in enumerate(rows, start=1):
        whole = None not in row and None not in row.values()
        if not whole or not re.fullmatch("[0-9]{1,9}", row["epoch"]) or not all(map(_is_number, row.values())):
            raise ValueError(f"{path} is damaged: its row {number} does not hold a number in each column.")
    epochs = [int(row["epoch"]) for row in rows]
    if any(after != before + 1 for before, after in itertools.pairwise(epochs)):
        raise ValueError(f"{path} is damaged: its epochs do not follow one another.")
    return rows


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True
