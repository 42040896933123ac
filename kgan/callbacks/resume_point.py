"""A checkpoint from which training goes on as if it had never stopped."""

import hashlib
import io
import json
import os
import pathlib
import re
import warnings

import h5py
import keras

from kgan import files
from kgan.backend import keras_internals
from kgan.foreign_text import first_line
from kgan.scalars import is_count

_WEIGHTS = re.compile(r"epoch_(\d{4,})(-[0-9a-f]{8})?\.weights\.h5")

_STATES = "states_of_callbacks"  # a group of the file


class ResumePoint(keras.callbacks.Callback):
    """Saves everything that training needs to go on, before the first epoch and after each one.

    For a `kgan.Game` that is the weights of all players, the moving average, the optimizers and the random states, so
    that the resumed training equals the uninterrupted one bit for bit. Whatever interrupts it, even `kill -9` or a full
    disk, the folder holds one complete checkpoint: `state.json` names its weights and has their checksum, and is
    replaced only when they are written.

    Args:
        folder: where to save; made if it is missing. A folder that holds a checkpoint is for training that goes on from
            it: call `restore` first.
        without: layers whose weights are left out: frozen ones, which the model that is restored has from elsewhere.
        states_of: other callbacks whose state belongs to the training, such as when it stops. Each has `get_state()`,
            which returns a dict of names to arrays, and `set_state(state)`. Put them before this one in `callbacks`.

    Examples:
    ```python
    point = kgan.callbacks.ResumePoint("checkpoint")
    gan.fit(images, epochs=20, initial_epoch=point.restore(gan), callbacks=[point])
    ```
    """

    def __init__(self, folder: str | os.PathLike, *, without=(), states_of=()):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.without, self.states_of = list(without), list(states_of)
        self._known = None  # the epochs of the checkpoint that this object has restored or saved
        self._begun = False  # whether an epoch of this training has

    @property
    def epochs(self) -> int | None:
        """How many epochs were complete when the checkpoint was made; `None` if there is none.

        Raises:
            ValueError: if the folder holds something else than one checkpoint.
        """
        state = self._state()
        return None if state is None else state["epochs"]

    def check(self) -> int | None:
        """Reads the checkpoint and compares it with its checksum.

        Returns:
            As `epochs`.

        Raises:
            ValueError: if the checkpoint is damaged or incomplete.
        """
        state = self._state()
        if state is None:
            return None
        weights = self.folder / state["weights"]
        try:
            found = files.checksum(weights)
        except OSError as error:
            raise ValueError(f"the checkpoint is incomplete: {files.reason(error)}.") from None
        if found != state.get("sha256", found):  # the first versions wrote none
            raise ValueError(f"the checkpoint {weights} is damaged: its bytes are not those that were written.")
        return state["epochs"]

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
        if self.check() is None:
            return 0
        state = self._state()
        weights = self.folder / state["weights"]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Keras warns of each weight before it raises
                if self.without:
                    keras_internals.load_weights_without(model, weights, self.without)
                else:
                    model.load_weights(weights)
                self._restore_states(weights)
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"the checkpoint {weights} belongs to another model: {first_line(error)}.") from error
        self._known = state["epochs"]
        return state["epochs"]

    def save(self, epochs: int) -> None:
        """Saves the model as it is after `epochs` complete epochs, and then removes the checkpoint before."""
        self.folder.mkdir(exist_ok=True)
        content = self._with_states(keras_internals.weights_as_hdf5(self.model, self.without))
        checksum = hashlib.sha256(content).hexdigest()
        before = self._state()
        name = f"epoch_{epochs:04d}.weights.h5"
        if before is not None and before["weights"] == name:  # which stays until there is another one
            name = f"epoch_{epochs:04d}-{checksum[:8]}.weights.h5"
        files.write_bytes(self.folder / name, content)
        state = {"epochs": epochs, "weights": name, "sha256": checksum}
        files.write_text(self.folder / "state.json", json.dumps(state) + "\n")
        self._known = epochs
        self.clear()

    def clear(self) -> None:
        """Removes what a killed process has left: what it had not finished, and all weights but the last ones."""
        files.clear_unfinished(self.folder)
        state = self._state()
        for weights in self._weights():
            if state is not None and weights.name != state["weights"]:
                weights.unlink()

    def on_train_begin(self, logs=None):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.clear()
        self._begun = False
        if self.epochs is None:
            self.save(0)

    def on_epoch_begin(self, epoch, logs=None):
        if not self._begun and self.epochs not in (epoch, self._known):
            raise ValueError(
                f"{self.folder} holds a checkpoint of {self.epochs} epochs, which this training would overwrite: go on "
                "from it with initial_epoch=point.restore(model), or give another folder."
            )
        self._begun = True

    def on_epoch_end(self, epoch, logs=None):
        self.save(epoch + 1)

    def _with_states(self, content: bytes) -> bytes:
        """The file with the states of other callbacks: one file, so that they always belong together."""
        if not self.states_of:
            return content
        file = io.BytesIO(content)
        with h5py.File(file, "r+") as root:
            for i, callback in enumerate(self.states_of):
                for name, value in callback.get_state().items():
                    root[f"{_STATES}/{i}/{name}"] = value
        return file.getvalue()

    def _restore_states(self, weights: pathlib.Path) -> None:
        if self.states_of:
            with h5py.File(weights) as root:
                for i, callback in enumerate(self.states_of):
                    callback.set_state({name: value[()] for name, value in root[f"{_STATES}/{i}"].items()})

    def _weights(self) -> list[pathlib.Path]:
        return sorted(path for path in self.folder.glob("epoch_*") if _WEIGHTS.fullmatch(path.name))

    def _state(self) -> dict | None:
        path = self.folder / "state.json"
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            trained = [weights for weights in self._weights() if int(_WEIGHTS.fullmatch(weights.name)[1])]
            if trained:  # the very first weights are written just before the first state
                raise ValueError(
                    f"{path} is missing beside {trained[-1].name}: the checkpoint cannot be told from others without "
                    "it."
                ) from None
            return None
        except OSError as error:
            raise ValueError(f"{files.reason(error)}: it cannot be read.") from None
        except (ValueError, RecursionError):
            raise ValueError(f"{path} is damaged: it is no JSON.") from None
        if not _is_state(state):
            raise ValueError(f"{path} is damaged: it does not name the epochs, the weights and their checksum.")
        return state


def _is_state(state) -> bool:
    """Whether this is what `save` writes; a name with a path in it is not."""
    if not isinstance(state, dict) or not isinstance(state.get("weights"), str):
        return False
    if not isinstance(state.get("sha256", ""), str):
        return False
    weights = _WEIGHTS.fullmatch(state["weights"])
    return weights is not None and is_count(state.get("epochs"), 0) and int(weights[1]) == state["epochs"]
