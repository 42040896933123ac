"""How good samples and features are, and how fair classifiers: numpy float64 in, numbers out; no models in here."""

from kgan.metrics.fairness import demographic_parity_difference, equalized_odds_difference
from kgan.metrics.fairness_report import FairnessReport, GroupDifferences, fairness_report
from kgan.metrics.frechet import Moments, frechet_distance
from kgan.metrics.intervals import Estimate
from kgan.metrics.leakage import Leakage, leakage
from kgan.metrics.probes import ProbeResult, linear_probe

__all__ = [
    "Estimate",
    "FairnessReport",
    "GroupDifferences",
    "Leakage",
    "Moments",
    "ProbeResult",
    "demographic_parity_difference",
    "equalized_odds_difference",
    "fairness_report",
    "frechet_distance",
    "leakage",
    "linear_probe",
]
