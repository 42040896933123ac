"""`kgan train`: from a data set to a trained and exported generator."""

from kgan.cli.train.command import begin, resume

__all__ = ["begin", "resume"]
