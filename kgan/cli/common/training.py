"""The part of a command that trains: however it ends, it says what was kept."""

import contextlib
import pathlib
from collections.abc import Callable

import keras
import tensorflow as tf
from rich.console import Console

from kgan.callbacks.history_file import read_history
from kgan.cli.common.run_folder import RunFolder
from kgan.cli.common.screen import say
from kgan.foreign_text import shell_word
from kgan_command import ends, signals
from kgan_command.settings.command_settings import CommandSettings

# What ends a training with a word of what was kept; the rest is told by `kgan_command.ends`.
_ENDS = (KeyboardInterrupt, FloatingPointError, MemoryError, OSError, tf.errors.ResourceExhaustedError)


class StopIfAsked(keras.callbacks.Callback):
    """Ends training after a signal whose exception was dropped on its way."""

    def on_train_batch_end(self, batch, logs=None):
        signals.stop_if_asked()


def to_its_end(
    work: Callable[[], object], kept: Callable[[bool], str], kind: type[CommandSettings], console: Console
) -> int:
    """Trains.

    Args:
        work: the training, and the writing of its results.
        kept: says what is kept; called with whether to go on helps.
        kind: the settings of the command.
        console: where the training writes.

    Returns:
        The exit code.
    """
    try:
        work()
        return 0
    except BrokenPipeError:  # of the screen, as in `kgan train | head -1`
        raise
    except (KeyboardInterrupt, Exception) as error:
        error = signals.was_asked() or error  # whatever a library has made of the signal
        if not isinstance(error, _ENDS):
            raise
        if isinstance(error, KeyboardInterrupt) and console.is_terminal:
            console.print()  # the terminal has shown ^C on this line
        why = ends.said_of(error, kind)
        why = f"The run cannot be written: {why}" if isinstance(error, OSError) else f"{why[0].upper()}{why[1:]}"
        with contextlib.suppress(OSError):  # of a terminal that has been closed
            say(Console(stderr=True), f"{why} {kept(isinstance(error, KeyboardInterrupt | OSError))}")
        return ends.exit_code(error, 1)


def kept(folder: RunFolder, epochs: int, goes_on: bool) -> str:
    """What a run keeps that has been stopped, and the command that goes on with it where going on helps."""
    if not folder.config.exists():
        return f"Nothing is kept: {folder.path} was removed or renamed meanwhile."
    command = f"; go on with: kgan {folder.command} --resume {shell_word(folder.path)}" if goes_on else "."
    number = {0: "no complete epoch is", 1: "1 complete epoch is"}.get(epochs, f"{epochs} complete epochs are")
    return f"In {folder.path} {number} kept{command}"


def curves(history: pathlib.Path) -> dict[str, list[float]]:
    """What the history of a run draws."""
    return {name: values for name, values in read_history(history).items() if name not in ("epoch", "seconds")}
