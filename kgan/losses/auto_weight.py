"""The weight of R1 and R2 that suits a size of images."""

import math

GAMMA_28, GAMMA_64 = 0.5, 5.0


def auto_weight(image_shape) -> float:
    side = math.sqrt(image_shape[0] * image_shape[1])
    gamma = GAMMA_28 * (side / 28) ** (math.log(GAMMA_64 / GAMMA_28) / math.log(64 / 28))
    return float(f"{gamma:.1g}")
