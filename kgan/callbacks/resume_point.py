"""A checkpoint from which training goes on as if it had never stopped."""

import json
import os
import pathlib

import keras

from kgan.callbacks.files import write_text, write_whole


class ResumePoint(keras.callbacks.Callback):
    """Saves everything that training needs to go on, before the first epoch and after each one.

    For a `kgan.Game` that is the weights of all players, the moving average, the optimizers and the random states, so
    that the resumed training equals the uninterrupted one bit for bit. Whatever interrupts it, even `kill -9` or a full
    disk, the folder holds one complete checkpoint: `state.json` names its weights, and is replaced only when they are
    written.

    Args:
        folder: where to save; made if it is missing.

    Examples:
    ```python
    point = kgan.callbacks.ResumePoint("checkpoint")
    gan.fit(images, epochs=20, initial_epoch=point.restore(gan), callbacks=[point])
    ```
    """

    def __init__(self, folder: str | os.PathLike):
        super().__init__()
        self.folder = pathlib.Path(folder)

    @property
    def epochs(self) -> int | None:
        """How many epochs were complete when the checkpoint was made; `None` if there is none."""
        state = self._state()
        return None if state is None else state["epochs"]

    def restore(self, model: keras.Model) -> int:
        """Puts `model` into the saved state.

        Args:
            model: a compiled model, built as the saved one was.

        Returns:
            The number of epochs that are complete, for `fit(initial_epoch=...)`; 0, with the model left as it is, if
            nothing has been saved yet.

        Raises:
            ValueError: if the checkpoint is damaged or belongs to another kind of model.
        """
        state = self._state()
        if state is None:
            return 0
        try:
            model.load_weights(self.folder / state["weights"])
        except (OSError, KeyError, ValueError) as error:
            raise ValueError(
                f"the checkpoint {self.folder / state['weights']} is damaged or belongs to another model: {error}."
            ) from error
        return state["epochs"]

    def save(self, epochs: int) -> None:
        """Saves the model as it is after `epochs` complete epochs, and then removes the checkpoint before."""
        weights = self.folder / f"epoch_{epochs:04d}.weights.h5"
        write_whole(weights, self.model.save_weights)
        write_text(self.folder / "state.json", json.dumps({"epochs": epochs, "weights": weights.name}))
        for old in self.folder.glob("epoch_*.weights.h5"):
            if old != weights:
                old.unlink()

    def on_train_begin(self, logs=None):
        if self._state() is None:
            self.save(0)

    def on_epoch_end(self, epoch, logs=None):
        self.save(epoch + 1)

    def _state(self):
        path = self.folder / "state.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ValueError(f"{path} is damaged: {error}.") from None
