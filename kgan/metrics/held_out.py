"""What a classifier says of images that it did not learn from."""

import dataclasses

import numpy as np
from sklearn.metrics import confusion_matrix


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """What a classifier says of held-out images.

    Attributes:
        files: the names of the images.
        targets: their classes, int `(n,)`.
        probabilities: float `(n, classes)`.
        class_names: the names of the classes.
        largest_class: the class with most images to train on, the best guess without looking.
    """

    files: list[str]
    targets: np.ndarray
    probabilities: np.ndarray
    class_names: list[str]
    largest_class: int

    @property
    def predicted(self) -> np.ndarray:
        """The most probable class of each image."""
        return self.probabilities.argmax(axis=-1)

    @property
    def right(self) -> int:
        """How many images were classified correctly."""
        return int((self.predicted == self.targets).sum())

    @property
    def accuracy(self) -> float:
        """The share of images that were classified correctly."""
        return self.right / len(self.targets)

    @property
    def counts(self) -> np.ndarray:
        """The confusion matrix: a row for each true class, a column for each predicted one."""
        return confusion_matrix(self.targets, self.predicted, labels=range(len(self.class_names)))
