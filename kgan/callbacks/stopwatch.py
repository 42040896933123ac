"""How long training takes, and its end after a given time."""

import time

import keras

from kgan.scalars import as_real


class Stopwatch(keras.callbacks.Callback):
    """Logs the `seconds` of training so far, and ends it with the epoch in which a given time is over.

    Put it before callbacks that should see `seconds`.

    Args:
        minutes: train so long; `None` for no limit.
        seconds_before: what earlier parts of a resumed training have taken.
    """

    def __init__(self, minutes: float | None = None, *, seconds_before: float = 0.0):
        super().__init__()
        self.minutes = None if minutes is None else as_real(minutes, "minutes", 0)
        self.seconds_before = as_real(seconds_before, "seconds_before", 0)
        self._start = None

    @property
    def seconds(self) -> float:
        """Seconds of training so far, earlier parts included."""
        return self.seconds_before + (0.0 if self._start is None else time.monotonic() - self._start)

    def on_train_begin(self, logs=None):
        self._start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        seconds = self.seconds
        if logs is not None:
            logs["seconds"] = seconds
        if self.minutes is not None and seconds >= 60 * self.minutes:
            self.model.stop_training = True
