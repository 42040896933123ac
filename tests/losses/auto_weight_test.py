import numpy as np
import pytest

import kgan


def test_the_chosen_weights_and_what_lies_between_and_beyond():
    grey = {side: kgan.losses.auto_weight((side, side, 1)) for side in (8, 28, 32, 64)}
    assert grey == {8: 0.1, 28: 0.5, 32: 0.7, 64: 5.0}
    colour = {side: kgan.losses.auto_weight((side, side, 3)) for side in (8, 32, 64, 128, 256)}
    assert colour == {8: 0.1, 32: 3.0, 64: 20.0, 128: 100.0, 256: 150.0}


def test_it_depends_on_how_many_numbers_an_image_holds():
    assert kgan.losses.auto_weight((32, 128, 3)) == kgan.losses.auto_weight(np.array([64, 64, 3])) == 20.0
    assert kgan.losses.auto_weight((28, 28)) == kgan.losses.auto_weight((28, 28, 1))
    with pytest.raises(ValueError, match="a side of image_shape must be a whole number of at least 1, got None"):
        kgan.losses.auto_weight((None, None, 3))
