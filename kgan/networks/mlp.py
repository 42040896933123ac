"""Multilayer perceptrons."""

import math
from collections.abc import Sequence

import keras


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
        activation: activation of the hidden layers.
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
        x = keras.layers.Dense(units, activation=activation)(x)
    x = keras.layers.Dense(math.prod(output_shape), activation=output_activation, dtype="float32")(x)
    if len(output_shape) > 1:
        x = keras.layers.Reshape(output_shape, dtype="float32")(x)
    return keras.Model(inputs, x, name=name or "mlp")


def as_shape(shape, what) -> tuple:
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if not shape or any(not isinstance(n, int) or n < 1 for n in shape):
        raise ValueError(f"{what}_shape must be a positive whole number or a tuple of them, got {shape}.")
    return shape
