"""`Autoencoder`, stacks of them, and greedy layer-wise pretraining."""

from kgan.models.autoencoder.model import Autoencoder
from kgan.models.autoencoder.pretraining import pretrain
from kgan.models.autoencoder.stacked import StackedAutoencoder

__all__ = ["Autoencoder", "StackedAutoencoder", "pretrain"]
