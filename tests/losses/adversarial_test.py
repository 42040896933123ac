import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan

REAL = np.array([[1.5], [-0.3], [0.0], [4.0]], "float32")
FAKE = np.array([[-2.0], [0.7], [0.1], [-0.5]], "float32")


def probability(logits):
    return 1 / (1 + np.exp(-logits.astype("float64")))


FORMULAS = {
    "minimax": (
        lambda r, f: -np.mean(np.log(probability(r))) - np.mean(np.log(1 - probability(f))),
        lambda r, f: np.mean(np.log(1 - probability(f))),
    ),
    "non_saturating": (
        lambda r, f: -np.mean(np.log(probability(r))) - np.mean(np.log(1 - probability(f))),
        lambda r, f: -np.mean(np.log(probability(f))),
    ),
    "least_squares": (
        lambda r, f: np.mean((r - 1) ** 2) / 2 + np.mean(f**2) / 2,
        lambda r, f: np.mean((f - 1) ** 2) / 2,
    ),
    "hinge": (
        lambda r, f: np.mean(np.maximum(0, 1 - r)) + np.mean(np.maximum(0, 1 + f)),
        lambda r, f: -np.mean(f),
    ),
    "wasserstein": (lambda r, f: np.mean(f) - np.mean(r), lambda r, f: -np.mean(f)),
    "relativistic": (
        lambda r, f: -np.mean(np.log(probability(r - f))),
        lambda r, f: -np.mean(np.log(probability(f - r))),
    ),
}

# Both losses where real and fake cannot be told apart: the discriminator answers the same for all.
EQUILIBRIUM = {
    "minimax": (0.0, np.log(4), -np.log(2)),
    "non_saturating": (0.0, np.log(4), np.log(2)),
    "least_squares": (0.5, 1 / 4, 1 / 8),
    "hinge": (0.0, 2.0, 0.0),
    "wasserstein": (0.0, 0.0, 0.0),
    "relativistic": (0.0, np.log(2), np.log(2)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_losses_equal_their_formulas(name):
    loss = kgan.losses.get(name)
    of_discriminator, of_generator = FORMULAS[name]
    np.testing.assert_allclose(loss.discriminator_loss(REAL, FAKE), of_discriminator(REAL, FAKE), rtol=1e-5)
    np.testing.assert_allclose(loss.generator_loss(FAKE, REAL), of_generator(REAL, FAKE), rtol=1e-5)


@pytest.mark.parametrize("name", EQUILIBRIUM)
def test_equilibrium_values(name):
    output, of_discriminator, of_generator = EQUILIBRIUM[name]
    same, loss = np.full((8, 1), output, "float32"), kgan.losses.get(name)
    np.testing.assert_allclose(loss.discriminator_loss(same, same), of_discriminator, atol=1e-6)
    np.testing.assert_allclose(loss.generator_loss(same, same), of_generator, atol=1e-6)


@pytest.mark.parametrize("name", FORMULAS)
def test_losses_and_their_gradients_are_finite_at_extreme_logits(name):
    loss = kgan.losses.get(name)
    real, fake = (tf.constant([[-1e4], [1e4]]) for _ in range(2))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, fake])
        values = loss.discriminator_loss(real, fake), loss.generator_loss(fake, real)
    for value in values:
        assert np.isfinite(value)
        gradients = tape.gradient(value, [real, fake], unconnected_gradients="zero")
        assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_minimax_gradient_vanishes_where_samples_are_bad_and_the_non_saturating_one_does_not():
    fake = tf.constant([[-8.0]])
    gradients = {}
    for name in ("minimax", "non_saturating"):
        with tf.GradientTape() as tape:
            tape.watch(fake)
            value = kgan.losses.get(name).generator_loss(fake)
        gradients[name] = float(tape.gradient(value, fake)[0, 0])
    np.testing.assert_allclose(gradients["minimax"], -probability(np.array(-8.0)), rtol=1e-4)
    np.testing.assert_allclose(gradients["non_saturating"], -(1 - probability(np.array(-8.0))), rtol=1e-4)


def test_a_wrong_name_is_answered_with_the_right_ones():
    with pytest.raises(ValueError, match="'hnge'.*'minimax'.*'relativistic'"):
        kgan.losses.get("hnge")
    with pytest.raises(ValueError, match="must be a finite number above 0"):
        kgan.losses.Wasserstein(weight_clip=-1.0)


@pytest.mark.parametrize("name", FORMULAS)
def test_losses_survive_serialization(name):
    loss = kgan.losses.Wasserstein(0.5) if name == "wasserstein" else kgan.losses.get(name)
    copy = kgan.losses.get(keras.saving.serialize_keras_object(loss))
    assert type(copy) is type(loss)
    assert copy.get_config() == loss.get_config()


@keras.saving.register_keras_serializable(package="test")
class Own(kgan.losses.AdversarialLoss):
    def __init__(self, size=1.0):
        self.size = size

    def get_config(self):
        return {"size": self.size}


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("hinge", kgan.losses.Hinge),
        ("Hinge", kgan.losses.Hinge),
        ("NonSaturating", kgan.losses.NonSaturating),
        (kgan.losses.Wasserstein, kgan.losses.Wasserstein),
        (kgan.losses.Hinge(), kgan.losses.Hinge),
        ({"class_name": "Hinge", "config": {}}, kgan.losses.Hinge),
        ({"class_name": "Wasserstein", "config": {"weight_clip": 0.01}}, kgan.losses.Wasserstein),
        (keras.saving.serialize_keras_object(kgan.losses.Wasserstein()), kgan.losses.Wasserstein),
        (Own, Own),
        (Own(2.0), Own),
        (keras.saving.serialize_keras_object(Own(1.0)), Own),
    ],
)
def test_losses_resolve_as_in_keras(form, kind):
    found = kgan.losses.get(form)
    assert type(found) is kind
    assert found.get_config() == (form if isinstance(form, Own) else kind()).get_config()


@pytest.mark.parametrize(
    "form", [{}, {"class_name": "Hing", "config": {}}, 3, None, keras.losses.Hinge(), dict, kgan.losses.R1]
)
def test_what_is_no_loss_is_answered_with_the_right_ones(form):
    with pytest.raises(ValueError, match="unknown loss .*'minimax'.*'relativistic'"):
        kgan.losses.get(form)


def test_numbers_of_numpy_are_taken():
    assert kgan.losses.Wasserstein(np.float32(0.5)).get_config() == {"weight_clip": 0.5}
