"""From what a user gives to `fit` to the minibatches of a game's rounds."""

import numpy as np
from keras import tree

from kgan import backend


def as_data(x, y=None, batch_size=None):
    """What `player_loss` gets minibatches of: `x`, or `(x, y)`; a batched dataset, or arrays with the same number of
    rows.

    Raises:
        ValueError: for anything else.
    """
    if backend.is_dataset(x):
        if batch_size is not None or y is not None:
            raise ValueError("a tf.data.Dataset brings its own batches and targets: leave out batch_size and y.")
        return x
    if batch_size is not None and (isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1):
        raise ValueError(f"batch_size must be a whole number of at least 1, got {batch_size!r}.")
    data = _lists_as_tuples(x if y is None else (x, y))
    leaves = tree.flatten(data)
    if not leaves or not all(hasattr(leaf, "shape") and hasattr(leaf, "__array__") for leaf in leaves):
        kinds = ", ".join(sorted({type(leaf).__name__ for leaf in leaves})) or "nothing"
        raise ValueError(
            f"data must be arrays or a batched tf.data.Dataset, got {kinds}: "
            "tf.data.Dataset.from_generator wraps a generator."
        )
    data = tree.map_structure(lambda a: a if isinstance(a, np.memmap) else np.asarray(a), data)
    sizes = [len(a) if a.ndim else 0 for a in tree.flatten(data)]
    if len(set(sizes)) != 1:
        raise ValueError(f"all arrays must have the same number of rows, got {', '.join(map(str, sizes))}.")
    for array in tree.flatten(data):
        if np.issubdtype(array.dtype, np.floating) and not _all_finite(array):
            raise ValueError("the data holds NaN or infinite numbers: remove or replace them first.")
    return tree.map_structure(_as_float32, data)


def _all_finite(array) -> bool:
    # In parts, because the data may be a memory-mapped file that is larger than memory.
    step = max(1, 2**24 // max(1, array[:1].size))
    return all(np.isfinite(array[start : start + step]).all() for start in range(0, len(array), step))


def _as_float32(array):
    on_disk = isinstance(array, np.memmap)  # its batches are converted when they are read
    return array.astype("float32") if array.dtype == np.float64 and not on_disk else array


def rows(data) -> int:
    """The number of rows of arrays in any structure."""
    return len(tree.flatten(data)[0])


def training_rounds(data, game, batch_size, shuffle, steps_per_epoch):
    """A dataset with one element per round: a minibatch, or several stacked on axis 1 if a round takes several.

    Args:
        data: from `as_data`.
        game: the `Game` that trains; its seed and its progress decide the order of arrays.
        batch_size: rows per minibatch of arrays; 32 if `None`, as in Keras.
        shuffle: whether arrays are shuffled.
        steps_per_epoch: rounds per epoch, or `None` for all the data.

    Returns:
        `(dataset, steps_per_epoch)` for `keras.Model.fit`.
    """
    count = game.minibatches_per_round
    if backend.is_dataset(data):
        size = tree.flatten(data.element_spec)[0].shape[0]
        _refuse_uneven(size or game.num_devices, game.num_devices)
        rounds = backend.rounds_of(data, count)
        if steps_per_epoch is not None and int(rounds.cardinality()) >= steps_per_epoch:
            return rounds.take(steps_per_epoch), None
        return rounds, steps_per_epoch
    size, batch_size = rows(data), batch_size or 32
    _refuse_uneven(batch_size, game.num_devices)
    available = size // batch_size // count
    if not available:
        raise ValueError(
            f"a round takes {count} x {batch_size} rows, but the data has {size}: use a smaller batch_size or "
            "more data."
        )
    if steps_per_epoch is not None and steps_per_epoch > available:
        raise ValueError(
            f"steps_per_epoch={steps_per_epoch} is more than the {available} rounds that {size} rows give."
        )
    order = backend.shuffled_range(size, game.seed, lambda: game.rounds_at_epoch_start) if shuffle else None
    batches = backend.array_batches(data, batch_size, order=order, drop_incomplete=True)
    # Cut here rather than by Keras, so that every epoch starts a new pass, whose order a resumed run can repeat.
    return backend.rounds_of(batches, count).take(steps_per_epoch or available), None


def evaluation_batches(data, game, batch_size):
    """Batches of arrays for `evaluate`, in the stored order; a dataset as it is."""
    # On several devices, one without rows in the last batch would turn the mean into NaN.
    several = game.num_devices > 1
    if backend.is_dataset(data):
        return backend.rounds_of(data, 1) if several else data
    batch_size = batch_size or 32
    if several and rows(data) < batch_size:
        raise ValueError(
            f"{rows(data)} rows do not fill one batch of {batch_size} for {game.num_devices} devices: use a smaller "
            "batch_size."
        )
    return backend.array_batches(data, batch_size, drop_incomplete=several)


def _refuse_uneven(batch_size: int, devices: int):
    if batch_size % devices:
        raise ValueError(f"batch_size {batch_size} cannot be divided evenly between {devices} devices.")


def _lists_as_tuples(data):
    """TensorFlow takes a list for one array of many rows."""
    if isinstance(data, dict):
        return {name: _lists_as_tuples(part) for name, part in data.items()}
    return tuple(_lists_as_tuples(part) for part in data) if isinstance(data, list | tuple) else data


def split(data, share: float):
    """The first rows for training and the last `share` of them for validation, as Keras does it."""
    if not 0 < share < 1:
        raise ValueError(f"validation_split must be between 0 and 1, got {share}.")
    if backend.is_dataset(data):
        raise ValueError("validation_split works on arrays: split a dataset yourself and give validation_data.")
    cut = int(rows(data) * (1 - share))
    return tree.map_structure(lambda a: a[:cut], data), tree.map_structure(lambda a: a[cut:], data)
