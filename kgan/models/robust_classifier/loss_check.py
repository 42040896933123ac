"""The forms in which Keras takes a loss, and whether one takes what a model returns: logits or probabilities."""

import functools

import keras
import numpy as np
from keras import ops

from kgan.attacks import class_scores

# By the names of Keras's functions; its classes hold one of these.
ENTROPIES = {
    getattr(keras.losses, f"{kind}_crossentropy")
    for kind in ("binary", "categorical", "sparse_categorical", "binary_focal", "categorical_focal")
}


def as_instances(loss, *metrics) -> list:
    """What `compile` got, with instances in place of classes and configs, so that it can be used twice and saved."""
    return [_as_instances(loss, keras.losses.get), *(_as_instances(some, keras.metrics.get) for some in metrics)]


def _as_instances(given, get):
    if isinstance(given, type) or (isinstance(given, dict) and "class_name" in given):
        return get(dict(given) if isinstance(given, dict) else given)
    if isinstance(given, dict):
        return {name: _as_instances(of, get) for name, of in given.items()}
    return [_as_instances(of, get) for of in given] if isinstance(given, list | tuple) else given


def loss_fits(loss, model, row, bounds):
    """Refuses a cross-entropy of probabilities on logits, and of logits on probabilities.

    Where Keras finds the logits behind a last softmax or sigmoid it uses them itself, whatever `from_logits` says.

    Args:
        loss: as in `keras.Model.compile`, of instances, functions and names.
        model: model with one output.
        row: tensor `(1, ...)`, a row with the shape of the data.
        bounds: the range of the data.

    Raises:
        ValueError: if they do not fit.
    """
    from_logits = takes_logits(loss)
    if from_logits is None:
        return
    with keras.StatelessScope():
        outputs = model(_made_up(row, bounds), training=False)
    last, behind = class_scores.ends_in(model), class_scores.logits_behind(outputs)
    squashed = last in ("sigmoid", "softmax")
    if from_logits and squashed and behind is None:
        raise ValueError(
            f"the loss has from_logits=True, but the model ends in a {last}: leave one of the two out, so that the "
            "model learns from its logits."
        )
    values = ops.convert_to_numpy(ops.cast(outputs, "float32"))
    if not from_logits and not squashed and behind is None and (values.min() < 0 or values.max() > 1):
        raise ValueError(
            f"the loss takes probabilities, but the model returns numbers from {values.min():.3g} to "
            f"{values.max():.3g}, as logits are: give the loss from_logits=True, or the model a last softmax or "
            "sigmoid."
        )


def takes_logits(loss) -> bool | None:
    """Whether a loss is a cross-entropy of logits; `None` for what is no cross-entropy of Keras.

    Args:
        loss: in any form that `keras.Model.compile` takes for a model with one output.
    """
    if isinstance(loss, dict):
        loss = list(loss.values())
    if isinstance(loss, list | tuple):
        return takes_logits(loss[0]) if len(loss) == 1 else None
    try:
        loss = keras.losses.get(loss)
    except (TypeError, ValueError):
        return None  # `compile` says what is wrong with it
    arguments = {}
    if isinstance(loss, functools.partial):
        loss, arguments = loss.func, loss.keywords
    elif isinstance(loss, keras.losses.Loss):
        loss, arguments = getattr(loss, "fn", None), loss.get_config()
    if loss not in ENTROPIES:
        return None
    return bool(arguments.get("from_logits", False))


def _made_up(row, bounds):
    """Inputs of the shape of `row` in the range of the data: at zeros an untrained model returns zeros."""
    low, high = (limit if np.isfinite(limit) else 3.0 * np.sign(limit) for limit in bounds)
    return np.random.default_rng(0).uniform(low, max(high, low + 1), (8, *row.shape[1:])).astype("float32")
