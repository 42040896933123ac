"""The example of adversarial training holds what its figure claims."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow  # whole scripts

EXAMPLE = Path(__file__).parents[2] / "examples" / "adversarial_training.py"


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


def test_adversarial_training(tmp_path):
    models, curves, epsilons, (images, labels) = run(tmp_path / "training.png")
    assert epsilons == (0, 0.1, 0.2) and len(curves) == 6
    for (name, attack), accuracy in curves.items():
        clean = np.mean(models[name].predict(images, verbose=0).argmax(axis=1) == labels)
        assert accuracy[0] == pytest.approx(clean)  # the same without an attack, and on the other side of the figure
        assert accuracy[0] > 0.85 and accuracy[0] > accuracy[1] > accuracy[2], (name, attack)
    usual, fgsm, pgd = (curves[name, "PGD, 20 steps"] for name in ("no attack", "FGSM", "PGD"))
    assert usual[2] < 0.1 and pgd[2] > usual[2] + 0.3 and pgd[2] > fgsm[2]
    # The stronger attack finds what the weaker one missed.
    assert fgsm[2] < curves["FGSM", "FGSM, one step"][2]
