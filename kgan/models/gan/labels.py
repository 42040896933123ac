"""Class labels of a conditional GAN: as ids, as names, or as one-hot vectors."""

import numpy as np

from kgan.array_kinds import as_array
from kgan.scalars import is_count


def to_generate(labels, n: int, classes: int | None, names: list[str] | None) -> np.ndarray:
    """`(n,)` int32 class ids.

    Args:
        labels: one class or `n` of them, as ids or as names; or nothing, and the classes take turns.
        n: how many.
        classes: how many classes there are, if that is known.
        names: of the classes, if they are known.

    Raises:
        ValueError: for labels that do not fit.
    """
    if labels is None:
        if classes is None:
            raise ValueError(
                f"the generator does not tell how many classes it knows: give labels, an array of {n} class ids."
            )
        return np.arange(n, dtype="int32") % classes
    labels = as_array(labels, "labels")
    labels = np.full(n, labels) if labels.ndim == 0 else labels
    if labels.shape == (n,) and labels.dtype.kind in "UO" and all(isinstance(label, str) for label in labels):
        labels = np.array([_id(str(label), names) for label in labels])
    if labels.shape != (n,) or not all(is_count(label, least=-(2**62)) for label in labels[:1]):
        raise ValueError(
            f"labels must be one class id or an array of {n} of them, got {labels.dtype} of shape {labels.shape}."
        )
    check_range(labels.min(), labels.max(), classes)
    return labels.astype("int32")


def check_range(low, high, classes: int | None):
    """Class ids count up from 0."""
    if classes is not None and (low < 0 or high >= classes):
        raise ValueError(f"labels must be class ids from 0 to {classes - 1}, got {int(low)} to {int(high)}.")


def _id(name: str, names: list[str] | None) -> int:
    if names is None:
        raise ValueError(
            f"labels holds the name {name!r}, but this GAN knows no names: set gan.class_names, or give ids."
        )
    if name not in names:
        raise ValueError(f"there is no class {name!r}: the classes are {', '.join(names)}.")
    return names.index(name)
