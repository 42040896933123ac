"""The Fréchet distance between two sets of feature vectors."""

from __future__ import annotations

import numpy as np

from kgan.array_kinds import holds_numbers

# Squares and their sums stay far inside float64 below this size.
_LARGEST = 1e100


class Moments:
    """Running mean and covariance of feature vectors that come in batches.

    It keeps three float64 sums around a fixed shift `c`: `n`, `sum(x - c)` and `sum((x - c)(x - c)^T)`. They add up:
    the result does not depend on how the samples were cut into batches or spread over replicas. Raw sums
    (`c = 0`) would lose the digits of a small variance beside a large mean, so choose `c` near the mean.

    Args:
        shift: array of shape `(d,)`, the fixed shift `c`. The mean of the first batch is a good choice; moments that
            will be added need the same one.

    Raises:
        ValueError: if `shift` is not a vector of finite numbers.

    Examples:

    ```python
    moments = kgan.metrics.Moments(shift=batches[0].mean(axis=0))
    for batch in batches:
        moments.update(batch)
    kgan.metrics.frechet_distance(moments, fake_features)
    ```
    """

    def __init__(self, shift) -> None:
        self.shift = as_numbers(shift, "shift")
        if self.shift.ndim != 1 or not self.shift.size:
            raise ValueError(
                f"shift must be a vector with one number per feature, but its shape is {self.shift.shape}."
            )
        d = self.shift.size
        self.count = 0
        self._sum = np.zeros(d)
        self._outer = np.zeros((d, d))

    def update(self, features) -> None:
        """Adds a batch of features, an array of shape `(n, d)`; one sample is enough."""
        features = _matrix(features, "features")
        if features.shape[1] != self.shift.size:
            raise ValueError(
                f"features must have the {self.shift.size} columns that shift has, but they have {features.shape[1]}."
            )
        centred = features - self.shift
        self.count += len(centred)
        self._sum += centred.sum(axis=0)
        self._outer += centred.T @ centred

    def __add__(self, other: Moments) -> Moments:
        """The moments of both sets of samples together."""
        if not isinstance(other, Moments):
            return NotImplemented
        if not np.array_equal(self.shift, other.shift):
            raise ValueError("Only Moments with the same shift can be added: give every one of them the same shift.")
        total = Moments(self.shift)
        total.count = self.count + other.count
        total._sum = self._sum + other._sum
        total._outer = self._outer + other._outer
        return total

    @property
    def mean(self) -> np.ndarray:
        """Mean of the samples so far, shape `(d,)`."""
        self._need(1)
        return self.shift + self._sum / self.count

    @property
    def covariance(self) -> np.ndarray:
        """Unbiased covariance (divided by n - 1, as `np.cov`) of the samples so far, shape `(d, d)`."""
        self._need(2)
        return (self._outer - np.outer(self._sum, self._sum) / self.count) / (self.count - 1)

    def _need(self, count: int) -> None:
        if self.count < count:
            raise ValueError(f"Moments need at least {count} sample(s) for this, but they have seen {self.count}.")


def frechet_distance(real_features, fake_features) -> float:
    """Squared Fréchet (2-Wasserstein) distance between Gaussians fitted to two sets of features.

    `|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))`, with means `m` and unbiased covariances `S` (Dowson and Landau,
    "The Fréchet distance between multivariate normal distributions", 1982). On the features of the Inception network
    of 2015 this is the FID (Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash
    equilibrium", 2017, https://arxiv.org/abs/1706.08500); on those of any other network it is a distance of its own
    and must be called by another name.

    The estimate is biased upwards, the more so the fewer the samples and the more the features: compare only
    numbers from the same sample sizes, and print the sizes beside them.

    The matrix square root is never formed. For any factors `S1 = F1^T F1` and `S2 = F2^T F2` its trace is the sum
    of the singular values of `F1 F2^T`, which is real, never negative, and exact for singular covariances too. With
    fewer samples than features the factor is the centred data itself.

    Args:
        real_features: array of shape `(n, d)`, one row per sample, at least two rows; or a `Moments`.
        fake_features: the same for the other set; its number of rows may differ.

    Returns:
        The distance in squared units of the features, a float from 0 up. It is 0 when both sets have the same mean
        and covariance, and does not change when the two sets are swapped.

    Raises:
        ValueError: if an input is not a matrix of finite numbers with at least two rows, or the numbers of
            features differ.

    Examples:

    ```python
    rng = np.random.default_rng(0)
    real = rng.normal(size=(10_000, 8))
    kgan.metrics.frechet_distance(real, 3 * real + 1)  # about 8 * (1 + (3 - 1) ** 2) = 40
    ```
    """
    mean1, factor1 = _mean_and_factor(real_features, "real_features")
    mean2, factor2 = _mean_and_factor(fake_features, "fake_features")
    if len(mean1) != len(mean2):
        raise ValueError(
            f"Both sets need the same number of features, but real_features have {len(mean1)} and fake_features "
            f"{len(mean2)}: compute them with the same network."
        )
    traces = np.sum(factor1**2) + np.sum(factor2**2)
    root = np.linalg.svd(factor1 @ factor2.T, compute_uv=False).sum()
    # Rounding alone can leave equal sets a hair below zero.
    return max(0.0, float(np.sum((mean1 - mean2) ** 2) + traces - 2 * root))


def _mean_and_factor(features, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The mean, and a matrix F with at most d rows whose `F^T F` is the covariance."""
    if isinstance(features, Moments):
        return features.mean, _factor(features.covariance)
    features = _matrix(features, name)
    n, d = features.shape
    if n < 2:
        raise ValueError(f"{name} must hold at least 2 samples to have a covariance, but holds {n}.")
    mean = features.mean(axis=0)
    centred = features - mean
    if n < d:
        return mean, centred / np.sqrt(n - 1)
    return mean, _factor(centred.T @ centred / (n - 1))


def _factor(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    # What lies below is rounding, of either sign; a square root would blow it up.
    keep = values > len(values) * np.finfo(np.float64).eps * values[-1]
    return np.sqrt(values[keep])[:, None] * vectors[:, keep].T


def _matrix(features, name: str) -> np.ndarray:
    features = as_numbers(features, name)
    if features.ndim != 2 or not features.size:
        raise ValueError(
            f"{name} must be a matrix of shape (samples, features) that is not empty, but its shape is "
            f"{features.shape}."
        )
    return features


def as_numbers(array, name: str) -> np.ndarray:
    try:
        array = np.asarray(array)
        if not holds_numbers(array.dtype):
            raise TypeError
        array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of real numbers, but it cannot be read as one.") from None
    if array.size and not np.abs(array).max() <= _LARGEST:  # also true for NaN
        raise ValueError(
            f"{name} must be finite numbers (below {_LARGEST:g} in size), but some are NaN, inf or larger."
        )
    return array
