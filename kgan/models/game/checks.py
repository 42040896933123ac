"""What `Game` asks of its arguments, each answered by one sentence when it is not so."""

import keras

from kgan.backend import keras_internals
from kgan.models.training.finite import LossError
from kgan.scalars import as_count, is_real


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
        if not any(layer.trainable_variables for layer in layers):
            inner = [layer for outer in layers for layer in keras_internals.layers_within(outer)]
            if any(layer.weights and not layer.trainable for layer in inner):
                raise ValueError(frozen(name))
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


def frozen(player: str) -> str:
    """What to say of a player that was frozen, as code for other libraries does it by hand."""
    return (
        f"the player {player!r} is frozen (trainable = False), but needs weights that train: set trainable = True; in "
        "the turn of one player the others stand still by themselves."
    )


def same_weights(optimizer, variables, player: str):
    """The optimizer of a player serves the weights that trained when it was compiled."""
    if not variables:
        raise ValueError(frozen(player))
    known = {id(v) for v in keras_internals.served_variables(optimizer)}
    new = [v.path for v in variables if id(v) not in known]
    if new:
        raise ValueError(
            f"{len(new)} weights of {player!r}, such as {new[0]}, train now and did not when it was compiled: call "
            "compile again after changing trainable."
        )


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
    shape = getattr(loss, "shape", () if is_real(loss) else None)
    if shape is None or len(shape) != 0:
        what = f"not {loss!r}" if shape is None else f"not shape {tuple(shape)}"
        raise LossError(
            f"player_loss({player!r}, data) must return a scalar, the mean over the minibatch, or (scalar, logs), "
            f"{what}."
        )


def depends_on_weights(gradients, variables, player: str):
    """A loss that does not depend on any weight of its player would leave it where it is, for ever."""
    if all(gradient is None for gradient in gradients):
        raise LossError(
            f"the loss of {player!r} does not depend on any of its {len(variables)} trainable weights, so that it "
            f"would never move: compute player_loss({player!r}, data) by calling its layers."
        )


def as_steps(steps, players, simultaneous: bool) -> dict:
    """`{player: updates per round}` for every player."""
    if steps is not None and not isinstance(steps, dict):
        raise ValueError(
            f"steps must be a dict of players to numbers of updates, got {steps!r}: optimizers of several players go "
            "into one dict, the first argument."
        )
    steps = dict(steps or {})
    for player, number in steps.items():
        if player not in players:
            raise ValueError(f"steps names {player!r}, but the players are {', '.join(players)}.")
        steps[player] = as_count(number, f"steps[{player!r}]")
        if simultaneous and steps[player] > 1:
            raise ValueError(f"simultaneous=True moves every player once a round, but steps is {steps}: leave it out.")
    return {player: steps.get(player, 1) for player in players}
