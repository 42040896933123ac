"""The command `kgan` from its first moment: to import TensorFlow takes seconds, in which Ctrl-C is answered too.

It lies beside the package `kgan`, because Python imports all of `kgan` before anything that is inside it.
"""

import os
import signal
import sys

from kgan_command.quiet import native_messages_dropped

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # systems have not all of them


def main() -> int:
    """Runs the command line, see `kgan.cli.main`; a signal before it has begun ends the process with one word."""
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _stop)
    # TensorFlow reports its CPU features and missing GPU drivers on every start, unless a level was chosen. What goes
    # wrong reaches Python as an exception all the same.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with native_messages_dropped():
        from kgan.cli import app

    for number, handler in before.items():
        signal.signal(number, handler)
    return app.main()


def _stop(number, frame):
    # Nothing has begun yet, and an exception could be swallowed by one of the hundreds of modules on their way.
    try:
        print("Stopped.", file=sys.stderr, flush=True)
    finally:
        os._exit(128 + number)
