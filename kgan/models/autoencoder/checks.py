"""What `Autoencoder` asks of its networks and its data, each answered by one sentence when it is not so."""

import keras
import numpy as np
from keras import ops, tree

from kgan import backend
from kgan.backend import keras_internals
from kgan.last_activation import ends_in, ends_linearly, reach

# Rounding, or a pixel a little above white, is no reason to speak.
SLACK = 1e-3


def networks(encoder, decoder):
    """Refuses two networks that do not give back what they get."""
    for what, network in (("encoder", encoder), ("decoder", decoder)):
        if not isinstance(network, keras.Model) or not network.built or not hasattr(network, "inputs"):
            raise ValueError(f"the {what} must be a built keras.Model with a keras.Input, got {network!r}.")
        if len(network.inputs) != 1 or len(network.outputs) != 1:
            raise ValueError(f"the {what} must have one input and one output, so as to give back what it gets.")
    for what, given, wanted in (
        ("the decoder takes codes", decoder.inputs[0], encoder.outputs[0]),
        ("the decoder makes outputs", decoder.outputs[0], encoder.inputs[0]),
    ):
        given, wanted = tuple(given.shape[1:]), tuple(wanted.shape[1:])
        if not _fits(given, wanted):
            raise ValueError(f"{what} of shape {given}, but the encoder's are of shape {wanted}: make them agree.")


def build_all(network):
    """Makes the weights that come with the first call alone, such as those of `Dense(8, keras.layers.PReLU())`."""
    if not all(layer.built for layer in keras_internals.layers_within(network)):
        network(ops.zeros([size or 1 for size in network.inputs[0].shape], network.inputs[0].dtype))


def no_shared_layers(encoder, decoder):
    """Keras cannot load two models that share a layer, so that they are not saved either."""
    of_encoder, of_decoder = keras_internals.layers_within(encoder), keras_internals.layers_within(decoder)
    shared = {id(layer) for layer in of_encoder} & {id(layer) for layer in of_decoder}
    names = [layer.name for layer in of_encoder if id(layer) in shared and layer.weights]
    if names:
        raise ValueError(
            f"the encoder and the decoder share the layer {names[0]!r}, which Keras cannot load in two models: save "
            "the weights by save_weights, or let kgan.layers.DenseTranspose share a kernel."
        )


def rows(data, expected: tuple):
    """Refuses arrays or a dataset whose parts are not all floating-point rows of the shape `expected`; returns them."""
    parts = tree.flatten(data.element_spec if backend.is_dataset(data) else data)
    shapes = [tuple(part.shape[1:]) for part in parts]
    if len(parts) > 2 or not all(_fits(shape, expected) for shape in shapes):
        raise ValueError(
            f"an autoencoder of inputs of shape {expected} takes x, or (x, what to reconstruct), of that shape, but "
            f"got {' and '.join(map(str, shapes))}: leave labels out."
        )
    for part in parts:
        dtype = keras.backend.standardize_dtype(part.dtype)
        if "float" not in dtype:
            raise ValueError(f"an autoencoder reconstructs floating-point numbers, not {dtype}: divide images by 255.")
    return parts


def last_activation(decoder, loss):
    """Refuses a decoder whose last activation contradicts the loss, a `ReconstructionLoss`."""
    low, high = reach(decoder)
    if loss.from_logits and np.isfinite([low, high]).all():
        raise ValueError(
            f"the loss is from_logits=True, but the decoder ends in {ends_in(decoder)!r}: leave out from_logits, or "
            "that activation."
        )
    if loss.is_cross_entropy and not loss.from_logits:
        name = ends_in(decoder)
        if ends_linearly(decoder) or (name and (low < -SLACK or high > 1 + SLACK)):
            last = f"in {name!r}" if name else "without an activation"
            raise ValueError(
                f"binary_crossentropy takes probabilities, but the decoder ends {last}: end it in 'sigmoid', or for "
                "logits use keras.losses.BinaryCrossentropy(from_logits=True)."
            )


def codes_in_0_to_1(encoder):
    """Refuses an encoder whose codes can be no mean activations, for `Sparsity`."""
    low, high = reach(encoder)
    if ends_linearly(encoder) or (ends_in(encoder) and (low < -SLACK or high > 1 + SLACK)):
        raise ValueError("Sparsity needs codes in 0..1: let the encoder end in a sigmoid.")


def unreachable(decoder, loss, low: float, high: float, title: str | None = None) -> str | None:
    """What to say of a decoder that can never give back numbers from `low` to `high`; `None` if it can.

    Args:
        decoder: built model.
        loss: a `ReconstructionLoss`.
        low, high: the smallest and the largest number.
        title: which autoencoder it is, where there are several.

    Raises:
        ValueError: for numbers outside 0..1 where the loss takes probabilities.
    """
    title = f"{title}: " if title else ""
    if loss.is_cross_entropy and (low < -SLACK or high > 1 + SLACK):
        raise ValueError(
            f"{title}binary_crossentropy needs numbers in 0..1, but the data are in {low:g}..{high:g}: scale them, or "
            "use mean_squared_error."
        )
    lowest, highest = reach(decoder)
    if not loss.compares_numbers or (low >= lowest - SLACK and high <= highest + SLACK):
        return None
    limits = "..".join("" if np.isinf(end) else f"{end:g}" for end in (lowest, highest))
    return (
        f"{title}the data are in the range {low:g}..{high:g}, but the decoder ends in {ends_in(decoder)!r}, whose "
        f"range is {limits}, so that it can never give them back: scale the data into that range, or let the "
        "decoder end without an activation, as output_activation=None does."
    )


def _fits(shape, expected) -> bool:
    if len(shape) != len(expected):
        return False
    return all(a == b or a is None or b is None for a, b in zip(shape, expected, strict=True))
