"""Networks: functions that return plain `keras.Model`s."""

from kgan.networks.dcgan import dcgan_discriminator, dcgan_generator
from kgan.networks.mlp import mlp

__all__ = ["dcgan_discriminator", "dcgan_generator", "mlp"]
