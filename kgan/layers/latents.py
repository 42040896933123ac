"""Latent vectors: the noise that a generator turns into samples."""

import keras
from keras import ops

from kgan import backend
from kgan.backend import keras_internals
from kgan.scalars import as_count, as_seed


@keras.saving.register_keras_serializable(package="kgan")
class LatentSampler(keras.layers.Layer):
    """Draws one latent vector z ~ N(0, I) for each row of its input, whatever the input holds.

    Under `tf.distribute` every replica gets its own rows of the vectors that one device would have drawn for the
    whole batch.

    Args:
        latent_dim: how many numbers a latent vector has.
        seed: an integer, or a `keras.random.SeedGenerator` to share.
        **kwargs: arguments of `keras.layers.Layer`. The dtype is float32 whatever the global policy; the numbers are
            drawn in float32 and rounded to another dtype that is given.

    Examples:
        >>> kgan.layers.LatentSampler(100, seed=0)(images).shape  # images: (64, 28, 28, 1)
        TensorShape([64, 100])
    """

    def __init__(self, latent_dim: int, *, seed=None, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.latent_dim = as_count(latent_dim, "latent_dim")
        own = not isinstance(seed, keras.random.SeedGenerator)
        self.seed_generator = keras.random.SeedGenerator(as_seed(seed)) if own else seed
        keras_internals.built_without_weights(self)

    def call(self, inputs):
        """Shape `(batch, ...)` to `(batch, latent_dim)`."""
        latents = backend.replica_slice(
            lambda n: keras.random.normal((n, self.latent_dim), dtype="float32", seed=self.seed_generator),
            ops.shape(inputs)[0],
        )
        return ops.cast(latents, self.compute_dtype)

    def compute_mask(self, inputs, previous_mask):
        """None: which numbers of the input are padding says nothing about the latents."""

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.latent_dim)

    def get_config(self) -> dict:
        return {**super().get_config(), "latent_dim": self.latent_dim, "seed": self.seed_generator.get_config()["seed"]}


def draw_latents(n: int, latent_dim: int, seed: int, first: int = 0):
    """`n` latent vectors that depend on `seed` alone, `(n, latent_dim)` float32.

    They are rows `first` to `first + n` of a table without end, so that many can be drawn a few at a time; `first` is a
    multiple of 4.
    """
    return backend.normal_rows(n, latent_dim, seed, first)
