"""Projected gradient ascent on the input: the step that attacks and adversarial training share."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from keras import ops

from kgan import backend
from kgan.scalars import as_count, as_real, is_real

ATTACKS = ("fgsm", "pgd")
NORMS = ("linf", "l2")


@dataclasses.dataclass(frozen=True)
class Ascent:
    """How an attack climbs: each step goes up the loss, back into the ball around x, and back into the data's range.

        x' <- clip(project(x' + step_size * direction(grad_x' L(x'))))

    For `"linf"` the ball is a cube and the direction is the gradient's sign; for `"l2"` the direction is the gradient
    divided by its length. A single step from x whose length is at least epsilon is the fast gradient sign method.

    Sources: Goodfellow et al. 2015, https://arxiv.org/abs/1412.6572, section 4; Madry et al. 2018,
    https://arxiv.org/abs/1706.06083, section 2.1.

    Args:
        steps: number of steps.
        step_size: length of a step in the units of x; `None` for `2.5 * epsilon / steps`, which reaches the edge of
            the ball from anywhere in it and leaves steps to move along the edge.
        random_start: whether to start at a random point of the ball, or else at x.
        norm: `"linf"` or `"l2"`.
        bounds: the range of the data, `(low, high)`.

    Raises:
        ValueError: for arguments out of their range.
    """

    steps: int = 1
    step_size: float | None = None
    random_start: bool = False
    norm: str = "linf"
    bounds: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self):
        if self.norm not in NORMS:
            raise ValueError(f"norm must be one of {', '.join(map(repr, NORMS))}, got {self.norm!r}.")
        step_size = None if self.step_size is None else as_real(self.step_size, "step_size", 0, above=True)
        # A frozen dataclass lets no one else set its fields.
        checked = {"steps": as_count(self.steps, "steps"), "step_size": step_size, "bounds": _as_range(self.bounds)}
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @classmethod
    def named(cls, attack: str, *, steps=None, step_size=None, random_start=None, default_steps: int, **arguments):
        """The ascent of `"fgsm"`, or of `"pgd"` with what is not `None` of its own arguments."""
        own = {"steps": steps, "step_size": step_size, "random_start": random_start}
        given = {name: value for name, value in own.items() if value is not None}
        if attack not in ATTACKS:
            raise ValueError(f"attack must be one of {', '.join(map(repr, ATTACKS))}, got {attack!r}.")
        if attack == "fgsm" and given:
            raise ValueError(f"{', '.join(given)} belong to attack='pgd', and fgsm is a single step: leave them out.")
        defaults = {"steps": default_steps, "random_start": True} if attack == "pgd" else {}
        return cls(**{**defaults, **given, **arguments})

    def __call__(self, loss: Callable, x, epsilon, normals=None):
        """Climbs from x, or from a random point around it.

        Args:
            loss: maps inputs to losses, each of which depends on one input alone, or to their sum or mean.
            x: float tensor `(batch, ...)`.
            epsilon: scalar, radius of the ball.
            normals: for a random start: standard normal numbers `(batch, noise_size(x.shape))`.

        Returns:
            `(attacked, still)`: the inputs that were reached, and for each whether no step found any gradient.
        """
        step_size = self.step_size or 2.5 * epsilon / self.steps
        start = x
        if self.random_start:
            start = self._project(x + epsilon * self._point_of_ball(normals, x), x, epsilon)

        def step(_, state):
            point, still = state
            _, gradient = backend.value_and_input_gradient(loss, point)
            direction, flat = self._direction(gradient)
            return self._project(point + step_size * direction, x, epsilon), ops.logical_and(still, flat)

        state = start, ops.ones(ops.shape(x)[:1], dtype="bool")
        return step(0, state) if self.steps == 1 else ops.fori_loop(0, self.steps, step, state)

    def _direction(self, gradient):
        """Where to step, and for each input whether its gradient is zero."""
        # One number that is not finite must not carry away the whole input.
        gradient = ops.nan_to_num(gradient)
        largest = ops.max(_rows(ops.abs(gradient)), axis=1)
        flat = ops.equal(largest, 0)
        if self.norm == "linf":
            return ops.sign(gradient), flat
        # A confident classifier's gradients are so small that their squares are zero in float32: enlarged first.
        gradient = gradient / _per_row(ops.where(flat, 1.0, largest), gradient)
        return gradient / _per_row(ops.where(flat, 1.0, _length(gradient)), gradient), flat

    def _project(self, point, x, epsilon):
        low, high = self.bounds
        if self.norm == "linf":
            point = ops.minimum(ops.maximum(point, x - epsilon), x + epsilon)
        else:
            offset = point - x
            length = ops.maximum(_length(offset), epsilon)
            # A ball without radius leaves 0 / 0 to avoid.
            point = x + offset * _per_row(epsilon / ops.where(ops.equal(length, 0), 1.0, length), x)
        return ops.minimum(ops.maximum(point, low), high)

    def _point_of_ball(self, normals, x):
        """Standard normal numbers as points that are uniform in the ball of radius 1."""
        size = math.prod(x.shape[1:])
        if self.norm == "linf":
            points = ops.erf(normals / math.sqrt(2.0))[:, :size]
        else:
            # A point of a sphere without two of its coordinates is uniform in the ball of two dimensions less.
            points = (normals / _per_row(_length(normals), normals))[:, :size]
        return ops.reshape(points, ops.shape(x))


def noise_size(shape) -> int:
    """How many normal numbers a random start takes for one input of a batch of this shape."""
    return math.prod(shape[1:]) + 2


def as_epsilon(epsilon) -> float:
    """A radius: a number of at least 0."""
    return as_real(epsilon, "epsilon, in the units of the data,", 0)


def check_range(x, bounds):
    """All numbers of the array `x` within `bounds`."""
    low, high = x.min(), x.max()
    if low < bounds[0] or high > bounds[1]:
        raise ValueError(
            f"x ranges from {low:g} to {high:g}, outside bounds={tuple(bounds)}: scale x, or give bounds its range."
        )


def check_classes(y, classes: int):
    """All numbers of the integer array `y` are class ids."""
    if y.min() < 0 or y.max() >= classes:
        raise ValueError(f"y must be class ids from 0 to {classes - 1}, got {y.min()} to {y.max()}.")


def _as_range(bounds) -> tuple[float, float]:
    """`(low, high)`, infinite for data without a range."""
    pair = list(bounds) if isinstance(bounds, tuple | list | np.ndarray) else []
    if len(pair) != 2 or not all(is_real(end) or _is_infinite(end) for end in pair) or not pair[0] < pair[1]:
        raise ValueError(f"bounds must be the range of the data as (low, high), got {bounds!r}.")
    return float(pair[0]), float(pair[1])


def _is_infinite(end) -> bool:
    return isinstance(end, float | np.floating) and math.isinf(end)


def _rows(values):
    return ops.reshape(values, (ops.shape(values)[0], -1))


def _length(values):
    return ops.sqrt(ops.sum(_rows(values) ** 2, axis=1))


def _per_row(values, like):
    return ops.reshape(values, (-1, *[1] * (len(like.shape) - 1)))
