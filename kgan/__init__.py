"""kgan: models whose parameters do not all minimise one loss, for Keras 3 and TensorFlow."""

import os

# TensorFlow reports its CPU features and missing GPU drivers on every start, unless a level was chosen. What goes
# wrong reaches Python as an exception all the same.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from kgan.cli.quiet import native_messages_dropped  # noqa: E402

with native_messages_dropped():
    from kgan import callbacks, datasets, distribution, layers, losses, metrics, networks, optimizers, visualize
    from kgan.models import GAN, Autoencoder, Game, StackedAutoencoder, TransferClassifier, pretrain

__version__ = "0.1.0"

__all__ = [
    "Autoencoder",
    "GAN",
    "Game",
    "StackedAutoencoder",
    "TransferClassifier",
    "callbacks",
    "datasets",
    "distribution",
    "layers",
    "losses",
    "metrics",
    "networks",
    "optimizers",
    "pretrain",
    "visualize",
]
