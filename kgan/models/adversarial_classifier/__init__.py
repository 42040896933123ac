"""`AdversarialClassifier`: a representation that hides what an adversary tries to read from it."""

from kgan.models.adversarial_classifier.estimator import SKLearnAdversarialClassifier
from kgan.models.adversarial_classifier.model import AdversarialClassifier

__all__ = ["AdversarialClassifier", "SKLearnAdversarialClassifier"]
