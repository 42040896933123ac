"""How good samples are: numpy float64 in, a number out; no models in here."""

from kgan.metrics.frechet import Moments, frechet_distance

__all__ = ["Moments", "frechet_distance"]
