"""A copy of a network whose weights are the moving average of its weights."""

import keras

from kgan import backend
from kgan.backend import keras_internals
from kgan.layers import SpectralNormalization


def copy_for_average(network: keras.Model) -> keras.Model:
    """A copy of `network` to keep its average, which starts at its weights and does not train."""
    with keras.name_scope("moving_average"):  # otherwise the paths of its weights would be those of the network
        average = keras.models.clone_model(network)  # the same layers with new weights,
    average.name = f"{network.name}_moving_average"
    average.set_weights(network.get_weights())  # so they have to be copied, statistics included
    average.trainable = False
    return average


def update_average(average: keras.Model, network: keras.Model, momentum: float):
    """Moves `average` a step towards `network`, within a training step: momentum * average + (1 - momentum) * weight.

    What does not train, as batch statistics, is copied: these are averages already. The vectors of spectral
    normalization go with the averaged kernel.
    """
    new = [
        momentum * a + (1 - momentum) * w if w.trainable else w
        for w, a in zip(network.weights, average.weights, strict=True)
    ]
    layers = keras_internals.layers_within(average)
    spectral = [layer for layer in layers if isinstance(layer, SpectralNormalization)]
    own = {id(vector) for layer in spectral for vector in (layer.u, layer.v)}
    moved = [(a, n) for a, n in zip(average.weights, new, strict=True) if id(a) not in own]
    backend.assign(*zip(*moved, strict=True))
    for layer in spectral:
        backend.assign([layer.u, layer.v], layer.next_vectors())
