"""A network's input for class labels: ids or one-hot vectors."""

from keras import ops


def as_network_takes(labels, taken):
    """Labels in the form in which a network takes them.

    Args:
        labels: tensor of int ids `(batch,)` or `(batch, 1)`, or one-hot `(batch, classes)`.
        taken: the network's symbolic input for labels.
    """
    classes = one_hot_classes(taken)
    is_one_hot = len(labels.shape) == 2 and labels.shape[1] != 1
    if classes is None:
        labels = ops.argmax(labels, axis=-1) if is_one_hot else labels
        labels = ops.reshape(labels, (-1, 1) if len(taken.shape) == 2 else (-1,))
    elif not is_one_hot:
        labels = ops.one_hot(ops.reshape(labels, (-1,)), classes)
    return ops.cast(labels, taken.dtype)


def one_hot_classes(taken) -> int | None:
    """How many classes a network's input for labels has as a one-hot vector; `None` if it takes ids."""
    return taken.shape[1] if len(taken.shape) == 2 and taken.shape[1] != 1 else None
