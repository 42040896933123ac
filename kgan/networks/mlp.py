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
        x = dense(x, as_count(units, "each number in hidden"), activation)
    x = dense(x, math.prod(output_shape), output_activation, dtype="float32")
    if len(output_shape) > 1:
        x = keras.layers.Reshape(output_shape, dtype="float32")(x)
    return keras.Model(inputs, x, name=name or "mlp")


def as_shape(shape, what) -> tuple:
    sizes = (shape,) if is_count(shape) else shape
    if not isinstance(sizes, Iterable) or not (sizes := list(sizes)) or not all(map(is_count, sizes)):
        raise ValueError(f"{what}_shape must be a positive whole number or a tuple of them, got {shape!r}.")
    return tuple(map(int, sizes))


def dense(x, units: int, activation, dtype=None):
    """A fully connected layer; an activation that is a layer follows it as a layer of its own, with its own weights."""
    if isinstance(activation, dict):
        activation = keras.activations.get(activation)
    if not isinstance(activation, keras.Layer):
        return keras.layers.Dense(units, activation=activation, dtype=dtype)(x)
    config = {**activation.get_config(), "name": None}
    if dtype is not None:
        config["dtype"] = dtype
    return type(activation).from_config(config)(keras.layers.Dense(units, dtype=dtype)(x))
