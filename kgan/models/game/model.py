"""`Game`: gradient descent in which groups of parameters have their own losses."""

import functools

import keras
from keras import ops, tree

from kgan import backend
from kgan.backend import keras_internals
from kgan.models.game import checks, saved_arguments
from kgan.models.game.player_optimizers import PlayerOptimizers
from kgan.models.training import compiled_optimizers, finite, minibatches
from kgan.models.training.one_at_a_time import exclusive
from kgan.models.training.trainer import Trainer


@keras.saving.register_keras_serializable(package="kgan")
class Game(Trainer):
    """A model whose players each have their own weights, loss, optimizer and number of steps.

    One training step is one round of the game: the players move in the order of `players`, and player p takes
    `steps[p]` updates, each on a fresh minibatch:

        theta_p <- theta_p - eta_p * grad_theta_p L_p(theta, data)

    Subclass it and override `player_loss`. Everything else is Keras: `compile`, `fit`, `evaluate`, `save`, callbacks,
    `tf.distribute`, mixed precision. A player's turn changes the weights and statistics of this player and of no other.

    A subclass is saved and loaded as any Keras model: decorate it with `keras.saving.register_keras_serializable`. What
    its constructor was given is kept, as long as it consists of Keras objects, numbers, strings, and lists and dicts of
    these; for anything else override `get_config`, which returns the constructor's arguments by name, networks and
    other Keras objects as they are.

    Args:
        players: dict of names to a layer, a model, or a list of them. They must be built, and no weight may belong to
            two players. A subclass that makes its players from the first data gives `None` and overrides
            `build_players`.
        seed: integer from which all randomness of the game flows: `seed_generator`, and the order in which `fit`
            shuffles arrays; `None` draws one.
        name: name of the model.

    Raises:
        ValueError: if a player has no weights, or a weight belongs to two players.

    Examples:
        >>> class Robust(kgan.Game):
        ...     def player_loss(self, player, data):  # the features minimise L2, the output minimises L1
        ...         x, y = data
        ...         features, output = self.players["features"][0], self.players["output"][0]
        ...         error = output(features(x, training=self.training)) - y
        ...         return ops.mean(error**2) if player == "features" else ops.mean(ops.abs(error))
        >>> game = Robust({"features": features, "output": output})
        >>> game.compile({"features": keras.optimizers.SGD(0.1), "output": "adam"}, steps={"output": 2})
        >>> game.fit(x, y, batch_size=64, epochs=10)
    """

    def __init__(self, players=None, *, seed: int | None = None, name: str | None = None):
        super().__init__(seed=seed, name=name)
        self.players = {}
        self.training = False
        self.optimizers, self._compile_later = {}, None
        self._trackers, self._traced = {}, []
        if players is not None:
            self.set_players(players)

    def set_players(self, players):
        """Gives the game its players, which are built: Keras need not run the game once to know its variables."""
        with self.distribute_strategy.scope():
            self.players = checks.as_players(players)
            self.built = True
            if self._compile_later is not None:
                self._compile_later()

    def build_players(self, data):
        """Called by `fit` and `evaluate` as long as there are no players; override it and call `set_players`.

        Args:
            data: what `fit` got, arrays or a dataset, in the structure that `player_loss` gets.
        """
        raise ValueError(f"{type(self).__name__} has no players: give them to the constructor.")

    # What a game is: who moves which weights, by which loss

    def player_loss(self, player: str, data):
        """The loss of `player` on a minibatch; override this.

        Call networks with `training=self.training`: it is `True` in `fit` and `False` in `evaluate`. Draw random
        numbers with `seed=self.seed_generator`. There is no need to stop gradients: only the player's own weights are
        differentiated. Log numbers by returning them: a `keras.metrics.Metric` that is updated here is held back.

        Args:
            player: name of the player whose turn it is.
            data: one minibatch with the structure that `fit` got: `x`, or `(x, y)`.

        Returns:
            A scalar, the mean over the minibatch; or `(scalar, {name: scalar to log})`.
        """
        raise TypeError(f"{type(self).__name__} must override player_loss(player, data).")

    def after_update(self, player: str):
        """Called after each update of `player`; override it for what follows a step, such as clipping weights."""

    def loss_name(self, player: str) -> str:
        """The name under which the loss of `player` is logged."""
        return f"{player}_loss"

    def player_variables(self, player: str) -> list:
        """The trainable variables of `player`."""
        variables = [v for layer in self.players[player] for v in layer.trainable_variables]
        return list({id(v): v for v in variables}.values())

    @exclusive
    def compile(self, optimizers, steps: dict | None = None, *, simultaneous: bool = False, **keras_kwargs):
        """Sets who learns how.

        Args:
            optimizers: dict of one optimizer per player (instance, name or config), or one name or config for all.
            steps: dict of player names to the number of updates per round; 1 for players that are not named.
            simultaneous: if `True`, all players differentiate at the same point and then move together; otherwise
                each sees the moves of those before it.
            **keras_kwargs: `run_eagerly`, `steps_per_execution` and `jit_compile` as in `keras.Model.compile`. XLA
                (`jit_compile`) is off by default: it drops the check that stops a diverging run.

        Raises:
            ValueError: for an unknown player or argument, an optimizer that serves two players, and float16 on several
                devices.
        """
        checks.keras_arguments(keras_kwargs, type(self).__name__)
        if not self.players:
            if isinstance(optimizers, dict) and "class_name" not in optimizers:
                optimizers = {player: keras.optimizers.get(of) for player, of in optimizers.items()}
                self.optimizers = optimizers
            self.steps, self.simultaneous, self._keras_kwargs = dict(steps or {}), simultaneous, keras_kwargs
            arguments = {"simultaneous": simultaneous, **keras_kwargs}
            self._compile_later = functools.partial(Game.compile, self, optimizers, steps, **arguments)
            return
        steps = checks.as_steps(steps, self.players, simultaneous)
        optimizers = compiled_optimizers.as_optimizers(optimizers, {p: self.player_variables(p) for p in self.players})
        with self.distribute_strategy.scope():
            for player, optimizer in optimizers.items():
                if compiled_optimizers.computes_in_float16(self.players[player]):
                    optimizers[player] = compiled_optimizers.as_loss_scaled(optimizer, player, self.num_devices)
                # Only a built optimizer is saved, restored and distributed.
                optimizers[player].build(self.player_variables(player))
            self._trackers = {name: keras.metrics.Mean(name=name) for name in map(self.loss_name, self.players)}
            self._traced = []
            super().compile(optimizer=None, loss=None, **{"jit_compile": False, **keras_kwargs})
        self.optimizers, self.steps, self.simultaneous = optimizers, steps, simultaneous
        self.optimizer = PlayerOptimizers(optimizers, self._progress.rounds)  # what callbacks look at
        self._keras_kwargs, self._compile_later = keras_kwargs, None

    # One round of the game

    def train_step(self, data):
        self.training = True
        if self.simultaneous:
            moves = self._differentiate_together(data)
            for player, move in zip(self.players, moves, strict=True):
                self._update(player, data, *move)
        else:
            # Unrolled in Python: optimizers cannot run inside a TensorFlow loop or condition on several devices.
            for player in self.players:
                for step in range(self.steps[player]):
                    minibatch = self._minibatch(data, step)
                    self._update(player, minibatch, *self._differentiate(player, minibatch))
        return self.counted(self.get_metrics_result())

    def _differentiate_together(self, data) -> list:
        """What `_differentiate` gives for each player, at the same point; override it to share their work."""
        return [self._differentiate(player, data) for player in self.players]

    def _differentiate(self, player: str, data):
        """The gradients of the player's loss, the new values of what its turn moves besides, and what to log."""

        def objective(scope):
            # The scope holds back every assignment (batch statistics, random states, weights that a layer rewrites), so
            # that a turn can run the other players' networks in training mode without leaving a trace in them.
            with scope:
                loss, logs = self._loss_and_logs(player, data)
            loss += self._regularization(player, scope)
            return self._scaled(player, loss), (loss, logs, scope)

        (_, found), gradients = backend.value_and_gradients(objective, self.player_variables(player))
        return self._move(player, gradients, *found)

    def _scaled(self, player: str, loss):
        """What is differentiated, so that the optimizer of `player` steps along the gradient of `loss`."""
        # Optimizers add up the gradients of the replicas: divided, the sum is the mean over the global batch.
        return self.optimizers[player].scale_loss(loss / backend.num_replicas())

    def _move(self, player: str, gradients, loss, logs, scope):
        """What `_differentiate` returns, from the gradients of the player's scaled loss and the scope it ran in."""
        variables = self.player_variables(player)
        checks.depends_on_weights(gradients, variables, player)
        gradients = backend.with_zeros(gradients, variables)
        of = {p: {id(v) for layer in layers for v in layer.variables} for p, layers in self.players.items()}
        others = set().union(*(of[p] for p in self.players if p != player)) - of[player]
        assigned = [(v, scope.get_current_value(v)) for v in self.variables if id(v) not in others]
        assigned = [(variable, value) for variable, value in assigned if value is not None]
        gradients = finite.stop_unless_finite(player, loss, gradients, self.optimizers[player])
        return gradients, assigned, {self.loss_name(player): loss, **logs}

    def _update(self, player: str, data, gradients, assigned, logs):
        # Whatever changes waits for the data and for the check: at the end of the data nothing may move any more.
        with backend.after([data, gradients]):
            for variable, value in assigned:  # before the optimizer: it steps from what layers made of their weights
                backend.assign_moved(variable, value)
            self.optimizers[player].apply(gradients, self.player_variables(player))
            self._track(logs)
            self.after_update(player)

    def _loss_and_logs(self, player: str, data):
        result = self.player_loss(player, data)
        loss, logs = result if isinstance(result, tuple) else (result, {})
        checks.scalar(loss, player)
        return ops.cast(loss, "float32"), logs

    def _regularization(self, player: str, scope):
        """Weight regularizers of the player, and what the last calls of its layers gave to `add_loss`."""
        total = sum(v.regularizer(v) for v in self.player_variables(player) if v.regularizer is not None)
        own = set().union(*(keras_internals.added_losses(layer) for layer in self.players[player]))
        return total + sum(ops.cast(loss, "float32") for loss in scope.losses if id(loss) in own)

    def _minibatch(self, data, step: int):
        """Minibatch number `step` of a round's data."""
        if self.minibatches_per_round == 1:
            return data
        return tree.map_structure(lambda tensor: tensor[:, step], data)

    @property
    def minibatches_per_round(self) -> int:
        """How many minibatches a round consumes: as many as the player with the most steps takes updates."""
        return max(self.steps.values())

    def test_step(self, data):
        self.training = False
        for player in self.players:
            with keras.StatelessScope():
                loss, logs = self._loss_and_logs(player, data)
            self._track({self.loss_name(player): loss, **logs}, weight=ops.shape(tree.flatten(data)[0])[0])
        return self.get_metrics_result()

    # Logs: means over the epoch and over devices; only `evaluate` meets minibatches of different sizes, to be weighted

    @property
    def metrics(self) -> list:
        return list(self._trackers.values())

    def _track(self, logs: dict, weight=None):
        for name, value in logs.items():
            self._trackers[name].update_state(value, sample_weight=weight)

    def _lock_state(self):
        """Keras locks a model when it is built; the metrics of a game are made later, when it first sees data."""

    def _make_trackers(self, batches, minibatch, *, training: bool):
        """Learns the names that the players log from a trace: variables cannot be made within a training step."""
        if training in self._traced:
            return
        self._traced.append(training)

        def trace(data):
            return [self._loss_and_logs(player, minibatch(data))[1] for player in self.players]

        self.training = training
        with finite.in_a_sentence():
            logs = backend.trace_outputs(trace, batches)
        with self.distribute_strategy.scope():
            for name in (name for logs_of_player in logs for name in logs_of_player):
                if name not in self._trackers:
                    self._trackers[name] = keras.metrics.Mean(name=name)

    # fit and evaluate

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
        steps_per_epoch=None,
        **kwargs,
    ):
        """Trains as `keras.Model.fit` does, one round of the game per step.

        A round takes as many minibatches as the player with the most steps. An incomplete last minibatch is left out.
        Shuffled arrays come in an order that depends on the game's seed and progress alone, so that a resumed run sees
        what the uninterrupted one would have seen; the order of a `tf.data.Dataset` is its own affair.

        Args:
            x: arrays, or a batched `tf.data.Dataset`. `player_loss` gets minibatches of the same structure.
            y: arrays, if there are targets; `player_loss` then gets `(x, y)`.
            batch_size: rows per minibatch of arrays; 32 by default.
            epochs: passes over the data, or over `steps_per_epoch` rounds of it.
            verbose: as in `keras.Model.fit`.
            callbacks: list of Keras callbacks. `EarlyStopping` and `ModelCheckpoint` need their `mode`.
            validation_split: share of the rows, the last ones, to evaluate on after each epoch.
            validation_data: data to evaluate on after each epoch: what `x` is, or `(x, y)`.
            shuffle: whether arrays are shuffled.
            steps_per_epoch: rounds per epoch; all the data by default.
            **kwargs: the other arguments of `keras.Model.fit`. Weights of samples or classes belong into `player_loss`.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: for data that cannot be used.
            FloatingPointError: if a loss or a gradient becomes NaN or infinite. The step that found it is not taken.
        """
        options = {"batch_size": batch_size, "epochs": epochs, "verbose": verbose, "callbacks": callbacks, **kwargs}
        options |= {"validation_split": validation_split, "validation_data": validation_data}
        before = self.rounds
        history = self._fit(x, y, shuffle=shuffle, steps_per_epoch=steps_per_epoch, **options)
        if self.rounds != before:
            for player, optimizer in self.optimizers.items():
                optimizer.finalize_variable_values(self.player_variables(player))  # the averages, where it keeps them
        return history

    def _fit(self, x, y, *, batch_size, epochs, validation_split, validation_data, shuffle, steps_per_epoch, **kwargs):
        checks.no_weights_of_samples(kwargs)
        minibatches.refuse_spent(x, epochs, steps_per_epoch)
        minibatches.refuse_spent(validation_data, epochs)
        data = self.read_data(minibatches.in_random_order(x, shuffle), y, batch_size)
        if validation_data is not None:
            validation_data = self.read_data(validation_data)
        elif validation_split:
            data, validation_data = minibatches.split(data, validation_split)
        data = self._prepared(data, "fit")
        rounds, steps_per_epoch = minibatches.training_rounds(data, self, batch_size, shuffle, steps_per_epoch)
        if validation_data is not None:
            validation_batch_size = kwargs.pop("validation_batch_size", None) or batch_size
            validation_data = self._prepared(validation_data, "fit")
            minibatches.refuse_endless(validation_data, kwargs.get("validation_steps"), "validation_steps")
            validation_data = minibatches.evaluation_batches(validation_data, self, validation_batch_size)
        self._make_trackers(rounds, lambda data: self._minibatch(data, 0), training=True)
        kwargs.update(epochs=epochs, validation_data=validation_data)
        return self.fit_exactly(rounds, steps_per_epoch=steps_per_epoch, **kwargs)

    @exclusive
    def evaluate(self, x=None, y=None, batch_size=None, verbose="auto", **kwargs):
        """Computes every player's loss and logs on `x` or `(x, y)`, with all networks in inference mode.

        Arguments and returns are those of `keras.Model.evaluate`. On several devices an incomplete last batch is left
        out.
        """
        checks.no_weights_of_samples(kwargs)
        if kwargs.get("_use_cached_eval_dataset"):  # within fit, which has read and prepared the data
            batches = x
        else:
            data = self._prepared(self.read_data(x, y, batch_size), "evaluate")
            minibatches.refuse_endless(data, kwargs.get("steps"), "steps")
            batches = minibatches.evaluation_batches(data, self, batch_size)
        self._make_trackers(batches, lambda data: data, training=False)
        return self.evaluate_exactly(batches, verbose=verbose, **kwargs)

    @exclusive
    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One round of the game on the rows given: as many minibatches of equal size as a round takes."""
        checks.no_weights_of_samples({"sample_weight": sample_weight, "class_weight": class_weight})
        size = minibatches.rows(self.read_data(x, y)) // self.minibatches_per_round
        options = {"batch_size": max(1, size), "epochs": 1, "steps_per_epoch": 1, "shuffle": False, "verbose": 0}
        options |= {"validation_split": 0.0, "validation_data": None, "callbacks": None}
        logs = self._fit(x, y, **options).history
        logs = {name: values[-1] for name, values in logs.items()}
        return logs if return_dict else list(logs.values())

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Every player's loss and logs on the rows given, in inference mode."""
        checks.no_weights_of_samples({"sample_weight": sample_weight})
        size = minibatches.rows(self.read_data(x, y))
        return self.evaluate(x, y, batch_size=size, verbose=0, return_dict=return_dict)

    def _prepared(self, data, method: str):
        """`data` as the players take them, after every check; a dataset is checked on, in each of its batches."""
        self._prepare_for(data, method)
        if method == "fit":
            for player, optimizer in self.optimizers.items():
                checks.same_weights(optimizer, self.player_variables(player), player)
        return minibatches.checked(data, self.check_range)

    def _prepare_for(self, data, method: str):
        if not self.players:
            if self._compile_later is None:
                self._assert_compile_called(method)
            self.build_players(data)
        self._assert_compile_called(method)
        self.check_data(data)

    def read_data(self, x, y=None, batch_size=None):
        """Called by `fit` and `evaluate` on what they got; override it to turn other kinds of data into such ones.

        Returns:
            `x`, or `(x, y)`: arrays in any structure with the same number of rows, or a batched `tf.data.Dataset`.
        """
        return minibatches.as_data(x, y, batch_size)

    def check_data(self, data):
        """Called by `fit` and `evaluate` before any work; override it to refuse data that the players cannot use."""

    def check_range(self, low: float, high: float, part: int) -> str | None:
        """Called with the range of the numbers in each part of the data; override it to refuse or to warn.

        Of arrays it is called once, before any work; of a dataset for its first batch, and whenever a later batch
        widens the range.

        Args:
            low: the smallest number so far.
            high: the largest.
            part: which array it is, counted in the order of `keras.tree.flatten(data)`.

        Returns:
            A sentence to warn with, once, or `None`.

        Raises:
            ValueError: for numbers that the players cannot use.
        """

    # Saving: what made and compiled the game; weights, optimizers and random states follow from Keras and `Trainer`

    def __new__(cls, *args, **kwargs):
        game = super().__new__(cls, *args, **kwargs)
        saved_arguments.remember(game, args, kwargs)
        return game

    def get_config(self) -> dict:
        if saved_arguments.has_own_constructor(type(self), Game):
            return saved_arguments.config(self)
        players = {player: list(layers) for player, layers in self.players.items()}
        return {"players": keras.saving.serialize_keras_object(players), "seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        return cls(**keras.saving.deserialize_keras_object(dict(config), custom_objects))

    def get_build_config(self):
        saved_arguments.refuse_unless_loadable(self, Game)
        return super().get_build_config()

    def compile_arguments(self) -> dict:
        """The arguments of the `compile` that led to the present state; a class with its own `compile` overrides it."""
        arguments = {"optimizers": dict(self.optimizers), "steps": dict(self.steps), "simultaneous": self.simultaneous}
        return {**arguments, **self._keras_kwargs}

    def get_compile_config(self):
        waiting = self._compile_later is not None and self.optimizers
        return keras.saving.serialize_keras_object(self.compile_arguments()) if self.compiled or waiting else None

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
