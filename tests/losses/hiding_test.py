"""The objectives of a classifier that hides: the projection's geometry, and every form in which they are named."""

import keras
import numpy as np
import pytest

from kgan import losses

RNG = np.random.default_rng(0)
TARGET, OPPOSING = ([RNG.normal(size=shape).astype("float32") for shape in [(3, 4), (4,)]] for _ in range(2))


def flat(gradients):
    return np.concatenate([np.asarray(g).ravel() for g in gradients])


@pytest.mark.parametrize("alpha", [0.0, 0.3, 2.0])
def test_a_projected_step_has_nothing_along_the_adversary_but_alpha_times_its_gradient(alpha):
    step = flat(losses.Projection().combined(TARGET, OPPOSING, alpha))
    target, opposing = flat(TARGET), flat(OPPOSING)
    np.testing.assert_allclose(step @ opposing, alpha * opposing @ opposing, rtol=1e-4, atol=1e-5)
    # Everywhere else it is the target's own: the rest of both is the same once the part along `opposing` is removed.
    rest = np.eye(16) - np.outer(opposing, opposing) / (opposing @ opposing)
    np.testing.assert_allclose(rest @ step, rest @ target, rtol=1e-4, atol=1e-5)


def test_without_an_opposing_gradient_the_projected_step_is_the_targets():
    zeros = [np.zeros_like(g) for g in TARGET]
    np.testing.assert_array_equal(flat(losses.Projection().combined(TARGET, zeros, 1.0)), flat(TARGET))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("projection", losses.Projection),
        ("reversal", losses.Reversal),
        ("uniform", losses.Uniform),
        ("negative", losses.Negative),
    ],
)
def test_every_form_names_the_same_objective(name, kind):
    forms = [name, kind.__name__, kind, kind(), keras.saving.serialize_keras_object(kind())]
    assert all(type(losses.get_hiding_objective(form)) is kind for form in forms)


@pytest.mark.parametrize("wrong", ["projecton", 1, None, {"a": 1}, losses.Hinge()])
def test_anything_else_is_answered_with_the_names(wrong):
    with pytest.raises(ValueError, match="unknown objective .* use one of 'projection', 'reversal', 'uniform', 'neg"):
        losses.get_hiding_objective(wrong)
