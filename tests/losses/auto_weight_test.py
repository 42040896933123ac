import numpy as np
import pytest

import kgan


def test_the_chosen_weights_and_what_lies_between_and_beyond():
    weights = {side: kgan.losses.auto_weight((side, side, 3)) for side in (8, 28, 32, 64, 128, 256)}
    assert weights == {8: 0.1, 28: 0.5, 32: 0.7, 64: 5.0, 128: 30.0, 256: 200.0}


def test_it_depends_on_the_number_of_pixels_alone():
    assert kgan.losses.auto_weight((32, 128, 1)) == kgan.losses.auto_weight(np.array([64, 64])) == 5.0
    with pytest.raises(ValueError, match="a side of image_shape must be a whole number of at least 1, got None"):
        kgan.losses.auto_weight((None, None, 3))
