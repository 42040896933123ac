"""The range of the images that a model was made for."""

import keras
import numpy as np

# From dark to bright; of those that fit a model the first is taken.
RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
# Layers that leave the range of an image as it is.
_NO_CHANGE = ("InputLayer", "Resizing", "CenterCrop", "Reshape", "Flatten", "ZeroPadding2D", "Permute", "ImageResizing")


def told_range(model: keras.Model) -> tuple[float, float] | None:
    """The range of images for which the first `Rescaling` layer of a model was made; `None` if there is none."""
    layer = _first_that_changes(model)
    if not isinstance(layer, keras.layers.Rescaling):
        return None
    scale, offset = np.asarray(layer.scale, "float64"), np.asarray(layer.offset, "float64")

    def width(bounds):
        """How much of -1..1 the layer fills from there; nothing if it goes beyond."""
        ends = np.stack(np.broadcast_arrays(*(bound * scale + offset for bound in bounds)))
        return np.ptp(ends, axis=0).mean() if np.abs(ends).max() <= 1.01 else 0.0

    best = max(RANGES, key=width)
    return best if width(best) > 0.5 else None


def _first_that_changes(model):
    for layer in getattr(model, "layers", ()):
        if type(layer).__name__ in _NO_CHANGE or type(layer).__name__.startswith("Random"):
            continue
        return _first_that_changes(layer) if isinstance(layer, keras.Model) else layer
    return None


def as_text(bounds: tuple[float, float]) -> str:
    """A pair of numbers as people write a range, such as `"0..255"`."""
    return "..".join(f"{bound:g}" for bound in bounds)
