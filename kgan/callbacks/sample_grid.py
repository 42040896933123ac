"""Pictures of what a GAN makes, epoch by epoch."""

import errno
import os
import pathlib

import keras
import numpy as np

from kgan.scalars import as_count, as_seed
from kgan.visualize import image_grid, save_image

_MOST_COLUMNS = 16


class SampleGrid(keras.callbacks.Callback):
    """Writes a grid of samples after each epoch, always of the same latent vectors: `epoch_0001.png` and so on.

    The samples are those of `GAN.generate`, from the moving average if there is one. With up to 16 classes, each has
    columns of its own.

    Args:
        folder: where to write; made if it is missing.
        n: how many samples; rounded up to full rows.
        seed: seed of the latent vectors.
        every: write after every so many epochs, and after the last one.
    """

    def __init__(self, folder: str | os.PathLike, *, n: int = 64, seed: int = 0, every: int = 1):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.n, self.seed, self.every = as_count(n, "n"), as_seed(seed), as_count(every, "every")

    def write(self, path: str | os.PathLike) -> np.ndarray:
        """Writes the grid as it is now to `path`, which ends in `.png`.

        Returns:
            The picture, uint8 of shape `(height, width, 1 or 3)`.

        Raises:
            FileNotFoundError: if there is no such folder; `fit` makes its own when training begins, and one that
                somebody removes meanwhile does not come back.
        """
        folder = pathlib.Path(path).parent
        if not folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
        columns = grid_columns(self.n, self.model.num_classes)
        rows = -(-self.n // columns)
        grid = image_grid(self.model.generate(rows * columns, seed=self.seed), columns=columns)
        save_image(grid, path, metadata={"seed": self.seed})
        return grid

    def on_train_begin(self, logs=None):
        self.folder.mkdir(parents=True, exist_ok=True)

    def on_epoch_end(self, epoch, logs=None):
        last = self.model.stop_training or epoch + 1 == self.params.get("epochs")
        if (epoch + 1) % self.every == 0 or last:
            self.write(self.folder / f"epoch_{epoch + 1:04d}.png")


def grid_columns(n: int, num_classes: int | None) -> int:
    """Columns of a grid that is nearly square, in which classes that take turns have columns of their own."""
    side = int(np.ceil(np.sqrt(n)))
    if num_classes and num_classes <= _MOST_COLUMNS:
        return num_classes * max(1, round(side / num_classes))
    return side
