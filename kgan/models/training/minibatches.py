"""From what a user gives to `fit` to the minibatches of a game's rounds."""

import types
import weakref

import keras
import numpy as np
from keras import tree

from kgan import backend, notices, scalars
from kgan.backend import keras_internals
from kgan.models.training import data_checks

_LARGEST_BATCH = 2**31 - 1


def as_data(x, y=None, batch_size=None, *, numbers_only: bool = True):
    """What `player_loss` gets minibatches of: `x`, or `(x, y)`; a batched dataset, or arrays with the same number of
    rows. Keras's `(x,)` is `x`, float64 becomes float32, and a `keras.utils.PyDataset` or a Python generator becomes a
    dataset.

    Args:
        x, y, batch_size: as `fit` gets them.
        numbers_only: whether text is refused, which some models turn into numbers themselves.

    Raises:
        ValueError: for anything else, and for arrays that hold no rows, or no finite numbers.
    """
    if gives_batches(x):
        data = backend.as_float32(backend.without_one_tuples(data_checks.with_shapes(as_dataset(x, y, batch_size))))
        if numbers_only:
            data_checks.refuse_unless_numbers(data.element_spec)
        return data
    if batch_size is not None:
        scalars.as_count(batch_size, "batch_size", most=_LARGEST_BATCH)
    data = _lists_as_tuples(x if y is None else (x, y))
    if isinstance(data, tuple) and len(data) == 1:
        data = data[0]
    data_checks.refuse_unless_arrays(data)
    data = tree.map_structure(lambda a: a if isinstance(a, np.memmap) else np.asarray(a), data)
    data_checks.refuse_unless_numbers(data)
    sizes = [len(a) if a.ndim else 0 for a in tree.flatten(data)]
    if len(set(sizes)) != 1:
        raise ValueError(f"all arrays must have the same number of rows, got {', '.join(map(str, sizes))}.")
    for position, array in enumerate(tree.flatten(data)):
        row = data_checks.first_not_finite(array) if np.issubdtype(array.dtype, np.floating) else None
        if row is not None:
            raise ValueError(data_checks.not_finite(data_checks.name_of(position, data), f", the first in row {row}"))
    return tree.map_structure(_as_float32, data)


def as_dataset(x, y=None, batch_size=None):
    """What brings its own batches as a `tf.data.Dataset`.

    Raises:
        ValueError: if `y` or `batch_size` is given besides, or the dataset is known to be empty.
    """
    if batch_size is not None or y is not None:
        kind = "tf.data.Dataset" if backend.is_dataset(x) else type(x).__name__
        raise ValueError(f"a {kind} brings its own batches and targets: leave out batch_size and y.")
    if isinstance(x, keras.utils.PyDataset):
        x = keras_internals.py_dataset_as_dataset(x, shuffle=False)
    elif isinstance(x, types.GeneratorType):
        x = keras_internals.generator_as_dataset(x)
    data_checks.refuse_empty(x)
    return x


def in_random_order(x, shuffle: bool):
    """What `fit` gets, with the batches of a `keras.utils.PyDataset` in a new order each epoch if `shuffle`."""
    is_shuffled = shuffle and isinstance(x, keras.utils.PyDataset)
    return keras_internals.py_dataset_as_dataset(x, shuffle=True) if is_shuffled else x


def gives_batches(x) -> bool:
    """Whether `x` brings its own batches: a `tf.data.Dataset`, a `keras.utils.PyDataset` or a Python generator."""
    return backend.is_dataset(x) or isinstance(x, keras.utils.PyDataset | types.GeneratorType)


def refuse_spent(x, epochs, steps_per_epoch=None):
    """Refuses to go through a Python generator more than once."""
    if isinstance(x, types.GeneratorType) and epochs != 1 and steps_per_epoch is None:
        raise ValueError(
            "a generator gives its batches once, and is wanted several times: use a keras.utils.PyDataset, or for "
            "training give steps_per_epoch, which divides them into epochs."
        )


def refuse_endless(data, steps=None, name: str | None = None):
    """Refuses a dataset that repeats forever, unless the number of steps is given, as the argument `name`."""
    if backend.is_dataset(data) and steps is None and backend.is_endless(data):
        raise ValueError(f"the dataset repeats forever: leave out .repeat(){f', or give {name}' if name else ''}.")


def checked(data, check_range):
    """`data`, whose numbers are finite and in a range that `check_range(low, high, part)` accepts.

    Arrays are looked at here. A dataset comes back as one that looks at each of its batches. What `check_range` returns
    is said once.
    """
    said, say = set(), notices.from_the_users_line()

    def look(low, high, part):
        sentence = check_range(low, high, part)
        if sentence is not None and part not in said:
            said.add(part)
            say(sentence)

    if backend.is_dataset(data):
        names = [data_checks.name_of(part, data.element_spec) for part in range(len(tree.flatten(data.element_spec)))]
        return backend.watched(data, look, lambda part: data_checks.not_finite(names[part]))
    for part, array in enumerate(tree.flatten(data)):
        if array.size and np.issubdtype(array.dtype, np.number):
            look(*_range(array), part)
    return data


def _range(array) -> tuple[float, float]:
    ranges = [(part.min(), part.max()) for part in data_checks.in_parts(array)]
    return float(min(low for low, _ in ranges)), float(max(high for _, high in ranges))


def _as_float32(array):
    on_disk = isinstance(array, np.memmap)  # its batches are converted when they are read
    return array if on_disk else data_checks.as_narrow(array)


def rows(data) -> int:
    """The number of rows of arrays in any structure."""
    return len(tree.flatten(data)[0])


def training_rounds(data, model, batch_size, shuffle, steps_per_epoch):
    """A dataset with one element per round: a minibatch, or several stacked on axis 1 if a round takes several.

    Args:
        data: from `as_data`.
        model: the `Trainer`; its seed and its progress decide the order of arrays.
        batch_size: rows per minibatch of arrays.
        shuffle: whether arrays are shuffled.
        steps_per_epoch: rounds per epoch, or `None` for all the data.

    Returns:
        `(dataset, steps_per_epoch)` for `keras.Model.fit`.
    """
    count = model.minibatches_per_round
    # Of few rows the incomplete last minibatch may be a good part; several devices cannot share it.
    incomplete = model.keeps_incomplete_batches and model.num_devices == 1 and count == 1
    if backend.is_dataset(data):
        size = tree.flatten(data.element_spec)[0].shape[0]
        _refuse_uneven(size or model.num_devices, model.num_devices)
        rounds = data if incomplete else backend.rounds_of(data, count)
        if steps_per_epoch is not None and int(rounds.cardinality()) >= steps_per_epoch:
            return rounds.take(steps_per_epoch), None
        return rounds, steps_per_epoch
    size = rows(data)
    _refuse_uneven(batch_size, model.num_devices)
    available = (-(-size // batch_size) if incomplete else size // batch_size) // count
    if not available:
        raise ValueError(
            f"a round takes {count} x {batch_size} rows, but the data has {size}: use a smaller batch_size or "
            "more data."
        )
    if steps_per_epoch is not None and steps_per_epoch > available:
        raise ValueError(
            f"steps_per_epoch={steps_per_epoch} is more than the {available} rounds that {size} rows give."
        )
    if shuffle:
        order = _shuffled_rows(model, size, batch_size, drop_incomplete=not incomplete)
    else:
        order = backend.rows_in_order(size, batch_size, drop_incomplete=not incomplete)
    batches = backend.array_batches(data, order)
    # Cut here rather than by Keras, so that every epoch starts a new pass, whose order a resumed run can repeat.
    return (batches if incomplete else backend.rounds_of(batches, count)).take(steps_per_epoch or available), None


def _shuffled_rows(model, size: int, batch_size: int, *, drop_incomplete: bool):
    """The numbers of `size` rows in an order that follows from the model's seed and its progress.

    The model keeps the last such dataset, because to make one costs several steps of small networks.
    """
    kept, key = model.kept_orders, (size, batch_size, drop_incomplete, model.seed)
    if key not in kept:
        kept.clear()
        of = weakref.ref(model)  # which a dataset would otherwise keep alive
        kept[key] = backend.shuffled_rows(
            size, batch_size, model.seed, lambda: of().rounds_at_epoch_start, drop_incomplete=drop_incomplete
        )
    return kept[key]


def evaluation_batches(data, model, batch_size):
    """Batches of arrays for `evaluate`, in the stored order; a dataset as it is."""
    # On several devices, one without rows in the last batch would turn the mean into NaN.
    several = model.num_devices > 1
    if backend.is_dataset(data):
        return backend.rounds_of(data, 1) if several else data
    if several and rows(data) < batch_size:
        raise ValueError(
            f"{rows(data)} rows do not fill one batch of {batch_size} for {model.num_devices} devices: use a smaller "
            "batch_size."
        )
    return backend.array_batches(data, backend.rows_in_order(rows(data), batch_size, drop_incomplete=several))


def _refuse_uneven(batch_size: int, devices: int):
    if batch_size % devices:
        raise ValueError(f"batch_size {batch_size} cannot be divided evenly between {devices} devices.")


def _lists_as_tuples(data):
    """TensorFlow takes a list for one array of many rows."""
    if isinstance(data, list | tuple) and not data:
        raise ValueError("the data holds an empty list or tuple in place of an array: give at least one row.")
    if isinstance(data, dict):
        return {name: _lists_as_tuples(part) for name, part in data.items()}
    return tuple(_lists_as_tuples(part) for part in data) if isinstance(data, list | tuple) else data


def split(data, share: float, *, refuse_sorted: bool = False):
    """The first rows for training and the last `share` of them for validation, as Keras does it.

    Rows that are sorted by class are no good for that: a warning says so, or with `refuse_sorted` a `ValueError`.
    """
    if not scalars.is_real(share) or not 0 < share < 1:
        raise ValueError(f"validation_split must be a number between 0 and 1, got {share!r}.")
    if backend.is_dataset(data):
        raise ValueError("validation_split works on arrays: split a dataset yourself and give validation_data.")
    cut = int(rows(data) * (1 - share))
    first, last = tree.map_structure(lambda a: a[:cut], data), tree.map_structure(lambda a: a[cut:], data)
    if any(map(_are_sorted_classes, tree.flatten(first), tree.flatten(last))):
        sentence = (
            "validation_split holds out the last rows, and most of these are of classes that the other rows do not "
            "have: the data is sorted by class, so shuffle it first."
        )
        if refuse_sorted:
            raise ValueError(sentence)
        notices.from_the_users_line()(sentence)
    return first, last


def _are_sorted_classes(first, last) -> bool:
    """Whether the last rows are of classes, numbers or names, that the first ones do not have."""
    is_label = first.ndim == 1 and first.dtype.kind in "iubUSO"
    return is_label and len(np.unique(first.astype(str))) < len(first) and np.mean(~np.isin(last, first)) > 0.5
