"""`TransferClassifier`: a new head on a pretrained network."""

from kgan.models.transfer.model import TransferClassifier

__all__ = ["TransferClassifier"]
