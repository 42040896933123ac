"""What `RobustClassifier` asks of its model and data, each answered by one sentence when it is not so."""

import keras
import numpy as np
from keras import ops, tree

from kgan import backend
from kgan.attacks.ascent import check_classes, check_range


def model(model):
    """Built, trainable, from one input to one output."""
    if not isinstance(model, keras.Model) or not model.built or not model.trainable_variables:
        raise ValueError(f"model must be a built keras.Model with trainable weights, got {model!r}.")
    for what in ("inputs", "outputs"):
        number = len(getattr(model, what, None) or [None])
        if number != 1:
            raise ValueError(f"model must have one input and one output, but it has {number} {what}.")


def data(data):
    """Inputs with targets: arrays, or a dataset. Returns one made-up row of both, with their shapes and dtypes."""
    parts = data.element_spec if backend.is_dataset(data) else data
    if not isinstance(parts, tuple) or len(parts) not in (2, 3) or any(tree.is_nested(part) for part in parts[:2]):
        raise ValueError("an attack needs one array of inputs and one of targets: give x and y, or a dataset of both.")
    return tuple(ops.zeros((1, *part.shape[1:]), dtype=keras.utils.standardize_dtype(part.dtype)) for part in parts[:2])


def range_of_part(low, high, part: int, *, bounds, model, target):
    """Inputs within bounds, and class ids that the model has scores for.

    Args:
        low: the smallest number in part `part` of the data.
        high: the largest.
        part: 0 for the inputs, 1 for the targets.
        bounds: of the inputs.
        model: the model that is trained.
        target: a made-up row of targets, from `data`.
    """
    if part == 0:
        # Beyond its bounds an input would be clipped, and the model would learn something else than the data.
        check_range(np.array([low, high], "float32"), bounds)
    outputs = getattr(model, "outputs", None)
    classes = outputs[0].shape[-1] if outputs and len(outputs[0].shape) == 2 else 1
    are_classes = "int" in keras.backend.standardize_dtype(target.dtype) and tuple(target.shape[1:]) in ((), (1,))
    if part == 1 and classes > 1 and are_classes:
        check_classes(np.array([low, high], "int64"), classes)
