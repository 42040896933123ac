"""`HeldOut`: what a classifier says of held-out images, against counts by hand."""

import numpy as np

from kgan.metrics.held_out import HeldOut


def test_counts_by_hand():
    probabilities = [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.4, 0.5, 0.1], [0.2, 0.1, 0.7]]
    seen = HeldOut(["a", "b", "c", "d"], np.array([0, 1, 0, 1]), np.array(probabilities), ["x", "y", "z"], 0)
    np.testing.assert_array_equal(seen.predicted, [0, 1, 1, 2])
    assert seen.right == 2 and seen.accuracy == 0.5
    # A row for each true class, one that has no image included.
    np.testing.assert_array_equal(seen.counts, [[1, 1, 0], [0, 1, 1], [0, 0, 0]])
