"""Keeping TensorFlow's native start-up messages off the screen."""

import contextlib
import os
import sys

_kept = []


@contextlib.contextmanager
def native_messages_dropped():
    """Drops what native code writes to the standard error stream; what Python writes there is still seen.

    TensorFlow's libraries report CPU features and missing GPU drivers while they are loaded, before any setting of
    theirs can silence them. Errors that matter reach Python as exceptions, which pass through here.
    """
    try:
        kept = os.dup(2)
    except OSError:  # closed: nothing to keep clean
        yield
        return
    python_stderr = sys.stderr
    # Never closed: log handlers that are made meanwhile, as TensorFlow's are, keep it and write to it later.
    own = open(kept, "w", buffering=1, errors="backslashreplace")
    _kept.append(own)
    with open(os.devnull, "w") as nothing:
        if _writes_to_descriptor_2(python_stderr):
            python_stderr.flush()
            sys.stderr = own
        os.dup2(nothing.fileno(), 2)
        try:
            yield
        finally:
            own.flush()
            sys.stderr = python_stderr
            os.dup2(kept, 2)


def _writes_to_descriptor_2(stream) -> bool:
    try:
        return stream.fileno() == 2
    except (AttributeError, OSError, ValueError):  # a stream without a file, as in a notebook, or none at all
        return False
