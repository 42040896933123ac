"""How differently a classifier treats groups of people: demographic parity and equalized odds."""

from __future__ import annotations

import dataclasses

import numpy as np

from kgan.metrics.intervals import Estimate, largest_difference
from kgan.tables import columns
from kgan.tables.sensitive import SensitiveColumn


def demographic_parity_difference(predicted, sensitive) -> Estimate:
    """How differently often groups are predicted a class, whatever is true.

    The largest difference between two groups in the share that is predicted a class, and over the classes the largest:
    `max_{p, a, b} P(predicted = p | group a) - P(predicted = p | group b)`. 0: all groups get each class equally often;
    1: what one group always gets, another never does. For two classes it equals fairlearn's function of this name.

    The value is a maximum and so **too high on average when groups are small**: even a classifier that treats all alike
    has a difference in any sample. The interval allows for that, and begins at 0 unless the difference is beyond
    chance: it is Newcombe's (1998) for a difference of two shares, widened for the number of pairs of groups and of
    classes (Bonferroni). It takes the rows for a random sample.

    Source: Dwork et al. 2012, https://arxiv.org/abs/1104.3913; for the difference of groups Agarwal et al. 2018,
    https://arxiv.org/abs/1803.02453.

    Args:
        predicted: the predicted class of each row, `(n,)`: whole numbers, strings or bools.
        sensitive: one sensitive column `(n,)`, or several, as a dict, a data frame or `(n, columns)`: these are taken
            together, each combination of their groups that occurs is a group. Floats of more than two values are
            cut at their median into two groups, up to it and above it.

    Returns:
        `Estimate` with `value`, `low` and `high`, from 0 to 1.

    Raises:
        ValueError: for missing values, misaligned rows, or a single group.

    Examples:

    ```python
    kgan.metrics.demographic_parity_difference([1, 1, 0, 1], ["a", "a", "b", "b"]).value  # 1 - 1 / 2 = 0.5
    ```
    """
    predicted = as_classes(predicted, "predicted")
    group = intersection(read_sensitive(sensitive, len(predicted)))
    return parity_of(predicted, group)


def equalized_odds_difference(target, predicted, sensitive) -> Estimate:
    """How differently often groups are predicted a class, among rows of the same true class.

    `max_{t, p, a, b} P(predicted = p | target = t, group a) - P(predicted = p | target = t, group b)`. 0: in all groups
    the same share of each true class is mistaken for each other class; 1: what always happens to a true class in one
    group never does in another. For two classes it is the larger one of the differences of true positive and false
    positive rates, as fairlearn's function of this name.

    A group without any row of a true class has no such rate and is left out for this class. (fairlearn calls the rate
    0.) The value is **too high on average when groups are small**, and the interval allows for that, see
    `kgan.metrics.demographic_parity_difference`.

    Source: Hardt et al. 2016, https://arxiv.org/abs/1610.02413.

    Args:
        target: the true class of each row, `(n,)`: whole numbers, strings or bools.
        predicted: the predicted class of each row, `(n,)`.
        sensitive: see `kgan.metrics.demographic_parity_difference`.

    Returns:
        `Estimate` with `value`, `low` and `high`, from 0 to 1.

    Raises:
        ValueError: for missing values, misaligned rows, a single group, or if no two groups share a true class.

    Examples:

    ```python
    target, predicted = [1, 1, 0, 0, 1, 1, 0, 0], [1, 1, 0, 0, 1, 0, 0, 0]
    kgan.metrics.equalized_odds_difference(target, predicted, list("aaaabbbb")).value  # 1 - 1 / 2 = 0.5
    ```
    """
    target, predicted = as_target_and_predicted(target, predicted)
    group = intersection(read_sensitive(sensitive, len(target)))
    return odds_of(target, predicted, group)


@dataclasses.dataclass(frozen=True)
class Column:
    """A sensitive column: what it holds, and the group of each row.

    Attributes:
        name: its name.
        kind: `"binary"`, `"categorical"` or `"continuous"`.
        values: `(n,)`, as given.
        groups: ids of the groups `(n,)`, from 0.
        count: how many groups there are.
        cut: the largest value of the lower group, if a continuous column was cut in two.
    """

    name: str
    kind: str
    values: np.ndarray
    groups: np.ndarray
    count: int
    cut: float | None = None

    @property
    def smallest(self) -> int:
        """How many rows the smallest group has."""
        return int(np.bincount(self.groups).min())


def read_sensitive(sensitive, rows: int) -> list[Column]:
    """Sensitive columns as people have them; kinds are those that `FairClassifier` finds.

    Args:
        sensitive: see `kgan.metrics.demographic_parity_difference`.
        rows: how many there must be.
    """
    found = []
    for name, given in columns.by_name(sensitive).items():
        what = f"the sensitive column {name!r}"
        values = columns.as_column(given, what)
        if len(values) != rows:
            raise ValueError(f"{what} has {len(values)} rows, but the other data has {rows}: each row needs one value.")
        learned = SensitiveColumn.learn(name, given)
        if learned.kind == "continuous":
            # Half of the rows or more may have the largest value: it is the upper group then.
            cut = float(values[values <= min(np.median(values), np.unique(values)[-2])].max())
            found.append(Column(name, learned.kind, values, (values > cut).astype(int), 2, cut))
        else:
            groups = columns.ids(values, learned.categories, what)
            found.append(Column(name, learned.kind, values, groups, len(learned.categories)))
    return found


def intersection(several: list[Column]) -> Column:
    """A column whose groups are the combinations that occur."""
    if len(several) == 1:
        return several[0]
    combined = np.stack([column.groups for column in several], axis=1)
    found, groups = np.unique(combined, axis=0, return_inverse=True)
    name = " x ".join(column.name for column in several)
    return Column(name, "categorical", groups, groups, len(found))


def as_classes(values, name: str) -> np.ndarray:
    """Classes `(n,)`; refuses probabilities."""
    if np.ndim(values) == 2 and np.shape(values)[1] > 1:
        raise ValueError(
            f"{name} must hold one class per row, shape (n,), but its shape is {np.shape(values)}: take the most "
            "probable class of each row, with np.argmax(..., axis=1)."
        )
    array = columns.as_column(values, name)
    if array.dtype.kind == "f" and np.any(array != np.floor(array)):
        raise ValueError(
            f"{name} must hold classes, but {array[array != np.floor(array)][0]:g} is not one: turn probabilities "
            "into classes first."
        )
    return array


def as_target_and_predicted(target, predicted) -> tuple[np.ndarray, np.ndarray]:
    """Both as classes of one kind, with the same number of rows."""
    target, predicted = as_classes(target, "target"), as_classes(predicted, "predicted")
    if len(target) != len(predicted):
        raise ValueError(
            f"target has {len(target)} rows, but predicted has {len(predicted)}: each row needs one of both."
        )
    if (target.dtype.kind == "U") != (predicted.dtype.kind == "U"):
        raise ValueError(
            f"target and predicted must hold the same kind of classes, but they are {target.dtype} and "
            f"{predicted.dtype}: name the predicted classes as the target does."
        )
    return target, predicted


def parity_of(predicted: np.ndarray, column: Column) -> Estimate:
    """Demographic parity difference of classes between the groups of a column."""
    return largest_difference(_counts(np.zeros(len(predicted), int), predicted, column))


def odds_of(target: np.ndarray, predicted: np.ndarray, column: Column) -> Estimate:
    """Equalized odds difference of classes between the groups of a column."""
    return largest_difference(_counts(target, predicted, column))


def _counts(condition, predicted, column):
    """`(conditions, groups, classes)`, how many rows there are of each."""
    conditions, condition = np.unique(condition, return_inverse=True)
    classes, predicted = np.unique(predicted, return_inverse=True)
    shape = (len(conditions), column.count, len(classes))
    cells = np.ravel_multi_index((condition, column.groups, predicted), shape)
    return np.bincount(cells, minlength=np.prod(shape)).reshape(shape)
