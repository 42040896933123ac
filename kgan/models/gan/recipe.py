"""The recipe of `GAN.for_images`: what works at the first try, on grey digits and on folders in colour."""

import contextlib
import random

import keras

from kgan import losses

# Of Adam, for both players: chosen on digits; 5e-4 was worse on emoji of 64 x 64.
LEARNING_RATE, BETA_1 = 1e-3, 0.5


def completed(image_shape, *, penalties, generator_optimizer, discriminator_optimizer, **others) -> dict:
    """Arguments of `GAN.compile`, with the choices of the recipe where they are `None`."""
    if penalties is None:
        weight = losses.auto_weight(image_shape)
        penalties = [losses.R1(weight), losses.R2(weight)]
    optimizers = {"generator_optimizer": generator_optimizer, "discriminator_optimizer": discriminator_optimizer}
    for name, optimizer in optimizers.items():
        if optimizer is None:
            optimizers[name] = keras.optimizers.Adam(LEARNING_RATE, beta_1=BETA_1)
    return {"penalties": penalties, **optimizers, **others}


@contextlib.contextmanager
def drawing_from(seed: int | None):
    """First weights that follow from `seed`; Python's random state, where Keras draws seeds, stays as it was."""
    if seed is None:
        yield
        return
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
