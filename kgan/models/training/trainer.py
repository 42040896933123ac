"""`Trainer`: the one `fit` and `evaluate` of all models, and the hooks by which they differ."""

import contextlib
import warnings

from kgan.backend import keras_internals
from kgan.models.training import callbacks_of_fit, data_checks, finite, minibatches
from kgan.models.training.one_at_a_time import exclusive
from kgan.models.training.resumable import ResumableModel


class Trainer(ResumableModel):
    """A model that trains as `keras.Model` does, repeatably, and answers what goes wrong by a sentence.

    A model says what its data are and what a round does, by overriding `read_data`, `prepare_data`, `train_step` and
    `test_step`, and what else is below up to `fit`. The seed and the progress alone decide the order of shuffled
    arrays, so that a resumed run sees what the uninterrupted one would have seen; the order of a `tf.data.Dataset` is
    its own affair. A loss or a gradient that is NaN or infinite ends training before the step that found it is taken.
    """

    # What a model may say of itself

    minibatches_per_round = 1  # how many minibatches a step takes
    keeps_incomplete_batches = False  # whether `fit` trains on an incomplete last minibatch, on one device
    reads_data_once = False  # whether what the batches hold is kept, so that they are read once for all epochs
    refuses_sorted_classes = False  # whether validation data of other classes than the rest is an error, not a warning

    def check_ready(self, method: str):
        """Called first by `fit` and `evaluate`; override it to ask for what has to come before."""
        keras_internals.refuse_uncompiled(self, method)

    def refuse_weights(self, sample_weight, class_weight=None):
        """Called by `fit` and `evaluate`; override it where weights have no meaning."""

    def read_data(self, x, y=None, sample_weight=None, batch_size=None):
        """Called by `fit` and `evaluate` on what they got; override it to turn other kinds of data into such ones.

        Returns:
            `(data, batch_size)`. The data are `x`, `(x, y)` or `(x, y, sample_weight)`: arrays in any structure with
            the same number of rows, or a batched `tf.data.Dataset`. The batch size is that of arrays, `None` if it was
            not said.
        """
        if sample_weight is None:
            return minibatches.as_data(x, y, batch_size), batch_size
        return minibatches.as_data((x, y, sample_weight), None, batch_size), batch_size

    def default_batch_size(self, rows: int) -> int:
        """Rows per minibatch of arrays when nothing is said."""
        return 32

    def prepare_data(self, data, use: str, *, batch_size=None, verbose=0, steps=None):
        """Called on what `read_data` gave, before any training; override it for checks, and for what is computed once.

        Args:
            data: arrays or a dataset.
            use: `"training"`, `"validation"` or `"evaluation"`.
            batch_size: rows per minibatch of arrays, of a dataset that of its first batch or `None`.
            verbose: as `fit` got it.
            steps: the steps per epoch, if they were said.

        Returns:
            The data to take minibatches of.
        """
        return data

    def prepare_steps(self, batches, *, training: bool):
        """Called before the first step on `batches`, a dataset; override it to make what cannot be made in a step."""

    def after_fit(self, data, batch_size, rounds: int):
        """Called when `fit` has ended, with its training data and the number of rounds that it took."""

    @property
    def predicting_network(self):
        """The network that gets what `predict` gets, which decides its shape; `None` if that is unknown."""
        return None

    # fit, evaluate and predict

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
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """Trains as `keras.Model.fit` does.

        Args:
            x: arrays, a batched `tf.data.Dataset`, a `keras.utils.PyDataset` or a Python generator; what the model
                takes is said where its class is described.
            y: arrays of targets, if there are any and `x` is an array.
            batch_size: rows per minibatch of arrays; 32 by default.
            epochs: passes over the data, or over `steps_per_epoch` steps of it.
            verbose: as in `keras.Model.fit`.
            callbacks: list of Keras callbacks. `EarlyStopping` and `ModelCheckpoint` need their `mode`.
            validation_split: share of the rows, the last ones, to evaluate on after each epoch.
            validation_data: data to evaluate on after each epoch: what `x` is, or `(x, y)`.
            shuffle: whether arrays are shuffled.
            class_weight: dict of classes to what their rows count, for a model with one loss.
            sample_weight: what each row counts, `(n,)`, for a model with one loss.
            initial_epoch: the epoch to begin with, of a run that goes on.
            steps_per_epoch: steps per epoch; all the data by default.
            validation_steps: steps of each evaluation; all the data by default.
            validation_batch_size: rows per step of the evaluation; `batch_size` by default.
            validation_freq: as in `keras.Model.fit`.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: for data that cannot be used.
            FloatingPointError: if a loss or a gradient becomes NaN or infinite. The step that found it is not taken.
            RuntimeError: if another thread trains the model at the same time.
        """
        before = self.rounds
        fixed = {"class_weight": class_weight, "initial_epoch": initial_epoch, "validation_freq": validation_freq}
        fixed |= {"epochs": epochs, "verbose": verbose, "callbacks": callbacks, "validation_steps": validation_steps}
        own = {"validation_split": validation_split, "validation_data": validation_data, "shuffle": shuffle}
        own |= {"steps_per_epoch": steps_per_epoch, "validation_batch_size": validation_batch_size}
        history, data, batch_size = self._fit(x, y, sample_weight, batch_size, **own, **fixed)
        self.after_fit(data, batch_size, self.rounds - before)
        return history

    def _fit(
        self,
        x,
        y=None,
        sample_weight=None,
        batch_size=None,
        *,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        epochs=1,
        verbose=0,
        callbacks=None,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        **kwargs,
    ):
        self.check_ready("fit")
        self.refuse_weights(sample_weight, class_weight)
        if not self.reads_data_once:
            minibatches.refuse_spent(x, epochs, steps_per_epoch)
            minibatches.refuse_spent(validation_data, epochs)
        x = minibatches.in_random_order(x, shuffle)
        data, batch_size = self.read_data(x, y, sample_weight, batch_size)
        self._refuse_endless(data, steps_per_epoch, "steps_per_epoch")
        if validation_data is not None:
            validation_data, own_size = self.read_data(validation_data)
            validation_batch_size = validation_batch_size or own_size
            self._refuse_endless(validation_data, validation_steps, "validation_steps")
        elif validation_split:
            refused = self.refuses_sorted_classes
            data, validation_data = minibatches.split(data, validation_split, refuse_sorted=refused)
        batch_size = self._batch_size(data, batch_size)
        options = {"batch_size": batch_size, "verbose": verbose, "steps": steps_per_epoch}
        data = self.prepare_data(data, "training", **options)
        batches, steps_per_epoch = minibatches.training_rounds(data, self, batch_size, shuffle, steps_per_epoch)
        if validation_data is not None:
            validation_batch_size = validation_batch_size or batch_size
            options = {"batch_size": validation_batch_size, "verbose": verbose, "steps": validation_steps}
            validation_data = self.prepare_data(validation_data, "validation", **options)
            validation_data = minibatches.evaluation_batches(validation_data, self, validation_batch_size)
        self.prepare_steps(batches, training=True)
        self.begin_training()
        arguments = {"epochs": epochs, "verbose": verbose, "steps_per_epoch": steps_per_epoch, **kwargs}
        arguments |= {"validation_data": validation_data, "validation_steps": validation_steps}
        callbacks = callbacks_of_fit.complete(self, callbacks)
        try:
            with finite.in_a_sentence(), _no_word_of_the_end(steps_per_epoch):
                history = super().fit(
                    batches, shuffle=False, callbacks=callbacks, class_weight=class_weight, **arguments
                )
        except FloatingPointError as error:
            raise (finite.of_spoiled(self.spoiled_before) if self.spoiled_before else error) from None
        return history, data, batch_size

    @exclusive
    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **kwargs,
    ):
        """Computes the losses and what else is logged, in inference mode, on what `fit` takes.

        Arguments and returns are those of `keras.Model.evaluate`. On several devices an incomplete last batch is left
        out.
        """
        if not keras_internals.called_by_fit(kwargs):
            self.check_ready("evaluate")
            self.refuse_weights(sample_weight)
            x, batch_size = self.read_data(x, y, sample_weight, batch_size)
            self._refuse_endless(x, steps, "steps")
            batch_size = self._batch_size(x, batch_size)
            x = self.prepare_data(x, "evaluation", batch_size=batch_size, verbose=verbose, steps=steps)
            x = minibatches.evaluation_batches(x, self, batch_size)
        self.prepare_steps(x, training=False)
        options = {"verbose": verbose, "steps": steps, "callbacks": callbacks, "return_dict": return_dict}
        with finite.in_a_sentence(), _no_word_of_the_end(steps):
            return super().evaluate(x, **options, **kwargs)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """As `keras.Model.predict`; data that cannot be used ends in a sentence."""
        data_checks.refuse_unless_inputs(x, self.predicting_network)
        with finite.in_a_sentence(), _no_word_of_the_end(steps):
            return super().predict(x, batch_size, verbose, steps, callbacks)

    @exclusive
    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One round on the rows given: as many minibatches of equal size as a round takes."""
        self.refuse_weights(sample_weight, class_weight)
        data, _ = self.read_data(x, y, sample_weight)
        size = max(1, minibatches.rows(data) // self.minibatches_per_round)
        options = {"class_weight": class_weight, "epochs": 1, "steps_per_epoch": 1, "shuffle": False}
        history, _, _ = self._fit(x, y, sample_weight, size, **options)
        logs = {name: values[-1] for name, values in history.history.items()}
        return logs if return_dict else list(logs.values())

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """The losses and what else is logged of the rows given, in inference mode."""
        data, _ = self.read_data(x, y, sample_weight)
        options = {"sample_weight": sample_weight, "verbose": 0, "return_dict": return_dict}
        return self.evaluate(x, y, batch_size=minibatches.rows(data), **options)

    def _refuse_endless(self, data, steps, name: str):
        if self.reads_data_once:
            minibatches.refuse_endless(data)
        else:
            minibatches.refuse_endless(data, steps, name)

    def _batch_size(self, data, batch_size):
        if batch_size is None and not minibatches.gives_batches(data):
            return self.default_batch_size(minibatches.rows(data))
        return batch_size


@contextlib.contextmanager
def _no_word_of_the_end(steps):
    """Silences what Keras says at the end of every set whose length it does not know, although that end is no fault."""
    with warnings.catch_warnings():
        if steps is None:
            warnings.filterwarnings("ignore", "Your input ran out of data")
        yield
