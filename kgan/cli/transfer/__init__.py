"""`kgan transfer`: from a folder of class folders to a trained and exported classifier."""

from kgan.cli.transfer.command import begin, resume

__all__ = ["begin", "resume"]
