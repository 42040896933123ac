"""Models: everything that has `fit`."""

from kgan.models.autoencoder import Autoencoder
from kgan.models.game import Game
from kgan.models.gan import GAN
from kgan.models.pretraining import pretrain
from kgan.models.stacked_autoencoder import StackedAutoencoder
from kgan.models.transfer import TransferClassifier

__all__ = ["Autoencoder", "GAN", "Game", "StackedAutoencoder", "TransferClassifier", "pretrain"]
