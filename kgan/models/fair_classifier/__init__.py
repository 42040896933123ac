"""`FairClassifier`: a representation that hides what an adversary tries to read from it."""

from kgan.models.fair_classifier.estimator import SKLearnFairClassifier
from kgan.models.fair_classifier.model import FairClassifier

__all__ = ["FairClassifier", "SKLearnFairClassifier"]
