"""Adversarial losses, gradient penalties and penalties of a code, by class or by name."""

import keras

from kgan.losses import adversarial, penalties, representation
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
    "auto_weight",
    "get",
    "get_penalty",
    "get_code_penalty",
]


def get(identifier) -> AdversarialLoss:
    """Resolves an adversarial loss.

    Args:
        identifier: a name (`"minimax"`, `"non_saturating"`, `"least_squares"`, `"hinge"`, `"wasserstein"`,
            `"relativistic"`), an instance with `discriminator_loss` and `generator_loss`, or the config of one.

    Raises:
        ValueError: for anything else, with the list of names.

    Examples:
        >>> kgan.losses.get("hinge")
        >>> kgan.losses.Wasserstein(weight_clip=0.05)
    """
    return _resolve(identifier, adversarial.ALL, AdversarialLoss, "loss")


def get_penalty(identifier) -> Penalty:
    """Resolves a gradient penalty: an instance, or the config of one.

    Raises:
        ValueError: for anything else, with the list of right ones.
    """
    return _resolve(identifier, {}, Penalty, "penalty", penalties.ALL.values())


def get_code_penalty(identifier) -> CodePenalty:
    """Resolves a penalty of a code: an instance, or the config of one.

    Raises:
        ValueError: for anything else, with the list of right ones.
    """
    return _resolve(identifier, {}, CodePenalty, "penalty of a code", representation.ALL.values())


def _resolve(identifier, names, base, what, classes=()):
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, str) and identifier in names:
        return names[identifier]()
    if isinstance(identifier, base):
        return identifier
    right = [repr(name) for name in names] or [f"kgan.losses.{c.__name__}(weight)" for c in classes]
    raise ValueError(f"unknown {what} {identifier!r}: use one of {', '.join(right)}.")
