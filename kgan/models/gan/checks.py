"""What `GAN` asks of its networks, arguments and data, each answered by one sentence when it is not so."""

import math

import keras
import numpy as np
from keras import ops

from kgan import backend, notices
from kgan.attacks.class_scores import ends_in, logits_behind
from kgan.backend import keras_internals
from kgan.label_inputs import one_hot_classes
from kgan.last_activation import reach
from kgan.scalars import as_share


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
        if len(network.outputs) != 1:
            raise ValueError(
                f"the {what} must give one output, but it gives {len(network.outputs)}: a GAN with a classifier "
                "(AC-GAN) is a kgan.Game of three players."
            )
    if len(generator.inputs) != len(discriminator.inputs):
        with_labels = "generator" if len(generator.inputs) == 2 else "discriminator"
        raise ValueError(f"only the {with_labels} takes labels: give both networks the same num_classes, or neither.")
    made = tuple(generator.outputs[0].shape[1:])
    if len(generator.inputs) == 2:
        _labels_come_last(generator, "generator", "latents", _could_be_ids)
        _labels_come_last(discriminator, "discriminator", "samples", lambda taken: tuple(taken.shape[1:]) != made)
    if len(generator.inputs[0].shape) != 2:
        raise ValueError(
            f"the generator must take latents of shape (batch, latent_dim), not {generator.inputs[0].shape}."
        )
    taken = tuple(discriminator.inputs[0].shape[1:])
    if made != taken:
        raise ValueError(f"the generator makes samples of shape {made}, but the discriminator takes {taken}.")
    if tuple(discriminator.outputs[0].shape[1:]) != (1,):
        shape = tuple(discriminator.outputs[0].shape)
        raise ValueError(f"the discriminator must return one logit per sample, (batch, 1), not {shape}.")
    _gives_logits(discriminator)


def _could_be_ids(taken) -> bool:
    return "int" in taken.dtype or len(taken.shape) == 1 or tuple(taken.shape[1:]) == (1,)


def _labels_come_last(network, what: str, first: str, is_label):
    one, other = network.inputs
    if is_label(one) and not is_label(other):
        raise ValueError(
            f"the {what} must take [{first}, labels], but its inputs come in the other order: make it as "
            f"keras.Model([{first}, labels], outputs)."
        )
    if len(other.shape) > 2:
        raise ValueError(
            f"the {what} must take labels as class ids, shape (batch,) or (batch, 1), or one-hot, (batch, classes), "
            f"not {tuple(other.shape)}."
        )


def _gives_logits(discriminator):
    """A last sigmoid is looked behind; another activation with limits leaves nothing to find."""
    low, high = reach(discriminator)
    if math.isinf(low) or math.isinf(high):
        return
    rows = [ops.zeros((1, *[size or 8 for size in taken.shape[1:]]), taken.dtype) for taken in discriminator.inputs]
    with keras.StatelessScope():
        outputs = discriminator(rows if len(rows) > 1 else rows[0], training=False)
    if logits_behind(outputs) is None:
        raise ValueError(
            f"the discriminator ends in {ends_in(discriminator)!r}, so that it gives only {low:g}..{high:g}, but the "
            "losses need logits: leave the last activation out."
        )


def as_momentum(ema_momentum) -> float | None:
    """At least 0 and below 1, or `None`."""
    what = "ema_momentum, unless it is None for no moving average,"
    return None if ema_momentum is None else as_share(ema_momentum, what, below=True)


def different_names(penalties):
    """Each penalty is logged under its name."""
    names = [penalty.name for penalty in penalties]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"the penalty {name!r} is given {names.count(name)} times: give it once, with the summed weight."
            )


def batch_norm_under(penalties, discriminator):
    """Batch norm makes each output depend on the whole batch; the penalties are of each sample's own gradient."""
    inner = keras_internals.layers_within(discriminator)
    if penalties and any(isinstance(layer, keras.layers.BatchNormalization) for layer in inner):
        notices.from_the_users_line()(
            f"the discriminator has batch norm, under which {penalties[0].name} does not penalise the gradient of each "
            "sample: build it with another normalization, such as 'layer' or 'none'."
        )


def num_classes(generator) -> int | None:
    """The number of classes of a conditional generator; `None` if it cannot be told, or there are none."""
    if len(generator.inputs) < 2:
        return None
    if one_hot_classes(generator.inputs[1]) is not None:
        return one_hot_classes(generator.inputs[1])
    for layer in generator.layers:
        if isinstance(layer, keras.layers.Embedding):
            return layer.input_dim
        if isinstance(layer, keras.layers.CategoryEncoding):
            return layer.num_tokens
    return None


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
    if tuple(samples.shape) == expected:
        raise ValueError(f"the data holds single samples of shape {expected}: call .batch(batch_size) on the dataset.")
    if not _fits(tuple(samples.shape[1:]), expected):
        raise ValueError(
            f"the discriminator takes samples of shape {expected}, but the data has shape {tuple(samples.shape)}: "
            "resize the data, or build the networks for it."
        )
    if np.issubdtype(_numpy_dtype(samples), np.integer):
        raise ValueError(
            f"the samples are {samples.dtype}, but must be float: kgan.datasets.to_float turns uint8 0..255 into "
            "float32 -1..1."
        )
    if labels is None:
        return
    shape = tuple(labels.shape[1:])
    one_hot = gan.num_classes is not None and shape == (gan.num_classes,) and gan.num_classes > 1
    if not one_hot and (shape not in ((), (1,)) or not np.issubdtype(_numpy_dtype(labels), np.integer)):
        raise ValueError(
            f"labels must be int class ids of shape (batch,), got {labels.dtype} of shape {tuple(labels.shape)}."
        )


def image_range(low: float, high: float) -> str | None:
    """Refuses images outside -1..1; returns a sentence about those that do not span it."""
    if low < -1.001 or high > 1.001:
        raise ValueError(f"images must be float in -1..1, but these range from {low:g} to {high:g}: scale them first.")
    if low >= 0:
        return f"images should span -1..1, but these range from {low:g} to {high:g}: 2 * x - 1 maps 0..1 there."
    return None


def _fits(shape, expected) -> bool:
    """A dataset may leave sizes open."""
    return len(shape) == len(expected) and all(a == b or a is None for a, b in zip(shape, expected, strict=True))


def _numpy_dtype(array_or_spec):
    return np.dtype(getattr(array_or_spec.dtype, "as_numpy_dtype", array_or_spec.dtype))
