"""The example of adversarial training holds what its figure claims."""

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # whole scripts


def test_adversarial_training(run_example):
    models, curves, epsilons, (images, labels) = run_example("adversarial_training")
    assert epsilons == (0, 0.1, 0.2) and len(curves) == 6
    for (name, attack), accuracy in curves.items():
        clean = np.mean(models[name].predict(images, verbose=0).argmax(axis=1) == labels)
        assert accuracy[0] == pytest.approx(clean)  # the same without an attack, and on the other side of the figure
        assert accuracy[0] > 0.85 and accuracy[0] > accuracy[1] > accuracy[2], (name, attack)
    usual, fgsm, pgd = (curves[name, "PGD, 20 steps"] for name in ("no attack", "FGSM", "PGD"))
    assert usual[2] < 0.1 and pgd[2] > usual[2] + 0.3 and pgd[2] > fgsm[2]
    # The stronger attack finds what the weaker one missed.
    assert fgsm[2] < curves["FGSM", "FGSM, one step"][2]
