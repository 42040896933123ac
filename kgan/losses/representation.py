"""Penalties of a code: what makes the features of an autoencoder robust or sparse.

`Autoencoder` adds `weight * penalty(encoder, x, codes, seed)` to its loss and logs the penalty, without the weight,
under its name.
"""

import keras
from keras import ops

from kgan import backend
from kgan.losses.penalties import squared_norms
from kgan.scalars import as_real

# Keeps the logarithm of a unit that is never or always active finite.
EPSILON = 1e-7


class CodePenalty:
    """Base class of the penalties of a code.

    Args:
        weight: non-negative float, what the penalty is multiplied by in the loss.
    """

    name = "code_penalty"

    def __init__(self, weight: float):
        self.weight = as_real(weight, f"the weight of {type(self).__name__}", 0)

    def __call__(self, encoder, x, codes, seed):
        """The penalty without its weight, a float32 scalar.

        Args:
            encoder: model or function of inputs to codes.
            x: inputs, float tensor of shape `(batch, ...)`.
            codes: `encoder(x)`, of shape `(batch, ...)`.
            seed: a `keras.random.SeedGenerator`.
        """
        raise TypeError(f"{type(self).__name__} must define __call__(encoder, x, codes, seed).")

    def get_config(self) -> dict:
        return {"weight": self.weight}

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)


@keras.saving.register_keras_serializable(package="kgan")
class Contractive(CodePenalty):
    """Squared norm of the derivative of the code: `E ||d code / d x||^2`, summed over units and inputs.

    It keeps the code still when the input moves a little. The sum over units takes one gradient per unit; this takes
    one in all, of the code times a random vector v of signs, because `E_v ||J^T v||^2 = ||J||^2`. The estimate has the
    right mean, and it is exact where the gradients of the units are orthogonal to each other.

    Source: Rifai et al. 2011, Contractive Auto-Encoders, https://mlanthology.org/icml/2011/rifai2011icml-contractive;
    of the estimate: Hutchinson 1990, https://doi.org/10.1080/03610919008812866.

    Args:
        weight: non-negative float.
    """

    name = "contractive"

    def __call__(self, encoder, x, codes, seed):
        shape = ops.shape(codes)
        signs = backend.replica_slice(
            lambda n: 2 * keras.random.randint((n, *shape[1:]), 0, 2, dtype="int32", seed=seed) - 1, shape[0]
        )
        signs = ops.cast(signs, "float32")
        _, gradients = backend.value_and_input_gradient(lambda x: ops.cast(encoder(x), "float32") * signs, x)
        return ops.mean(squared_norms(gradients))


@keras.saving.register_keras_serializable(package="kgan")
class Sparsity(CodePenalty):
    """Keeps every unit inactive most of the time: `sum_j KL(target || mean activation of unit j)`, in nats.

    The mean is over the whole batch (of all devices), and `KL(p || q) = p log(p / q) + (1 - p) log((1 - p) / (1 - q))`.

    The codes have to be in 0..1, as those of a sigmoid are.

    Source: Ng 2011, Sparse autoencoder, lecture notes of the course CS294A at Stanford, section 3.

    Args:
        weight: non-negative float.
        target: mean activation that costs nothing, between 0 and 1.
    """

    name = "sparsity"

    def __init__(self, weight: float, target: float = 0.05):
        super().__init__(weight)
        self.target = as_real(target, "the target of Sparsity", 0, 1, above=True, below=True)

    def __call__(self, encoder, x, codes, seed):
        active = backend.replica_mean(ops.mean(ops.cast(codes, "float32"), axis=0))
        p, active = self.target, EPSILON + (1 - 2 * EPSILON) * active
        return ops.sum(p * ops.log(p / active) + (1 - p) * ops.log((1 - p) / (1 - active)))

    def get_config(self) -> dict:
        return {"weight": self.weight, "target": self.target}


ALL = {"contractive": Contractive, "sparsity": Sparsity}
