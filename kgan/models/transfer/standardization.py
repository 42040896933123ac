"""Bringing features to mean 0 and standard deviation 1, whatever network they come from."""

import keras
import numpy as np
from keras import ops

# A unit that varies by less than this share of its largest value says nothing: what varies is rounding.
_ROUNDING = 1e-5
# So many numbers are looked at at once, because there may be more of them than memory.
_PART = 2**22


@keras.saving.register_keras_serializable(package="kgan")
class FeatureStandardization(keras.layers.Layer):
    """`(features - mean) / standard deviation`, both measured once, on the features of the training images.

    Features of real networks are large, sparse and unequal, and a head that trains on them as they are mostly learns
    their scale. Units that were the same for all training images give 0 for ever, because nothing is known of them.
    Before it has measured anything, it passes features as they are.

    It computes in float32: in half precision a small deviation from a large mean would be lost. Unlike
    `keras.layers.Normalization` it reads its statistics from its weights in each call, so that a compiled step sees
    them however they came there: measured, loaded, or restored by a callback.
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def build(self, input_shape):
        shape = input_shape[-1:]
        self.mean = self.add_weight(name="mean", shape=shape, initializer="zeros", trainable=False)
        self.factor = self.add_weight(name="factor", shape=shape, initializer="ones", trainable=False)
        self.rows = self.add_weight(name="rows", shape=(), initializer="zeros", trainable=False)

    def call(self, inputs):
        """Features `(n, features)` of any float dtype to float32 of the same shape."""
        return (ops.cast(inputs, "float32") - self.mean) * self.factor

    def compute_output_shape(self, input_shape):
        return input_shape

    @property
    def measured(self) -> bool:
        """Whether there are statistics."""
        return float(ops.convert_to_numpy(self.rows)) > 0

    def measure(self, features: np.ndarray):
        """Takes the mean and the standard deviation (divided by n) of `features`, `(n, features)`, in float64.

        Raises:
            FloatingPointError: if a feature is NaN or infinite.
        """
        step = max(1, _PART // features.shape[-1])
        parts = [slice(start, start + step) for start in range(0, len(features), step)]
        with np.errstate(over="ignore", invalid="ignore"):
            mean = sum(np.asarray(features[part], "float64").sum(0) for part in parts) / len(features)
        if not np.isfinite(mean).all():
            raise FloatingPointError("the base gives NaN or infinite features: look at its weights and its dtype.")
        squares = sum(np.square(np.asarray(features[part], "float64") - mean).sum(0) for part in parts)
        largest = np.max([np.abs(features[part]).max(0) for part in parts], axis=0)
        deviation = np.sqrt(squares / len(features))
        alive = deviation > _ROUNDING * largest
        self.mean.assign(mean.astype("float32"))
        self.factor.assign(np.where(alive, 1 / np.where(alive, deviation, 1), 0).astype("float32"))
        self.rows.assign(np.float32(len(features)))
