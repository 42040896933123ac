"""`model.optimizer` of a model that has several."""

from keras import ops


class PlayerOptimizers:
    """The optimizers of a game's players, as Keras's callbacks ask for them.

    `LearningRateScheduler`, `ReduceLROnPlateau`, `SwapEMAWeights` and `TensorBoard` look at `model.optimizer`, and act
    on each of its `optimizers` where it has several.

    Args:
        optimizers: dict of players to optimizers.
        iterations: variable that counts the rounds of the game.
    """

    built = True  # each of them is, since `compile`

    def __init__(self, optimizers: dict, iterations):
        self.optimizers = [_Named(optimizer, player) for player, optimizer in optimizers.items()]
        self.iterations = iterations

    @property
    def variables(self) -> list:
        """The state of all optimizers."""
        return [variable for optimizer in self.optimizers for variable in optimizer.variables]

    @property
    def learning_rate(self):
        """The learning rate of the first player; setting it changes those of all players by the same factor."""
        return self.optimizers[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, value):
        change_rates(self.optimizers, value)


def change_rates(optimizers: list, first_rate):
    """Sets the learning rate of the first optimizer, and changes those of the others by the same factor.

    Raises:
        ValueError: if the first one is 0.
    """
    rates = [float(ops.convert_to_numpy(optimizer.learning_rate)) for optimizer in optimizers]
    if rates[0] == 0:
        raise ValueError("the first learning rate is 0, so no factor changes it: set those in optimizers.")
    for optimizer, rate in zip(optimizers, rates, strict=True):
        optimizer.learning_rate = float(first_rate) / rates[0] * rate


class _Named:
    """An optimizer under the name of its player, so that callbacks log `learning_rate_<player>`."""

    def __init__(self, optimizer, player: str):
        object.__setattr__(self, "_optimizer", optimizer)
        object.__setattr__(self, "name", player)

    def __getattr__(self, name):
        return getattr(self._optimizer, name)

    def __setattr__(self, name, value):
        setattr(self._optimizer, name, value)
