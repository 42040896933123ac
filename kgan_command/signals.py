"""Signals that end a program, as Ctrl-C does: what runs stops where it is and says what was kept."""

import contextlib
import signal
import threading
from collections.abc import Iterator

_NAMES = ("SIGTERM", "SIGHUP")  # systems have not all of them


class Terminated(KeyboardInterrupt):
    """Raised in place of `KeyboardInterrupt` for another signal.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def as_interrupts() -> Iterator[None]:
    """Raises `Terminated` in the main thread for signals that would end the process without a word.

    What is ignored stays so: `nohup` starts commands that outlive their terminal in that way.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
        before = {number: signal.getsignal(number) for number in numbers}
        before = {number: handler for number, handler in before.items() if handler is signal.SIG_DFL}
    for number in before:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code(stop: KeyboardInterrupt) -> int:
    """What a shell reports of a process that such a signal has ended: 130 for Ctrl-C."""
    return 128 + (stop.number if isinstance(stop, Terminated) else signal.SIGINT)


def _raise(number, frame):
    raise Terminated(number)
