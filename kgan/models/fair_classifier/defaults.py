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
FEWEST_PASSES = 5
# What an epoch of `fit` costs besides is that of about 20 steps.
STEPS_PER_EPOCH = 100


def adversary_steps(given, model) -> int:
    """Updates of the adversary for each one of the classifier; of `None` what suits the model."""
    if given is None:
        return 1 if model.objective.together or not model.alpha else ADVERSARY_STEPS[model.on]
    return scalars.as_count(given, "adversary_steps")


def plan(epochs, model, rows: int, rows_per_step: int) -> tuple[int, int, int]:
    """How to go through a table.

    Args:
        epochs: passes over the rows; `None` for as many as make enough steps, be the table ever so small.
        model: the `FairClassifier`.
        rows: how many there are.
        rows_per_step: how many of them a step of the classifier takes, with the adversary's own.

    Returns:
        `(epochs of fit, how often each of them takes every row, steps in all)`.
    """
    per_pass = max(1, rows // rows_per_step)
    if epochs is not None:
        epochs = scalars.as_count(epochs, "epochs")
        return epochs, 1, epochs * per_pass
    fewest = max(FEWEST_STEPS[model.on if model.alpha else "prediction"], FEWEST_PASSES * per_pass)
    copies = math.ceil(STEPS_PER_EPOCH / per_pass)
    per_epoch = rows * copies // rows_per_step
    epochs = math.ceil(fewest / per_epoch)
    return epochs, copies, epochs * per_epoch


def falling_adam(steps: int):
    """Adam whose rate falls to 0: a classifier that keeps its rate goes on wandering about where nothing is told."""
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps))
