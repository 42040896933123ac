"""New layers that turn features into the probabilities of classes."""

import keras
from keras.initializers import GlorotUniform


def softmax_head(features: int, layers, num_classes: int, seed: int) -> keras.Sequential:
    """Hidden layers and a softmax layer, which gives float32 whatever the dtype policy.

    Args:
        features: how many numbers the head gets.
        layers: numbers of units of fully connected layers (ReLU), or Keras layers.
        num_classes: how many probabilities it gives.
        seed: integer from which the first weights of the layers that are made here flow.

    Raises:
        ValueError: if the layers do not fit.
    """
    # One seed for two layers of one shape would give them the same weights.
    hidden = [
        keras.layers.Dense(layer, activation="relu", kernel_initializer=GlorotUniform(seed + i))
        if isinstance(layer, int)
        else layer
        for i, layer in enumerate(layers)
    ]
    softmax = keras.layers.Dense(
        num_classes,
        activation="softmax",
        kernel_initializer=GlorotUniform(seed + len(hidden)),
        dtype="float32",
        name="probabilities",
    )
    try:
        head = keras.Sequential([keras.Input((features,)), *hidden, softmax], name="head")
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"head cannot take the {features} features of the base: {reason}") from None
    if head.output_shape != (None, num_classes):
        raise ValueError(
            f"head must give one vector per image, but with the softmax layer it gives {head.output_shape}."
        )
    return head
