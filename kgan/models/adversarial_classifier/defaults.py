"""How the players learn unless one says otherwise: chosen by benchmarks/fair_defaults.py, from 500 to 50,000 rows."""

import math

import keras

from kgan import scalars

RATE = 1e-3
# At 1e-3, too, the adversary cannot follow the classifier, and what it does not follow is not hidden.
ADVERSARY_RATE = 5e-3
# A representation has more to read than a prediction.
ADVERSARY_STEPS = {"prediction": 1, "representation": 3}
FEWEST_STEPS = {"prediction": 1000, "representation": 3000}
FEWEST_EPOCHS = 5


def adversary_steps(given, model) -> int:
    """Updates of the adversary for each one of the classifier; of `None` what suits the model."""
    if given is None:
        return 1 if model.objective == "reversal" else ADVERSARY_STEPS[model.on]
    return scalars.as_count(given, "adversary_steps")


def epochs(given, on: str, steps_per_epoch: int) -> int:
    """Passes over the data; of `None` as many as make enough steps, be the table ever so small."""
    if given is None:
        return max(FEWEST_EPOCHS, math.ceil(FEWEST_STEPS[on] / steps_per_epoch))
    return scalars.as_count(given, "epochs")


def falling_adam(steps: int):
    """Adam whose rate falls to 0: a classifier that keeps its rate goes on wandering about where nothing is told."""
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps))
