"""Adversarial losses: what the discriminator and the generator each minimise, as functions of logits.

`D(x) = sigmoid(logit)` is the probability that x is real. Every method takes logits of shape `(batch, 1)` and returns a
float32 scalar, the mean over the batch. `softplus(-logit) = -log D` and `softplus(logit) = -log(1 - D)`.
"""

import keras
from keras import ops

from kgan.scalars import as_real


class AdversarialLoss:
    """Base class of the adversarial losses.

    Subclasses give two methods:

    - `discriminator_loss(real, fake)`: what the discriminator minimises;
    - `generator_loss(fake, real=None)`: what the generator minimises. Losses with `compares_with_real = True` need the
      logits of real samples here too.
    """

    compares_with_real = False
    weight_clip = None

    def discriminator_loss(self, real, fake):
        raise TypeError(f"{type(self).__name__} must define discriminator_loss(real, fake).")

    def generator_loss(self, fake, real=None):
        raise TypeError(f"{type(self).__name__} must define generator_loss(fake, real=None).")

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)


def _log_loss(real, fake):
    """- E log D(x) - E log(1 - D(G(z))), the value of the minimax game with its sign turned."""
    return ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake))


@keras.saving.register_keras_serializable(package="kgan")
class Minimax(AdversarialLoss):
    """The two-player minimax game of the original paper.

    The discriminator minimises `- E log D(x) - E log(1 - D(G(z)))`, the generator `E log(1 - D(G(z)))`, whose
    gradient is flat where samples are bad. At equilibrium D = 1/2: the losses are log 4 and -log 2.

    Source: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, equation 1.
    """

    def discriminator_loss(self, real, fake):
        return _log_loss(real, fake)

    def generator_loss(self, fake, real=None):
        return -ops.mean(ops.softplus(fake))


@keras.saving.register_keras_serializable(package="kgan")
class NonSaturating(AdversarialLoss):
    """The game with the generator loss that trains in practice: the generator minimises `- E log D(G(z))`.

    The discriminator is that of `Minimax`. At equilibrium the losses are log 4 and log 2.

    Source: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, section 3.
    """

    def discriminator_loss(self, real, fake):
        return _log_loss(real, fake)

    def generator_loss(self, fake, real=None):
        return ops.mean(ops.softplus(-fake))


@keras.saving.register_keras_serializable(package="kgan")
class LeastSquares(AdversarialLoss):
    """Least squares towards 1 for real and 0 for fake, each with a factor of one half.

    The discriminator minimises `1/2 E (D(x) - 1)^2 + 1/2 E D(G(z))^2`, the generator `1/2 E (D(G(z)) - 1)^2`, where
    D is the output itself, not its sigmoid. At equilibrium D = 1/2: the losses are 1/4 and 1/8.

    Source: Mao et al. 2017, https://arxiv.org/abs/1611.04076, equation 9 (0-1 coding).
    """

    def discriminator_loss(self, real, fake):
        return 0.5 * ops.mean(ops.square(real - 1.0)) + 0.5 * ops.mean(ops.square(fake))

    def generator_loss(self, fake, real=None):
        return 0.5 * ops.mean(ops.square(fake - 1.0))


@keras.saving.register_keras_serializable(package="kgan")
class Hinge(AdversarialLoss):
    """Hinge loss: the discriminator stops caring about samples it judges right by a margin of 1.

    The discriminator minimises `E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))`, the generator `- E D(G(z))`. At
    equilibrium D = 0: the losses are 2 and 0.

    Source: Lim and Ye 2017, https://arxiv.org/abs/1705.02894; Miyato et al. 2018, https://arxiv.org/abs/1802.05957.
    """

    def discriminator_loss(self, real, fake):
        return ops.mean(ops.relu(1.0 - real)) + ops.mean(ops.relu(1.0 + fake))

    def generator_loss(self, fake, real=None):
        return -ops.mean(fake)


@keras.saving.register_keras_serializable(package="kgan")
class Wasserstein(AdversarialLoss):
    """The critic's estimate of the Wasserstein-1 distance.

    The discriminator, here a critic, minimises `E D(G(z)) - E D(x)`, the generator `- E D(G(z))`. At equilibrium
    both are 0 for a critic of mean 0. The critic has to be Lipschitz: its weights are clipped to `[-weight_clip,
    weight_clip]` after each of its steps, unless `GAN.compile` gets penalties, which then take the place of clipping
    (WGAN-GP).

    Source: Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, algorithm 1.

    Args:
        weight_clip: positive float, the bound on each weight of the critic; `None` never clips.
    """

    def __init__(self, weight_clip: float | None = 0.01):
        self.weight_clip = None if weight_clip is None else as_real(weight_clip, "weight_clip", 0, above=True)

    def discriminator_loss(self, real, fake):
        return ops.mean(fake) - ops.mean(real)

    def generator_loss(self, fake, real=None):
        return -ops.mean(fake)

    def get_config(self) -> dict:
        return {"weight_clip": self.weight_clip}


@keras.saving.register_keras_serializable(package="kgan")
class Relativistic(AdversarialLoss):
    """Relativistic pairing (RpGAN): each fake is judged against a real sample.

    The discriminator minimises `E softplus(-(D(x) - D(G(z))))`, the generator `E softplus(-(D(G(z)) - D(x)))`. The
    generator's step needs real samples too. At equilibrium both losses are log 2.

    Source: Jolicoeur-Martineau 2019, https://arxiv.org/abs/1807.00734; with R1 and R2: Huang et al. 2024 (R3GAN),
    https://arxiv.org/abs/2501.05441.
    """

    compares_with_real = True

    def discriminator_loss(self, real, fake):
        return ops.mean(ops.softplus(fake - real))

    def generator_loss(self, fake, real=None):
        return ops.mean(ops.softplus(real - fake))


ALL = {
    "minimax": Minimax,
    "non_saturating": NonSaturating,
    "least_squares": LeastSquares,
    "hinge": Hinge,
    "wasserstein": Wasserstein,
    "relativistic": Relativistic,
}
