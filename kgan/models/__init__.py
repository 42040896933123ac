"""Models: everything that has `fit`."""

from kgan.models.autoencoder import Autoencoder, StackedAutoencoder, pretrain
from kgan.models.fair_classifier import FairClassifier, SKLearnFairClassifier
from kgan.models.game import Game
from kgan.models.gan import GAN
from kgan.models.robust_classifier import RobustClassifier
from kgan.models.transfer import TransferClassifier

__all__ = [
    "Autoencoder",
    "FairClassifier",
    "GAN",
    "Game",
    "RobustClassifier",
    "SKLearnFairClassifier",
    "StackedAutoencoder",
    "TransferClassifier",
    "pretrain",
]
