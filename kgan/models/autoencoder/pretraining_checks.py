"""What layer-wise pretraining asks of its data, and whether a layer has learned anything."""

import warnings

import keras
import numpy as np
from keras import ops, tree

from kgan import backend
from kgan.models.autoencoder import checks

# On so many rows it is seen whether a layer has learned anything, a batch of them at a time.
ROWS, BATCH = 1000, 100
# The share of the variance that a layer gives back at least when it has learned anything.
EXPLAINED = 0.02
_TRY = "train longer, or with another optimizer or learning rate (the default, 'adam', suits most data)"


def last_activation(decoder, loss, title: str):
    """As `autoencoder_checks.last_activation`, for all levels before the first one is trained."""
    try:
        checks.last_activation(decoder, loss)
    except ValueError as error:
        raise ValueError(f"{title}: {error}") from None


def has_learned(autoencoder, x, title: str, stacklevel: int) -> bool:
    """Warns of an autoencoder whose error is no better than that of the mean of its input.

    Args:
        autoencoder: a trained level.
        x: what it was trained on: array, or batched dataset of inputs.
        title: which level it is.
        stacklevel: as of `warnings.warn`.

    Returns:
        Whether it is better than the mean, by at least 2 % of the variance.
    """
    loss = autoencoder.reconstruction_loss
    if not (loss.compares_numbers or loss.from_logits):
        return True
    x, targets = _some_rows(x)
    variance = np.mean(np.var(targets, axis=0))
    batches = [ops.convert_to_tensor(x[start : start + BATCH]) for start in range(0, len(x), BATCH)]
    outputs = np.concatenate([ops.convert_to_numpy(ops.cast(autoencoder(batch), "float32")) for batch in batches])
    if loss.from_logits:
        outputs = 1 / (1 + np.exp(-outputs.astype("float64")))
    error = np.mean((outputs - targets) ** 2)
    # Of inputs that never change there is nothing to learn.
    if variance <= 1e-12 or error < (1 - EXPLAINED) * variance:
        return True
    warnings.warn(
        f"{title} has learned nothing: its squared error is {error:.3g} per number, and the mean of its input alone, "
        f"whatever the row, has {variance:.3g}: {_TRY}.",
        stacklevel=stacklevel,
    )
    return False


def has_learned_classes(history, counts, title: str, stacklevel: int) -> bool:
    """Warns of a supervised level that is right no more often than the most frequent class.

    Args:
        history: of its training.
        counts: rows of each class.
        title: which level it is.
        stacklevel: as of `warnings.warn`.
    """
    accuracy, most = history.history["accuracy"][-1], max(counts) / sum(counts)
    # Chance alone is not above the most frequent class by three standard deviations.
    if most == 1 or accuracy > most + 3 * np.sqrt(most * (1 - most) / sum(counts)):
        return True
    warnings.warn(
        f"{title} has learned nothing: it is right for {accuracy:.1%} of the rows, and the most frequent class alone "
        f"for {most:.1%}: {_TRY}.",
        stacklevel=stacklevel,
    )
    return False


def count_classes(data) -> list | None:
    """How many rows each class has in `(inputs, class ids)`, arrays or a dataset; `None` for inputs alone."""
    in_dataset = backend.is_dataset(data)
    structure = data.element_spec if in_dataset else data
    if not isinstance(structure, tuple) or len(structure) == 1:
        return None
    labels = structure[1]
    if len(structure) > 2 or "int" not in keras.backend.standardize_dtype(labels.dtype) or len(labels.shape) != 1:
        raise ValueError(
            "supervised pretraining takes (x, y) with class ids, whole numbers of shape (n,), as y; without them, "
            "give x alone."
        )
    labels = np.concatenate([np.asarray(batch) for _, batch in data]) if in_dataset else np.asarray(labels)
    low, high = (labels.min(), labels.max()) if len(labels) else (0, 0)
    if low < 0 or high < 1:
        raise ValueError(f"class ids must count from 0 up, with at least two classes, but are in {low}..{high}.")
    return np.bincount(labels).tolist()


def _some_rows(x):
    """Up to `ROWS` inputs and what is to be made of them, from all over an array or from the start of a dataset."""
    if not backend.is_dataset(x):
        rows = np.asarray(x[:: -(-len(x) // ROWS)], "float32")
        return rows, rows
    inputs, targets, count = [], [], 0
    for element in x:
        leaves = tree.flatten(element)
        inputs.append(np.asarray(ops.cast(leaves[0], "float32")))
        targets.append(np.asarray(ops.cast(leaves[-1], "float32")))
        count += len(inputs[-1])
        if count >= ROWS:
            break
    return np.concatenate(inputs)[:ROWS], np.concatenate(targets)[:ROWS]
