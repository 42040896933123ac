"""What `GAN` asks of its networks, arguments and data, each answered by one sentence when it is not so."""

import warnings

import keras
import numpy as np

from kgan import backend


def networks(generator, discriminator):
    """Both are functional, and what the generator makes is what the discriminator takes."""
    for network, what in ((generator, "generator"), (discriminator, "discriminator")):
        if not isinstance(network, keras.Model) or not getattr(network, "inputs", None):
            raise ValueError(
                f"the {what} must be a functional or sequential keras.Model with a known input shape; wrap another one "
                "as keras.Model(inputs, model(inputs))."
            )
        if len(network.inputs) > 2:
            raise ValueError(f"the {what} must take one input, or two with labels, but it takes {len(network.inputs)}.")
    if len(generator.inputs) != len(discriminator.inputs):
        with_labels = "generator" if len(generator.inputs) == 2 else "discriminator"
        raise ValueError(f"only the {with_labels} takes labels: give both networks the same num_classes, or neither.")
    if len(generator.inputs[0].shape) != 2:
        raise ValueError(
            f"the generator must take latents of shape (batch, latent_dim), not {generator.inputs[0].shape}."
        )
    made, taken = tuple(generator.outputs[0].shape[1:]), tuple(discriminator.inputs[0].shape[1:])
    if made != taken:
        raise ValueError(f"the generator makes samples of shape {made}, but the discriminator takes {taken}.")
    if tuple(discriminator.outputs[0].shape[1:]) != (1,):
        shape = tuple(discriminator.outputs[0].shape)
        raise ValueError(f"the discriminator must return one logit per sample, (batch, 1), not {shape}.")


def momentum(ema_momentum):
    """Between 0 and 1, or `None`."""
    if ema_momentum is not None and not 0 <= ema_momentum < 1:
        raise ValueError(
            f"ema_momentum must be at least 0 and below 1, or None for no moving average, got {ema_momentum}."
        )


def different_names(penalties):
    """Each penalty is logged under its name."""
    names = [penalty.name for penalty in penalties]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"the penalty {name!r} is given {names.count(name)} times: give it once, with the summed weight."
            )


def num_classes(generator) -> int | None:
    """The number of classes that a conditional generator embeds or encodes; `None` if it cannot be told."""
    for layer in generator.layers:
        if isinstance(layer, keras.layers.Embedding):
            return layer.input_dim
        if isinstance(layer, keras.layers.CategoryEncoding):
            return layer.num_tokens
    return None


def labels_to_generate(labels, n: int, classes: int | None) -> np.ndarray:
    """`(n,)` int32 class ids from one class, an array, or nothing (then the classes take turns)."""
    if labels is None:
        if classes is None:
            raise ValueError(
                f"the generator does not tell how many classes it knows: give labels, an array of {n} class ids."
            )
        return np.arange(n, dtype="int32") % classes
    labels = np.asarray(labels)
    labels = np.full(n, labels) if labels.ndim == 0 else labels
    if labels.shape != (n,) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels must be one class id or an array of {n} of them, got {labels.dtype} of shape {labels.shape}."
        )
    _in_range(labels, classes)
    return labels.astype("int32")


def data(data, gan):
    """Samples of the discriminator's shape, with class ids if and only if the GAN is conditional."""
    is_dataset = backend.is_dataset(data)
    parts = data.element_spec if is_dataset else data
    paired = isinstance(parts, tuple | list) and len(parts) == 2
    if gan.conditional and not paired:
        raise ValueError("this GAN is conditional: fit((images, labels)), or a dataset of such pairs.")
    if not gan.conditional and (isinstance(parts, tuple | list | dict)):
        raise ValueError(
            "this GAN was built without classes: fit(images) alone, or build both networks with num_classes."
        )
    samples, labels = parts if gan.conditional else (parts, None)
    expected = tuple(gan.discriminator.inputs[0].shape[1:])
    if samples.shape.rank is None if is_dataset else False:
        return
    if tuple(samples.shape) == expected:
        raise ValueError(f"the data holds single samples of shape {expected}: call .batch(batch_size) on the dataset.")
    if tuple(samples.shape[1:]) != expected:
        raise ValueError(
            f"the discriminator takes samples of shape {expected}, but the data has shape {tuple(samples.shape)}: "
            "resize the data, or build the networks for it."
        )
    if np.issubdtype(_numpy_dtype(samples), np.integer):
        raise ValueError(
            f"the samples are {samples.dtype}, but must be float: kgan.datasets.to_float turns uint8 0..255 into "
            "float32 -1..1."
        )
    if labels is not None and (len(labels.shape) != 1 or not np.issubdtype(_numpy_dtype(labels), np.integer)):
        raise ValueError(
            f"labels must be int class ids of shape (batch,), got {labels.dtype} of shape {tuple(labels.shape)}."
        )
    if not is_dataset:
        if labels is not None:
            _in_range(np.asarray(labels), gan.num_classes)
        if len(expected) == 3:
            _image_range(np.asarray(samples))


def _image_range(images):
    low, high = float(images.min()), float(images.max())
    if low < -1.001 or high > 1.001:
        raise ValueError(f"images must be float in -1..1, but these range from {low:g} to {high:g}: scale them first.")
    if low >= 0:
        warnings.warn(
            f"images should span -1..1, but these range from {low:g} to {high:g}: 2 * x - 1 maps 0..1 there.",
            stacklevel=4,
        )


def _in_range(labels, classes):
    if classes is not None and labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(f"labels must be class ids from 0 to {classes - 1}, got {labels.min()} to {labels.max()}.")


def _numpy_dtype(array_or_spec):
    return np.dtype(getattr(array_or_spec.dtype, "as_numpy_dtype", array_or_spec.dtype))
