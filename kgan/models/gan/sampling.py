"""Samples of a generator, in any number, made in parts so that there is little to keep besides them."""

import math

import numpy as np
from keras import ops

from kgan import memory
from kgan.label_inputs import as_network_takes
from kgan.layers import draw_latents

_PART = 4096  # so many at once
_BATCH = 256


def check_fits(generator, n: int):
    """Refuses more samples than memory holds.

    Raises:
        ValueError: in one sentence.
    """
    shape = tuple(generator.outputs[0].shape[1:])
    memory.check_fits(
        4 * n * math.prod(size or 1 for size in shape), f"{n:,} samples of shape {shape}", "ask for fewer at a time"
    )


def sample(generator, n: int, labels, seed: int) -> np.ndarray:
    """`n` samples.

    Args:
        generator: model of latents, or of `[latents, labels]`.
        n: how many.
        labels: class ids `(n,)`, or `None`.
        seed: integer; sample i depends on it and on i alone, whatever `n` is.

    """
    latent_dim, samples = generator.inputs[0].shape[-1], None
    for start in range(0, n, _PART):
        rows = slice(start, min(start + _PART, n))
        inputs = draw_latents(rows.stop - start, latent_dim, seed, start)
        if labels is not None:
            inputs = [inputs, as_network_takes(ops.convert_to_tensor(labels[rows]), generator.inputs[1])]
        part = generator.predict(inputs, batch_size=min(n, _BATCH), verbose=0)
        samples = np.empty((n, *part.shape[1:]), part.dtype) if samples is None else samples
        samples[rows] = part
    return samples
