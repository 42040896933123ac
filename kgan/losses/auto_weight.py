"""The weight of R1 and R2 that suits the size of the images."""

import math

from kgan.scalars import as_count

# Numbers in an image (height * width * channels) to the weight that was chosen there; a power goes through both.
_CHOSEN = {28 * 28: 0.5, 64 * 64 * 3: 20.0}
_LEAST, _MOST = 0.1, 150.0


def auto_weight(image_shape) -> float:
    """The weight gamma of R1 and R2 with which `GAN.for_images` and `kgan train` start on images of this size.

    The penalties are sums over all numbers of an image, so that one weight means less and less the larger the images
    are: .1 suits small grey digits, and lets the discriminator win on 64 x 64 in colour. Chosen on 5,000 grey digits of
    28 x 28 (0.5) and on 1,911 emoji in colour of 64 x 64 (20), see "The weight of the gradient penalties" in
    `benchmarks/README.md`; elsewhere it is the power of height * width * channels through these two, 1.34, which is 3
    on 32 x 32 in colour, where 2 to 10 were measured to be alike. It stays between 0.1 and 150, the largest weight that
    was published for this objective (R3GAN at 256 x 256, Huang et al. 2024, https://arxiv.org/abs/2501.05441). It is a
    start: where `kgan train` says that a player has won, try another.

    Args:
        image_shape: `(height, width, channels)`; `(height, width)` of grey images.

    Returns:
        A number with one significant digit, or 150.

    Examples:
        >>> kgan.losses.auto_weight((64, 64, 3))
        20.0
    """
    size = math.prod(as_count(side, "a side of image_shape") for side in tuple(image_shape))
    (small, low), (large, high) = _CHOSEN.items()
    power = math.log(high / low) / math.log(large / small)
    gamma = low * (size / small) ** power
    return min(_MOST, max(_LEAST, float(f"{gamma:.1g}")))
