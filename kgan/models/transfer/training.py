"""`fit`, `evaluate` and `predict` of a `TransferClassifier`: features are computed once and measured once."""

import keras
import numpy as np

from kgan import backend
from kgan.models.training import minibatches
from kgan.models.training.feature_cache import compute_features, refuse_endless
from kgan.models.training.finite import in_a_sentence
from kgan.models.training.one_at_a_time import exclusive
from kgan.models.training.trainer import Trainer
from kgan.models.transfer import checks as transfer_checks
from kgan.models.transfer import reading


class CachedTraining(Trainer):
    """A model with a `base`, an `augmentation` or `None`, and a `standardization` of what its `features` gives."""

    # A step takes one batch: what `kgan.models.training.minibatches` asks of a model.
    minibatches_per_round = 1

    def __init__(self, *, seed: int | None, name: str | None):
        super().__init__(seed=seed, name=name)
        # Traced once for all calls of fit.
        self._features_graph = backend.compiled(lambda images: self.features(images))

    @property
    def caches_features(self) -> bool:
        """Whether `fit` computes features once: the base is frozen, and no augmentation stands before it."""
        return self.augmentation is None and not self.base.trainable_variables

    # fit, evaluate, predict

    @exclusive
    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        steps_per_epoch=None,
        validation_batch_size=None,
        **kwargs,
    ):
        """Trains as `keras.Model.fit` does.

        While features are cached (see `caches_features`), images are read once, so that random changes inside a
        dataset would be the same in every epoch: give them as `augmentation`. Shuffled data comes in an order that
        depends on the seed and the progress alone, so that a resumed run equals the uninterrupted one.

        Args:
            x: images 0..255, `(n, h, w, 1 or 3)`, uint8 or float; a list of pictures of different sizes; or a batched
                `tf.data.Dataset` of `(images, labels)`.
            y: labels: whole numbers `(n,)`, or one-hot `(n, num_classes)` for a loss that takes those.
            batch_size: images per step; 32 by default, but 16 of fewer than 400 images and 8 of fewer than 200, so
                that an epoch has enough steps; always 32 on several devices. A dataset brings its own.
            epochs: passes over the data, or over `steps_per_epoch` steps of it.
            verbose: as in `keras.Model.fit`.
            callbacks: list of Keras callbacks.
            validation_split: share of the images, the last ones, to evaluate on after each epoch.
            validation_data: `(images, labels)`, or a dataset of these, to evaluate on after each epoch.
            shuffle: whether the data is shuffled; a dataset that is not cached has its own order.
            class_weight: dict of classes to what their images count, as in `keras.Model.fit`.
            sample_weight: what each image counts, `(n,)`.
            steps_per_epoch: steps per epoch; all the data by default.
            validation_batch_size: images per step of the evaluation; `batch_size` by default.
            **kwargs: the other arguments of `keras.Model.fit`.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: for data that cannot be used, and after `unfreeze` without `compile`.
            FloatingPointError: if the loss of an epoch is NaN or infinite.
        """
        transfer_checks.compiled(self, "fit")
        if not self.caches_features:
            minibatches.refuse_spent(x, epochs, steps_per_epoch)
            minibatches.refuse_spent(validation_data, epochs)
        x = minibatches.in_random_order(x, shuffle)
        data, batch_size = reading.labelled(self, x, y, sample_weight, batch_size)
        if steps_per_epoch is None or self.caches_features:
            refuse_endless(data)
        if validation_split and validation_data is None:
            data, validation_data = minibatches.split(data, validation_split, refuse_sorted=True)
        elif validation_data is not None:
            parts = transfer_checks.as_pair(validation_data)
            validation_data, own_size = reading.labelled(self, *parts)
            validation_batch_size = validation_batch_size or own_size
            if kwargs.get("validation_steps") is None or self.caches_features:
                refuse_endless(validation_data)
        if batch_size is None:
            batch_size = reading.default_batch_size(len(data[1]), self.num_devices)
        validation_batch_size = validation_batch_size or batch_size
        data = self._prepared(data, batch_size, verbose, "training", steps_per_epoch)
        batches, steps_per_epoch = reading.training_batches(self, data, batch_size, shuffle, steps_per_epoch)
        if validation_data is not None:
            validation_data = self._prepared(validation_data, validation_batch_size, verbose, "validation")
            validation_data = minibatches.evaluation_batches(validation_data, self, validation_batch_size)
        kwargs.update(epochs=epochs, verbose=verbose, validation_data=validation_data, steps_per_epoch=steps_per_epoch)
        callbacks = [_StopUnlessFinite(), *keras.tree.flatten(callbacks or [])]
        return self.fit_exactly(batches, callbacks, class_weight=class_weight, **kwargs)

    def train_step(self, data):
        # When a dataset of unknown length ends, a compiled step begins that gets no data: its optimizer must not count.
        with backend.after([part for part in keras.tree.flatten(data) if part is not None]):
            logs = super().train_step(data)
        return self.counted(logs)

    @exclusive
    def evaluate(self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, **kwargs):
        """Computes the loss and the metrics on what `fit` takes. Arguments and returns are those of Keras.

        On several devices an incomplete last batch is left out.
        """
        transfer_checks.compiled(self, "evaluate")
        if not kwargs.get("_use_cached_eval_dataset"):  # within fit, Keras evaluates on data that is prepared already
            data, batch_size = reading.labelled(self, x, y, sample_weight, batch_size)
            if kwargs.get("steps") is None:
                refuse_endless(data)
            x, batch_size = minibatches.evaluation_batches(data, self, batch_size), None
        return self.evaluate_exactly(x, batch_size=batch_size, verbose=verbose, **kwargs)

    def predict(self, x, batch_size=None, verbose="auto", **kwargs):
        """Probabilities `(n, num_classes)`, float32, of images as `fit` takes them, or of a dataset of images."""
        x = reading.unlabelled(self, x, batch_size)
        if kwargs.get("steps") is None:
            refuse_endless(x)
        with in_a_sentence():
            return super().predict(x, batch_size=batch_size, verbose=verbose, **kwargs)

    def _prepared(self, data, batch_size, verbose, what, steps_per_epoch=None):
        """`data` with the features of the base in place of images, unless they change from epoch to epoch.

        The first training data that comes by gives the statistics of features.
        """
        measures = what == "training" and not self.standardization.measured
        if not self.caches_features and not measures:
            return data
        images, *rest = (data, None) if backend.is_dataset(data) else data
        if not self.caches_features and backend.is_dataset(images) and steps_per_epoch is not None:
            images = images.take(steps_per_epoch)  # it may never end
        verbose = int(verbose in (1, "auto"))
        if verbose:
            print(f"Features of the {what} images, computed once{'' if self.caches_features else ' to measure them'}:")
        with in_a_sentence():
            features, labels = compute_features(
                self._features_graph, images, rest[0], batch_size=batch_size, verbose=verbose, network=self.base
            )
        if measures:
            self.standardization.measure(features)
        return minibatches.as_data(({"features": features}, labels, *rest[1:])) if self.caches_features else data


class _StopUnlessFinite(keras.callbacks.Callback):
    """Stops before another callback keeps the weights of an epoch that went wrong."""

    def on_epoch_end(self, epoch, logs=None):
        if not np.isfinite(logs["loss"]):
            raise FloatingPointError(
                f"training stopped: the loss is NaN or infinite in epoch {epoch + 1}. Lower the learning rate, or go "
                "back to the last checkpoint."
            )
