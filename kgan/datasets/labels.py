"""Class ids that count up from 0, whatever ids a data set uses."""

from collections.abc import Sequence

import numpy as np

from kgan.datasets.words import listed
from kgan.foreign_text import printable


def count_up(
    name: str, targets: np.ndarray, ids: Sequence[int] | np.ndarray, names: Sequence[str] | None = None
) -> tuple[np.ndarray, list[str] | None, list[str]]:
    """Renumbers labels whose ids have gaps, so that no class is left that has no image.

    Args:
        name: of the data set, for the note.
        targets: integers, shape `(n,)`.
        ids: those that occur anywhere in the data set, so that all of its parts are renumbered alike.
        names: one for each id from 0 on, if they have names.

    Returns:
        `(targets, names, notes)`: the new ids, the names of those classes that are left (the old ids, if they had no
        names), and a note if anything was renumbered.
    """
    ids = np.unique(ids)
    if np.array_equal(ids, np.arange(len(ids))) and (names is None or len(names) == len(ids)):
        return targets, None if names is None else list(names), []
    new_names = [str(number) if names is None else names[number] for number in ids]
    what = _range_or_list(ids)
    if names is not None:
        what += f", of {len(names)} classes that have names"
    note = (
        f"The labels of {printable(name)} are {what}: they were renumbered from 0 to {len(ids) - 1} in their order, "
        f"and the names of the classes tell which is which ({listed(new_names)})."
    )
    return np.searchsorted(ids, targets), new_names, [note]


def _range_or_list(ids: np.ndarray) -> str:
    is_range = len(ids) > 2 and np.array_equal(ids, np.arange(ids[0], ids[-1] + 1))
    return f"{ids[0]} to {ids[-1]}" if is_range else listed(ids)
