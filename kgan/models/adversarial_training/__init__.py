"""`AdversarialTraining`: a classifier that is trained on attacked minibatches."""

from kgan.models.adversarial_training.model import AdversarialTraining

__all__ = ["AdversarialTraining"]
