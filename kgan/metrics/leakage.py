"""How much of a sensitive column new classifiers find in a representation."""

from __future__ import annotations

import dataclasses

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from kgan.metrics import intervals
from kgan.metrics.fairness import Column, read_sensitive
from kgan.metrics.frechet import as_numbers
from kgan.metrics.intervals import Estimate
from kgan.metrics.probes import C

_FEWEST = 20  # rows in all
_FEWEST_OF_A_GROUP = 4
_FEWEST_OTHERS = 10  # than the most frequent value of a quantity; without such rows there is no variance to explain


@dataclasses.dataclass(frozen=True)
class Leakage:
    """What one probe found of one sensitive column.

    Attributes:
        name: what it was read from.
        column: the sensitive column.
        kind: `"binary"`, `"categorical"` or `"continuous"`.
        probe: `"linear"` or `"trees"`.
        rows: how many rows the probe was tested on.
        accuracy: share of them that it got right; `None` for a continuous column.
        majority: share of the largest group, which one gets right without looking; `None` for a continuous column.
        auc: area under the ROC curve, 0.5 without looking and 1 for a perfect probe; of more than two groups the mean
            over the groups, each against the rest. `None` for a continuous column.
        r2: share of the variance that the probe explains, 0 or less if it found nothing and 1 for a perfect probe;
            `None` unless the column is continuous.
    """

    name: str
    column: str
    kind: str
    probe: str
    rows: int
    accuracy: Estimate | None = None
    majority: float | None = None
    auc: Estimate | None = None
    r2: Estimate | None = None

    def __str__(self) -> str:
        found = (
            f"R2 {self.r2}, 0 if nothing leaks"
            if self.r2
            else f"AUC {self.auc}, 0.5 if nothing leaks; accuracy {self.accuracy}, without looking {self.majority:.3f}"
        )
        return f"{self.column} from {self.name}, {self.probe} probe: {found}"


def leakage(features, sensitive, *, seed: int = 0, name: str = "features") -> list[Leakage]:
    """How well new classifiers, trained for that, tell sensitive columns from features.

    For each column two probes are trained on one half of the rows and tested on the other: a linear one (standardised
    features, logistic regression or ridge regression, with the penalty of `kgan.metrics.linear_probe`) and gradient
    boosted trees, which find what is not linear. They have never met the features before, other than the adversary
    that a model was trained against: that one can be fooled while the column is still there to be read. A column that
    no probe finds may still be found by a stronger one: leakage can be shown, its absence cannot.

    Accuracy alone hides a leak of rare groups, for which the AUC is given beside it. Intervals (95 %; Wilson's for
    accuracy, Newcombe's for AUC, percentile bootstrap for R2) are those of the trained probes on other rows. The halves
    depend on the seed and on which rows belong together, not on the names of the groups. Features that were made by a
    model that has seen the rows in training may leak more than on new rows: give rows that were held out.

    Sources: Elazar and Goldberg 2018, https://arxiv.org/abs/1808.06640, for probes trained afterwards; Alain and Bengio
    2016, https://arxiv.org/abs/1610.01644, for linear probes.

    Args:
        features: array `(n, d)`, such as a representation or predicted probabilities; `(n,)` is one feature, and
            further axes, as images have, are flattened.
        sensitive: one sensitive column `(n,)` or several, as a dict, a data frame or `(n, columns)`, each probed for
            itself. Strings, bools, whole numbers and pandas categories are groups, of which each needs 4 rows; floats
            of more than two values are a quantity.
        seed: seed of the halves, the trees and the bootstrap.
        name: what the features are, for the results.

    Returns:
        A list with two `Leakage` for each column, `probe="linear"` and `probe="trees"`.

    Raises:
        ValueError: for missing values, misaligned rows, a column with a single value, or too few rows.

    Examples:

    ```python
    for found in kgan.metrics.leakage(model.transform(x_test), {"sex": sex_test}):
        print(found)  # sex from features, linear probe: AUC 0.512 (0.486 to 0.538), 0.5 if nothing leaks; ...
    ```
    """
    features = as_features(features, name)
    columns = check_columns(sensitive, len(features), name)
    return [found for column in columns for found in _probe(features, column, seed, name)]


def check_columns(sensitive, rows: int, name: str = "the data") -> list[Column]:
    """The sensitive columns, if probes can be trained and tested on that many rows of them.

    Raises:
        ValueError: as `leakage` does.
    """
    if rows < _FEWEST:
        raise ValueError(f"{name} has {rows} rows, but leakage needs at least {_FEWEST} of them.")
    columns = read_sensitive(sensitive, rows)
    for column in columns:
        _check_groups(column)
    return columns


def as_features(features, name: str) -> np.ndarray:
    """`(n, d)` float64."""
    features = as_numbers(features, name)
    if not features.ndim or not features.size:
        raise ValueError(f"{name} must be of shape (rows, features) and not empty, but its shape is {features.shape}.")
    return features.reshape(len(features), -1)


def _check_groups(column: Column):
    """Refuses groups, or a variance, of which there would be too few rows in a half."""
    if column.kind == "continuous":
        others = int(_is_other(column.values).sum())
        if others < _FEWEST_OTHERS:
            raise ValueError(
                f"the sensitive column {column.name!r} has the same value in all rows but {others}, and leakage needs "
                f"at least {_FEWEST_OTHERS} others: give more rows, or leave the column out."
            )
        return
    sizes = np.bincount(column.groups)
    if sizes.min() < _FEWEST_OF_A_GROUP:
        rare = column.values[column.groups == sizes.argmin()][0].item()
        raise ValueError(
            f"the sensitive column {column.name!r} has only {sizes.min()} rows of {rare!r}, but leakage needs at least "
            f"{_FEWEST_OF_A_GROUP} of each group: merge it with another group, or leave its rows out."
        )


def _probe(features, column, seed, name):
    continuous = column.kind == "continuous"
    rng = np.random.default_rng(seed)
    labels = column.values.astype(np.float64) if continuous else _by_appearance(column.groups)
    test = _half(_is_other(labels) if continuous else labels, rng)
    train, linear_train, linear_test = ~test, *_standardised(features[~test], features[test])
    strength = C / features.shape[1]
    # A leaf that must hold more rows than the rarest group has would never tell that group from the others.
    rarest = len(labels) if continuous else np.bincount(labels[train]).min()
    trees = HistGradientBoostingRegressor if continuous else HistGradientBoostingClassifier
    kinds = {
        "linear": Ridge(alpha=1 / strength) if continuous else LogisticRegression(C=strength, max_iter=10_000),
        "trees": trees(min_samples_leaf=int(np.clip(rarest // 2, 1, 20)), random_state=seed),
    }
    results = []
    for kind, probe in kinds.items():
        x, test_x = (linear_train, linear_test) if kind == "linear" else (features[train], features[test])
        # With one thread the trees are the same on every machine; on few rows more threads mostly wait for one another.
        with threadpool_limits(1):
            probe.fit(x, labels[train])
        result = Leakage(name, column.name, column.kind, kind, rows=int(test.sum()))
        results.append(dataclasses.replace(result, **_scores(probe, test_x, labels[test], labels[train], seed)))
    return results


def _scores(probe, x, labels, train_labels, seed):
    if not hasattr(probe, "predict_proba"):
        return {"r2": intervals.r_squared(labels, probe.predict(x), seed=seed)}
    scores = probe.predict_proba(x)
    right = (scores.argmax(axis=1) == labels).sum()
    majority = np.bincount(train_labels).argmax()
    return {
        "accuracy": intervals.share(right, len(labels)),
        "majority": float((labels == majority).mean()),
        "auc": intervals.macro_auc(labels, scores[:, 1] if scores.shape[1] == 2 else scores),
    }


def _half(strata, rng):
    """Which rows are for testing: every second one of each stratum, in a random order."""
    order = rng.permutation(len(strata))
    test = np.zeros(len(strata), bool)
    for i in np.unique(strata):
        test[order[strata[order] == i][1::2]] = True
    return test


def _is_other(values):
    """Which rows do not have the most frequent value."""
    found, counts = np.unique(values, return_counts=True)
    return values != found[counts.argmax()]


def _by_appearance(groups):
    """Ids in the order in which groups first appear, so that names make no difference."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def _standardised(train, test):
    mean, spread = train.mean(axis=0), train.std(axis=0)
    # What is constant up to rounding tells nothing; scaled up it would be noise.
    scale = np.where(spread > 1e-12 * (1 + np.abs(mean)), spread, np.inf)
    return (train - mean) / scale, (test - mean) / scale
