"""What `Game` asks of its arguments, each answered by one sentence when it is not so."""

import keras

from kgan.scalars import is_count


def as_players(players) -> dict:
    """`{name: layer or list of layers}` as `{name: list of layers}`, every layer built and no weight in two players."""
    if not isinstance(players, dict) or not players:
        raise ValueError(f"players must be a dict of names to layers, models or lists of them, got {players!r}.")
    players = {name: list(of) if isinstance(of, list | tuple) else [of] for name, of in players.items()}
    owner = {}
    for name, layers in players.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(
                f"player names must be strings that could name a variable, because logs use them; got {name!r}."
            )
        for layer in layers:
            if not isinstance(layer, keras.Layer):
                raise ValueError(f"player {name!r} must consist of Keras layers or models, got {layer!r}.")
        weights = [w for layer in layers for w in layer.weights]
        if not any(w.trainable for w in weights):
            raise ValueError(
                f"player {name!r} has no trainable weights yet: build its layers first, with a keras.Input or by "
                "calling them on data."
            )
        for weight in weights:
            if owner.setdefault(id(weight), name) != name:
                raise ValueError(
                    f"the weight {weight.path!r} belongs to the players {owner[id(weight)]!r} and {name!r}: give each "
                    "weight one player."
                )
    return players


def keras_arguments(arguments: dict, what: str):
    """Of Keras's own `compile` arguments, those that have a meaning for a game."""
    known = ("run_eagerly", "steps_per_execution", "jit_compile")
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise ValueError(
            f"compile got {', '.join(unknown)}, but a {what} takes its losses and logs from player_loss; besides its "
            f"own arguments it accepts {', '.join(known)}."
        )


def no_weights_of_samples(arguments: dict):
    """One weight per sample or class has no meaning for several losses."""
    for name in ("class_weight", "sample_weight"):
        if arguments.pop(name, None) is not None:
            raise ValueError(f"a game has several losses: weight samples or classes in player_loss, not by {name}.")


def scalar(loss, player: str):
    """A loss is the mean over the minibatch."""
    if len(loss.shape) != 0:
        raise ValueError(
            f"player_loss({player!r}, data) must return a scalar, the mean over the minibatch, not shape {loss.shape}."
        )


def as_steps(steps, players, simultaneous: bool) -> dict:
    """`{player: updates per round}` for every player."""
    steps = dict(steps or {})
    for player, number in steps.items():
        if player not in players:
            raise ValueError(f"steps names {player!r}, but the players are {', '.join(players)}.")
        if not is_count(number):
            raise ValueError(f"steps[{player!r}] must be a whole number of at least 1, got {number!r}.")
        if simultaneous and number > 1:
            raise ValueError(f"simultaneous=True moves every player once a round, but steps is {steps}: leave it out.")
    return {player: steps.get(player, 1) for player in players}


def as_optimizers(optimizers, variables: dict) -> dict:
    """`{player: optimizer}`, an instance of its own for every player.

    Args:
        optimizers: dict per player, or one name or config for all.
        variables: dict of players to their trainable variables.
    """
    if isinstance(optimizers, keras.optimizers.Optimizer):
        raise ValueError(
            f"one optimizer instance cannot serve the players {', '.join(variables)}, because it keeps state for each "
            "weight: give a dict with one optimizer per player, or a name such as 'adam'."
        )
    if not isinstance(optimizers, dict) or "class_name" in optimizers:
        optimizers = dict.fromkeys(variables, optimizers)
    if set(optimizers) != set(variables):
        got = ", ".join(map(str, optimizers))
        raise ValueError(f"optimizers must have one entry for each of {', '.join(variables)}, got {got}.")
    optimizers = {player: keras.optimizers.get(optimizers[player]) for player in variables}
    owner = {}
    for player, optimizer in optimizers.items():
        if owner.setdefault(id(optimizer), player) != player:
            raise ValueError(
                f"the players {owner[id(optimizer)]!r} and {player!r} share one optimizer instance, which keeps state "
                "for each weight: make one for each."
            )
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        known = {id(v) for v in getattr(inner, "_trainable_variables", [])}
        if optimizer.built and not known.issuperset(id(v) for v in variables[player]):
            raise ValueError(
                f"the optimizer of {player!r} already serves the weights of another model: make a new one."
            )
    return optimizers


def computes_in_float16(layers) -> bool:
    """Whether any of `layers` computes in float16, whose gradients underflow without a loss scale."""
    return any(inner.compute_dtype == "float16" for layer in layers for inner in layer._flatten_layers())


def as_loss_scaled(optimizer, player: str, replicas: int):
    """The optimizer with a dynamic loss scale, for float16."""
    if replicas > 1:
        raise ValueError(
            f"the player {player!r} computes in float16, whose loss scale cannot see an overflow on {replicas} "
            "devices: use mixed_bfloat16, or one device."
        )
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return optimizer
    return keras.optimizers.LossScaleOptimizer(optimizer)
