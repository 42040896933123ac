"""Multilayer perceptrons."""

import math
from collections.abc import Iterable, Sequence

import keras

from kgan.scalars import as_count, is_count


def mlp(
    input_shape,
    output_shape,
    hidden: Sequence[int] = (128, 128),
    *,
    activation="relu",
    output_activation=None,
    name: str | None = None,
) -> keras.Model:
    """A stack of fully connected layers between any two shapes.

    Args:
        input_shape: int or tuple, the shape of one input; inputs are flattened.
        output_shape: int or tuple, the shape of one output.
        hidden: number of units of each hidden layer.
        activation: activation of the hidden layers, in any form that `keras.layers.Dense` takes; of a layer such as
            `keras.layers.PReLU()` each hidden layer gets a copy.
        output_activation: activation of the output; `None` for logits or unbounded values.
        name: name of the model.

    Returns:
        A functional `keras.Model`, `(batch, *input_shape)` to `(batch, *output_shape)`; the output is float32
        whatever the dtype policy.

    Examples:
        >>> generator = kgan.networks.mlp(2, 2)               # 2-D noise to 2-D points
        >>> discriminator = kgan.networks.mlp(2, 1)           # 2-D points to a logit
    """
    input_shape, output_shape = (
        as_shape(shape, what) for shape, what in ((input_shape, "input"), (output_shape, "output"))
    )
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(inputs) if len(input_shape) > 1 else inputs
    for units in hidden:
        x = keras.layers.Dense(as_count(units, "each number in hidden"), activation=_own(activation))(x)
    x = keras.layers.Dense(math.prod(output_shape), activation=_own(output_activation), dtype="float32")(x)
    if len(output_shape) > 1:
        x = keras.layers.Reshape(output_shape, dtype="float32")(x)
    return keras.Model(inputs, x, name=name or "mlp")


def as_shape(shape, what) -> tuple:
    sizes = (shape,) if is_count(shape) else shape
    if not isinstance(sizes, Iterable) or not (sizes := list(sizes)) or not all(map(is_count, sizes)):
        raise ValueError(f"{what}_shape must be a positive whole number or a tuple of them, got {shape!r}.")
    return tuple(map(int, sizes))


def _own(activation):
    """An activation that is a layer may have weights, which are for one use."""
    return type(activation).from_config(activation.get_config()) if isinstance(activation, keras.Layer) else activation
