"""Values and gradients of losses, with respect to weights or to inputs."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


class TurnScope(keras.StatelessScope):
    """Holds back what layers assign during a turn, and keeps what they give to `add_loss`.

    Inside, variables have their new values; outside, nothing has changed. `get_current_value(variable)` is the new
    value, or `None`. Layers that rewrite a weight that trains, such as `keras.layers.SpectralNormalization`, are
    differentiated as Keras does it: the step is taken from the new value, and along the gradient with respect to it.

    Args:
        variables: the Keras variables that may be differentiated by.
    """

    def __init__(self, variables: Sequence[keras.Variable]):
        super().__init__(collect_losses=True)
        self._watched = {id(variable) for variable in variables}
        self._tapes = []  # pairs of a tape that records now, and what was rewritten since it began
        self._entered = False

    def __enter__(self):
        self._entered = True
        return super().__enter__()

    def __exit__(self, *exception):
        self._entered = False
        super().__exit__(*exception)

    def add_update(self, update):
        variable, value = update
        if id(variable) in self._watched and self._tapes:
            value = tf.stop_gradient(value)
            for tape, rewritten in self._tapes:
                tape.watch(value)
                rewritten.append((id(variable), value))
        super().add_update((variable, value))

    def values_and_gradients(self, function: Callable[[], tuple[Any, Any]], variables: Sequence[keras.Variable]):
        """Evaluates `function` and differentiates each of its values with respect to `variables`, and to nothing else.

        It runs inside the scope, and may itself use this method: second derivatives are right.

        Args:
            function: returns `(values, auxiliary)`, with a list of scalars `values`.
            variables: the Keras variables to differentiate by, from those of the scope.

        Returns:
            `auxiliary, gradients`, with one list for each value, of one gradient per variable: `None` for a variable
            that does not take part.
        """
        inside = contextlib.nullcontext() if self._entered else self
        # Watching these variables alone keeps the other players' forward passes off the tape.
        with inside, tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tensors = [variable.value for variable in variables]
            tape.watch(tensors)
            rewritten = []
            self._tapes.append((tape, rewritten))
            try:
                values, auxiliary = function()
            finally:
                self._tapes.pop()
            positions = {id(variable): position for position, variable in enumerate(variables)}
        rewritten = [(positions[key], value) for key, value in rewritten if key in positions]
        sources, gradients = [*tensors, *(value for _, value in rewritten)], []
        for value in values:
            of_sources = tape.gradient(value, sources)
            found = of_sources[: len(tensors)]
            for (position, _), gradient in zip(rewritten, of_sources[len(tensors) :], strict=True):
                found[position] = _sum(found[position], gradient)
            gradients.append(found)
        return auxiliary, gradients


def value_and_gradients(function: Callable[[TurnScope], tuple[Any, Any]], variables: Sequence[keras.Variable]):
    """Evaluates `function(scope)`, which returns `(scalar, auxiliary)`, in a scope of its own and differentiates it.

    Returns:
        `(scalar, auxiliary), gradients`, as `TurnScope.values_and_gradients`.
    """
    scope = TurnScope(variables)

    def one_value():
        value, auxiliary = function(scope)
        return [value], (value, auxiliary)

    found, gradients = scope.values_and_gradients(one_value, variables)
    return found, gradients[0]


def scaled_gradients(gradients: Sequence[Any], factor) -> list:
    """`gradients` times a scalar; `None` and `tf.IndexedSlices` stay what they are."""
    return [
        None
        if gradient is None
        else tf.IndexedSlices(gradient.values * factor, gradient.indices, gradient.dense_shape)
        if isinstance(gradient, tf.IndexedSlices)
        else gradient * factor
        for gradient in gradients
    ]


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
