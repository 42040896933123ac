"""What the models need from TensorFlow: gradients, replicas, finiteness and the order of the data.

Everything else in the mathematics is `keras.ops`, so that these few functions are all there is to port.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def value_and_gradients(function: Callable[[], tuple[Any, Any]], variables: Sequence[keras.Variable]):
    """Evaluates `function` and differentiates its value with respect to `variables`, and to nothing else.

    Args:
        function: called without arguments, returns `(value, auxiliary)`, with a scalar `value`.
        variables: the Keras variables to differentiate by.

    Returns:
        `(value, auxiliary), gradients`, with one gradient per variable; a variable that does not take part gets zeros.
    """
    tensors = [variable.value for variable in variables]
    # Watching these variables alone keeps the other players' forward passes off the tape.
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(tensors)
        value, auxiliary = function()
    gradients = tape.gradient(value, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return (value, auxiliary), gradients


def values_and_gradients(function: Callable[[], tuple[Any, Any]], variables: Sequence[keras.Variable]):
    """Evaluates `function` and differentiates each of its values with respect to `variables`.

    Args:
        function: called without arguments, returns `(values, auxiliary)`, with a list of scalars `values`.
        variables: the Keras variables to differentiate by.

    Returns:
        `(values, auxiliary), gradients`, with one list for each value, of one dense gradient per variable; a variable
        that does not take part gets zeros.
    """
    tensors = [variable.value for variable in variables]
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(tensors)
        values, auxiliary = function()
    zero = tf.UnconnectedGradients.ZERO
    gradients = [
        [tf.convert_to_tensor(g) for g in tape.gradient(v, tensors, unconnected_gradients=zero)] for v in values
    ]
    return (values, auxiliary), gradients


def value_and_input_gradient(function: Callable[[Any], Any], inputs):
    """Evaluates `function(inputs)` and differentiates the sum of its outputs with respect to `inputs`.

    The gradient can be differentiated again by an outer `value_and_gradients`, which is what penalties such as R1 need.
    For a function that treats each sample on its own, row i of the gradient belongs to output i alone.

    Args:
        function: maps a batch of inputs to outputs of any shape.
        inputs: float tensor.

    Returns:
        `(outputs, gradient)`; the gradient has the shape of `inputs`.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        outputs = function(inputs)
    return outputs, tape.gradient(outputs, inputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def num_replicas() -> int:
    """The number of devices that share a batch where this code runs; 1 outside a step of a `tf.distribute` strategy."""
    # Within `strategy.scope()` alone there is no replica yet: what is traced there belongs to no device.
    return 1 if tf.distribute.in_cross_replica_context() else tf.distribute.get_strategy().num_replicas_in_sync


def replica_slice(draw: Callable[[int], Any], size):
    """Draws random rows for the whole global batch and keeps those of this replica.

    Every replica holds the same random state. Drawing all rows everywhere and keeping a share gives each replica
    its own noise, and gives the replicas together the very rows that a single device would have drawn.

    Args:
        draw: maps a number of rows to a tensor with that many rows.
        size: the number of rows that this replica needs.

    Returns:
        The first `size` rows on the first replica, the next `size` rows on the second, and so on.
    """
    replicas = num_replicas()
    if replicas == 1:
        return draw(size)
    start = tf.distribute.get_replica_context().replica_id_in_sync_group * size
    return draw(size * replicas)[start : start + size]


def replica_mean(value):
    """The mean of `value` over all replicas, in each of them; `value` itself on one device."""
    if num_replicas() == 1:
        return value
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, value)


def assign(variables: Sequence[keras.Variable], values: Sequence[Any]):
    """Assigns `values` to `variables`, on every replica when called inside a training step.

    The values have to be the same on every replica, as functions of the weights are.
    """
    for variable, value in zip(variables, values, strict=True):
        value = keras.ops.convert_to_tensor(value, dtype=variable.dtype)
        if num_replicas() == 1:
            variable.assign(value)
        else:
            tf.distribute.get_replica_context().merge_call(_update_replicas, args=(variable.value, value))


def _update_replicas(strategy, variable, value):
    strategy.extended.update(variable, lambda replica, new: replica.assign(new), args=(value,))


def after(tensors):
    """A context whose operations wait for `tensors`, in any structure.

    A compiled step runs its operations as soon as their own inputs are there. Counters and random states have none:
    when the data ends, or a check fails, they would have moved all the same.
    """
    return tf.control_dependencies(tf.nest.flatten(tensors, expand_composites=True))


def only_if_finite(tensors: list, found: dict[str, list], step) -> list:
    """Returns `tensors`, after checking numbers that have to be finite first.

    What uses the result, such as an optimizer, waits for the check: a step that fails it changes nothing.

    Args:
        tensors: list of tensors to pass on.
        found: dict of names to lists of tensors to check.
        step: the number of the step, for the message.

    Raises:
        NotFiniteError: when the computation runs, with the name and the step.
    """
    assertions = []
    for name, values in found.items():
        # A sum is NaN or infinite as soon as one of its terms is, and costs a single pass over the numbers.
        values = [value.values if isinstance(value, tf.IndexedSlices) else value for value in values]
        total = tf.add_n([tf.reduce_sum(tf.cast(value, tf.float32)) for value in values])
        assertions.append(tf.debugging.Assert(tf.math.is_finite(total), [name, step], summarize=1))
    with tf.control_dependencies([assertion for assertion in assertions if assertion is not None]):
        return [tf.identity(tensor) for tensor in tensors]


# What the check above raises.
NotFiniteError = tf.errors.InvalidArgumentError


def trace_outputs(function: Callable[[Any], Any], dataset: tf.data.Dataset):
    """The structure that `function` returns for an element of `dataset`, found by tracing it: nothing is computed or
    changed.
    """
    with keras.StatelessScope():
        return tf.function(function).get_concrete_function(dataset.element_spec).structured_outputs


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


def shuffled_range(size: int, seed: int, position: Callable[[], int]) -> tf.data.Dataset:
    """The numbers 0 to `size` - 1 in a random order that depends on `seed` and on `position()` alone.

    `position` is asked each time an iteration starts. When it is the training progress of a model, a resumed run sees
    its data in the order of the uninterrupted run, and no shuffle buffer has to be kept or saved.

    Args:
        size: how many numbers.
        seed: integer.
        position: returns an integer.

    Returns:
        A `tf.data.Dataset` of int64 scalars; memory does not grow with `size`.
    """

    def order(start):
        key = tf.stack([tf.constant(seed % (2**31 - 1)), tf.cast(start, tf.int32)])
        # In blocks: one call per number would cost more than reading the data that it stands for.
        blocks = tf.data.Dataset.range(size).batch(1024)
        return blocks.map(lambda block: tf.random.experimental.index_shuffle(block, key, size - 1)).unbatch()

    def ask(_):
        return tf.ensure_shape(tf.numpy_function(lambda: np.int64(position()), [], tf.int64), [])

    return tf.data.Dataset.from_tensors(0).map(ask).flat_map(order)


def array_batches(arrays, batch_size: int, *, order=None, drop_incomplete: bool = False) -> tf.data.Dataset:
    """Batches of `arrays`, any structure of arrays with the same number of rows.

    Args:
        arrays: nested tuples, lists or dicts of arrays. Of a `numpy.memmap` only the rows of a batch are read.
        batch_size: rows per batch.
        order: a dataset of row numbers, such as `shuffled_range`, or `None` for the stored order.
        drop_incomplete: whether a smaller last batch is left out.

    Returns:
        A `tf.data.Dataset` with the structure of `arrays`, of known length.
    """
    with tf.device("CPU:0"):  # a GPU has better use for its memory
        gathers = [_gather_from(array) for array in tf.nest.flatten(arrays)]
    size = len(tf.nest.flatten(arrays)[0])
    # A whole batch is gathered at once: one operation per array instead of one per row.
    order = tf.data.Dataset.range(size) if order is None else order
    rows = order.batch(batch_size, drop_remainder=drop_incomplete)

    def batch_of(rows):
        return tf.nest.pack_sequence_as(arrays, [gather(rows) for gather in gathers])

    batches = rows.map(batch_of, tf.data.AUTOTUNE)
    length = size // batch_size if drop_incomplete else -(-size // batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(length)).prefetch(tf.data.AUTOTUNE)


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


def compiled(function: Callable) -> Callable:
    """`function` as a TensorFlow graph, traced once per structure of its arguments."""
    return tf.function(function, reduce_retracing=True)


def is_dataset(data) -> bool:
    """Whether `data` is a `tf.data.Dataset`."""
    return isinstance(data, tf.data.Dataset)
