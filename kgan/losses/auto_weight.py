"""The weight of R1 and R2 that suits the size of the images."""

import math

from kgan.scalars import as_count

# Side of square images to the weight that was chosen there, see `auto_weight`; between and beyond them it grows as a
# power of the side.
_CHOSEN = {28: 0.5, 64: 5.0}
_LEAST = 0.1


def auto_weight(image_shape) -> float:
    """The weight gamma of R1 and R2 with which the default recipe of `kgan train` starts on images of this size.

    The penalties are sums over all pixels, so that one weight means less and less the larger the images are: .1 suits
    small digits, and lets the discriminator win on 64 x 64. Chosen on 5,000 digits of 28 x 28 (0.5) and on emoji in
    colour of 64 x 64 (5), see "The weight of the gradient penalties" in `benchmarks/README.md`; at other sizes it is
    the power of the side through these two, 2.8, and never below 0.1. Published weights grow alike: R3GAN has 0.05 to
    150 from 32 x 32 to 256 x 256 (Huang et al. 2024, https://arxiv.org/abs/2501.05441). It is a start: where
    `kgan train` says that a player has won, try another.

    Args:
        image_shape: `(height, width)` or `(height, width, channels)`.

    Returns:
        A number with one significant digit.

    Examples:
        >>> kgan.losses.auto_weight((64, 64, 3))
        5.0
    """
    height, width = (as_count(side, "a side of image_shape") for side in tuple(image_shape)[:2])
    (small, low), (large, high) = _CHOSEN.items()
    power = math.log(high / low) / math.log(large / small)
    gamma = low * (math.sqrt(height * width) / small) ** power
    return max(_LEAST, float(f"{gamma:.1g}"))
