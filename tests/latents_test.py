"""Ways through the space of latent vectors."""

import numpy as np

from kgan.latents import great_circle


def test_great_circles_keep_the_length_and_the_pace():
    random = np.random.default_rng(0)
    start, end = random.normal(size=(2, 50))
    end *= np.linalg.norm(start) / np.linalg.norm(end)
    path = great_circle(start, end, 6).astype("float64")
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), np.linalg.norm(start), rtol=1e-6)
    cosines = np.sum(path[1:] * path[:-1], axis=1) / np.linalg.norm(start) ** 2
    np.testing.assert_allclose(cosines, cosines[0], rtol=1e-6)
    assert cosines[0] < 0.99
    np.testing.assert_array_equal(path[[0, -1]], np.stack([start, end]).astype("float32"))
    np.testing.assert_array_equal(great_circle(start, start, 3), np.tile(start.astype("float32"), (3, 1)))
