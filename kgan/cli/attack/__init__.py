"""`kgan attack`: how far a trained classifier can be trusted when its input moves a little."""

from kgan.cli.attack.command import attack

__all__ = ["attack"]
