"""What a compiled training step needs: order of operations, the check for finiteness, tracing."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf


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


def first_not_finite(variables) -> int | None:
    """The position of the first Keras variable that holds NaN or infinite numbers, if any does."""
    for position, variable in enumerate(variables):
        value = tf.convert_to_tensor(variable.value)
        # NumPy rather than operations of TensorFlow, whose calls cost more than most weights have numbers.
        if value.dtype.is_floating and not np.isfinite(value.numpy()).all():
            return position
    return None


# What the check above raises.
NotFiniteError = tf.errors.InvalidArgumentError


def trace_outputs(function: Callable[[Any], Any], dataset: tf.data.Dataset):
    """The structure that `function` returns for an element of `dataset`, found by tracing it: nothing is computed or
    changed.
    """
    with keras.StatelessScope():
        return tf.function(function).get_concrete_function(dataset.element_spec).structured_outputs


def compiled(function: Callable) -> Callable:
    """`function` as a TensorFlow graph, traced once per structure of its arguments."""
    return tf.function(function, reduce_retracing=True)
