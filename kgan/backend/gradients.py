"""Values and gradients of losses, with respect to weights or to inputs."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


class TurnScope(keras.StatelessScope):
    """Holds back what layers assign during one step, and keeps what they give to `add_loss`.

    Inside, variables have their new values; outside, nothing has changed. `get_current_value(variable)` is the new
    value, or `None`. Layers that rewrite a weight that trains, such as `keras.layers.SpectralNormalization`, are
    differentiated as Keras does it: the step is taken from the new value, and along the gradient with respect to it.

    Args:
        variables: the Keras variables that the step differentiates by.
        watch: called with each new value of one of them.
    """

    def __init__(self, variables: Sequence[keras.Variable], watch: Callable[[Any], None]):
        super().__init__(collect_losses=True)
        self.rewritten = []  # pairs of a position in `variables` and a new value
        self._positions = {id(variable): position for position, variable in enumerate(variables)}
        self._watch = watch

    def add_update(self, update):
        variable, value = update
        position = self._positions.get(id(variable))
        if position is not None:
            value = tf.stop_gradient(value)
            self._watch(value)
            self.rewritten.append((position, value))
        super().add_update((variable, value))


def values_and_gradients(function: Callable[[TurnScope], tuple[Any, Any]], variables: Sequence[keras.Variable]):
    """Evaluates `function` and differentiates each of its values with respect to `variables`, and to nothing else.

    Args:
        function: called with a `TurnScope`, in which it runs whatever assigns; returns `(values, auxiliary)`, with a
            list of scalars `values`.
        variables: the Keras variables to differentiate by.

    Returns:
        `(values, auxiliary), gradients`, with one list for each value, of one gradient per variable: `None` for a
        variable that does not take part.
    """
    tensors = [variable.value for variable in variables]
    # Watching these variables alone keeps the other players' forward passes off the tape.
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(tensors)
        scope = TurnScope(variables, tape.watch)
        values, auxiliary = function(scope)
    sources = [*tensors, *(value for _, value in scope.rewritten)]
    gradients = []
    for value in values:
        first = tape.gradient(value, sources)
        found = first[: len(tensors)]
        for (position, _), gradient in zip(scope.rewritten, first[len(tensors) :], strict=True):
            found[position] = _sum(found[position], gradient)
        gradients.append(found)
    return (values, auxiliary), gradients


def value_and_gradients(function: Callable[[TurnScope], tuple[Any, Any]], variables: Sequence[keras.Variable]):
    """As `values_and_gradients`, for a function with one scalar `value` and so with one list of gradients."""

    def one_value(scope):
        value, auxiliary = function(scope)
        return [value], auxiliary

    (values, auxiliary), gradients = values_and_gradients(one_value, variables)
    return (values[0], auxiliary), gradients[0]


def with_zeros(gradients: Sequence[Any], variables: Sequence[keras.Variable]) -> list:
    """`gradients` with zeros in place of `None`, for the variables that took no part."""
    return [tf.zeros_like(v.value) if g is None else g for g, v in zip(gradients, variables, strict=True)]


def _sum(a, b):
    if a is None or b is None:
        return b if a is None else a
    return tf.convert_to_tensor(a) + tf.convert_to_tensor(b)


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
