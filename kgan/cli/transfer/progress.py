"""How far the training of a classifier is, on the screen."""

from kgan import callbacks

_SHOWN = {"loss": "loss", "accuracy": "accuracy", "val_accuracy": "held-out accuracy"}


class Progress(callbacks.Progress):
    """`kgan.callbacks.Progress` names the losses of players; here there are one loss and accuracies."""

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, _as_losses(logs))

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, _as_losses(logs))


def _as_losses(logs):
    return {f"{shown}_loss": logs[name] for name, shown in _SHOWN.items() if name in (logs or {})}
