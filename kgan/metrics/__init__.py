"""How good samples and features are: numpy float64 in, numbers out; no models in here."""

from kgan.metrics.frechet import Moments, frechet_distance
from kgan.metrics.probes import ProbeResult, linear_probe

__all__ = ["Moments", "ProbeResult", "frechet_distance", "linear_probe"]
