"""The loss and the metrics of `TransferClassifier.compile`, in every form in which Keras takes them."""

import functools
import inspect

import keras

from kgan.backend import keras_internals


def as_loss(loss):
    """`loss` in a form that Keras takes for a model with one output.

    Args:
        loss: a name, a function, a `keras.losses.Loss`, its class or its config; or one of these in a list, or in a
            dict under any name.

    Raises:
        ValueError: if it is none of these, or wants logits where there are probabilities.
    """
    if isinstance(loss, list | tuple) or (isinstance(loss, dict) and "class_name" not in loss):
        several = list(loss.values() if isinstance(loss, dict) else loss)
        if len(several) != 1:
            raise ValueError(f"loss must be one loss, because there is one output, got {len(several)}.")
        return as_loss(several[0])
    found = _resolved(loss)
    if not callable(found):
        raise ValueError(f"loss must be a name, such as 'sparse_categorical_crossentropy', or a loss, got {loss!r}.")
    _refuse_logits(found, "loss")
    return loss if isinstance(loss, str) else found


def as_metrics(metrics, what: str = "metrics"):
    """`metrics` as a list, from all that Keras takes and from a single one.

    Raises:
        ValueError: if one of them wants logits where there are probabilities.
    """
    if metrics is None:
        return None
    if isinstance(metrics, dict) and "class_name" not in metrics:
        metrics = list(metrics.values())
    if not isinstance(metrics, list | tuple):
        metrics = [metrics]
    flat = []
    for metric in metrics:
        flat.extend(metric if isinstance(metric, list | tuple) else [metric])
    flat = [keras.metrics.deserialize(metric) if isinstance(metric, dict) else metric for metric in flat]
    for metric in flat:
        _refuse_logits(metric, what)
    return flat


def takes(loss) -> str:
    """Which labels a loss takes: `"numbers"` of classes, `"one-hot"` rows, or `"any"` if it is not one of Keras's."""
    found = _resolved(loss)
    found = getattr(found, "fn", found)  # of an instance of a loss that wraps a function
    found = found.func if isinstance(found, functools.partial) else found
    if found is keras.losses.sparse_categorical_crossentropy or _is_sparse(found):
        return "numbers"
    module = (found if inspect.isfunction(found) else type(found)).__module__
    return "one-hot" if module.startswith("keras.") else "any"


def name_of(loss) -> str:
    """What to call a loss in a sentence."""
    found = _resolved(loss)
    found = getattr(found, "fn", found)
    found = found.func if isinstance(found, functools.partial) else found
    return getattr(found, "__name__", type(found).__name__)


def _is_sparse(found) -> bool:
    return isinstance(found, keras.losses.SparseCategoricalCrossentropy)


def _resolved(loss):
    """The function or the instance that a loss is."""
    if inspect.isclass(loss):
        return loss()
    return keras.losses.get(loss) if isinstance(loss, str | dict) else loss


def _refuse_logits(found, what: str):
    words = found.keywords if isinstance(found, functools.partial) else keras_internals.words_of(found)
    if getattr(found, "from_logits", False) is True or words.get("from_logits", False) is True:
        raise ValueError(
            f"{what} has from_logits=True, but the classifier gives probabilities, not logits: leave from_logits out."
        )
