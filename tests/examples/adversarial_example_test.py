"""The example of one attack holds what its figure claims."""

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # whole scripts


def test_adversarial_example(run_example):
    results, models = run_example("adversarial_example")
    assert set(results) == {"photographs", "digits"}
    for what, found in results.items():
        image, sign, attacked = (found["shown"][part] for part in ("image", "sign", "attacked"))
        change = attacked - image
        assert 0.9 * found["epsilon"] < np.abs(change).max() <= found["epsilon"] + 1e-6
        assert attacked.min() >= 0 and attacked.max() <= 1
        np.testing.assert_array_equal(np.sign(change), 2 * sign - 1)
        # What stands under the images is what the model says; it was right, and then it is not.
        for part, said in found["said"].items():
            np.testing.assert_allclose(said, models[what].predict(found["shown"][part][None], verbose=0)[0], atol=1e-5)
        assert found["said"]["image"].argmax() == found["label"] != found["said"]["attacked"].argmax()
        before, after = found["accuracy"]
        assert before > 0.85 and after < before - 0.3
