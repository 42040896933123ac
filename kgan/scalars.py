"""Numbers as arguments: whole numbers, real numbers and shares, of Python, of NumPy or as a tensor without axes.

One place for what counts as a number, so that `np.int64(8)`, `labels.max() + 1` and `np.float32(0.25)` are taken
wherever `8` and `0.25` are, and `True`, `"8"` and NaN nowhere.
"""

import math
import operator

import numpy as np


def is_count(number, least: int = 1) -> bool:
    """Whether `number` is a whole number from `least` up."""
    try:
        return not _is_bool(number) and operator.index(number) >= least
    except (TypeError, AttributeError):  # AttributeError: TensorFlow's answer for a tensor of floats
        return False


def as_count(number, name: str, least: int = 1, most: int | None = None) -> int:
    """`number` as a Python int.

    Args:
        number: what the user gave.
        name: of the argument, for the message.
        least: the smallest number that is allowed.
        most: the largest one; `None` for no limit.

    Raises:
        ValueError: if it is no whole number in these limits.
    """
    if not is_count(number, least) or (most is not None and operator.index(number) > most):
        limits = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be a whole number {limits}, got {number!r}.")
    return operator.index(number)


def as_seed(seed, name: str = "seed") -> int | None:
    """`seed` as a Python int from 0 to 2**31 - 1, or `None` as it is.

    Raises:
        ValueError: for anything else.
    """
    return None if seed is None else as_count(seed, name, 0, 2**31 - 1)


def is_real(number) -> bool:
    """Whether `number` is a finite number, whole or not."""
    if _is_bool(number) or isinstance(number, str | bytes) or getattr(number, "ndim", 0):
        return False
    try:
        return math.isfinite(float(number))
    except (TypeError, ValueError, OverflowError):
        return False


def as_real(
    number, name: str, least: float = -math.inf, most: float = math.inf, *, above: bool = False, below: bool = False
) -> float:
    """`number` as a Python float.

    Args:
        number: what the user gave.
        name: of the argument, for the message.
        least: the smallest number that is allowed.
        most: the largest one.
        above: whether `least` itself is excluded.
        below: whether `most` itself is excluded.

    Raises:
        ValueError: if it is no finite number in these limits.
    """
    good = is_real(number)
    if good:
        value = float(number)
        good = (value > least if above else value >= least) and (value < most if below else value <= most)
    if not good:
        limits = []
        if least > -math.inf:
            limits.append(f"above {least:g}" if above else f"of at least {least:g}")
        if most < math.inf:
            limits.append(f"below {most:g}" if below else f"of at most {most:g}")
        limits = " and ".join(limits)
        raise ValueError(f"{name} must be a finite number{' ' if limits else ''}{limits}, got {number!r}.")
    return float(number)


def as_share(number, name: str, *, below: bool = False) -> float:
    """`number` as a Python float from 0 to 1, or below 1 with `below`.

    Raises:
        ValueError: for anything else.
    """
    if not is_real(number) or not (0 <= float(number) < 1 if below else 0 <= float(number) <= 1):
        limits = "at least 0 and below 1" if below else "from 0 to 1"
        raise ValueError(f"{name} must be a number {limits}, got {number!r}.")
    return float(number)


def _is_bool(number) -> bool:
    return isinstance(number, bool | np.bool_) or getattr(number, "dtype", None) == np.bool_
