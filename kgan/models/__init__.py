"""Models: everything that has `fit`."""

from kgan.models.adversarial_classifier import AdversarialClassifier, SKLearnAdversarialClassifier
from kgan.models.adversarial_training import AdversarialTraining
from kgan.models.autoencoder import Autoencoder
from kgan.models.game import Game
from kgan.models.gan import GAN
from kgan.models.pretraining import pretrain
from kgan.models.stacked_autoencoder import StackedAutoencoder
from kgan.models.transfer import TransferClassifier

__all__ = [
    "AdversarialClassifier",
    "AdversarialTraining",
    "Autoencoder",
    "GAN",
    "Game",
    "SKLearnAdversarialClassifier",
    "StackedAutoencoder",
    "TransferClassifier",
    "pretrain",
]
