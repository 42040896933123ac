"""Stopping a run at the step whose loss or gradient is NaN or infinite, with a sentence that says so."""

import contextlib
import re

import keras
from keras import ops

from kgan import backend
from kgan.backend import keras_internals


def stop_unless_finite(player: str, loss, gradients: list, optimizer) -> list:
    """Returns the gradients, but only to a step whose loss and gradients are all finite.

    Args:
        player: name of the player, for the message.
        loss: scalar.
        gradients: list of tensors.
        optimizer: the player's optimizer, which counts its steps.
    """
    found = {f"{player}_loss": [loss], f"the gradient of {player}_loss": gradients}
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        # A loss scale meets infinite gradients now and then, skips those steps itself and halves. Below 1 it is not
        # the scale that makes them infinite.
        exhausted = optimizer.dynamic_scale < 1
        total = sum(ops.sum(ops.cast(gradient, "float32")) for gradient in gradients)
        found[f"the gradient of {player}_loss"] = [ops.where(exhausted, total, 0.0)]
    return backend.only_if_finite(gradients, found, optimizer.iterations + 1)


@contextlib.contextmanager
def in_a_sentence():
    """Turns what `stop_unless_finite` raises inside a compiled step into a `FloatingPointError`.

    A `ValueError` that Python code within a dataset raised, and a `LossError` met while a step was traced, which
    TensorFlow wraps with its traceback, come out as a `ValueError` with their sentence alone.
    """
    try:
        yield
    except backend.NotFiniteError as error:
        in_graph, in_eager = (
            r"assertion failed: \[([\w ]+_loss)\] \[(\d+)\]",
            r"Summarized data: b'([\w ]+_loss)'\s+(\d+)",
        )
        found = re.search(in_graph, str(error)) or re.search(in_eager, str(error))
        if not found:
            of_data = re.search(r"^ValueError: (.+)$", str(error), re.MULTILINE)
            if of_data:
                raise ValueError(of_data[1]) from error  # which tells the line, where it is not one of kgan's
            raise
        raise FloatingPointError(
            f"training stopped: {found[1]} is NaN or infinite at step {found[2]}, which was not taken. Lower the "
            "learning rate, or go back to the last checkpoint; a GAN may want a penalty such as kgan.losses.R1."
        ) from None
    except Exception as error:
        found = re.search(rf"(?:{LossError.__name__}: )(.+)", str(error))
        if isinstance(error, LossError) or found:
            raise ValueError(found[1] if found else str(error)) from None
        raise


def spoiled(model) -> str:
    """The first weight of a model or of its optimizers that holds NaN or infinite numbers, in words; `""` if none."""
    weights, states = model.weights, list(getattr(getattr(model, "optimizer", None), "variables", []))
    position = backend.first_not_finite([*weights, *states])
    if position is None:
        return ""
    if position >= len(weights):
        return f"the optimizer's state {states[position - len(weights)].path!r}"
    owner, weight = model.name, weights[position]
    for layer in keras_internals.layers_within(model)[1:]:  # the outermost come first
        if any(weight is of for of in layer.weights):
            owner = layer.name
            break
    return f"the weight {weight.path!r} of {owner!r}"


def of_spoiled(what: str) -> FloatingPointError:
    """The error for what `spoiled` found before training began."""
    return FloatingPointError(
        f"training stopped: {what} held NaN or infinite numbers before training began: load or set finite ones, or "
        "make the networks anew."
    )


class LossError(ValueError):
    """A player's loss that cannot be minimised; raised while a step is traced, see `in_a_sentence`."""
