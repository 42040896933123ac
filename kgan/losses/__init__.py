"""Adversarial losses, gradient penalties, penalties of a code and objectives that hide, by class or by name."""

import inspect

import keras

from kgan.losses import adversarial, hiding, penalties, representation
from kgan.losses.adversarial import (
    AdversarialLoss,
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    Relativistic,
    Wasserstein,
)
from kgan.losses.auto_weight import auto_weight
from kgan.losses.hiding import HidingObjective, Negative, Projection, Reversal, Uniform
from kgan.losses.penalties import DRAGAN, R1, R2, GradientPenalty, Penalty
from kgan.losses.representation import CodePenalty, Contractive, Sparsity

__all__ = [
    "AdversarialLoss",
    "Minimax",
    "NonSaturating",
    "LeastSquares",
    "Hinge",
    "Wasserstein",
    "Relativistic",
    "Penalty",
    "R1",
    "R2",
    "GradientPenalty",
    "DRAGAN",
    "CodePenalty",
    "Contractive",
    "Sparsity",
    "HidingObjective",
    "Projection",
    "Reversal",
    "Uniform",
    "Negative",
    "auto_weight",
    "get",
    "get_penalty",
    "get_code_penalty",
    "get_hiding_objective",
]


def get(identifier) -> AdversarialLoss:
    """Resolves an adversarial loss.

    Args:
        identifier: a name (`"minimax"`, `"non_saturating"`, `"least_squares"`, `"hinge"`, `"wasserstein"`,
            `"relativistic"`), the name of a class (`"Hinge"`), a class, an instance, or the config of one, of kgan's or
            your own losses, which are subclasses of `AdversarialLoss`.

    Raises:
        ValueError: for anything else, with the list of names.

    Examples:
        >>> kgan.losses.get("hinge")
        >>> kgan.losses.Wasserstein(weight_clip=0.05)
    """
    return _resolve(identifier, adversarial.ALL, AdversarialLoss, "loss")


def get_penalty(identifier) -> Penalty:
    """Resolves a gradient penalty: an instance, the config of one, or a class whose arguments all have defaults.

    Raises:
        ValueError: for anything else, with the list of right ones.
    """
    return _resolve(identifier, {}, Penalty, "penalty", penalties.ALL.values())


def get_code_penalty(identifier) -> CodePenalty:
    """Resolves a penalty of a code: an instance, the config of one, or a class whose arguments all have defaults.

    Raises:
        ValueError: for anything else, with the list of right ones.
    """
    return _resolve(identifier, {}, CodePenalty, "penalty of a code", representation.ALL.values())


def get_hiding_objective(identifier) -> HidingObjective:
    """Resolves what a classifier descends that hides: a name (`"projection"`, `"reversal"`, `"uniform"`, `"negative"`),
    a class, an instance, or the config of one, of kgan's or your own, which are subclasses of `HidingObjective`.

    Raises:
        ValueError: for anything else, with the list of names.
    """
    found = _resolve(identifier, hiding.ALL, HidingObjective, "objective")
    own_loss = type(found).opposing_loss is not HidingObjective.opposing_loss
    if found.together and (own_loss or found.combined is not None):
        raise ValueError(
            f"{type(found).__name__} lets both players step together, where opposing_loss and combined have no part: "
            "leave these out, or together."
        )
    return found


def _resolve(identifier, names, base, what, classes=()):
    found = identifier
    if isinstance(identifier, str):
        found = names.get(identifier) or {kind.__name__: kind for kind in names.values()}.get(identifier)
    elif isinstance(identifier, dict):
        found = _deserialized(identifier, [*names.values(), *classes])
    if isinstance(found, type) and issubclass(found, base) and _needs_nothing(found):
        found = found()
    if isinstance(found, base):
        return found
    right = [repr(name) for name in names] or [f"kgan.losses.{c.__name__}(weight)" for c in classes]
    raise ValueError(f"unknown {what} {identifier!r}: use one of {', '.join(right)}.")


def _deserialized(config: dict, classes):
    """As Keras does it, and with the name of a class alone, as `keras.losses.get` takes it; `None` for what is none."""
    names = {kind.__name__: kind for kind in classes}
    if config.get("class_name") in names and "registered_name" not in config:
        return names[config["class_name"]].from_config(dict(config.get("config") or {}))
    try:
        return keras.saving.deserialize_keras_object(config)
    except (TypeError, KeyError):  # of an unknown class, and of a dict that is no config
        if isinstance(config.get("class_name"), str) and "config" in config and "module" in config:
            raise ValueError(
                f"cannot find the class {config['class_name']!r}: import it, and register it by "
                "keras.saving.register_keras_serializable or give it as custom_objects."
            ) from None
        return None


def _needs_nothing(kind) -> bool:
    arguments = list(inspect.signature(kind).parameters.values())
    return all(a.default is not a.empty or a.kind in (a.VAR_POSITIONAL, a.VAR_KEYWORD) for a in arguments)
