"""What `FairClassifier` asks of its arguments and data, and how it reads them."""

import numpy as np
from keras import tree

from kgan import array_kinds, backend, scalars
from kgan.models.training import data_checks, minibatches
from kgan.tables import columns
from kgan.tables.sensitive import Encoding

CALL = 'fit(x, {"target": y, "sensitive": s})'


def check_arguments(alpha, on, warmup_steps):
    scalars.as_real(alpha, "alpha", 0)
    if on not in ("representation", "prediction"):
        raise ValueError(f"unknown on {on!r}: use one of 'representation', 'prediction'.")
    if not scalars.is_count(warmup_steps, least=0):
        raise ValueError(f"warmup_steps must be a whole number of rounds, 0 for none, got {warmup_steps!r}.")


def split(x, y, batch_size, *, need_sensitive: bool):
    """`(x, labels)`; for a dataset `(dataset, the structure of its labels)`.

    Raises:
        ValueError: if there is no dict of a target and sensitive columns.
    """
    if minibatches.gives_batches(x):
        minibatches.refuse_spent(x, epochs=None)  # the labels are read once before training
        x = minibatches.as_data(x, y, batch_size, numbers_only=False)
        spec = x.element_spec
        if not isinstance(spec, tuple) or len(spec) != 2:
            raise ValueError('the dataset must give pairs (x, {"target": y, "sensitive": s}).')
        data_checks.refuse_unless_numbers(spec[0])  # labels may be text
        labels = spec[1]
    else:
        if y is None and isinstance(x, tuple | list) and len(x) == 2:
            x, y = x
        labels = y
    if not isinstance(labels, dict):
        kind = "nothing" if labels is None else type(labels).__name__
        raise ValueError(f"the sensitive features come beside the target, as {CALL}, but the labels are {kind}.")
    wanted = {"target", "sensitive"} if need_sensitive or "sensitive" in labels else {"target"}
    if set(labels) != wanted:
        raise ValueError(
            f"the labels must have the keys 'target' and 'sensitive', as in {CALL}, but they have "
            f"{', '.join(map(repr, labels)) or 'none'}."
        )
    return x, labels


def inputs(x, features=None):
    """Inputs as arrays: a data frame as a matrix, everything else as it is.

    Args:
        x: array, data frame, any structure of arrays, or a dataset.
        features: names of the columns that a data frame must have, if they are known.
    """
    if backend.is_dataset(x):
        return x
    if columns.is_frame(x):
        names = tuple(map(str, x.columns))
        if features is not None and names != features:
            changed = [b for a, b in zip(features, names, strict=False) if a != b] or [f"{len(names)} columns"]
            raise ValueError(
                f"x must have the {len(features)} columns of the first fit, in their order ({', '.join(features[:5])}"
                f"{', ...' if len(features) > 5 else ''}), but it has {changed[0]!r} instead."
            )
        return columns.as_matrix(x)
    for part in tree.flatten(x):
        if hasattr(part, "dtype") and not array_kinds.holds_numbers(part.dtype):
            raise ValueError(
                f"x holds {array_kinds.in_words(part.dtype)}, not numbers: turn strings and categories into columns of "
                "0 and 1 first, with pandas.get_dummies or scikit-learn's OneHotEncoder."
            )
    return minibatches.as_data(x)


def collected(dataset):
    """All pairs of a batched dataset as `(x, labels)` of arrays.

    Raises:
        ValueError: for a dataset that is endless, empty, or not batched.
    """
    refuse_endless(dataset)
    return _concatenated(list(dataset.as_numpy_iterator()))


def refuse_endless(dataset):
    if int(dataset.cardinality()) == -1:
        raise ValueError("the dataset repeats for ever, but it has to be read as a whole: leave out repeat.")


def _concatenated(batches: list):
    if not batches:
        raise ValueError("the dataset is empty.")
    if any(np.ndim(part) == 0 for part in tree.flatten(batches[0])):
        raise ValueError("the dataset gives single examples: call .batch(batch_size) on it.")
    return tree.map_structure(lambda *parts: np.concatenate(parts), *batches)


def refuse_misaligned(x, target):
    rows = minibatches.rows(x)
    if rows != len(target):
        raise ValueError(f"x has {rows} rows, but the target has {len(target)}: each row needs one of both.")


def learn(x, labels, *, conditional: bool) -> Encoding:
    """The `Encoding` of the first data; a dataset is read once for it."""
    if not backend.is_dataset(x):
        features = tuple(map(str, x.columns)) if columns.is_frame(x) else None
        return Encoding.learn(labels, conditional=conditional, features=features)
    refuse_endless(x)
    found = []
    for inputs_of_batch, labels_of_batch in x.as_numpy_iterator():
        for part in tree.flatten(inputs_of_batch):
            if np.asarray(part).dtype.kind == "f" and not np.isfinite(part).all():
                raise ValueError(data_checks.not_finite())
        found.append(labels_of_batch)
    return Encoding.learn(_concatenated(found), conditional=conditional)


def encoded(x, labels, encoding: Encoding, batch_size):
    """`(x, encoded labels)`: arrays with the same number of rows, or a dataset."""
    if backend.is_dataset(x):
        number = len(encoding.columns)
        like = {"target": np.zeros(1, "int32")}
        like |= {"sensitive": np.zeros((1, number), "float32")} if number else {}
        return backend.map_targets(x, encoding.encode, like)
    matrix, numbers = inputs(x, encoding.features), encoding.encode(labels)
    refuse_misaligned(matrix, numbers["target"])
    return minibatches.as_data((matrix, numbers), batch_size=batch_size)
