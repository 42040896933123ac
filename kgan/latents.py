"""Moving in the space of latent vectors."""

import numpy as np


def great_circle(start: np.ndarray, end: np.ndarray, frames: int) -> np.ndarray:
    """Latent vectors from `start` to `end`, both included, that turn at a steady pace and keep a likely length.

    Between two Gaussian vectors a straight line passes too near to zero, where none is ever drawn in training.

    Source: White 2016, https://arxiv.org/abs/1609.04468.

    Args:
        start, end: shape `(latent_dim,)`.
        frames: how many, at least 2.

    Returns:
        float32 of shape `(frames, latent_dim)`.
    """
    start, end = np.asarray(start, "float64"), np.asarray(end, "float64")
    cosine = np.dot(start, end) / (np.linalg.norm(start) * np.linalg.norm(end))
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    t = np.linspace(0, 1, frames)[:, np.newaxis]
    if np.sin(angle) < 1e-6:  # one direction, or opposite ones, that no single circle joins
        path = (1 - t) * start + t * end
    else:
        path = (np.sin((1 - t) * angle) * start + np.sin(t * angle) * end) / np.sin(angle)
    return path.astype("float32")
