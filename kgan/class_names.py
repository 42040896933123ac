"""Names of classes, in the forms that people have them, as a list in the order of the class ids."""

from collections.abc import Iterable, Mapping

import numpy as np

from kgan.foreign_text import shortened
from kgan.scalars import is_count

_TEXT = (str, bytes)


def as_class_names(names, num_classes: int) -> list[str]:
    """The names of classes 0 to `num_classes` - 1, in this order.

    Args:
        names: the names in the order of the ids: a list, a tuple, an array or a tensor of strings; or a dict of ids to
            names, whose ids may be strings as JSON writes them; or a dict of names to ids, as `class_indices` of
            Keras. Whole numbers are taken as names too, as they are written.
        num_classes: how many classes there are.

    Returns:
        List of `num_classes` different strings.

    Raises:
        ValueError: for anything else, and for a set, whose order is not that of the ids.

    Examples:
        >>> as_class_names({"emu": 2, "cat": 0, "dog": 1}, 3)
        ['cat', 'dog', 'emu']
    """
    if isinstance(names, set | frozenset):
        raise ValueError("class_names must be in the order of the class ids, which a set does not keep: give a list.")
    given = _of_dict(names) if isinstance(names, Mapping) else _in_order(names)
    names = [_as_text(name) for name in given]
    if len(names) != num_classes:
        raise ValueError(f"class_names must name the {num_classes} classes, got {len(names)} names.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"class_names must differ from each other, but {shortened(repr(twice[0]))} is there more than once."
        )
    return names


def _in_order(names) -> list:
    if not isinstance(names, _TEXT) and hasattr(names, "__array__"):
        names = np.asarray(names)
        names = names.tolist() if names.ndim == 1 else None
    if isinstance(names, _TEXT) or not isinstance(names, Iterable):
        raise ValueError(
            "class_names must be a list of names in the order of the class ids, or a dict of ids to names, got "
            f"{shortened(repr(names))}."
        )
    return list(names)


def _of_dict(names: Mapping) -> list:
    """Of ids to names or of names to ids: ids are whole numbers, names are text."""
    keys, values = list(names), list(names.values())
    by_id = by_name = None
    if all(map(_is_id, keys)):
        by_id = _by_id(zip(keys, values, strict=True))
    elif all(isinstance(key, _TEXT) for key in keys):
        if all(map(_is_id, values)):
            by_name = _by_id(zip(values, keys, strict=True))
        elif all(_as_text(key).isdecimal() for key in keys):
            by_id = _by_id((int(_as_text(key)), value) for key, value in names.items())
    found = by_id or by_name
    if found is None:
        raise ValueError(
            f"class_names as a dict must give the ids 0 to {max(len(keys) - 1, 0)} names, such as {{0: 'cat', 1: "
            f"'dog'}}, or names their ids, such as {{'cat': 0, 'dog': 1}}, got "
            f"{shortened(repr(dict(names)))}."
        )
    return found


def _is_id(number) -> bool:
    return is_count(number, 0)


def _by_id(pairs) -> list | None:
    pairs = [(int(number), name) for number, name in pairs]
    found = dict(pairs)
    return [found[i] for i in range(len(pairs))] if sorted(found) == list(range(len(pairs))) else None


def _as_text(name) -> str:
    if isinstance(name, bytes):
        name = name.decode("utf-8", "backslashreplace")
    if not (isinstance(name, str) and name.strip()) and not is_count(name, 0):
        raise ValueError(f"class_names must be text, got {shortened(repr(name))}.")
    return str(name)
