"""The callbacks that `fit` runs: the user's, and those that keep count and stop a run that diverges."""

import warnings

import keras
import numpy as np
from keras import tree

from kgan.backend import keras_internals


def complete(model, callbacks) -> list:
    """The callbacks for `keras.Model.fit` of `model`.

    Raises:
        ValueError: for a `CallbackList`, which is tied to a model already.
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        raise ValueError("give fit a list of callbacks, not a CallbackList.")
    callbacks = tree.flatten(callbacks or [])
    # First, so that what others save at the end of an epoch knows that it is over.
    own = [_Progress([c for c in callbacks if isinstance(c, keras.callbacks.BackupAndRestore)])]
    if model.jit_compile:
        asked_to_end = any(isinstance(callback, keras.callbacks.TerminateOnNaN) for callback in callbacks)
        own.append(_StopUnlessFinite(quietly=asked_to_end))
    return [*own, *callbacks]


class _Progress(keras.callbacks.Callback):
    """Tells the model where epochs begin and end, and `BackupAndRestore` which one is running."""

    def __init__(self, backups: list):
        super().__init__()
        self.backups = backups

    def on_epoch_begin(self, epoch, logs=None):
        self.model.begin_epoch()
        for backup in self.backups:
            keras_internals.set_epoch(backup, epoch)

    def on_epoch_end(self, epoch, logs=None):
        self.model.end_epoch()


class _StopUnlessFinite(keras.callbacks.Callback):
    """Stops a run whose loss is NaN or infinite, under XLA: that drops the check within the step itself.

    Args:
        quietly: whether `fit` ends as `TerminateOnNaN` ends it, which looks for a log named `loss`, with a warning;
            otherwise by an exception.
    """

    def __init__(self, quietly: bool):
        super().__init__()
        self.quietly = quietly

    def on_train_batch_end(self, batch, logs=None):
        for name, value in (logs or {}).items():
            if name.endswith("loss") and not np.all(np.isfinite(value)):
                sentence = (
                    f"training stopped: {name} is NaN or infinite in step {batch + 1} of the epoch, and under "
                    "jit_compile the weights may be spoiled already: go back to the last checkpoint and lower the "
                    "learning rate; a GAN may want a penalty such as kgan.losses.R1."
                )
                if not self.quietly:
                    raise FloatingPointError(sentence)
                warnings.warn(sentence, stacklevel=2)
                self.model.stop_training = True
                return
