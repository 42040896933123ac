"""A `keras.Model` that is saved with its random state and its progress, and goes on from there exactly."""

import random
import types

import keras
import numpy as np
from keras import ops

from kgan import backend, scalars
from kgan.models.training import finite
from kgan.models.training.one_at_a_time import exclusive


class ResumableModel(keras.Model):
    """A model that goes on from a saved state exactly as it would have without saving.

    Keras saves weights and optimizers, but no random state and no progress. This keeps the model's own
    `seed_generator`, those of all its layers (dropout, noise, augmentation), the seed that orders the data, and how far
    training has come, in `.keras` and `.weights.h5` files alike.

    Args:
        seed: integer from which the model's own randomness flows; `None` draws one.
        name: name of the model.

    Attributes:
        rounds: how many rounds (training steps) have been taken since `compile`, over all calls of `fit` and across
            saving and loading.
        rounds_at_epoch_start: `rounds` as it was when the running epoch began, or else as it is. Use it to give a data
            set of your own an order that a resumed run repeats: a function of the seed and of this number, asked each
            time an iteration over the data begins, as `position=lambda: model.rounds_at_epoch_start` in
            `kgan.datasets.batches`. (`rounds` itself would not do: `tf.data` reads ahead while it moves.)
    """

    def __init__(self, *, seed: int | None = None, name: str | None = None):
        super().__init__(name=name)
        # A seed that is drawn (which keras.utils.set_random_seed decides) is kept: the run it starts can be repeated.
        self.seed = random.randrange(2**31) if seed is None else scalars.as_seed(seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.rounds_at_epoch_start = 0
        # In a namespace, where Keras does not look for weights and states: a count of rounds is none.
        counter = keras.Variable(0, dtype="int64", trainable=False, aggregation="only_first_replica", name="rounds")
        self._progress = types.SimpleNamespace(rounds=counter, orders={})
        self._restored = False
        self._rounds_to_skip = 0
        self._spoiled = None  # what held NaN or infinite numbers before training began, in words

    # Progress

    @property
    def kept_orders(self) -> dict:
        """The dataset of row numbers that `fit` made last, which follows the progress, by what it was made for."""
        return self._progress.orders

    @property
    def rounds(self) -> int:
        """How many rounds have been taken since `compile`, over all calls of `fit` and across saving and loading."""
        return int(ops.convert_to_numpy(self._progress.rounds))

    def counted(self, logs: dict) -> dict:
        """`logs`, what a training step returns, after counting the step as a round; not if one of its checks fails."""
        with backend.after(list(logs.values())):
            self._progress.rounds.assign_add(1)
        return logs

    @property
    def num_devices(self) -> int:
        """How many devices share a minibatch: those of the `tf.distribute` strategy under which the model was made."""
        return self.distribute_strategy.num_replicas_in_sync

    def compile(self, *args, **kwargs):
        super().compile(*args, **kwargs)
        self._progress.rounds.assign(0)
        self.rounds_at_epoch_start = 0

    # Within fit

    def begin_training(self):
        """Called once by each `fit`, before its first epoch."""
        self._restored, self._rounds_to_skip, self._spoiled = False, 0, None

    @property
    def spoiled_before(self) -> str | None:
        """What held NaN or infinite numbers before the first epoch of `fit` began, in words, if anything did."""
        return self._spoiled

    def begin_epoch(self):
        """Notes the progress that decides the order of the data, which another thread reads while rounds go on."""
        if self._spoiled is None:  # the first epoch: whatever is to be loaded has been
            self._spoiled = finite.spoiled(self)
        if self._within_restored_epoch():
            self._rounds_to_skip = self.rounds - self.rounds_at_epoch_start
        else:
            self.rounds_at_epoch_start = self.rounds
        self._restored = False

    def end_epoch(self):
        """Notes that the epoch is over, before any callback saves the model."""
        self.rounds_at_epoch_start = self.rounds

    def _within_restored_epoch(self) -> bool:
        """Whether `BackupAndRestore` has just loaded, at the start of `fit`, what was saved within an epoch."""
        return self._restored and self.rounds > self.rounds_at_epoch_start

    def reset_metrics(self):
        if not self._within_restored_epoch():  # otherwise the means of the epoch have begun before the interruption
            super().reset_metrics()

    def make_train_function(self, force=False):
        if self.train_function and not force:
            return
        super().make_train_function(force)
        take_steps = self.train_function

        def skip_or_take_steps(iterator):
            if self._rounds_to_skip <= 0:
                return take_steps(iterator)
            for _ in range(self.steps_per_execution):
                next(iterator)
            self._rounds_to_skip -= self.steps_per_execution
            return self.get_metrics_result()

        self.train_function = skip_or_take_steps

    # Saving

    @exclusive
    def load_weights(self, *args, **kwargs):
        """Loads a `.weights.h5` file of `save_weights`: weights, optimizers, random states and progress."""
        super().load_weights(*args, **kwargs)

    def get_build_config(self):
        # Keras shows this to whoever loads the model without knowing its class.
        note = {"to_load": "import kgan before keras.saving.load_model, so that Keras knows its classes"}
        return {**(super().get_build_config() or {}), **note}

    def build_from_config(self, config):
        shapes = {name: value for name, value in config.items() if name != "to_load"}
        if shapes and not self.built:
            super().build_from_config(shapes)

    def save(self, filepath, *args, **kwargs):
        """Saves a `.keras` file with all optimizers, the random states and the progress: training goes on exactly.

        Import kgan before loading it. `.h5` files cannot hold all of this, and are refused.
        """
        if str(filepath).endswith((".h5", ".hdf5")):
            raise ValueError(
                f"a {type(self).__name__} cannot be saved as {filepath}, a format that keeps one optimizer and no "
                "random state: save it as a .keras file, or its weights alone by save_weights('NAME.weights.h5')."
            )
        keras.saving.serialize_keras_object(self)  # what cannot be saved is refused before a file is begun
        super().save(filepath, *args, **kwargs)

    @property
    def random_states(self) -> list:
        """The variables that hold random states, in a fixed order."""
        weights = {id(v) for v in self.weights}
        return list({id(v): v for v in [self.seed_generator.state, *self.variables] if id(v) not in weights}.values())

    @property
    def _metric_states(self) -> list:
        return [variable for metric in self.metrics for variable in metric.variables]

    def save_own_variables(self, store):
        """Called by Keras while it saves: adds the random states, the progress and the means of the epoch so far."""
        super().save_own_variables(store)
        for i, state in enumerate(self.random_states):
            store[f"random_state_{i}"] = state
        store["progress"] = np.array([self.seed, self.rounds, self.rounds_at_epoch_start], "int64")
        # The means of the epoch so far, which a run that goes on within the epoch goes on with.
        store["means"] = np.concatenate([[], *map(backend.as_numbers, self._metric_states)]).astype("float32")

    def load_own_variables(self, store):
        """Called by Keras while it loads what `save_own_variables` has stored."""
        states = {f"random_state_{i}": state for i, state in enumerate(self.random_states)}
        for name, state in states.items():
            if name in store:
                state.assign(store[name])
        if "progress" in store:
            self.seed, rounds, self.rounds_at_epoch_start = (int(number) for number in np.asarray(store["progress"]))
            self._progress.rounds.assign(rounds)
            self._restored = True
        if "means" in store:
            sizes = [int(np.prod(state.shape)) for state in self._metric_states]
            means = np.asarray(store["means"])
            if len(means) == sum(sizes):
                parts = np.split(means, np.cumsum(sizes)[:-1]) if sizes else []
                for state, part in zip(self._metric_states, parts, strict=True):
                    state.assign(part.reshape(state.shape))
        own = {*states, "progress", "means"}
        super().load_own_variables({name: store[name] for name in store.keys() if name not in own})
