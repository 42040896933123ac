"""Images for models that take images, and for those that take them as rows of numbers."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import keras
from keras import ops

from kgan.attacks.class_scores import ends_in, logits_behind
from kgan.last_activation import reach
from kgan.scalars import is_count


def find_image_shape(model, image_shape=None) -> tuple[int, int, int]:
    """The `(height, width, channels)` of the images that a model sees.

    Args:
        model: Keras model or layer.
        image_shape: what the user says, or `None` to take it from the model.

    Raises:
        ValueError: if it is not three positive whole numbers, or the model does not tell.
    """
    if image_shape is None:
        inputs = getattr(model, "inputs", None) or [None]
        image_shape = getattr(inputs[0], "shape", (None,))[1:]
        if len(image_shape) != 3 or None in image_shape:
            raise ValueError(
                f"{model.name!r} does not tell the shape of its images: give image_shape=(h, w, channels)."
            )
    shape = tuple(image_shape)
    if len(shape) != 3 or not all(map(is_count, shape)):
        raise ValueError(f"image_shape must be (height, width, channels), but it is {image_shape!r}.")
    return tuple(map(int, shape))


def scores_of(model, stacklevel: int | None = None) -> Callable:
    """A function from images `(n, h, w, c)` to the float32 outputs of a model, before a last softmax or sigmoid.

    The model runs in inference mode. If it takes rows of numbers, the images are flattened.

    Args:
        model: Keras model with one input.
        stacklevel: the first call warns, with this `stacklevel` of `warnings.warn`, if the model ends in an activation
            that is flat where it is certain, and that cannot be looked behind; `None` for silence.
    """
    inputs = getattr(model, "inputs", None)
    if inputs and len(inputs) != 1:
        raise ValueError(f"{model.name!r} takes {len(inputs)} inputs, but images only are expected.")
    flat = bool(inputs) and len(inputs[0].shape) == 2
    unsaid = stacklevel is not None and all(map(math.isfinite, reach(model)))

    def scores(images):
        nonlocal unsaid
        if flat:
            images = ops.reshape(images, (images.shape[0], math.prod(images.shape[1:])))
        outputs = model(images, training=False)
        # Where a unit is confident its softmax or sigmoid is flat, and has no gradient to show.
        behind = logits_behind(outputs)
        if unsaid and behind is None:
            warnings.warn(
                f"{model.name!r} ends in {ends_in(model)!r}, which is flat where the model is certain, so that little "
                "is seen there: let a softmax or sigmoid be the very last layer, which is looked behind, or give the "
                "model without its last activation.",
                stacklevel=stacklevel,
            )
        unsaid = False
        return ops.cast(outputs if behind is None else behind, "float32")

    return scores


def check_model(model):
    """Refuses what is no Keras model."""
    if not isinstance(model, keras.Model):
        raise ValueError(f"model must be a keras.Model, but it is {model!r}.")
