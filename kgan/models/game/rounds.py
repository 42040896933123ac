"""One round of a game: the players move in turn, or together; and what is logged of it."""

import contextlib
import functools

import keras
from keras import ops, tree

from kgan import backend
from kgan.backend import keras_internals
from kgan.models.game import checks
from kgan.models.training import finite
from kgan.models.training.trainer import Trainer
from kgan.models.training.turn import Turn


class Rounds(Trainer):
    """The training step of `Game`, which says who moves which weights, by which loss and along which gradients."""

    # One round of the game

    def train_step(self, data):
        """One round of the game, see `player_loss`."""
        self.training = True
        if self.simultaneous:
            moves = self._moves_together(data)
            for player, move in moves.items():
                self._take(player, data, *move)
        else:
            # Unrolled in Python: optimizers cannot run inside a TensorFlow loop or condition on several devices.
            for player in self.players:
                for step in range(self.steps[player]):
                    minibatch = self._minibatch(data, step)
                    self._take(player, minibatch, *self._move(player, minibatch))
        return self.counted(self.get_metrics_result())

    def _moves_together(self, data) -> dict:
        with self._turn_of(list(self.players)) as turn:
            together = self.gradients_together(data)
        if together is None:
            return {player: self._move(player, data) for player in self.players}
        return {player: (turn, *move) for player, move in together.items()}

    def _move(self, player: str, data):
        """The turn of a player, which holds back what it moves besides, its gradients, and what to log."""
        with self._turn_of([player]) as turn:
            gradients, logs = self.gradients(player, data)
        return turn, gradients, logs

    def _take(self, player: str, data, turn, gradients, logs):
        if self.loss_name(player) not in logs:
            raise finite.LossError(f"gradients({player!r}, data) must log the loss as {self.loss_name(player)!r}.")
        with turn.update(player, gradients, logs[self.loss_name(player)], data):
            self._track(logs)
            self.after_update(player)

    @contextlib.contextmanager
    def _turn_of(self, players: list):
        with self._new_turn(players) as self._turn:
            try:
                yield self._turn
            finally:
                self._turn = None

    def _new_turn(self, players) -> Turn:
        variables = {player: self.player_variables(player) for player in players}
        of = {p: {id(v) for layer in layers for v in layer.variables} for p, layers in self.players.items()}
        states = {}
        for player in players:
            others = set().union(*(of[p] for p in self.players if p != player)) - of[player]
            states[player] = [v for v in self.variables if id(v) not in others]
        # Embeddings keep their sparse gradients unless a rule computes with them.
        return Turn(self.optimizers, variables, states, sparse=not self._has_own_rule())

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
        """Every player's loss and logs on a batch, in inference mode; nothing moves."""
        self.training = False
        for player in self.players:
            with keras.StatelessScope():
                loss, logs = self._loss_and_logs(player, data)
            self._track({self.loss_name(player): loss, **logs}, weight=ops.shape(tree.flatten(data)[0])[0])
        return self.get_metrics_result()

    # Logs: means over the epoch and over devices; only `evaluate` meets minibatches of different sizes, to be weighted

    @property
    def metrics(self) -> list:
        """The running means of what is logged: numbers join them by being returned from `player_loss`."""
        return list(self._trackers.values())

    def _track(self, logs: dict, weight=None):
        for name, value in logs.items():
            self._trackers[name].update_state(value, sample_weight=weight)

    def _lock_state(self):
        """Keras locks a model when it is built; the metrics of a game are made later, when it first sees data."""

    def _logs_of(self, player: str, data, training: bool) -> dict:
        """What `player` logs besides its loss, for a trace."""
        if not training or not self._has_own_rule():
            return self._loss_and_logs(player, data)[1]
        return self._move(player, data)[2]

    def prepare_steps(self, batches, *, training: bool):
        """Learns the names that the players log from a trace: variables cannot be made within a training step."""
        if training in self._traced:
            return
        self._traced.append(training)
        minibatch = functools.partial(self._minibatch, step=0) if training else lambda data: data

        def trace(data):
            return [self._logs_of(player, minibatch(data), training) for player in self.players]

        def on_devices(data):  # where alone variables of several devices can be differentiated by
            return self.distribute_strategy.run(trace, args=(data,))

        several = training and self._has_own_rule() and self.num_devices > 1
        self.training = training
        with finite.in_a_sentence():
            logs = backend.trace_outputs(on_devices if several else trace, batches)
        with self.distribute_strategy.scope():
            for name in (name for logs_of_player in logs for name in logs_of_player):
                if name not in self._trackers:
                    self._trackers[name] = keras.metrics.Mean(name=name)

    # Gradients

    def differentiate(self, player, losses_of):
        """The gradients of one or several losses with respect to the weights of `player`, within `gradients`.

        Args:
            player: name of a player; or a list of names, in `gradients_together`.
            losses_of: function without arguments that returns `(loss, logs)`, or `(list of losses, logs)`. Weight
                regularizers, and what layers give to `add_loss`, are added to the first.

        Returns:
            `(gradients, logs)`. The gradients are a list, a tensor for each of `player_variables(player)`; for several
            players a dict of these; for several losses a list of either. A single loss of one player is added to the
            logs.
        """
        turn = self._turn or self._new_turn([player] if isinstance(player, str) else player)
        players = [player] if isinstance(player, str) else list(player)
        with contextlib.nullcontext() if self._turn else turn:

            def with_regularization():
                losses, logs = losses_of()
                extra = sum(self._regularization(name, turn) for name in players)
                if isinstance(losses, list | tuple):
                    return [losses[0] + extra, *losses[1:]], logs
                return losses + extra, logs

            losses, logs, found = turn.differentiate(with_regularization, players)
        single = not isinstance(losses, list | tuple)
        filled = [self._filled(of) for of in ([found] if single else found)]
        if isinstance(player, str):
            filled = [of[player] for of in filled]
            logs = {self.loss_name(player): losses, **logs} if single else logs
        return (filled[0] if single else filled), logs

    def _filled(self, gradients: dict) -> dict:
        """The gradients of each player without gaps; a loss that depends on none of its weights is refused."""
        for player, of in gradients.items():
            checks.depends_on_weights(of, self.player_variables(player), player)
        return {player: backend.with_zeros(of, self.player_variables(player)) for player, of in gradients.items()}
