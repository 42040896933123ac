"""What `TransferClassifier` asks of its arguments and data, each answered by one sentence when it is not so."""

import keras
import numpy as np

from kgan import array_kinds
from kgan.models.training import minibatches
from kgan.models.transfer import losses
from kgan.scalars import as_count, is_count


def arguments(num_classes, base, weights, augmentation, input_shape):
    as_count(num_classes, "num_classes", 2)
    if not isinstance(base, str | keras.Model):
        raise ValueError(
            "base must be the name of a network of keras.applications, such as 'vgg16', or a keras.Model, got "
            f"{base!r}."
        )
    if isinstance(base, keras.Model) and weights not in (None, "imagenet"):
        raise ValueError(
            "weights belong to a base that is given by name: load them into your own model with its load_weights, and "
            "leave weights out."
        )
    if augmentation is not None and not isinstance(augmentation, keras.Layer):
        raise ValueError(f"augmentation must be a Keras layer or model that changes images, got {augmentation!r}.")
    sizes = input_shape if isinstance(input_shape, list | tuple) else ()
    if len(sizes) != 3 or not all(map(is_count, sizes)) or sizes[-1] not in (1, 3):
        raise ValueError(
            f"input_shape must be (height, width, 3), or (height, width, 1) for grey, got {input_shape!r}."
        )


def units(head) -> tuple:
    """Numbers of units, when the head is given as such."""
    numbers = tuple(head) if isinstance(head, list | tuple | np.ndarray) and np.ndim(head) else (head,)
    if not all(map(is_count, numbers)):
        raise ValueError(f"head must be numbers of units such as (256, 64), or a Keras layer or model, got {head!r}.")
    return tuple(int(n) for n in numbers)


def image_shape(shape, dtype, channels: int):
    """Images are `(n, h, w, channels)`, or grey ones in place of colour."""
    if len(shape) != 4:
        raise ValueError(
            f"images must have shape (n, height, width, channels), got {tuple(shape)}: give one picture as "
            "picture[None], and pictures without a channel axis as pictures[..., None]."
        )
    if shape[-1] not in (1, channels):
        wanted = "1 channel (grey)" if channels == 1 else "1 channel (grey) or 3 (RGB)"
        raise ValueError(f"images must have {wanted} on their last axis, got shape {tuple(shape)}.")
    if not array_kinds.holds_numbers(dtype):
        raise ValueError(f"images must be numbers from 0 to 255, got {array_kinds.in_words(dtype)}.")


def images(x, channels: int, *, later: bool = False):
    """Refuses an array that holds no images 0..255.

    Args:
        x: array.
        channels: of the images that the base takes.
        later: whether other images of the same kind were looked at before: these may be all dark.
    """
    image_shape(x.shape, x.dtype, channels)
    if not x.size:
        raise ValueError(f"there are no images: the array has shape {x.shape}.")
    if x.dtype == np.uint8:
        return
    step = max(1, 2**24 // x[:1].size)  # in parts, for arrays that are larger than memory
    parts = [x[start : start + step] for start in range(0, len(x), step)]
    low, high = float(np.min([part.min() for part in parts])), float(np.max([part.max() for part in parts]))
    if not np.isfinite([low, high]).all():
        raise ValueError("the images hold NaN or infinite numbers: remove or replace them first.")
    # Floats up to 1 would all be black to the base, and nothing else would tell.
    is_float = np.issubdtype(x.dtype, np.floating)
    if not later and is_float and low >= -1 and high <= 1 and (low < 0 or high > 0):
        mend = "images in 0..1 by 255" if low >= 0 else "(images in -1..1) + 1 by 127.5"
        raise ValueError(f"images must be from 0 to 255, but these are from {low:g} to {high:g}: multiply {mend}.")
    if low < -0.01 or high > 255.01:  # resizing overshoots a little by rounding
        raise ValueError(f"images must be from 0 to 255, got {low:g} to {high:g}: give them unscaled, or clip them.")


def labels(y, classes: int, loss) -> np.ndarray:
    """Labels that can be used: int32 `(n,)`, or float32 `(n, classes)` where the loss takes those."""
    if y is None:
        raise ValueError("there are no labels: give fit(images, labels), or a dataset of (images, labels).")
    y = array_kinds.as_array(y, "labels")
    if y.dtype.kind not in "buif":
        raise ValueError(
            f"labels must be whole numbers from 0 to {classes - 1}, got {array_kinds.in_words(y.dtype)}: "
            "np.unique(labels, return_inverse=True) numbers names."
        )
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    one_hot = y.ndim == 2 and y.shape[1] == classes
    if y.ndim != 1 and not one_hot:
        raise ValueError(
            f"labels must be one whole number per image, shape (n,), or one-hot, (n, {classes}), got shape {y.shape}."
        )
    taken = losses.takes(loss)
    if one_hot and taken == "numbers":
        raise ValueError("the labels are one-hot: compile with loss='categorical_crossentropy'.")
    if not one_hot and taken == "one-hot":
        raise ValueError(
            f"the loss {losses.name_of(loss)} takes one-hot labels: compile without it for labels that are class "
            "numbers."
        )
    if not np.isfinite(y).all():
        raise ValueError("the labels hold NaN or infinite numbers: remove or replace them first.")
    if one_hot:
        return y.astype("float32")
    if np.any(y != np.floor(y)):
        raise ValueError(f"labels must be whole numbers from 0 to {classes - 1}, got {y[y != np.floor(y)][0]:g}.")
    if y.size and (y.min() < 0 or y.max() >= classes):
        raise ValueError(f"labels must be from 0 to {classes - 1}, got {y.min():g} to {y.max():g}.")
    return y.astype("int32")


def sample_weight(given) -> np.ndarray:
    weights = array_kinds.as_array(given, "sample_weight")
    array_kinds.refuse_unless_numbers(weights.dtype, "sample_weight")
    weights = weights.astype("float32")
    if weights.ndim != 1:
        raise ValueError(f"sample_weight must be one number per image, shape (n,), got shape {weights.shape}.")
    return weights


def compiled(model, method: str):
    if not model.compiled:
        raise ValueError(
            f"call compile() before {method}(), and again after unfreeze(): the optimizer has to know which weights "
            "train."
        )


def as_pair(validation_data) -> tuple:
    """`(images, labels)` or `(images, labels, sample_weight)`; alone what brings its own batches."""
    if minibatches.gives_batches(validation_data):
        return (validation_data,)
    if not isinstance(validation_data, list | tuple) or len(validation_data) not in (2, 3):
        raise ValueError("validation_data must be (images, labels) or a batched tf.data.Dataset of these.")
    return tuple(validation_data)
