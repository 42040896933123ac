"""kgan: models whose parameters do not all minimise one loss, for Keras 3 and TensorFlow."""

from kgan import (
    attacks,
    callbacks,
    datasets,
    distribution,
    latents,
    layers,
    losses,
    metrics,
    networks,
    optimizers,
    visualize,
)
from kgan.models import (
    GAN,
    Autoencoder,
    FairClassifier,
    Game,
    RobustClassifier,
    SKLearnFairClassifier,
    StackedAutoencoder,
    TransferClassifier,
    pretrain,
)
from kgan_command.version import __version__

__all__ = [
    "__version__",
    "Autoencoder",
    "FairClassifier",
    "GAN",
    "Game",
    "RobustClassifier",
    "SKLearnFairClassifier",
    "StackedAutoencoder",
    "TransferClassifier",
    "attacks",
    "callbacks",
    "datasets",
    "distribution",
    "latents",
    "layers",
    "losses",
    "metrics",
    "networks",
    "optimizers",
    "pretrain",
    "visualize",
]
