"""Corruption of the inputs of a denoising autoencoder, in training only.

Under `tf.distribute` every replica gets its own noise, and all together that of one device; the noise of Keras's own
layers, and their dropout, repeats on each replica.

Source: Vincent et al. 2010, Stacked Denoising Autoencoders, https://jmlr.org/papers/v11/vincent10a.html, section 3.3.
"""

import functools

import keras
from keras import ops

from kgan import backend
from kgan.backend import keras_internals
from kgan.scalars import as_real, as_seed, as_share


class _Corruption(keras.layers.Layer):
    """Changes its inputs in training by random numbers of their shape, in float32.

    A subclass has one number as its argument, called `argument` and read by `_as_amount`, and defines `_random` and
    `_corrupted`.
    """

    argument, _as_amount = "rate", staticmethod(as_share)
    _random = staticmethod(keras.random.uniform)

    def __init__(self, amount: float, *, seed=None, **kwargs):
        super().__init__(**kwargs)
        amount = self._as_amount(amount, f"the {self.argument} of {type(self).__name__}")
        setattr(self, self.argument, amount)
        own = not isinstance(seed, keras.random.SeedGenerator)
        self.seed_generator = keras.random.SeedGenerator(as_seed(seed)) if own else seed
        self.supports_masking = True
        keras_internals.built_without_weights(self)

    def call(self, inputs, training=False):
        """Any shape `(batch, ...)`, and the same out, in the layer's compute dtype."""
        inputs = ops.cast(inputs, self.compute_dtype)  # integers, which Keras leaves as they are, have no noise
        if not training or getattr(self, self.argument) == 0:
            return inputs
        shape = ops.shape(inputs)
        # In float32, because half precision has too few numbers between 0 and 1 for a small rate.
        random = backend.replica_slice(
            lambda n: self._random((n, *shape[1:]), dtype="float32", seed=self.seed_generator), shape[0]
        )
        return self._corrupted(inputs, random)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        amount = getattr(self, self.argument)
        return {**super().get_config(), self.argument: amount, "seed": self.seed_generator.get_config()["seed"]}


@keras.saving.register_keras_serializable(package="kgan")
class GaussianNoise(_Corruption):
    """Adds a normal random number to each number of its input, in training only.

    Source: Vincent et al. 2010, https://jmlr.org/papers/v11/vincent10a.html, section 3.3.

    Args:
        stddev: standard deviation of the noise, in the units of the input; the result is not clipped.
        seed: an integer, or a `keras.random.SeedGenerator` to share.
        **kwargs: arguments of `keras.layers.Layer`.

    Examples:
        >>> kgan.layers.GaussianNoise(0.2)(images, training=True)     # any shape
    """

    argument, _as_amount = "stddev", staticmethod(functools.partial(as_real, least=0))
    _random = staticmethod(keras.random.normal)

    def __init__(self, stddev: float, *, seed=None, **kwargs):
        super().__init__(stddev, seed=seed, **kwargs)

    def _corrupted(self, inputs, random):
        return inputs + ops.cast(self.stddev * random, inputs.dtype)


@keras.saving.register_keras_serializable(package="kgan")
class MaskingNoise(_Corruption):
    """Sets each number of its input to 0 with probability `rate`, in training only.

    Unlike in dropout the other numbers stay as they are.

    Source: Vincent et al. 2010, https://jmlr.org/papers/v11/vincent10a.html, with a draw for each number in place of a
    fixed count of them.

    Args:
        rate: probability, from 0 to 1.
        seed: an integer, or a `keras.random.SeedGenerator` to share.
        **kwargs: arguments of `keras.layers.Layer`.

    Examples:
        >>> kgan.layers.MaskingNoise(0.25)(images, training=True)     # any shape
    """

    def __init__(self, rate: float, *, seed=None, **kwargs):
        super().__init__(rate, seed=seed, **kwargs)

    def _corrupted(self, inputs, random):
        return ops.where(random < self.rate, ops.zeros_like(inputs), inputs)


@keras.saving.register_keras_serializable(package="kgan")
class SaltAndPepperNoise(_Corruption):
    """Sets each number of its input to 0 or 1, as likely, with probability `rate`, in training only.

    It is made for numbers in 0..1.

    Source: Vincent et al. 2010, https://jmlr.org/papers/v11/vincent10a.html, with a draw for each number in place of a
    fixed count of them.

    Args:
        rate: probability that a number is replaced, from 0 to 1.
        seed: an integer, or a `keras.random.SeedGenerator` to share.
        **kwargs: arguments of `keras.layers.Layer`.

    Examples:
        >>> kgan.layers.SaltAndPepperNoise(0.1)(images, training=True)     # any shape
    """

    def __init__(self, rate: float, *, seed=None, **kwargs):
        super().__init__(rate, seed=seed, **kwargs)

    def _corrupted(self, inputs, random):
        # Of the random numbers that stand for a replacement, the lower half stands for 0 and the upper half for 1.
        return ops.where(random < self.rate, ops.cast(random >= self.rate / 2, inputs.dtype), inputs)
