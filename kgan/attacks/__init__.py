"""Learning the input: adversarial examples by gradient ascent, and accuracy against their strength."""

from kgan.attacks.gradient_attacks import AccuracyCurve, accuracy_curve, fgsm, pgd

__all__ = ["AccuracyCurve", "accuracy_curve", "fgsm", "pgd"]
