"""The optimizers that a model is compiled with: one for each group of weights, scaled for float16."""

import keras

from kgan.backend import keras_internals


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
        known = {id(v) for v in keras_internals.served_variables(optimizer)}
        if optimizer.built and not known.issuperset(id(v) for v in variables[player]):
            raise ValueError(
                f"the optimizer of {player!r} already serves the weights of another model: make a new one."
            )
    return optimizers


def computes_in_float16(layers) -> bool:
    """Whether any of `layers` computes in float16, whose gradients underflow without a loss scale."""
    return any(inner.compute_dtype == "float16" for layer in layers for inner in keras_internals.layers_within(layer))


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
