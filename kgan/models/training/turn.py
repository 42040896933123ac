"""One update of weights: differentiate, check, and only then move.

Here, and nowhere else, losses are scaled for several devices and for float16, and numbers are checked to be finite.
"""

import contextlib

import keras
from keras import ops, tree

from kgan import backend
from kgan.models.training import finite


class Turn(backend.TurnScope):
    """The turn of one player, or of several that move from the same point.

    Within `with turn:` everything that layers and others assign (batch statistics, random states, weights that a layer
    rewrites) is held back and seen by what runs later in the turn. `update` makes it happen.

    Args:
        optimizers: dict of players to their optimizers.
        variables: dict of players to the variables that they move.
        states: dict of players to the variables that may be assigned in their turn, theirs and those of nobody.
        sparse: whether gradients of embeddings may stay `tf.IndexedSlices`.
    """

    def __init__(self, optimizers: dict, variables: dict, states: dict, *, sparse: bool = True):
        super().__init__([v for of in variables.values() for v in of])
        self.optimizers, self.of, self.states, self.sparse = optimizers, variables, states, sparse

    def differentiate(self, losses_of, players=None):
        """The gradients of one or several losses.

        Args:
            losses_of: function that returns a scalar, or a list of scalars, and something else.
            players: the players to whose variables; by default all of the turn.

        Returns:
            `(losses, other, gradients)`: what the function returned, and for each loss a dict of the players to lists
            of gradients, `None` for a variable that takes no part; a single such dict for a single loss. On several
            devices they are those of the rows at hand, and their mean is that of the minibatch.
        """
        players = list(self.of if players is None else players)
        variables = [v for player in players for v in self.of[player]]
        scale = _scale(self.optimizers[players[0]])

        def scaled():
            losses, other = losses_of()
            listed = [loss if scale is None else loss * scale for loss in tree.flatten(losses)]
            return listed, (losses, other)

        (losses, other), gradients = self.values_and_gradients(scaled, variables)
        found = []
        for of_loss in gradients:
            of_loss = of_loss if scale is None else backend.scaled_gradients(of_loss, 1 / scale)
            of_loss = of_loss if self.sparse else [None if g is None else ops.convert_to_tensor(g) for g in of_loss]
            found.append({player: [of_loss.pop(0) for _ in self.of[player]] for player in players})
        return losses, other, found if isinstance(losses, list | tuple) else found[0]

    @contextlib.contextmanager
    def update(self, player: str, gradients: list, loss, data):
        """Moves the player along `gradients`, if these and the loss are finite.

        What runs in this context, too, waits for the data and for the check: at the end of a dataset of unknown length
        a compiled step begins that gets no data, and nothing may move any more.

        Args:
            player: whose turn it is.
            gradients: one for each of its variables, or `None`, as `differentiate` gives them.
            loss: scalar, which is checked with them.
            data: the minibatch.
        """
        optimizer, variables = self.optimizers[player], self.of[player]
        gradients = backend.with_zeros(gradients, variables)
        # Optimizers add up the gradients of the replicas: divided, the sum is the mean over the global batch.
        replicas, scale = backend.num_replicas(), _scale(optimizer)
        if replicas > 1 or scale is not None:
            gradients = backend.scaled_gradients(gradients, (1.0 if scale is None else scale) / replicas)
        gradients = finite.stop_unless_finite(player, loss, gradients, optimizer)
        assigned = [(variable, self.get_current_value(variable)) for variable in self.states[player]]
        with backend.after([part for part in tree.flatten([data, gradients]) if part is not None]):
            for variable, value in assigned:  # before the optimizer: it steps from what layers made of their weights
                if value is not None:
                    backend.assign_moved(variable, value)
            optimizer.apply(gradients, variables)
            yield


def _scale(optimizer):
    """By what an optimizer wants the loss multiplied, `None` if by nothing."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer) or optimizer.loss_scale_factor is not None:
        return optimizer.scale_loss(ops.ones(()))
    return None
