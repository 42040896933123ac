"""Models: everything that has `fit`."""

from kgan.models.game import Game
from kgan.models.gan import GAN

__all__ = ["GAN", "Game"]
