"""Corruption of the inputs of a denoising autoencoder, in training only.

For Gaussian noise there is `keras.layers.GaussianNoise(stddev)`.

Source: Vincent et al. 2010, Stacked Denoising Autoencoders, https://jmlr.org/papers/v11/vincent10a.html.
"""

import keras
from keras import ops

from kgan import backend


class _Corruption(keras.layers.Layer):
    """Replaces each number of its input with probability `rate`, in training."""

    def __init__(self, rate: float, *, seed=None, **kwargs):
        super().__init__(**kwargs)
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
            raise ValueError(f"the rate of {type(self).__name__} must be a number from 0 to 1, got {rate!r}.")
        self.rate = rate
        own = not isinstance(seed, keras.random.SeedGenerator)
        self.seed_generator = keras.random.SeedGenerator(seed) if own else seed
        self.built = True  # there are no weights to wait for

    def call(self, inputs, training=False):
        """Any shape `(batch, ...)`, and the same out."""
        if not training or self.rate == 0:
            return inputs
        shape = ops.shape(inputs)
        # One number decides whether a number of the input is replaced, and by what. In float32, because half precision
        # has too few numbers between 0 and 1 for a small rate.
        uniform = backend.replica_slice(
            lambda n: keras.random.uniform((n, *shape[1:]), dtype="float32", seed=self.seed_generator), shape[0]
        )
        return ops.where(uniform < self.rate, ops.cast(self.replacement(uniform), inputs.dtype), inputs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed_generator.get_config()["seed"]}


@keras.saving.register_keras_serializable(package="kgan")
class MaskingNoise(_Corruption):
    """Sets each number of its input to 0 with probability `rate`, in training only.

    Unlike in dropout the other numbers stay as they are. Under `tf.distribute` every replica gets its own noise, and
    all together that of one device.

    Source: Vincent et al. 2010, https://jmlr.org/papers/v11/vincent10a.html, with a draw for each number in place of a
    fixed count of them.

    Args:
        rate: probability, from 0 to 1.
        seed: an integer, or a `keras.random.SeedGenerator` to share.
        **kwargs: arguments of `keras.layers.Layer`.

    Examples:
        >>> kgan.layers.MaskingNoise(0.25)(images, training=True)     # any shape
    """

    def replacement(self, uniform):
        return ops.zeros_like(uniform)


@keras.saving.register_keras_serializable(package="kgan")
class SaltAndPepperNoise(_Corruption):
    """Sets each number of its input to 0 or 1, as likely, with probability `rate`, in training only.

    It is made for numbers in 0..1. Under `tf.distribute` every replica gets its own noise, and all together that of one
    device.

    Source: Vincent et al. 2010, https://jmlr.org/papers/v11/vincent10a.html, with a draw for each number in place of a
    fixed count of them.

    Args:
        rate: probability that a number is replaced, from 0 to 1.
        seed: an integer, or a `keras.random.SeedGenerator` to share.
        **kwargs: arguments of `keras.layers.Layer`.

    Examples:
        >>> kgan.layers.SaltAndPepperNoise(0.1)(images, training=True)     # any shape
    """

    def replacement(self, uniform):
        # The lower half of the numbers that are replaced becomes 0, the upper half 1.
        return uniform >= self.rate / 2
