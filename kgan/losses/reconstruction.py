"""How far a reconstruction is from its original: the losses of an autoencoder."""

import keras
from keras import ops

from kgan import backend
from kgan.backend import keras_internals


def squared_error(originals, reconstructions, mask=None):
    """Squared error of each row, summed over its numbers.

    Args:
        originals: tensor of shape `(batch, ...)`.
        reconstructions: tensor of the same shape.
        mask: tensor of the first axes of that shape, false where nothing is to be counted, such as padded steps.

    Returns:
        float32 tensor of shape `(batch,)`.
    """
    difference = ops.cast(originals, "float32") - ops.cast(reconstructions, "float32")
    return _sum_over_row(ops.square(difference), mask)


def cross_entropy(originals, reconstructions, mask=None, from_logits: bool = False):
    """Cross-entropy of each row in nats, summed over its numbers, each of them a probability:

        -sum(x log r + (1 - x) log(1 - r))

    Source: Bengio et al. 2006, Greedy Layer-Wise Training of Deep Networks, section 3.

    Args:
        originals: tensor of shape `(batch, ...)`, numbers in 0..1.
        reconstructions: tensor of the same shape, numbers in 0..1, or the logits of such.
        mask: tensor of the first axes of that shape, false where nothing is to be counted, such as padded steps.
        from_logits: whether reconstructions are logits.

    Returns:
        float32 tensor of shape `(batch,)`. It is smallest, but not 0, where both are equal.
    """
    originals, reconstructions = ops.cast(originals, "float32"), ops.cast(reconstructions, "float32")
    return _sum_over_row(ops.binary_crossentropy(originals, reconstructions, from_logits), mask)


def get(identifier) -> "ReconstructionLoss":
    """Resolves the loss of an autoencoder.

    Args:
        identifier: whatever `keras.losses.get` takes: a name, a function `(originals, reconstructions)`, a
            `keras.losses.Loss`, the class of one, or a config; also a list or dict that holds one of these.

    Raises:
        ValueError: for anything else, and for a loss that does not reduce to one number.
    """
    if isinstance(identifier, list | tuple) and len(identifier) == 1:
        (identifier,) = identifier
    elif isinstance(identifier, dict) and len(identifier) == 1:
        (identifier,) = identifier.values()
    try:
        loss = keras.losses.get(identifier)
    except (ValueError, TypeError):
        loss = None
    if loss is None:
        raise ValueError(
            f"unknown loss {identifier!r}: use one of 'mean_squared_error', 'binary_crossentropy', or another one that "
            "keras.losses.get takes: a name, a function, an instance or a config."
        )
    return ReconstructionLoss(loss)


class ReconstructionLoss:
    """The mean of an error over all numbers of a batch, and what there is to log.

    The squared error and the cross-entropy are also logged per row; others are left to Keras's own loss.

    Args:
        loss: a function of originals and reconstructions, or a `keras.losses.Loss`.

    Attributes:
        from_logits: whether the loss takes logits of what is to be reconstructed.
        is_cross_entropy: whether originals, and what is made of them, have to be probabilities.
    """

    def __init__(self, loss):
        if isinstance(loss, keras.losses.Loss) and loss.reduction in (None, "none"):
            raise ValueError("a loss with reduction=None gives no single number to minimise: leave reduction out.")
        self.loss = loss
        self.from_logits = bool(getattr(loss, "from_logits", False))
        self.is_cross_entropy = loss is keras.losses.binary_crossentropy or isinstance(
            loss, keras.losses.BinaryCrossentropy
        )
        self._is_mean_of_cross_entropy = loss is keras.losses.binary_crossentropy or (
            _is_plain(loss, keras.losses.BinaryCrossentropy) and loss.label_smoothing == 0 and loss.axis == -1
        )
        self._is_mean_of_squares = loss is keras.losses.mean_squared_error or _is_plain(
            loss, keras.losses.MeanSquaredError
        )

    @property
    def identifier(self):
        """What `get` and a config take for it."""
        if self.loss is keras.losses.mean_squared_error:
            return "mean_squared_error"
        if self.loss is keras.losses.binary_crossentropy:
            return "binary_crossentropy"
        return keras.losses.serialize(self.loss)

    @property
    def compares_numbers(self) -> bool:
        """Whether the best reconstruction is the original itself, so that a network has to be able to give it."""
        name = getattr(self.loss, "__name__", getattr(self.loss, "name", ""))
        return not self.from_logits and not any(other in name for other in ("hinge", "cosine"))

    def __call__(self, originals, outputs):
        """Returns the loss, a float32 scalar, and a dict of float32 scalars to log.

        Args:
            originals: tensor of shape `(batch, ...)`.
            outputs: tensor of the same shape, straight from the network. Where it has a mask, masked numbers do not
                count, as in Keras.
        """
        mask = keras_internals.mask_of(outputs)
        reconstructions = ops.sigmoid(ops.cast(outputs, "float32")) if self.from_logits else outputs
        # A row has as many numbers as there are in it, and without padding on average.
        rows = ops.cast(ops.shape(originals)[0], "float32")
        numbers = ops.maximum(_count(originals, mask) / rows, 1e-7)
        logs, per_row = {}, ops.mean(squared_error(originals, reconstructions, mask))
        logs["squared_error_per_image"], logs["squared_error_per_pixel"] = per_row, per_row / numbers
        if self._is_mean_of_squares:
            return per_row / numbers, logs
        if self._is_mean_of_cross_entropy:
            per_row = ops.mean(cross_entropy(originals, outputs, mask, self.from_logits))
            logs["cross_entropy_per_image"], logs["cross_entropy_per_pixel"] = per_row, per_row / numbers
            return per_row / numbers, logs
        return self._reduced(originals, outputs, mask), logs

    def _reduced(self, originals, outputs, mask):
        """As `keras.losses.Loss.__call__`, but not divided between devices: the game does that."""
        call = self.loss.call if isinstance(self.loss, keras.losses.Loss) else self.loss
        values = ops.cast(call(ops.cast(originals, "float32"), ops.cast(outputs, "float32")), "float32")
        if len(values.shape) == 0:
            return values
        unmasked = mask is None or len(values.shape) < len(mask.shape)
        counted = ops.ones_like(values) if unmasked else _spread(mask, values)
        total = ops.sum(values * counted)
        if getattr(self.loss, "reduction", "mean") == "sum":
            return total * backend.num_replicas()
        return ops.divide_no_nan(total, ops.sum(counted))


def _is_plain(loss, kind) -> bool:
    """Whether it is an instance of exactly this class that takes the mean."""
    return type(loss) is kind and loss.reduction != "sum"


def _sum_over_row(errors, mask):
    if mask is not None:
        errors = errors * _spread(mask, errors)
    return ops.sum(ops.reshape(errors, (ops.shape(errors)[0], -1)), axis=1)


def _count(tensor, mask):
    return ops.cast(ops.size(tensor), "float32") if mask is None else ops.sum(_spread(mask, tensor))


def _spread(mask, tensor):
    """A mask of the first axes of a tensor as zeros and ones of its shape."""
    mask = ops.cast(mask, "float32")
    for _ in range(len(tensor.shape) - len(mask.shape)):
        mask = mask[..., None]
    return ops.broadcast_to(mask, ops.shape(tensor))
