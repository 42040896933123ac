"""What a classifier returns: logits or probabilities, of several classes or of one against another."""

import warnings

import numpy as np
from keras import ops

from kgan.backend.keras_internals import logits_behind as logits_behind
from kgan.last_activation import ends_in as ends_in


def are_logits(outputs, from_logits: bool | None = None) -> bool:
    """Whether a classifier's outputs, or what is found behind them, are logits rather than probabilities.

    Args:
        outputs: eager tensor `(batch, classes)`, or `(batch, 1)` for class 1 against class 0.
        from_logits: what the user says, or `None` to find out: the logits behind a last softmax or sigmoid are used
            themselves, rows that sum to 1 are probabilities, and others are logits.

    Raises:
        ValueError: if this cannot be told, or is not what the user says.
    """
    shape = getattr(outputs, "shape", ())
    if len(shape) != 2:
        raise ValueError(f"the model must return scores of shape (batch, classes), not {tuple(shape) or outputs!r}.")
    values = ops.convert_to_numpy(ops.cast(outputs, "float32"))
    if not np.isfinite(values).all():
        raise ValueError("the model returns NaN or infinite numbers for x: it has to be trained anew before an attack.")
    if logits_behind(outputs) is not None:
        if from_logits:
            raise ValueError("from_logits is True, but the model ends in a softmax or sigmoid: leave from_logits out.")
        return True
    single, shares = shape[1] == 1, values.min() >= 0 and values.max() <= 1
    # Sums of probabilities that were rounded to 16 bits are off by up to a hundredth.
    probabilities = shares and (single or np.allclose(values.sum(axis=1), 1, atol=1e-2))
    if from_logits is None:
        if single and probabilities:
            raise ValueError("a single score between 0 and 1 may be a logit or a probability: give from_logits.")
        return not probabilities
    if not from_logits and not probabilities:
        raise ValueError("from_logits is False, but the model does not return probabilities: leave from_logits out.")
    if from_logits and probabilities and not single:
        warnings.warn("from_logits is True, but the model's scores sum to 1, as probabilities do.", stacklevel=6)
    return from_logits


def two_or_more(outputs, logits: bool):
    """A float32 score for each class, `(batch, classes)` with at least two classes.

    Args:
        outputs: tensor `(batch, classes)` or `(batch, 1)`, straight from the classifier.
        logits: whether they, or what is found behind them, are logits: see `are_logits`.
    """
    behind = logits_behind(outputs)
    scores = ops.cast(outputs if behind is None else behind, "float32")
    if scores.shape[1] > 1:
        return scores
    # A sigmoid is a softmax against a logit of zero.
    return ops.concatenate([ops.zeros_like(scores) if logits else 1 - scores, scores], axis=1)
