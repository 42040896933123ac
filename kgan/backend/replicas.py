"""Devices that share a batch: their number, their random rows, and assignments on all of them."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


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


def as_numbers(variable: keras.Variable):
    """The numbers of `variable` as a flat NumPy array; of several devices those that they hold together."""
    value = variable.value
    return keras.ops.convert_to_numpy(value.read_value() if hasattr(value, "read_value") else value).ravel()


def assign_moved(variable: keras.Variable, value):
    """Assigns to `variable` what a layer made of it in a training step, on every replica.

    Where Keras knows how to unite the replicas' values (batch statistics, random states), it does. A variable that
    does not say how, as most weights, gets their mean if it is a float, so that the replicas stay equal.
    """
    if num_replicas() == 1 or variable.aggregation not in (None, "none"):
        variable.assign(value)
        return
    if keras.backend.is_float_dtype(variable.dtype):
        value = replica_mean(value)
    assign([variable], [value])


def _update_replicas(strategy, variable, value):
    strategy.extended.update(variable, lambda replica, new: replica.assign(new), args=(value,))
