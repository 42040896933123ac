"""`GAN`: a generator and a discriminator."""

from kgan.models.gan.model import GAN

__all__ = ["GAN"]
