"""How far a reconstruction is from its original."""

from keras import ops


def squared_error(originals, reconstructions):
    """Squared error of each row, summed over its numbers.

    Args:
        originals: tensor of shape `(batch, ...)`.
        reconstructions: tensor of the same shape.

    Returns:
        float32 tensor of shape `(batch,)`.
    """
    difference = ops.cast(originals, "float32") - ops.cast(reconstructions, "float32")
    return _sum_over_row(ops.square(difference))


def cross_entropy(originals, reconstructions):
    """Cross-entropy of each row in nats, summed over its numbers, each of them a probability:

        -sum(x log r + (1 - x) log(1 - r))

    Source: Bengio et al. 2006, Greedy Layer-Wise Training of Deep Networks, section 3.

    Args:
        originals: tensor of shape `(batch, ...)`, numbers in 0..1.
        reconstructions: tensor of the same shape, numbers in 0..1.

    Returns:
        float32 tensor of shape `(batch,)`. It is smallest, but not 0, where both are equal.
    """
    originals, reconstructions = ops.cast(originals, "float32"), ops.cast(reconstructions, "float32")
    return _sum_over_row(ops.binary_crossentropy(originals, reconstructions))


# By the names that Keras gives the means of these; the logs call them by the names of the functions.
ALL = {"mean_squared_error": squared_error, "binary_crossentropy": cross_entropy}


def _sum_over_row(errors):
    return ops.sum(ops.reshape(errors, (ops.shape(errors)[0], -1)), axis=1)
