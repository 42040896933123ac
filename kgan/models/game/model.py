"""`Game`: gradient descent in which groups of parameters have their own losses."""

import functools

import keras

from kgan.backend import keras_internals
from kgan.models.game import checks, saved_arguments
from kgan.models.game.player_optimizers import PlayerOptimizers
from kgan.models.game.rounds import Rounds
from kgan.models.training import compiled_optimizers, minibatches
from kgan.models.training.one_at_a_time import exclusive


@keras.saving.register_keras_serializable(package="kgan")
class Game(Rounds):
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
        self._trackers, self._traced, self._turn = {}, [], None
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

    def gradients(self, player: str, data):
        """The gradients along which `player` steps: those of `player_loss`; override it for another rule.

        Get gradients by `self.differentiate`, or by `super().gradients(player, data)`, and make others of them. What is
        assigned here to variables of the game, such as the gradients of the round before, is assigned when the step has
        passed its checks. On several devices the gradients are those of the rows at hand, and the player steps along
        their mean.

        Args:
            player: name of the player whose turn it is.
            data: one minibatch.

        Returns:
            `(gradients, logs)`: a tensor for each of `player_variables(player)`, and numbers to log, among them the
            loss under `loss_name(player)`.

        Examples:
            >>> def gradients(self, player, data):  # optimistic steps: 2 g_k - g_(k-1)
            ...     now, logs = super().gradients(player, data)
            ...     steps = [2 * new - old for new, old in zip(now, self.last[player])]
            ...     for variable, new in zip(self.last[player], now):
            ...         variable.assign(new)
            ...     return steps, logs
        """
        return self.differentiate(player, lambda: self._loss_and_logs(player, data))

    def gradients_together(self, data):
        """In a simultaneous game, the gradients of all players by one pass; override it where they share their work.

        Returns:
            `{player: (gradients, logs)}`, or `None` for `gradients` of each player.
        """
        return None

    def _has_own_rule(self) -> bool:
        own = type(self).gradients, type(self).gradients_together
        return own != (Game.gradients, Game.gradients_together)

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

    # The data of `fit` and `evaluate`

    def check_ready(self, method: str):
        if not self.players and self._compile_later is None:
            keras_internals.refuse_uncompiled(self, method)

    def refuse_weights(self, sample_weight, class_weight=None):
        checks.no_weights_of_samples({"sample_weight": sample_weight, "class_weight": class_weight})

    def prepare_data(self, data, use: str, *, batch_size=None, verbose=0, steps=None):
        """`data` as the players take them, after every check; a dataset is checked on, in each of its batches."""
        method = "evaluate" if use == "evaluation" else "fit"
        self.prepare_players(data, method)
        if method == "fit":
            for player, optimizer in self.optimizers.items():
                checks.same_weights(optimizer, self.player_variables(player), player)
        return minibatches.checked(data, self.check_range)

    def prepare_players(self, data, method: str):
        """Makes the players from the first data, if need be, and checks that these and the data go together."""
        if not self.players:
            if self._compile_later is None:
                keras_internals.refuse_uncompiled(self, method)
            self.build_players(data)
        keras_internals.refuse_uncompiled(self, method)
        self.check_data(data)

    def after_fit(self, data, batch_size, rounds: int):
        if rounds:
            for player, optimizer in self.optimizers.items():
                optimizer.finalize_variable_values(self.player_variables(player))  # the averages, where it keeps them

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
        """The arguments of the constructor, players as their configs, without weights.

        A subclass with a constructor of its own gives what that was called with; override it for arguments that are no
        Keras objects, numbers, strings, or lists and dicts of these.
        """
        if saved_arguments.has_own_constructor(type(self), Game):
            return saved_arguments.config(self)
        players = {player: list(layers) for player, layers in self.players.items()}
        return {"players": keras.saving.serialize_keras_object(players), "seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        """A new game, not compiled and with new weights, from what `get_config` returned.

        To get a trained one back, `save` it and use `keras.models.load_model`.
        """
        return cls(**keras.saving.deserialize_keras_object(dict(config), custom_objects))

    def get_build_config(self):
        saved_arguments.refuse_unless_loadable(self, Game)
        return super().get_build_config()

    def compile_arguments(self) -> dict:
        """The arguments of the `compile` that led to the present state; a class with its own `compile` overrides it."""
        arguments = {"optimizers": dict(self.optimizers), "steps": dict(self.steps), "simultaneous": self.simultaneous}
        return {**arguments, **self._keras_kwargs}

    def get_compile_config(self):
        """The arguments of `compile`, serialized; `None` if it was not called."""
        waiting = self._compile_later is not None and self.optimizers
        return keras.saving.serialize_keras_object(self.compile_arguments()) if self.compiled or waiting else None

    def compile_from_config(self, config):
        """Calls `compile` with what `get_compile_config` returned; Keras does so in `load_model`."""
        self.compile(**keras.saving.deserialize_keras_object(config))
