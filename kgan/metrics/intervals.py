"""Numbers with their 95 % confidence intervals: shares, differences between groups, AUC and R^2."""

from __future__ import annotations

import dataclasses
import statistics

import numpy as np

_RESAMPLES = 1000


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number and its 95 % confidence interval; it prints as `0.181 (0.165 to 0.197)`.

    Attributes:
        value: the number, as found in the data.
        low: lower end of the interval.
        high: upper end of the interval.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        # Adding 0 after rounding turns -0.000 into 0.000.
        value, low, high = (round(number, 3) + 0.0 for number in (self.value, self.low, self.high))
        return f"{value:.3f} ({low:.3f} to {high:.3f})"


def wilson_interval(right, total, *, miss: float = 0.05):
    """The confidence interval of a share, which stays within 0 to 1 for small numbers too.

        (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)

    Source: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953.

    Args:
        right: how many of them; a number or an array.
        total: how many in all, at least 1; a number or an array.
        miss: how often the interval may miss the truth, 0.05 for a 95 % interval.

    Returns:
        `(low, high)`, floats, or arrays for arrays.
    """
    share, z = np.divide(right, total), _normal_quantile(miss)
    middle = share + z**2 / (2 * total)
    reach = z * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    low, high = np.maximum(0.0, (middle - reach) / scale), np.minimum(1.0, (middle + reach) / scale)
    return (float(low), float(high)) if np.ndim(low) == 0 else (low, high)


def share(right: int, total: int) -> Estimate:
    """`right / total` with its Wilson interval."""
    return Estimate(float(right / total), *wilson_interval(int(right), int(total)))


def largest_difference(counts: np.ndarray) -> Estimate:
    """The largest difference between two groups in the share of any outcome, under any condition.

    The interval holds for all pairs of groups at once, so it holds for the largest difference, whichever that is in
    truth: each difference gets Newcombe's interval (method 10: from the Wilson intervals of both shares) at a level
    that is divided by the number of comparisons (Bonferroni), and the ends are the largest lower and the largest upper
    one, cut off at 0 and 1. The usual percentile bootstrap fails here: the largest of several noisy differences lies
    above the true one, resampled ones lie higher still, and never below 0, so that its interval hardly ever holds a
    true difference of 0.

    Source: Newcombe 1998, https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.

    Args:
        counts: `(conditions, groups, outcomes)`, how many rows there are of each. Groups without rows under a
            condition are left out there.

    Raises:
        ValueError: if no condition has rows of two groups.
    """
    # Of two outcomes one tells all.
    outcomes = counts.shape[2] if counts.shape[2] != 2 else 1
    tables = [table[table.sum(axis=1) > 0] for table in counts]
    pairs = sum(len(table) * (len(table) - 1) // 2 for table in tables)
    if not pairs:
        raise ValueError("there is nothing to compare: no two groups have rows of the same class.")
    miss = 0.05 / (pairs * outcomes)
    value, low, high = 0.0, 0.0, 0.0
    for table in tables:
        if len(table) < 2:
            continue
        total = table.sum(axis=1)
        for right in table.T[:outcomes]:
            rate = right / total
            under, over = wilson_interval(right, total, miss=miss)
            under, over = rate - under, over - rate
            difference = rate[:, None] - rate
            np.fill_diagonal(difference, -np.inf)
            value = max(value, difference.max())
            low = max(low, (difference - np.hypot(under[:, None], over)).max())
            high = max(high, (difference + np.hypot(over[:, None], under)).max())
    return Estimate(float(value), float(low), float(min(1.0, high)))


def macro_auc(labels: np.ndarray, scores: np.ndarray) -> Estimate:
    """Area under the ROC curve: how often a row of a class gets a higher score for it than a row of another class.

    Of more than two classes it is the mean over the classes, each against the rest. The interval of one class consists
    of the theta that lie within z standard errors of what was found, of which each has its own:

        (found - theta)^2 <= z^2 theta (1 - theta) / mn * (1 + k (1 - theta) / (2 - theta) + k theta / (1 + theta))

    with m rows of the class, n others, and k = (m + n) / 2 - 1. It does not shrink to nothing for a perfect probe, as
    that of a bootstrap does. Those of several classes are combined as if they were independent.

    Sources: Newcombe 2006, https://doi.org/10.1002/sim.2324, method 5; Zou and Donner 2008,
    https://doi.org/10.1002/sim.3095, for the combination.

    Args:
        labels: class ids `(n,)` from 0, each with rows.
        scores: `(n, classes)`, or `(n,)` for the second of two classes.
    """
    if scores.ndim == 1:
        labels, scores = labels == 1, scores[:, None]
        members = [labels]
    else:
        members = [labels == i for i in range(scores.shape[1])]
    found = np.array([_auc(column, own) for column, own in zip(scores.T, members, strict=True)])
    ends = np.array([_auc_interval(auc, own.sum(), (~own).sum()) for auc, own in zip(found, members, strict=True)])
    reach = np.sqrt(np.sum((ends - found[:, None]) ** 2, axis=0)) / len(found)
    return Estimate(float(found.mean()), float(found.mean() - reach[0]), float(found.mean() + reach[1]))


def r_squared(target: np.ndarray, predicted: np.ndarray, *, seed: int) -> Estimate:
    """`1 - sum (y - f)^2 / sum (y - mean y)^2`, with the interval of the percentile bootstrap over rows.

    Args:
        target: y, floats `(n,)`.
        predicted: f, floats `(n,)`.
        seed: seed of the draws.
    """

    def score(weights):
        mean = np.average(target, weights=weights)
        return 1 - np.sum(weights * (target - predicted) ** 2) / np.sum(weights * (target - mean) ** 2)

    return _bootstrap(score, np.zeros(len(target), int), seed)


def _auc(scores, own):
    # Ranks, those of ties in their middle, less the ranks that the rows of the class have among themselves.
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    m, n = own.sum(), (~own).sum()
    return (ranks[own].sum() - m * (m + 1) / 2) / (m * n)


def _auc_interval(found, m, n):
    """The ends of the interval of one class, by bisection."""
    z, k = _normal_quantile(0.05), (m + n) / 2 - 1

    def beyond(theta):
        variance = theta * (1 - theta) / (m * n) * (1 + k * (1 - theta) / (2 - theta) + k * theta / (1 + theta))
        return (found - theta) ** 2 > z**2 * variance

    ends = []
    for outside in (0.0, 1.0):
        inside = found
        # An end of the scale that does not lie beyond is the end of the interval, as 1 for a perfect probe.
        while beyond(outside) and abs(outside - inside) > 1e-9:
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if beyond(middle) else (middle, outside)
        ends.append(outside)
    return ends


def _bootstrap(statistic, strata, seed):
    """The statistic of weights of rows at 1 each, and between which of its values 95 % of resamples lie."""
    rng, n = np.random.default_rng(seed), len(strata)
    rows = [np.flatnonzero(strata == i) for i in np.unique(strata)]
    values = []
    for _ in range(_RESAMPLES):
        drawn = np.concatenate([own[rng.integers(len(own), size=len(own))] for own in rows])
        values.append(statistic(np.bincount(drawn, minlength=n)))
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(float(statistic(np.ones(n, int))), float(low), float(high))


def _normal_quantile(miss):
    return statistics.NormalDist().inv_cdf(1 - miss / 2)
