"""Gradient reversal: the identity, whose gradient points the other way."""

import keras
from keras import ops

from kgan.backend import keras_internals
from kgan.scalars import as_real


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
        self.weight = as_real(weight, "the weight of GradientReversal")
        self.supports_masking = True
        keras_internals.built_without_weights(self)

    def call(self, inputs):
        """Any shape, and the same out, in the layer's compute dtype."""
        return reverse_gradient(ops.cast(inputs, self.compute_dtype), self.weight)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "weight": self.weight}
