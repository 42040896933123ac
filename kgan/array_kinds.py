"""What an array holds: numbers, or something that no network can compute with. One place for the words about it."""

import re

import numpy as np

_NUMBERS = re.compile(r"bool|u?int|b?float")
_WORDS = {
    "U": "text",
    "T": "text",
    "S": "text",
    "O": "Python objects",
    "c": "complex numbers",
    "M": "dates",
    "m": "spans of time",
    "V": "records",
}


def holds_numbers(dtype) -> bool:
    """Whether `dtype`, of NumPy, TensorFlow or Keras, is one of real numbers or bools."""
    return _NUMBERS.match(_numpy(dtype).name) is not None


def in_words(dtype) -> str:
    """What arrays of `dtype` hold, such as `"text"`."""
    # TensorFlow keeps text, and nothing else, as what NumPy calls objects.
    return "text" if getattr(dtype, "name", "") == "string" else _WORDS.get(_numpy(dtype).kind, str(dtype))


def refuse_unless_numbers(dtype, what: str):
    """Refuses an array, called `what` as the beginning of a sentence, that holds no real numbers.

    Raises:
        ValueError: if so.
    """
    if not holds_numbers(dtype):
        raise ValueError(
            f"{what} holds {in_words(dtype)}, but must hold real numbers: turn it into numbers first, with "
            ".astype('float32') where numbers are kept as something else."
        )


def as_array(values, what: str) -> np.ndarray:
    """`values` as an array, whatever it holds.

    Raises:
        ValueError: for rows of different lengths, which are no array.
    """
    try:
        return np.asarray(values)
    except ValueError:
        raise ValueError(
            f"{what} must be one array, but its rows have different lengths: give them one shape."
        ) from None


def _numpy(dtype) -> np.dtype:
    return np.dtype(getattr(dtype, "as_numpy_dtype", dtype))
