"""`Game`: players, each with its own weights, loss, optimizer and number of steps."""

from kgan.models.game.model import Game

__all__ = ["Game"]
