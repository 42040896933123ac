"""How far training is, on the screen."""

import atexit
import time

import keras
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from kgan.scalars import as_real

_REDRAW = 0.25  # seconds between two looks of the bar
_UNLIMITED = 10**6  # more epochs than this are no plan


class Progress(keras.callbacks.Callback):
    """One bar over the whole training with the time left and every player's loss; use it with `fit(verbose=0)`.

    Where the output is no terminal, such as a log file, a line per epoch takes its place.

    Args:
        minutes: the limit of time, if training ends by it (see `Stopwatch`).
        seconds_before: what earlier parts of a resumed training have taken.
        console: a `rich.console.Console` to write to; standard output by default.
    """

    # Keras may call `on_train_batch_end` from another thread: training need not wait for the screen.
    async_safe = True

    def __init__(self, minutes: float | None = None, *, seconds_before: float = 0.0, console: Console | None = None):
        super().__init__()
        self.minutes = None if minutes is None else as_real(minutes, "minutes", 0)
        self.seconds_before = as_real(seconds_before, "seconds_before", 0)
        self.console = console or Console()
        self._bar = None

    def on_train_begin(self, logs=None):
        self._start = self._first = self._drawn = time.monotonic()
        self._begin = self._done = self._steps_seen = 0
        self._first_epoch = None
        if self.console.is_terminal:
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(None),
                TextColumn("{task.fields[losses]}"),
                TextColumn("{task.fields[left]}", style="cyan"),
                console=self.console,
                auto_refresh=False,
                expand=True,
            )
            self._task = self._bar.add_task("starting", total=None, losses="", left="")
            self._bar.start()
            self._bar.refresh()
            # An exception ends `fit` without `on_train_end`, and the bar hides the cursor.
            atexit.register(self.close)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._epoch_start = time.monotonic()
        if self._first_epoch is None:
            self._first_epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        self._steps_seen = max(self._steps_seen, batch + 1)
        if self._bar is not None and now - self._drawn >= _REDRAW:
            self._drawn = now
            self._draw(batch + 1, logs)

    def on_epoch_end(self, epoch, logs=None):
        if self._bar is not None:
            self._draw(0, logs, epoch + 1)
            return
        seconds = time.monotonic() - self._epoch_start
        left = self._left(self._fraction(epoch + 1, 0))
        parts = [f"epoch {self._epoch_name(epoch)}", _losses(logs), f"{seconds:.1f} s", left]
        self.console.print("   ".join(part for part in parts if part), highlight=False, soft_wrap=True)

    def on_train_end(self, logs=None):
        self.close()

    def close(self) -> None:
        """Ends the bar where it is and shows the cursor again; `fit` does so itself unless it ends by an exception."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            atexit.unregister(self.close)

    def _draw(self, step, logs, epoch=None):
        fraction = self._fraction(self._epoch if epoch is None else epoch, step)
        self._bar.update(
            self._task,
            description=f"epoch {self._epoch_name(self._epoch)}",
            completed=fraction or 0,
            total=None if fraction is None else 1,
            losses=_losses(logs),
            left=self._left(fraction),
        )
        self._bar.refresh()

    def _epoch_name(self, epoch):
        epochs = self.params.get("epochs") or _UNLIMITED
        return f"{epoch + 1}" if epochs >= _UNLIMITED else f"{epoch + 1:{len(str(epochs))}}/{epochs}"

    def _fraction(self, epochs_done, steps_done):
        """The share of the whole training that is over, by epochs or by time, whichever is further."""
        shares = []
        steps = self.params.get("steps") or (self._steps_seen if epochs_done > self._first_epoch else None)
        epochs = self.params.get("epochs") or _UNLIMITED
        if epochs < _UNLIMITED and steps:
            shares.append((epochs_done + min(steps_done / steps, 1)) / epochs)
        if self.minutes is not None:
            shares.append(self._seconds() / (60 * self.minutes))
        return min(1.0, max(shares)) if shares else None

    def _left(self, fraction):
        """Time left, from the pace since the bar first moved: the first step is slow, it compiles."""
        limit = None if self.minutes is None else max(0.0, 60 * self.minutes - self._seconds())
        now = time.monotonic()
        if fraction is None or fraction >= 1:
            return ""
        if not self._begin:
            self._begin, self._first = fraction, now
        elif fraction > self._begin:
            left = (now - self._first) * (1 - fraction) / (fraction - self._begin)
            limit = left if limit is None else min(left, limit)
        return "" if limit is None else f"{int(limit) // 60}:{int(limit) % 60:02d} left"

    def _seconds(self):
        return self.seconds_before + time.monotonic() - self._start


def _losses(logs):
    suffix = "_loss"
    names = [name for name in logs or {} if name.endswith(suffix) and not name.startswith("val_")]
    return "  ".join(f"{name.removesuffix(suffix)} {float(logs[name]):.3f}" for name in names)
