"""Importing kgan, and with it TensorFlow: seconds without a word, in which Ctrl-C is answered too."""

import contextlib
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

from kgan_command.quiet import native_messages_dropped

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # systems have not all of them


def work_of(command: str):
    """What does the work of a command: the function of that name in `kgan.cli`, or the module of one that trains."""
    with stopping_at_once():
        # TensorFlow reports its CPU features and missing GPU drivers on every start, unless a level was chosen. What
        # goes wrong reaches Python as an exception all the same.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with native_messages_dropped():
            module = importlib.import_module(f"kgan.cli.{command}")
    return getattr(module, command, module)


@contextlib.contextmanager
def stopping_at_once() -> Iterator[None]:
    """Ends the process with one word at a signal: nothing has begun yet.

    An exception could be swallowed by one of the hundreds of modules on their way.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
        before = {number: signal.getsignal(number) for number in numbers}
        before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}  # as nohup
    for number in before:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number, frame):
    try:
        print("Stopped.", file=sys.stderr, flush=True)
    finally:
        os._exit(128 + number)
