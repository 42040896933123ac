"""When `kgan transfer` has trained enough, and which epoch it keeps."""

import keras
import numpy as np


class BestEpoch(keras.callbacks.Callback):
    """Stops when nothing improves on held-out images any more, and goes back to the best epoch.

    It goes on while the loss or the accuracy improves: the loss alone grows with every wrong answer that becomes surer,
    long before there are more of them, and the accuracy alone stands still by chance where few images are held out.
    The best epoch is that of the highest accuracy, the last of several. Only the weights that train are kept, not the
    frozen ones, which `keras.callbacks.EarlyStopping` would copy too.

    Args:
        patience: stop after so many epochs in which neither improved.

    Attributes:
        epoch: the best one, from 1 up.
        last: the last one.
        accuracy: that of the best one.
    """

    def __init__(self, patience: int):
        super().__init__()
        self.patience, self.epoch, self.last = patience, None, None
        self.accuracy, self._loss, self._still, self._weights = -1.0, float("inf"), 0, None

    def on_epoch_end(self, epoch, logs=None):
        self.last, loss, accuracy = epoch + 1, logs["val_loss"], logs["val_accuracy"]
        self._still = 0 if loss < self._loss or accuracy > self.accuracy else self._still + 1
        if accuracy >= self.accuracy:
            self.epoch, self.accuracy = self.last, accuracy
            self._weights = [weight.numpy() for weight in self.model.trainable_variables]
        self._loss = min(loss, self._loss)
        self.model.stop_training = self.model.stop_training or self._still >= self.patience

    @property
    def stopped(self) -> bool:
        """Whether nothing improves any more."""
        return self._still >= self.patience

    def on_train_end(self, logs=None):
        self.go_back()

    def go_back(self) -> None:
        """Gives the model the weights of the best epoch."""
        if self.epoch != self.last:
            for weight, best in zip(self.model.trainable_variables, self._weights, strict=True):
                weight.assign(best)

    def get_state(self) -> dict[str, np.ndarray]:
        """What a training that goes on has to know, see `kgan.callbacks.ResumePoint`."""
        numbers = [self.epoch or 0, self.last or 0, self.accuracy, self._loss, self._still]
        weights = {f"weight_{i}": weight for i, weight in enumerate(self._weights or ())}
        return {"numbers": np.array(numbers, "float64"), **weights}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Goes on from what `get_state` returned."""
        epoch, last, self.accuracy, self._loss, still = map(float, state["numbers"])
        self.epoch, self.last, self._still = int(epoch) or None, int(last) or None, int(still)
        self._weights = [state[f"weight_{i}"] for i in range(len(state) - 1)]

    def in_words(self) -> str:
        """What became of it."""
        return (
            f"{'stopped after' if self.stopped else 'trained for'} {self.last} epochs; kept is epoch {self.epoch}, the "
            f"best on held-out images ({100 * self.accuracy:.1f} %)"
        )
