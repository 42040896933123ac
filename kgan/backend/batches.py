"""Batches of data: arrays and datasets, their order, and the rounds they make."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


def is_dataset(data) -> bool:
    """Whether `data` is a `tf.data.Dataset`."""
    return isinstance(data, tf.data.Dataset)


def map_targets(dataset: tf.data.Dataset, function: Callable[[Any], Any], like: Any) -> tf.data.Dataset:
    """The pairs `(x, y)` of a batched dataset with `function(y)` in place of y.

    Args:
        dataset: of pairs; y in any structure.
        function: gets y as numpy arrays, and returns the structure of `like`; it runs in Python.
        like: structure of numpy arrays with the dtypes of what `function` returns, and its shapes but for the rows.
    """
    leaves = tf.nest.flatten(like)

    def change(x, y):
        def call(*arrays):
            return tf.nest.flatten(function(tf.nest.pack_sequence_as(y, arrays)))

        rows = tf.nest.flatten(y)[0].shape[0]
        found = tf.numpy_function(call, tf.nest.flatten(y), [leaf.dtype for leaf in leaves])
        found = [tf.ensure_shape(t, [rows, *leaf.shape[1:]]) for t, leaf in zip(found, leaves, strict=True)]
        return x, tf.nest.pack_sequence_as(like, found)

    return dataset.map(change, tf.data.AUTOTUNE)


def python_result(function: Callable, tensors: list, dtype, shape: list):
    """What a Python function makes of `tensors`, which it gets as numpy arrays: a tensor of `dtype` and `shape`."""
    return tf.ensure_shape(tf.numpy_function(function, tensors, dtype), shape)


def with_shape(tensor, shape: list):
    """The tensor, known to have `shape`, whose unknown sizes are `None`."""
    return tf.ensure_shape(tensor, shape)


def shuffled_range(size: int, seed: int, position: Callable[[], int]) -> tf.data.Dataset:
    """The numbers 0 to `size` - 1, one by one, in the order of `shuffled_rows`."""
    # In blocks: one call per number would cost more than reading the data that it stands for.
    return shuffled_rows(size, 1024, seed, position).unbatch()


def shuffled_rows(
    size: int, batch_size: int, seed: int, position: Callable[[], int], *, drop_incomplete: bool = False
) -> tf.data.Dataset:
    """The numbers 0 to `size` - 1 in a random order that depends on `seed` and on `position()` alone.

    `position` is asked each time an iteration starts. When it is the training progress of a model, a resumed run sees
    its data in the order of the uninterrupted run, and no shuffle buffer has to be kept or saved.

    Args:
        size: how many numbers.
        batch_size: how many of them at a time; the order does not depend on it.
        seed: integer.
        position: returns an integer.
        drop_incomplete: whether a smaller last batch is left out.

    Returns:
        A `tf.data.Dataset` of int64 vectors; memory does not grow with `size`.
    """
    count = _count(size, batch_size, drop_incomplete)
    batch_size = batch_size if drop_incomplete else min(batch_size, size)  # whose numbers are made in full

    def order(start):
        key = tf.stack([tf.constant(seed % (2**31 - 1)), tf.cast(start, tf.int32)])

        def rows(first):
            numbers = first + tf.range(batch_size, dtype=tf.int64)
            if not drop_incomplete:
                numbers = numbers[: size - first]
            return tf.random.experimental.index_shuffle(numbers, key, size - 1)

        return tf.data.Dataset.range(0, size - batch_size + 1 if drop_incomplete else size, batch_size).map(rows)

    def ask(_):
        return tf.ensure_shape(tf.numpy_function(lambda: np.int64(position()), [], tf.int64), [])

    batches = tf.data.Dataset.from_tensors(0).map(ask).flat_map(order)
    return batches.apply(tf.data.experimental.assert_cardinality(count))


def rows_in_order(size: int, batch_size: int, *, drop_incomplete: bool = False) -> tf.data.Dataset:
    """The numbers 0 to `size` - 1 in this order, as `shuffled_rows` gives them in another."""
    return tf.data.Dataset.range(size).batch(batch_size, drop_remainder=drop_incomplete)


def _count(size: int, batch_size: int, drop_incomplete: bool) -> int:
    return size // batch_size if drop_incomplete else -(-size // batch_size)


def array_batches(arrays, rows: tf.data.Dataset) -> tf.data.Dataset:
    """Batches of `arrays`, any structure of arrays with the same number of rows.

    Args:
        arrays: nested tuples, lists or dicts of arrays. Of a `numpy.memmap` only the rows of a batch are read.
        rows: which rows each batch holds, from `rows_in_order` or `shuffled_rows`.

    Returns:
        A `tf.data.Dataset` with the structure of `arrays`, as long as `rows`.
    """
    with tf.device("CPU:0"):  # a GPU has better use for its memory
        gathers = [_gather_from(array) for array in tf.nest.flatten(arrays)]

    def batch_of(rows):
        return tf.nest.pack_sequence_as(arrays, [gather(rows) for gather in gathers])

    # Rewriting the graph takes longer than a step of small networks, for each iterator, and finds nothing here.
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    # A whole batch is gathered at once: one operation per array instead of one per row.
    return rows.map(batch_of, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE).with_options(options)


def _gather_from(array):
    """Maps a tensor of row numbers to these rows of `array`."""
    if not isinstance(array, np.memmap):
        tensor = tf.convert_to_tensor(array)
        return lambda rows: tf.gather(tensor, rows)
    # Memory-mapped arrays stay on disk: they may be larger than memory.
    dtype = np.dtype("float32") if array.dtype == np.float64 else array.dtype

    def read(rows):
        found = tf.numpy_function(lambda rows: np.asarray(array[rows], dtype), [rows], dtype)
        return tf.ensure_shape(found, [rows.shape[0], *array.shape[1:]])

    return read


def rounds_of(batches: tf.data.Dataset, count: int) -> tf.data.Dataset:
    """Groups `count` consecutive batches of equal size, so that one element holds what one round of a game needs.

    Args:
        batches: a batched dataset. Batches smaller than the first one are left out: the incomplete last one.
        count: how many batches a round takes.

    Returns:
        `batches` without incomplete ones if `count` is 1. Otherwise tensors of shape `(batch, count, ...)`: the batch
        stays the first axis, because that is the one `tf.distribute` splits between devices.
    """
    if any(spec.shape.rank and spec.shape[0] is None for spec in tf.nest.flatten(batches.element_spec)):
        batches = _drop_incomplete(batches)
    if count == 1:
        return batches

    def batch_axis_first(tensor):
        return tf.transpose(tensor, [1, 0, *range(2, tensor.shape.rank)])

    def one_round(*elements):
        elements = elements if isinstance(batches.element_spec, tuple) else elements[0]
        return tf.nest.map_structure(batch_axis_first, elements)

    return batches.batch(count, drop_remainder=True).map(one_round, tf.data.AUTOTUNE)


def _drop_incomplete(batches: tf.data.Dataset) -> tf.data.Dataset:
    def compare(first_size, batch):
        size = tf.shape(tf.nest.flatten(batch)[0])[0]
        first_size = tf.where(first_size < 0, size, first_size)
        return first_size, (size == first_size, batch)

    compared = batches.scan(tf.constant(-1), compare)
    return compared.filter(lambda complete, _: complete).map(lambda _, batch: batch)


def is_dense(spec) -> bool:
    """Whether a part of a dataset's `element_spec` describes dense tensors."""
    return isinstance(spec, tf.TensorSpec)


def is_endless(dataset: tf.data.Dataset) -> bool:
    """Whether the dataset is known to repeat forever."""
    return int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY


def without_one_tuples(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset with x in place of Keras's `(x,)`."""
    spec = dataset.element_spec
    return dataset.map(lambda x: x) if isinstance(spec, tuple) and len(spec) == 1 else dataset


def as_float32(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset with float32 in place of float64, in which NumPy makes numbers and no network computes."""

    def cast(*element):
        element = element if isinstance(spec, tuple) else element[0]
        return tf.nest.map_structure(lambda t: tf.cast(t, tf.float32) if t.dtype == tf.float64 else t, element)

    spec = dataset.element_spec
    wide = any(getattr(part, "dtype", None) == tf.float64 for part in tf.nest.flatten(spec))
    return dataset.map(cast, tf.data.AUTOTUNE) if wide else dataset


def watched(
    dataset: tf.data.Dataset, check_range: Callable[[float, float, int], None], not_finite: Callable[[int], str]
) -> tf.data.Dataset:
    """The dataset, each of whose batches is looked at before it is used.

    Only the two ends of each array's range leave TensorFlow, so that it costs little.

    Args:
        dataset: batched.
        check_range: called with the smallest and the largest number so far and the position of the array in the
            flattened structure: for the first batch, and whenever a later one widens the range. What it raises ends the
            iteration.
        not_finite: what to say of NaN and infinite numbers in the array at a position.
    """
    spec = dataset.element_spec
    kinds = [part.dtype for part in tf.nest.flatten(spec)]
    looked_at = [i for i, kind in enumerate(kinds) if kind.is_floating or (kind.is_integer and not kind.is_quantized)]
    seen = {}

    def look(ends):
        for part, (low, high) in zip(looked_at, ends, strict=True):
            if low > high:
                continue  # a batch without rows
            if not np.isfinite([low, high]).all():
                raise ValueError(not_finite(part))
            least, most = seen.get(part, (np.inf, -np.inf))
            if low < least or high > most:
                seen[part] = min(low, least), max(high, most)
                check_range(*map(float, seen[part]), part)
        return np.int32(0)

    def look_first(*element):
        element = element if isinstance(spec, tuple) else element[0]
        parts = [tf.nest.flatten(element)[i] for i in looked_at]
        ends = []
        for part in parts:
            low, high = (tf.cast(end(part), tf.float64) for end in (tf.reduce_min, tf.reduce_max))
            # NaN and infinite numbers times 0 are NaN, and so is their sum; the smallest and the largest may not be.
            broken = tf.cast(tf.reduce_sum(part * 0), tf.float64) if part.dtype.is_floating else 0.0
            ends.append(tf.stack([low, high]) + broken)
        with tf.control_dependencies([tf.numpy_function(look, [tf.stack(ends)], tf.int32)]):
            return tf.nest.map_structure(tf.identity, element)

    return dataset.map(look_first).prefetch(tf.data.AUTOTUNE) if looked_at else dataset
