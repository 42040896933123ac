"""Gradient reversal: the identity, whose gradient points the other way."""

import numbers

import keras
from keras import ops


def reverse_gradient(x, weight=1.0):
    """Gives back `x`, and multiplies the gradient that flows through it by `-weight`.

    Args:
        x: float tensor of any shape.
        weight: number or scalar tensor.

    Returns:
        Tensor with the values, shape and dtype of `x`.
    """
    still = ops.stop_gradient(x)
    # The difference is exactly 0 forward; backward it is all that is left.
    return still - ops.cast(weight, x.dtype) * (x - still)


@keras.saving.register_keras_serializable(package="kgan")
class GradientReversal(keras.layers.Layer):
    """The identity forward; backward, the gradient times `-weight`.

        forward  x -> x          backward  dL/dx <- -weight * dL/dx

    Placed between features and a classifier of something that the features should not tell, it makes one gradient
    descent out of two players: the classifier learns to read it, and the features learn to hide it.

    Source: Ganin & Lempitsky 2015, https://arxiv.org/abs/1409.7495, equations 4 and 5.

    Args:
        weight: number, `lambda` of the paper: 0 stops the gradient, a negative one lets it pass as it is.

    Examples:
        >>> features = encoder(inputs)
        >>> domain = keras.layers.Dense(1)(kgan.layers.GradientReversal(0.5)(features))
        >>> model = keras.Model(inputs, [classifier(features), domain])
    """

    def __init__(self, weight: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        if isinstance(weight, bool) or not isinstance(weight, numbers.Real):
            raise ValueError(f"the weight of GradientReversal must be a number, got {weight!r}.")
        self.weight = float(weight)
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        return reverse_gradient(inputs, self.weight)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "weight": self.weight}
