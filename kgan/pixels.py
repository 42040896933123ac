"""The one place where images turn from uint8 0..255 into float -1..1 and back."""

import keras
import numpy as np
from keras import ops


def to_float(images):
    """Turns uint8 images 0..255 into float32 images -1..1, the range of a tanh output.

    Args:
        images: uint8 array or tensor of any shape.

    Returns:
        float32 of the same shape: a numpy array for a numpy array, a tensor for a tensor.

    Raises:
        ValueError: if `images` is not uint8, which would mean that it has been converted before.
    """
    if not ops.is_tensor(images):
        images = np.asarray(images)
    if _dtype_name(images) != "uint8":
        raise ValueError(f"to_float expects uint8 images with values 0..255, but received {_dtype_name(images)}.")
    if ops.is_tensor(images):
        return ops.cast(images, "float32") / 127.5 - 1.0
    return images.astype("float32") / np.float32(127.5) - np.float32(1.0)


def to_uint8(images):
    """Turns float images -1..1 into uint8 images 0..255, rounding and clipping; undoes `to_float` exactly.

    Args:
        images: floating-point array or tensor of any shape and precision; values outside -1..1 are clipped,
            and NaN becomes 0.

    Returns:
        uint8 of the same shape: a numpy array for a numpy array, a tensor for a tensor.

    Raises:
        ValueError: if `images` is not floating point.
    """
    if ops.is_tensor(images):
        if not keras.backend.is_float_dtype(images.dtype):
            raise ValueError(f"to_uint8 expects float images with values -1..1, but received {_dtype_name(images)}.")
        levels = ops.round((ops.cast(images, "float32") + 1.0) * 127.5)
        return ops.cast(ops.clip(levels, 0.0, 255.0), "uint8")
    images = np.asarray(images)
    # bfloat16 arrays have no numpy kind of their own: what is no integer and no bool is taken for a float.
    if images.dtype.kind in "biu":
        raise ValueError(f"to_uint8 expects float images with values -1..1, but received {_dtype_name(images)}.")
    with np.errstate(over="ignore"):  # what float32 cannot hold is far outside, and clipped
        levels = np.round((images.astype("float32") + np.float32(1.0)) * np.float32(127.5))
    return np.nan_to_num(np.clip(levels, 0, 255), copy=False).astype("uint8")


def _dtype_name(images) -> str:
    return keras.backend.standardize_dtype(images.dtype) if ops.is_tensor(images) else images.dtype.name
