"""Networks: functions that return plain `keras.Model`s."""

from kgan.networks.autoencoders import conv_autoencoder, dense_autoencoder, linear_autoencoder
from kgan.networks.classifiers import linear_classifier, two_layer_classifier
from kgan.networks.dcgan import dcgan_discriminator, dcgan_generator
from kgan.networks.features import feature_extractor
from kgan.networks.mlp import mlp

__all__ = [
    "conv_autoencoder",
    "dcgan_discriminator",
    "dcgan_generator",
    "dense_autoencoder",
    "feature_extractor",
    "linear_autoencoder",
    "linear_classifier",
    "mlp",
    "two_layer_classifier",
]
