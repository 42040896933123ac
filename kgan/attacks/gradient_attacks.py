"""Learning the input: adversarial examples by gradient ascent, and accuracy against their strength.

An attack looks for the input near x that a classifier finds hardest, without touching the classifier:

    x' = argmax L(model(x'), y)   over   |x' - x| <= epsilon,  low <= x' <= high
"""

import functools
import random
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from kgan import backend
from kgan.attacks import arguments, class_scores
from kgan.attacks.ascent import Ascent, as_epsilon, noise_size
from kgan.scalars import as_count, as_seed

__all__ = ["AccuracyCurve", "accuracy_curve", "fgsm", "pgd"]


def fgsm(
    model: keras.Model,
    x,
    y,
    epsilon: float,
    *,
    norm: str = "linf",
    targeted: bool = False,
    bounds: tuple[float, float] = (0.0, 1.0),
    from_logits: bool | None = None,
    batch_size: int = 128,
) -> np.ndarray:
    """The fast gradient sign method: one step along the sign of the gradient of the cross-entropy L.

        x' = clip(x + epsilon * sign(grad_x L(model(x), y)))

    With `norm="l2"` the step goes along the gradient itself, divided by its length.

    Source: Goodfellow et al. 2015, https://arxiv.org/abs/1412.6572, section 4.

    Args:
        model: a classifier, which runs in inference mode and stays as it is: `(batch, ...)` to a score for each class,
            `(batch, classes)`, or to one score of class 1 against class 0, `(batch, 1)`.
        x: array `(n, ...)` of inputs within `bounds`.
        y: the true classes: `(n,)` integers, or `(n, classes)` one-hot rows. For a targeted attack the classes that
            the model shall see.
        epsilon: how far an input may move: each of its numbers (`"linf"`), or its Euclidean distance (`"l2"`), in the
            units of `x`.
        norm: `"linf"` or `"l2"`.
        targeted: whether to go towards `y` instead of away from it.
        bounds: the range of the data, `(low, high)`; `(-np.inf, np.inf)` for data without one.
        from_logits: whether the model returns logits, as in Keras's losses. By default this is found out: the logits
            behind a last softmax or sigmoid are used themselves, rows that sum to 1 are probabilities, and others are
            logits.
        batch_size: rows that are attacked at a time.

    Returns:
        float32 array of the shape of `x`.

    Raises:
        ValueError: for arguments that do not fit.

    Examples:
        >>> attacked = kgan.attacks.fgsm(model, images, labels, epsilon=0.1)
        >>> model.evaluate(attacked, labels)
    """
    ascent, epsilon = Ascent(norm=norm, bounds=bounds), as_epsilon(epsilon)
    return _Attack(model, x, y, ascent, targeted, from_logits, batch_size).attacked(epsilon)


def pgd(
    model: keras.Model,
    x,
    y,
    epsilon: float,
    *,
    norm: str = "linf",
    step_size: float | None = None,
    steps: int = 40,
    random_start: bool = True,
    targeted: bool = False,
    bounds: tuple[float, float] = (0.0, 1.0),
    from_logits: bool | None = None,
    seed: int | None = None,
    batch_size: int = 128,
) -> np.ndarray:
    """Projected gradient descent on the negative loss: many steps, each followed by the way back into the ball.

        x' <- clip(project(x' + step_size * direction(grad_x' L(model(x'), y))))

    The direction is the gradient's sign (`"linf"`), or the gradient divided by its length (`"l2"`).

    Source: Madry et al. 2018, https://arxiv.org/abs/1706.06083, section 2.1.

    Args:
        model: see `fgsm`.
        x: see `fgsm`.
        y: see `fgsm`.
        epsilon: see `fgsm`.
        norm: see `fgsm`.
        step_size: length of a step, in the units of `epsilon`. By default `2.5 * epsilon / steps`, which reaches the
            edge of the ball from anywhere in it and leaves steps to move along the edge.
        steps: number of steps.
        random_start: whether to start at a random point of the ball (uniform), or else at `x`.
        targeted: see `fgsm`.
        bounds: see `fgsm`.
        from_logits: see `fgsm`.
        seed: integer that decides the random start, whatever the batch size; `None` draws one.
        batch_size: see `fgsm`.

    Returns:
        float32 array of the shape of `x`.

    Raises:
        ValueError: for arguments that do not fit.
    """
    epsilon = as_epsilon(epsilon)
    ascent = Ascent(steps=steps, step_size=step_size, random_start=random_start, norm=norm, bounds=bounds)
    return _Attack(model, x, y, ascent, targeted, from_logits, batch_size, seed).attacked(epsilon)


class AccuracyCurve(NamedTuple):
    """What `accuracy_curve` returns.

    Attributes:
        epsilons: `(k,)` float64 array.
        accuracy: `(k,)` float64 array, the share of rows that are still classified rightly at each epsilon.
        rows: the number of rows that each share is of.
    """

    epsilons: np.ndarray
    accuracy: np.ndarray
    rows: int


def accuracy_curve(
    model: keras.Model,
    x,
    y,
    epsilons: Sequence[float],
    *,
    attack: str = "fgsm",
    norm: str = "linf",
    step_size: float | None = None,
    steps: int | None = None,
    random_start: bool | None = None,
    bounds: tuple[float, float] = (0.0, 1.0),
    from_logits: bool | None = None,
    seed: int | None = None,
    batch_size: int = 128,
    watch: Callable[[int], object] | None = None,
) -> AccuracyCurve:
    """The accuracy of `model` on attacked inputs, for each of several strengths of the attack.

    Args:
        model: see `fgsm`.
        x: see `fgsm`.
        y: the true classes, see `fgsm`.
        epsilons: numbers of at least 0; 0 gives the accuracy on `x` itself.
        attack: `"fgsm"` or `"pgd"`.
        norm: see `fgsm`.
        step_size: see `pgd`.
        steps: number of steps of `pgd`, 40 by default.
        random_start: see `pgd`.
        bounds: see `fgsm`.
        from_logits: see `fgsm`.
        seed: see `pgd`.
        batch_size: see `fgsm`.
        watch: called after each batch with the number of inputs that are done, each counted once per epsilon.

    Returns:
        An `AccuracyCurve`.

    Raises:
        ValueError: for arguments that do not fit.

    Examples:
        >>> curve = kgan.attacks.accuracy_curve(model, images, labels, [0, 0.05, 0.1, 0.2], attack="pgd")
        >>> curve.accuracy
    """
    epsilons = np.array([as_epsilon(epsilon) for epsilon in epsilons])
    own = {"steps": steps, "step_size": step_size, "random_start": random_start}
    ascent = Ascent.named(attack, **own, default_steps=40, norm=norm, bounds=bounds)
    climb = _Attack(model, x, y, ascent, False, from_logits, batch_size, seed)
    rows, accuracy = len(climb.x), []
    for number, epsilon in enumerate(epsilons):
        tell = watch and (lambda done, before=number * rows: watch(before + done))
        accuracy.append(climb.accuracy(epsilon, tell))
    return AccuracyCurve(epsilons, np.array(accuracy), rows)


class _Attack:
    """An ascent on the inputs of one classifier, compiled once for all its batches and strengths."""

    def __init__(self, model, x, y, ascent, targeted, from_logits, batch_size, seed=None):
        batch_size, seed = as_count(batch_size, "batch_size"), as_seed(seed)
        if not isinstance(model, keras.Layer):
            raise ValueError(f"model must be a keras.Model, got {model!r}.")
        self.x = arguments.as_inputs(x, ascent.bounds)
        outputs = model(self.x[:batch_size], training=False)
        self.from_logits = arguments.are_logits(model, outputs, from_logits)
        self.y = arguments.as_labels(y, len(self.x), max(2, outputs.shape[1]))
        self.model, self.ascent, self.batch_size = model, ascent, batch_size
        self.sign = -1.0 if targeted else 1.0
        self.seed = random.randrange(2**31) if seed is None else seed
        # As objects of their own: TensorFlow warns when it traces the same code for one model after another.
        self._climb, self._classes = (
            backend.compiled(functools.partial(method)) for method in (self._climb, self._classes)
        )

    def attacked(self, epsilon) -> np.ndarray:
        return np.concatenate([attacked for attacked, _ in self._batches(epsilon)])

    def accuracy(self, epsilon, watch=None) -> float:
        right = 0
        for attacked, rows in self._batches(epsilon):
            right += int(np.sum(np.asarray(self._classes(attacked)) == self.y[rows]))
            if watch is not None:
                watch(rows.stop)
        return right / len(self.x)

    def _batches(self, epsilon):
        """Attacked batches of x with their rows."""
        # Drawn in the order of the rows, so that the size of the batches makes no difference.
        generator, still = np.random.default_rng(self.seed), 0
        for start in range(0, len(self.x), self.batch_size):
            rows = slice(start, min(start + self.batch_size, len(self.x)))
            x = self.x[rows]
            if epsilon == 0:
                yield x, rows
                continue
            size = noise_size(x.shape) if self.ascent.random_start else 0
            normals = generator.standard_normal((len(x), size), dtype="float32")
            attacked, flat = self._climb(x, self.y[rows], normals, np.float32(epsilon))
            still += int(np.sum(flat))
            yield np.asarray(attacked), rows
        if still:
            warnings.warn(
                f"the loss of {still} of {len(self.x)} inputs has no gradient, so that the attack could not climb and "
                "says nothing about them: attack the logits of the classifier, without what saturates them.",
                stacklevel=4,
            )

    def _climb(self, x, y, normals, epsilon):
        return self.ascent(lambda point: self.sign * self._loss(point, y), x, epsilon, normals)

    def _loss(self, x, y):
        """The cross-entropy of each row, or something that grows with it: only the gradient's direction matters."""
        scores = self._scores(x)
        truth = ops.one_hot(y, scores.shape[1], dtype="bool")
        score = ops.sum(ops.where(truth, scores, 0.0), axis=1)
        if not self.from_logits:
            return -score
        entropy = ops.sparse_categorical_crossentropy(y, scores, from_logits=True)
        # It is log(1 + exp(others - score)). Where a classifier is confident, its gradient rounds to that of the wrong
        # classes alone, and then to zero; that of others - score has the same direction and does neither.
        others = ops.logsumexp(ops.where(truth, -1e30, scores), axis=1)
        return ops.where(entropy < 1e-3, others - score, entropy)

    def _classes(self, x):
        return ops.argmax(self._scores(x), axis=1)

    def _scores(self, x):
        """A float32 score for each class: logits, or probabilities."""
        # Whatever the model would assign, even in inference mode, is dropped with the scope.
        with keras.StatelessScope():
            outputs = self.model(x, training=False)
        return class_scores.two_or_more(outputs, self.from_logits)
