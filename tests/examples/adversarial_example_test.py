"""The example of one attack holds what its figure claims."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow  # whole scripts

EXAMPLE = Path(__file__).parents[2] / "examples" / "adversarial_example.py"


def run(out):
    spec = importlib.util.spec_from_file_location(EXAMPLE.stem, EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    sys.modules[EXAMPLE.stem] = example  # where TensorFlow looks for the source of functions
    try:
        spec.loader.exec_module(example)
        found = example.main(quick=True, out=out)
    finally:
        del sys.modules[EXAMPLE.stem]
    with Image.open(out) as figure:
        assert figure.format == "PNG" and figure.width >= 600 and figure.height >= 300
        assert np.asarray(figure.convert("L")).std() > 3
    return found


def test_adversarial_example(tmp_path):
    results, models = run(tmp_path / "new folder" / "example.png")
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
