"""What an attack asks of the inputs, the labels and the scores of a classifier."""

import numpy as np

from kgan.array_kinds import as_array
from kgan.attacks import class_scores
from kgan.attacks.ascent import check_classes, check_range


def are_logits(model, outputs, from_logits) -> bool:
    """Whether what is attacked are logits: see `class_scores.are_logits`, which sees the outputs alone."""
    last = class_scores.ends_in(model)
    # Where a layer such as Reshape follows, there are no logits to be found behind it.
    if last in ("sigmoid", "softmax") and class_scores.logits_behind(outputs) is None:
        if from_logits:
            raise ValueError(f"from_logits is True, but the model ends in a {last}: leave from_logits out.")
        from_logits = False
    return class_scores.are_logits(outputs, from_logits)


def as_inputs(x, bounds) -> np.ndarray:
    """Inputs within `bounds`, `(n, ...)` float32."""
    x = as_array(x, "x")
    x = x.astype("float32") if x.dtype.name == "bfloat16" else x  # which NumPy does not know as numbers
    if x.ndim < 2 or not x.size or x.dtype.kind not in "fiu":
        raise ValueError(f"x must be an array of numbers of shape (n, ...), got {x.dtype} of shape {x.shape}.")
    with np.errstate(over="ignore"):  # what is too large for float32 is infinite there, and refused as such
        x = x.astype("float32")
    if not np.isfinite(x).all():
        raise ValueError("x holds NaN or infinite numbers: remove or replace them first.")
    check_range(x, bounds)
    return x


def as_labels(y, rows: int, classes: int) -> np.ndarray:
    """`(n,)` int32."""
    y = as_array(y, "y")
    if y.shape == (rows, classes) and y.dtype.kind in "fiub":
        if not ((y == 0) | (y == 1)).all() or not (y.sum(axis=1) == 1).all():
            raise ValueError("the rows of y must be one-hot: a 1 for the class and 0 for all others.")
        return y.argmax(axis=1).astype("int32")
    if y.shape not in ((rows,), (rows, 1)) or y.dtype.kind not in "iu":
        raise ValueError(
            f"y must be {rows} integer class ids, or one-hot rows of shape {(rows, classes)}, got {y.dtype} of shape "
            f"{y.shape}."
        )
    check_classes(y, classes)
    return y.reshape(rows).astype("int32")
