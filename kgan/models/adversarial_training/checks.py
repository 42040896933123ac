"""What `AdversarialTraining` asks of its model and data, each answered by one sentence when it is not so."""

import keras
from keras import ops, tree

from kgan import backend
from kgan.ascent import check_classes, check_range


def model(model):
    """Built, trainable, from one input to one output."""
    if not isinstance(model, keras.Model) or not model.built or not model.trainable_variables:
        raise ValueError(f"model must be a built keras.Model with trainable weights, got {model!r}.")
    for what in ("inputs", "outputs"):
        number = len(getattr(model, what, None) or [None])
        if number != 1:
            raise ValueError(f"model must have one input and one output, but it has {number} {what}.")


def data(data, model, bounds):
    """Inputs within bounds, with targets; of a dataset the first batch is looked at.

    Returns one made-up row of both, with the shapes and dtypes of the data.
    """
    is_dataset = backend.is_dataset(data)
    parts = data.element_spec if is_dataset else data
    if not isinstance(parts, tuple) or len(parts) not in (2, 3) or any(tree.is_nested(part) for part in parts[:2]):
        raise ValueError("an attack needs one array of inputs and one of targets: give x and y, or a dataset of both.")
    first = next(data.take(1).as_numpy_iterator(), None) if is_dataset else data
    if first is None:
        raise ValueError("the dataset is empty.")
    x, y = first[:2]
    # Beyond its bounds an input would be clipped, and the model would learn something else than the data.
    check_range(x, bounds)
    outputs = getattr(model, "outputs", None)
    classes = outputs[0].shape[-1] if outputs and len(outputs[0].shape) == 2 else 1
    if classes > 1 and y.dtype.kind in "iu" and y.shape in ((len(y),), (len(y), 1)):
        check_classes(y, classes)
    return tuple(ops.zeros((1, *part.shape[1:]), dtype=keras.utils.standardize_dtype(part.dtype)) for part in parts[:2])
