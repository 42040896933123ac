"""Signals that end a program, as Ctrl-C does: what runs stops where it is and says what was kept."""

import contextlib
import signal
import threading
from collections.abc import Iterator

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # systems have not all of them
_asked = None  # the signal that has come, since `as_interrupts` began


class Terminated(KeyboardInterrupt):
    """What `KeyboardInterrupt` is to Ctrl-C, for all signals that end a program.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def as_interrupts() -> Iterator[None]:
    """Raises `Terminated` in the main thread for Ctrl-C and for signals that would end the process without a word.

    Python drops what is raised within a destructor, and libraries turn what passes through them into errors of their
    own: ask `was_asked`, or call `stop_if_asked` now and then. What is ignored stays so: `nohup` starts commands that
    outlive their terminal in that way.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
        before = {number: signal.getsignal(number) for number in numbers}
        usual = (signal.SIG_DFL, signal.default_int_handler)
        before = {number: handler for number, handler in before.items() if handler in usual}
    global _asked
    _asked = None
    for number in before:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def was_asked() -> Terminated | None:
    """The exception of the last signal that came, if one did."""
    return None if _asked is None else Terminated(_asked)


def stop_if_asked() -> None:
    """Raises the exception of a signal that has come once more, where its first one was dropped on its way."""
    if _asked is not None:
        raise Terminated(_asked)


def exit_code(stop: KeyboardInterrupt) -> int:
    """What a shell reports of a process that such a signal has ended: 130 for Ctrl-C."""
    return 128 + (stop.number if isinstance(stop, Terminated) else signal.SIGINT)


def _raise(number, frame):
    global _asked
    _asked = number
    raise Terminated(number)
