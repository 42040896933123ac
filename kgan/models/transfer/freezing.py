"""Which layers of a pretrained network train, by the beginnings of their names."""

import keras

from kgan.backend import keras_internals


def trainable_names(model: keras.Model) -> list:
    """Names of the layers that could train: those with weights, without batch norm."""
    return [layer.name for layer in model.layers if layer.weights and not _is_batch_norm(layer)]


def names_beginning(names: list, start: str) -> list:
    """`[start]` if it is a name, otherwise the names that begin with it, with no number cut in two: `block1` does not
    begin `block10`.

    Raises:
        ValueError: if there is none.
    """

    def begins(name):
        rest = name.removeprefix(start)
        return name.startswith(start) and not (start[-1].isdigit() and rest[:1].isdigit())

    found = [start] if start in names else [name for name in names if start and begins(name)]
    if not found:
        raise ValueError(
            f"no layer of the base that has weights is called, or begins with, {start!r}: the last ones are "
            f"{', '.join(names[-4:])}."
        )
    return found


def unfreeze_only(model: keras.Model, names):
    """Makes the layers called `names` trainable and all others not; batch norm inside them stays frozen too.

    Batch norm in a network that goes on in inference mode would train its scale under statistics that stand still.
    """
    model.trainable = True  # a frozen model hides what trains inside it
    for layer in model.layers:
        layer.trainable = layer.name in names
    for layer in keras_internals.layers_within(model):
        if _is_batch_norm(layer):
            layer.trainable = False


def _is_batch_norm(layer) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization)
