"""Warnings that point to the line of the user who called, whatever lies between."""

import os
import sys
import warnings
from collections.abc import Callable

_NOT_THE_USER = tuple(f"{os.sep}{name}{os.sep}" for name in ("kgan", "keras", "tensorflow"))


def from_the_users_line() -> Callable[[str], None]:
    """A function that warns with a sentence, as if the line of the user that led here had said it.

    It may be called later and from another thread, such as one of `tf.data`, in which that line is nowhere to be found.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_inside(frame.f_code.co_filename):
        frame = frame.f_back
    filename, line, module = frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__")

    def say(sentence: str):
        warnings.warn_explicit(sentence, UserWarning, filename, line, module)

    return say


def _is_inside(filename: str) -> bool:
    """Whether a file belongs to kgan, Keras or TensorFlow."""
    here = os.path.dirname(os.path.abspath(__file__)) + os.sep
    return filename.startswith(here) or any(f"{os.sep}site-packages{part}" in filename for part in _NOT_THE_USER)
