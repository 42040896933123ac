"""A phase of the training of a classifier: first the head, then layers of the base too."""

import dataclasses
import pathlib

from kgan import callbacks
from kgan.backend import keras_internals
from kgan.callbacks.history_file import read_history
from kgan.cli.transfer.stopping import BestEpoch
from kgan.models.transfer import TransferClassifier


@dataclasses.dataclass
class Phase:
    """How far a phase is, and what keeps it.

    Attributes:
        classifier: compiled for this phase.
        point: its checkpoint, without the layers of the base that stay as they are.
        stopping: ends it early; `None` to train for all epochs.
        epochs: how many at most.
        before: how many epochs were complete when it began.
        done: how many are complete now.
    """

    classifier: TransferClassifier
    point: callbacks.ResumePoint
    stopping: BestEpoch | None
    epochs: int
    before: int
    done: int

    @classmethod
    def of(cls, classifier: TransferClassifier, folder: pathlib.Path, patience: int, epochs: int, before: int = 0):
        """A phase of a classifier that is compiled for it; goes on where its checkpoint in `folder` ends."""
        layers = keras_internals.layers_within(classifier.base)
        frozen = [layer for layer in layers if layer.weights and not layer.trainable_weights]
        stopping = BestEpoch(patience) if patience else None
        if stopping:
            stopping.set_model(classifier)
        point = callbacks.ResumePoint(folder, without=frozen, states_of=[stopping] if stopping else [])
        done = max(before, point.restore(classifier))
        return cls(classifier, point, stopping, epochs, before, done)

    @property
    def last(self) -> int:
        """The number of its last epoch, if it is not stopped before."""
        return self.before + self.epochs

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to train."""
        return self.done >= self.last or (self.stopping is not None and self.stopping.stopped)

    @property
    def kept(self) -> int:
        """The number of the epoch whose weights it keeps."""
        return (self.stopping and self.stopping.epoch) or self.done

    def go_back(self) -> None:
        """Gives the classifier the weights that the phase keeps, after its last epoch."""
        if self.stopping is not None and self.stopping.epoch is not None:
            self.stopping.go_back()

    def seconds(self, history: pathlib.Path) -> float:
        """How long it has taken so far."""
        seconds = read_history(history, self.done).get("seconds", ()) if self.done > self.before else ()
        return seconds[-1] if seconds else 0.0
