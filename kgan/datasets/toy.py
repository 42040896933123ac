"""Mixtures of Gaussians: distributions whose density and modes are known exactly."""

from collections.abc import Sequence

import numpy as np

from kgan.scalars import as_count, as_real


class GaussianMixture:
    """A mixture of Gaussians with diagonal covariance, in any number of dimensions.

    Its density is `p(x) = sum_k w_k prod_d N(x_d; mean_kd, scale_kd^2)`.

    Args:
        means: centres of the modes, shape `(modes, d)`, or `(modes,)` for one dimension.
        scales: standard deviations, of any shape that broadcasts to that of `means` when it has one value for all
            modes, one per mode (`(modes,)`), or one per mode and dimension (`(modes, d)`).
        weights: probabilities of the modes, shape `(modes,)`; scaled to sum to 1; all equal by default.

    Attributes:
        means: float64 array `(modes, d)`.
        scales: float64 array `(modes, d)`.
        weights: float64 array `(modes,)`.

    Raises:
        ValueError: if the shapes do not fit, or a scale or weight is not positive.

    Examples:

    >>> target = kgan.datasets.GaussianMixture(means=[-1.0, 2.0], scales=[0.3, 0.5], weights=[0.7, 0.3])
    >>> target.sample(1000, seed=0).shape
    (1000, 1)
    >>> target.density([0.0, 2.0])  # at two points
    array([0.00367..., 0.23936...])
    """

    def __init__(
        self,
        means: Sequence | np.ndarray,
        scales: float | Sequence | np.ndarray,
        weights: Sequence[float] | np.ndarray | None = None,
    ):
        means = np.asarray(means, dtype="float64")
        self.means = means[:, np.newaxis] if means.ndim == 1 else means
        if self.means.ndim != 2 or self.means.size == 0:
            raise ValueError(f"means must have shape (modes, d) or (modes,), but have {means.shape}.")
        modes = len(self.means)
        scales = np.asarray(scales, dtype="float64")
        if scales.shape not in ((), (modes,), self.means.shape):
            raise ValueError(f"scales must have shape (), ({modes},) or {self.means.shape}, but have {scales.shape}.")
        if scales.ndim == 1:
            scales = scales[:, np.newaxis]
        self.scales = np.broadcast_to(scales, self.means.shape).copy()
        weights = np.ones(modes) if weights is None else np.asarray(weights, dtype="float64")
        if weights.shape != (modes,):
            raise ValueError(f"weights must have shape ({modes},), but have {weights.shape}.")
        if not ((self.scales > 0).all() and (weights > 0).all()):
            raise ValueError("All scales and weights of a mixture must be positive.")
        self.weights = weights / weights.sum()

    def sample(self, n: int, seed: int) -> np.ndarray:
        """Draws points.

        Args:
            n: how many.
            seed: integer; the same seed gives the same points.

        Returns:
            float32 array of shape `(n, d)`.
        """
        n, random = as_count(n, "n", least=0), np.random.default_rng(seed)
        modes = random.choice(len(self.means), size=n, p=self.weights)
        noise = random.standard_normal((n, self.means.shape[1]))
        return (self.means[modes] + self.scales[modes] * noise).astype("float32")

    def log_density(self, x: Sequence | np.ndarray) -> np.ndarray:
        """The natural logarithm of the density, finite far away from all modes too.

        Args:
            x: points, shape `(n, d)`, or `(n,)` in one dimension.

        Returns:
            float64 array of shape `(n,)`.
        """
        x = np.asarray(x, dtype="float64")
        dimensions = self.means.shape[1]
        if x.ndim == 1 and dimensions == 1:
            x = x[:, np.newaxis]
        if x.ndim != 2 or x.shape[1] != dimensions:
            raise ValueError(f"x must have shape (n, {dimensions}), but has {x.shape}.")
        standard = (x[:, np.newaxis, :] - self.means) / self.scales
        terms = -0.5 * standard**2 - np.log(self.scales) - 0.5 * np.log(2 * np.pi)
        terms = terms.sum(axis=-1) + np.log(self.weights)
        return np.logaddexp.reduce(terms, axis=-1)

    def density(self, x: Sequence | np.ndarray) -> np.ndarray:
        """The probability density; see `log_density` for arguments and shapes."""
        return np.exp(self.log_density(x))


def ring(*, modes: int = 8, radius: float = 1.0, sigma: float = 0.01) -> GaussianMixture:
    """Equal Gaussians on a circle; the defaults are the 2D-ring of PacGAN (Lin et al., 2018, arXiv:1712.04086).

    Args:
        modes: how many.
        radius: of the circle around the origin.
        sigma: standard deviation of each of them, in both directions.

    Returns:
        A two-dimensional `GaussianMixture`; the first mode lies at `(radius, 0)`, the others follow anticlockwise.
    """
    modes, radius = as_count(modes, "modes"), as_real(radius, "radius")
    angles = 2 * np.pi * np.arange(modes) / modes
    return GaussianMixture(radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), sigma)


def grid(*, side: int = 5, spacing: float = 2.0, sigma: float = 0.05) -> GaussianMixture:
    """Equal Gaussians on a square grid; the defaults are the 2D-grid of PacGAN (Lin et al., 2018, arXiv:1712.04086).

    Args:
        side: modes along each side.
        spacing: distance between neighbours.
        sigma: standard deviation of each mode, in both directions.

    Returns:
        A two-dimensional `GaussianMixture` centred at the origin, row by row.
    """
    side, spacing = as_count(side, "side"), as_real(spacing, "spacing")
    line = (np.arange(side) - (side - 1) / 2) * spacing
    return GaussianMixture(np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2), sigma)
