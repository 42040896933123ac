"""`fit`, `evaluate` and `predict` of a `TransferClassifier`: features are computed once and measured once."""

import keras
from keras import ops

from kgan import backend
from kgan.backend import keras_internals
from kgan.models.training import minibatches
from kgan.models.training.feature_cache import compute_features
from kgan.models.training.finite import in_a_sentence
from kgan.models.training.trainer import Trainer
from kgan.models.training.turn import Turn
from kgan.models.transfer import checks as transfer_checks
from kgan.models.transfer import reading


class CachedTraining(Trainer):
    """A model with a `base`, an `augmentation` or `None`, and a `standardization` of what its `features` gives."""

    keeps_incomplete_batches = True  # as few images may be all there are
    refuses_sorted_classes = True

    def __init__(self, *, seed: int | None, name: str | None):
        super().__init__(seed=seed, name=name)
        # Traced once for all calls of fit.
        self._features_graph = backend.compiled(lambda images: self.features(images))

    @property
    def caches_features(self) -> bool:
        """Whether `fit` computes features once: the base is frozen, and no augmentation stands before it."""
        return self.augmentation is None and not self.base.trainable_variables

    @property
    def reads_data_once(self) -> bool:
        return self.caches_features

    # The data of `fit` and `evaluate`

    def check_ready(self, method: str):
        transfer_checks.compiled(self, method)

    def read_data(self, x, y=None, sample_weight=None, batch_size=None):
        if y is None and isinstance(x, tuple):  # validation data
            x, y, sample_weight = (*transfer_checks.as_pair(x), None, None)[:3]
        return reading.labelled(self, x, y, sample_weight, batch_size)

    def default_batch_size(self, rows: int) -> int:
        return reading.default_batch_size(rows, self.num_devices)

    def prepare_data(self, data, use: str, *, batch_size=None, verbose=0, steps=None):
        """`data` with the features of the base in place of images, unless they change from epoch to epoch.

        The first training data that comes by gives the statistics of features.
        """
        measures = use == "training" and not self.standardization.measured
        caches = self.caches_features and use != "evaluation"
        if not caches and not measures:
            return data
        images, *rest = (data, None) if backend.is_dataset(data) else data
        if not caches and backend.is_dataset(images) and steps is not None:
            images = images.take(steps)  # it may never end
        verbose = int(verbose in (1, "auto"))
        if verbose:
            print(f"Features of the {use} images, computed once{'' if caches else ' to measure them'}:")
        with in_a_sentence():
            features, labels = compute_features(
                self._features_graph, images, rest[0], batch_size=batch_size, verbose=verbose, network=self.base
            )
        if measures:
            self.standardization.measure(features)
        return minibatches.as_data(({"features": features}, labels, *rest[1:])) if caches else data

    # One step

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        weights, states = {"training": self.trainable_variables}, {"training": self.variables}
        with Turn({"training": self.optimizer}, weights, states) as turn:

            def loss_and_outputs():
                outputs = self(x, training=True)
                loss = self.compute_loss(x, y, outputs, sample_weight, training=True)
                # Keras divides by the number of devices what it is about to sum over them.
                return loss * backend.num_replicas(), outputs

            loss, outputs, gradients = turn.differentiate(loss_and_outputs)
        with turn.update("training", gradients["training"], loss, data):
            keras_internals.track_loss(self, loss, rows=ops.shape(y)[0])
            return self.counted(self.compute_metrics(x, y, outputs, sample_weight))

    # predict

    def predict(self, x, batch_size=None, verbose="auto", **kwargs):
        """Probabilities `(n, num_classes)`, float32, of images as `fit` takes them, or of a dataset of images."""
        x = reading.unlabelled(self, x, batch_size)
        if kwargs.get("steps") is None:
            minibatches.refuse_endless(x)
        with in_a_sentence():
            return super().predict(x, batch_size=batch_size, verbose=verbose, **kwargs)
