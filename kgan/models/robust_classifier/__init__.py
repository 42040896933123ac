"""`RobustClassifier`: a classifier that is trained on attacked minibatches."""

from kgan.models.robust_classifier.model import RobustClassifier

__all__ = ["RobustClassifier"]
