"""What an exported generator takes and gives: latents, class ids, and images as uint8."""

import keras

from kgan.label_inputs import one_hot_classes
from kgan.pixels import to_uint8


def as_num_classes(generator, num_classes, class_names) -> int | None:
    """The number of classes, as far as it is known; refuses what does not go together."""
    inputs = generator.inputs
    if len(inputs) > 2 or not _is_float(inputs[0]):
        taken = ", ".join(f"{i.name} {i.dtype} {tuple(i.shape)}" for i in inputs)
        raise ValueError(f"the generator to export must take latents, or [latents, labels], but it takes {taken}.")
    if len(inputs) == 1:
        if class_names is not None:
            raise ValueError("this generator takes no labels: leave class_names out.")
        return None
    counts = {
        "num_classes": num_classes,
        "class_names": None if class_names is None else len(class_names),
        "the generator's one-hot labels": one_hot_classes(inputs[1]),
    }
    counts = {name: int(count) for name, count in counts.items() if count}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count} by {name}" for name, count in counts.items())
        raise ValueError(f"the number of classes must be one, but it is {told}.")
    return next(iter(counts.values()), None)


def _is_float(tensor) -> bool:
    return "float" in keras.backend.standardize_dtype(tensor.dtype)


def with_uint8_outputs(generator: keras.Model) -> keras.Model:
    """The generator with uint8 images in 0..255 in place of floats in -1..1; samples that are not images stay."""
    return keras.Model(generator.inputs, ToUint8()(generator.outputs[0]))


class ToUint8(keras.layers.Layer):
    """Float images to uint8 ones as a layer; samples that are not images pass."""

    def call(self, inputs):
        return to_uint8(inputs) if len(inputs.shape) == 4 else inputs
