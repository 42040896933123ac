"""Gradient penalties: what keeps a discriminator smooth.

Each penalty looks at the norm of the gradient of the discriminator's logit with respect to its input, sample by
sample, at points that the penalty chooses. `GAN` adds the penalties to the discriminator's loss in the same step,
and differentiates through the gradient (second order).
"""

import keras
from keras import ops

from kgan import backend
from kgan.scalars import as_real

# Under a square root the derivative at zero is infinite; this keeps a zero gradient's penalty differentiable.
EPSILON = 1e-12


def squared_norms(gradients):
    """Squared L2 norm of each sample's gradient, in float32: shape `(batch, ...)` to `(batch,)`."""
    gradients = ops.cast(gradients, "float32")
    return ops.sum(ops.square(gradients), axis=tuple(range(1, len(gradients.shape))))


def _one_factor_per_sample(images, seed):
    """U(0, 1) numbers of shape `(batch, 1, ...)`, that broadcast over each sample."""
    ones = (1,) * (len(images.shape) - 1)
    return backend.replica_slice(
        lambda n: keras.random.uniform((n, *ones), dtype=images.dtype, seed=seed), ops.shape(images)[0]
    )


class Penalty:
    """Base class of the gradient penalties.

    Args:
        weight: non-negative float.
    """

    name = "penalty"

    def __init__(self, weight: float):
        self.weight = as_real(weight, f"the weight of {type(self).__name__}", 0)

    def points(self, real, fake, seed):
        """Where the gradient is taken: samples of the shape of `real`.

        Returning `real` or `fake` itself lets `GAN` use the logits it needs anyway.

        Args:
            real: real samples, `(batch, ...)`.
            fake: generated samples, `(batch, ...)`.
            seed: a `keras.random.SeedGenerator`.
        """
        raise TypeError(f"{type(self).__name__} must define points(real, fake, seed).")

    def value(self, gradients):
        """The weighted penalty, a float32 scalar, from the gradients at the points, `(batch, ...)`."""
        raise TypeError(f"{type(self).__name__} must define value(gradients).")

    def get_config(self) -> dict:
        return {"weight": self.weight}

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)


@keras.saving.register_keras_serializable(package="kgan")
class R1(Penalty):
    """Zero-centred penalty on real samples: `weight / 2 * E ||grad D(x)||^2`.

    Source: Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, equation 9 (gamma is `weight`).
    """

    name = "r1"

    def points(self, real, fake, seed):
        return real

    def value(self, gradients):
        return 0.5 * self.weight * ops.mean(squared_norms(gradients))


@keras.saving.register_keras_serializable(package="kgan")
class R2(Penalty):
    """Zero-centred penalty on generated samples: `weight / 2 * E ||grad D(G(z))||^2`.

    Source: Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, equation 10 (gamma is `weight`).
    """

    name = "r2"

    def points(self, real, fake, seed):
        return fake

    def value(self, gradients):
        return 0.5 * self.weight * ops.mean(squared_norms(gradients))


@keras.saving.register_keras_serializable(package="kgan")
class GradientPenalty(Penalty):
    """Penalty on the gradient norm between real and generated samples: `weight * E (||grad D(x')|| - target)^2`.

    `x' = a x + (1 - a) G(z)` with one `a ~ U(0, 1)` per sample.

    Source: Gulrajani et al. 2017 (WGAN-GP), https://arxiv.org/abs/1704.00028, equation 3; one-sided (WGAN-LP):
    Petzka et al. 2018, https://arxiv.org/abs/1709.08894.

    Args:
        weight: non-negative float; 10 in the paper.
        target: the norm that costs nothing; 1 in the paper, 0 for a zero-centred penalty.
        one_sided: if `True`, norms below `target` cost nothing either.
    """

    name = "gradient_penalty"

    def __init__(self, weight: float = 10.0, target: float = 1.0, *, one_sided: bool = False):
        super().__init__(weight)
        self.target = as_real(target, "the target of GradientPenalty", 0)
        self.one_sided = bool(one_sided)

    def points(self, real, fake, seed):
        share = _one_factor_per_sample(real, seed)
        return share * real + (1.0 - share) * fake

    def value(self, gradients):
        excess = ops.sqrt(squared_norms(gradients) + EPSILON) - self.target
        if self.one_sided:
            excess = ops.relu(excess)
        return self.weight * ops.mean(ops.square(excess))

    def get_config(self) -> dict:
        return {"weight": self.weight, "target": self.target, "one_sided": self.one_sided}


@keras.saving.register_keras_serializable(package="kgan")
class DRAGAN(Penalty):
    """Penalty on the gradient norm around real samples: `weight * E (||grad D(x')|| - 1)^2`.

    `x' = x + a * noise_scale * std(x) * u` with one `a ~ U(0, 1)` per sample, `u ~ U(0, 1)` per number, and the
    standard deviation of all numbers in the batch.

    Source: Kodali et al. 2017, https://arxiv.org/abs/1705.07215, with the noise of the authors' published code.

    Args:
        weight: non-negative float; 10 in the paper.
        noise_scale: size of the noise in standard deviations of the data.
    """

    name = "dragan"

    def __init__(self, weight: float = 10.0, *, noise_scale: float = 0.5):
        super().__init__(weight)
        self.noise_scale = as_real(noise_scale, "the noise_scale of DRAGAN", 0)

    def points(self, real, fake, seed):
        # The moments are those of the global batch, so that the number of devices does not change the noise.
        mean = backend.replica_mean(ops.mean(real))
        std = ops.sqrt(backend.replica_mean(ops.mean(ops.square(real - mean))))
        shape = ops.shape(real)
        noise = backend.replica_slice(
            lambda n: keras.random.uniform((n, *shape[1:]), dtype=real.dtype, seed=seed), shape[0]
        )
        return real + _one_factor_per_sample(real, seed) * self.noise_scale * std * noise

    def value(self, gradients):
        return self.weight * ops.mean(ops.square(ops.sqrt(squared_norms(gradients) + EPSILON) - 1.0))

    def get_config(self) -> dict:
        return {"weight": self.weight, "noise_scale": self.noise_scale}


ALL = {"r1": R1, "r2": R2, "gradient_penalty": GradientPenalty, "dragan": DRAGAN}
