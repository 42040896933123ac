"""Names in the order in which people count, and lists of names in sentences."""

import os
import re
from collections.abc import Sequence

from kgan.foreign_text import shortened

_NUMBER = re.compile("([0-9]+)")
_SHOWN = 5  # names that a sentence lists before it says how many more there are


def natural_key(path: str) -> list:
    """What to sort paths by, folder by folder, so that `2` comes before `10`; equal numbers by their spelling."""
    return [(_numbers_and_text(name), name) for name in path.split(os.sep)]


def _numbers_and_text(name: str) -> list[tuple]:
    # Numbers come before text, as in the order of characters.
    parts = [part for part in _NUMBER.split(name) if part]
    return [(0, int(part)) if part[0] in "0123456789" else (1, part) for part in parts]


def listed(names: Sequence, last: str = "and") -> str:
    """`names` as words of a sentence, such as `a, b and c`; of many, the first ones and how many more there are."""
    count = len(names)
    parts = [shortened(name) for name in names[: _SHOWN if count <= _SHOWN else _SHOWN - 1]]
    return joined([*parts, f"{count - len(parts)} more"] if count > _SHOWN else parts, last)


def joined(parts: Sequence[str], last: str = "and") -> str:
    """All `parts` of a sentence, printable ones, with commas and a last `and` between them."""
    return f" {last} ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
