"""Attacks against two other libraries, against what is known of linear models, and against brute force."""

import foolbox
import keras
import numpy as np
import pytest
import tensorflow as tf
from art.attacks.evasion import FastGradientMethod, ProjectedGradientDescent
from art.estimators.classification import TensorFlowV2Classifier

from kgan import attacks

RNG = np.random.default_rng(0)
X = RNG.uniform(0.3, 0.7, (48, 6, 6, 1)).astype("float32")
Y = RNG.integers(0, 4, 48)


def classifier(activation=None, *, scale=1.0, tail=()):
    """A small convolutional network whose batch norm has seen data, with the same weights each time."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(5, 3, activation="tanh"),
            keras.layers.BatchNormalization(momentum=0.5),
            keras.layers.Dropout(0.5),
            keras.layers.Flatten(),
            keras.layers.Dense(4, activation=activation),
            *tail,
        ]
    )
    model(X, training=True)
    model.layers[4].set_weights([scale * w for w in model.layers[4].get_weights()])
    return model


def assert_rounding(a, b, atol=5e-7):
    # A gradient whose sign differs would be seen: it moves a number by a whole step.
    np.testing.assert_allclose(a, b, atol=atol)


# The same as other libraries


@pytest.fixture(scope="module")
def model():
    return classifier()


@pytest.mark.slow
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 0.1), ("l2", 0.25)])
def test_equals_the_adversarial_robustness_toolbox(model, norm, epsilon, targeted):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    other = TensorFlowV2Classifier(model, 4, (6, 6, 1), loss_object=loss, clip_values=(0, 1))
    settings = {"norm": np.inf if norm == "linf" else 2, "eps": epsilon, "targeted": targeted, "batch_size": 48}
    expected = FastGradientMethod(other, **settings).generate(X, Y)
    assert_rounding(attacks.fgsm(model, X, Y, epsilon, norm=norm, targeted=targeted), expected)
    # Steps that reach the edge of the ball.
    expected = ProjectedGradientDescent(
        other, eps_step=epsilon / 4, max_iter=9, num_random_init=0, verbose=False, **settings
    ).generate(X, Y)
    steps = {"steps": 9, "step_size": epsilon / 4, "random_start": False}
    assert_rounding(attacks.pgd(model, X, Y, epsilon, norm=norm, targeted=targeted, **steps), expected)


@pytest.mark.slow
@pytest.mark.parametrize("bounds", [(0.0, 1.0), (0.25, 0.75)], ids=["wide", "in the way"])
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 0.1), ("l2", 0.5)])
def test_equals_foolbox(model, norm, epsilon, targeted, bounds):
    other = foolbox.TensorFlowModel(model, bounds, device="/CPU:0")
    x, y = tf.constant(X), tf.constant(Y)
    criterion = foolbox.criteria.TargetedMisclassification(y) if targeted else foolbox.criteria.Misclassification(y)
    pgd = {"linf": foolbox.attacks.LinfPGD, "l2": foolbox.attacks.L2PGD}[norm]
    _, expected, _ = pgd(abs_stepsize=epsilon / 4, steps=9, random_start=False)(other, x, criterion, epsilons=epsilon)
    steps = {"steps": 9, "step_size": epsilon / 4, "random_start": False}
    ours = attacks.pgd(model, X, Y, epsilon, norm=norm, targeted=targeted, bounds=bounds, **steps)
    assert_rounding(ours, expected.numpy())
    if not targeted:  # which foolbox's one-step attack cannot be
        fgsm = {"linf": foolbox.attacks.LinfFastGradientAttack, "l2": foolbox.attacks.L2FastGradientAttack}[norm]
        _, expected, _ = fgsm()(other, x, criterion, epsilons=epsilon)
        assert_rounding(attacks.fgsm(model, X, Y, epsilon, norm=norm, bounds=bounds), expected.numpy())


# What is known


ANYWHERE = (-np.inf, np.inf)


def linear(units=1, activation=None):
    """Logits w.x for one unit, (0, w.x) for two."""
    keras.utils.set_random_seed(2)
    w = np.random.default_rng(2).normal(size=(5, 1)).astype("float32")
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(units, activation=activation, use_bias=False)])
    model.set_weights([w if units == 1 else np.concatenate([0 * w, w], axis=1)])
    return model, w[:, 0]


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("targeted", [False, True])
def test_the_worst_case_of_a_linear_model(norm, targeted):
    model, w = linear(2)
    x, y = RNG.normal(size=(20, 5)).astype("float32"), RNG.integers(0, 2, 20)
    dual = np.abs(w).sum() if norm == "linf" else np.sqrt((w**2).sum())
    # The score of class 1 falls by epsilon |w| in the dual norm if that is the true class, and rises if it is not.
    expected = x @ w + 0.3 * dual * np.where((y == 1) == targeted, 1, -1)
    settings = {"norm": norm, "targeted": targeted, "bounds": ANYWHERE, "from_logits": True}
    np.testing.assert_allclose(attacks.fgsm(model, x, y, 0.3, **settings) @ w, expected, atol=2e-6)


def test_the_default_steps_cross_the_ball_from_any_start():
    # From the far corner of the cube it is two epsilon to the worst corner, and the steps add up to 2.5.
    model, w = linear(2)
    x = np.zeros((50, 5), "float32")
    attacked = attacks.pgd(model, x, np.ones(50, int), 0.2, steps=7, bounds=ANYWHERE, from_logits=True)
    np.testing.assert_allclose(attacked, np.tile(-0.2 * np.sign(w), (50, 1)), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_stays_in_the_ball_and_in_the_range_of_the_data(model, norm):
    bounds = (float(X.min()), float(X.max()))
    epsilon = 0.1 if norm == "linf" else 0.8
    for settings in ({"step_size": 5.0}, {"steps": 3}):
        attacked = attacks.pgd(model, X, Y, epsilon, norm=norm, bounds=bounds, **settings)
        offset = (attacked - X).reshape(48, -1)
        size = np.abs(offset).max(axis=1) if norm == "linf" else np.sqrt((offset**2).sum(axis=1))
        assert size.max() <= epsilon + 1e-6 and size.min() > epsilon / 5
        assert attacked.min() >= bounds[0] and attacked.max() <= bounds[1]
        assert attacked.dtype == np.float32 and attacked.shape == X.shape


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_random_starts_are_uniform_in_the_ball(norm):
    model, _ = linear(2)
    x = np.zeros((4000, 5), "float32")
    settings = {"steps": 1, "step_size": 1e-9, "bounds": ANYWHERE, "from_logits": True, "seed": 0}
    points = attacks.pgd(model, x, np.ones(4000, int), 2.0, norm=norm, **settings) / 2
    size = np.abs(points).max(axis=1) if norm == "linf" else np.sqrt((points**2).sum(axis=1))
    # The share of a ball's volume within a radius is the radius to the power of the dimension.
    volumes = np.sort(size**5)
    assert np.abs(volumes - np.linspace(0, 1, 4000)).max() < 0.035  # Kolmogorov-Smirnov, far beyond the 1 % level
    assert np.abs(points.mean(axis=0)).max() < 0.04
    assert np.abs(np.corrcoef(points.T) - np.eye(5)).max() < 0.07


def test_no_epsilon_no_change(model):
    np.testing.assert_array_equal(attacks.fgsm(model, X, Y, 0), X)
    np.testing.assert_array_equal(attacks.pgd(model, X, Y, 0.0, norm="l2", steps=2), X)


# The same however it is run


@pytest.mark.slow
def test_the_size_of_the_batches_makes_no_difference(model):
    whole, parts = (attacks.pgd(model, X, Y, 0.1, steps=3, seed=5, batch_size=size) for size in (48, 7))
    assert_rounding(whole, parts)


@pytest.mark.slow
def test_the_seed_decides_and_one_that_is_drawn_follows_keras():
    model, _ = linear(2, "softmax")

    def attack(seed=None):
        x = np.full((20, 5), 0.5)
        return attacks.pgd(model, x, np.ones(20, int), 0.1, norm="l2", steps=1, step_size=0.01, seed=seed)

    np.testing.assert_array_equal(attack(1), attack(1))
    assert np.any(attack(1) != attack(2))
    keras.utils.set_random_seed(0)
    drawn = attack()
    assert np.any(drawn != attack())
    keras.utils.set_random_seed(0)
    np.testing.assert_array_equal(drawn, attack())


def test_a_model_on_two_devices(model, two_devices):
    with two_devices.scope():
        mirrored = classifier()
    np.testing.assert_array_equal(attacks.fgsm(mirrored, X, Y, 0.1), attacks.fgsm(model, X, Y, 0.1))


def test_the_model_runs_in_inference_mode_and_stays_as_it_is(model):
    before = [np.array(v) for v in model.variables]
    first = attacks.pgd(model, X, Y, 0.1, random_start=False)
    np.testing.assert_array_equal(first, attacks.pgd(model, X, Y, 0.1, random_start=False))  # dropout is off
    assert len(before) == len(model.variables) == 9
    for value, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(value, np.array(variable))


# Logits and probabilities, class ids and one-hot rows


class Subclassed(keras.Model):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, inputs):
        return self.inner(inputs)


HIDDEN = (keras.layers.Reshape((4,)),)


@pytest.mark.parametrize(
    "make",
    [
        lambda: classifier(tail=[keras.layers.Softmax()]),
        lambda: Subclassed(classifier("softmax")),
        lambda: classifier("softmax", tail=HIDDEN),
        lambda: classifier(tail=[keras.layers.Activation("log_softmax")]),
    ],
    ids=["layer", "model of one's own", "out of sight", "logarithms"],
)
def test_probabilities_are_attacked_as_logits_are(model, make):
    expected = attacks.pgd(model, X, Y, 0.5, norm="l2", steps=3, random_start=False)
    assert_rounding(attacks.pgd(make(), X, Y, 0.5, norm="l2", steps=3, random_start=False), expected)


def test_a_confident_classifier_is_no_harder_to_attack():
    """Two classes: any multiple of the logits has the same worst case, and no gradient in the usual cross-entropy."""
    x, y = RNG.normal(size=(20, 5)).astype("float32"), RNG.integers(0, 2, 20)
    model, w = linear(2, "softmax")
    confident = keras.models.clone_model(model)
    confident.set_weights([1e4 * value for value in model.get_weights()])
    gap = np.abs(confident.predict(x, verbose=0)[:, 0] - 0.5)
    assert np.mean(gap > 0.5 - 1e-6) > 0.9  # whether it is .5 to the bit depends on the processor
    expected = attacks.fgsm(model, x, y, 0.3, norm="l2", bounds=ANYWHERE)
    assert_rounding(attacks.fgsm(confident, x, y, 0.3, norm="l2", bounds=ANYWHERE), expected)


def test_an_attack_without_a_gradient_says_so():
    saturated = classifier("softmax", scale=3000, tail=HIDDEN)
    with pytest.warns(UserWarning, match=r"the loss of \d+ of 48 inputs has no gradient"):
        attacked = attacks.fgsm(saturated, X, Y, 0.1)
    assert np.any(np.all(attacked == X, axis=(1, 2, 3)))


@pytest.mark.parametrize(("activation", "from_logits"), [(None, True), ("sigmoid", None), ("sigmoid", False)])
def test_one_score_is_class_one_against_class_zero(activation, from_logits):
    x, y = RNG.normal(size=(20, 5)).astype("float32"), RNG.integers(0, 2, 20)
    settings = {"bounds": ANYWHERE, "norm": "l2", "from_logits": from_logits}
    expected = attacks.fgsm(linear(2)[0], x, y, 0.3, bounds=ANYWHERE, norm="l2")
    model, _ = linear(1, activation)
    assert_rounding(attacks.fgsm(model, x, y, 0.3, **settings), expected)
    if from_logits is False:
        hidden = keras.Sequential([model, keras.layers.Reshape((1,))])
        assert_rounding(attacks.fgsm(hidden, x, y[:, None], 0.3, **settings), expected)
    right = attacks.accuracy_curve(model, x, y, [0], bounds=ANYWHERE, from_logits=from_logits).accuracy
    assert right == np.mean((x @ linear(1)[1] > 0) == y)


def test_ids_columns_of_ids_and_one_hot_rows_are_the_same_labels(model):
    expected = attacks.fgsm(model, X, Y, 0.1)
    for y in (Y[:, None].astype("uint8"), np.eye(4)[Y], Y.tolist()):
        np.testing.assert_array_equal(attacks.fgsm(model, X, y, 0.1), expected)


def test_whole_numbers_in_their_own_range():
    images = RNG.integers(0, 256, (48, 6, 6, 1)).astype("uint8")
    scaled = keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Rescaling(1 / 255), classifier()])
    attacked = attacks.fgsm(scaled, images, Y, 8, bounds=(0, 255))
    expected = attacks.fgsm(classifier(), images / 255, Y, 8 / 255)
    np.testing.assert_allclose(attacked / 255, expected, atol=1e-6)


@pytest.mark.parametrize(("policy", "activation"), [("mixed_bfloat16", "softmax"), ("mixed_float16", None)])
def test_mixed_precision(model, policy, activation):
    keras.config.set_dtype_policy(policy)
    attacked = attacks.fgsm(classifier(activation), X, Y, 0.1)
    assert attacked.dtype == np.float32
    # Gradients that were rounded to 16 bits have other signs only where they are next to nothing.
    keras.config.set_dtype_policy("float32")
    assert np.mean(np.abs(attacked - attacks.fgsm(model, X, Y, 0.1)) > 1e-6) < 0.05


# Accuracy against epsilon


@pytest.mark.slow
@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_the_curve_is_the_accuracy_on_what_the_attacks_make(model, attack):
    y = model.predict(X, verbose=0).argmax(axis=1)
    y[:6] = (y[:6] + 1) % 4
    epsilons = [0, 0.1]
    settings = {"steps": 4, "seed": 3} if attack == "pgd" else {}
    curve = attacks.accuracy_curve(model, X, y, epsilons, attack=attack, **settings, batch_size=20)
    attacked = [getattr(attacks, attack)(model, X, y, epsilon, **settings) for epsilon in epsilons]
    expected = [np.mean(model.predict(a, verbose=0).argmax(axis=1) == y) for a in attacked]
    np.testing.assert_array_equal(curve.accuracy, expected)
    np.testing.assert_array_equal(curve.epsilons, epsilons)
    seen = []
    attacks.accuracy_curve(model, X, y, epsilons, attack=attack, **settings, batch_size=20, watch=seen.append)
    assert seen == [20, 40, 48, 68, 88, 96]
    assert curve.rows == 48 and curve.accuracy[0] == 42 / 48 and curve.accuracy[1] < 0.5


# What is refused


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"epsilon": -0.1}, "epsilon, in the units of the data, must be a finite number of at least 0, got -0.1"),
        ({"epsilon": np.nan}, "epsilon, in the units of the data, must be a finite number"),
        ({"epsilon": "0.1"}, "epsilon, in the units of the data, must be a finite number"),
        ({"epsilon": True}, "epsilon, in the units of the data, must be a finite number"),
        ({"y": Y + 1}, "y must be class ids from 0 to 3, got 1 to 4"),
        ({"y": -Y}, "y must be class ids from 0 to 3, got -3 to 0"),
        ({"y": Y[:10]}, "y must be 48 integer class ids, or one-hot rows of shape"),
        ({"y": Y / 1.0}, "y must be 48 integer class ids, .*got float64"),
        ({"y": np.full((48, 4), 0.25)}, "the rows of y must be one-hot"),
        ({"x": 255 * X}, r"x ranges from .* outside bounds=\(0.0, 1.0\): scale x, or give bounds its range"),
        ({"x": np.where(X == X.max(), np.nan, X)}, "x holds NaN or infinite numbers"),
        ({"x": X[:0]}, r"x must be an array of numbers of shape \(n, ...\)"),
        ({"x": X.astype("complex64")}, "x must be an array of numbers"),
        ({"bounds": (1, 0)}, r"bounds must be the range of the data as \(low, high\), got \(1, 0\)"),
        ({"bounds": None}, "bounds must be the range of the data"),
        ({"norm": "l1"}, "norm must be one of 'linf', 'l2', got 'l1'"),
        ({"steps": 0}, "steps must be a whole number of at least 1, got 0"),
        ({"step_size": 0.0}, "step_size must be a finite number above 0"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
        ({"from_logits": False}, "from_logits is False, but the model does not return probabilities"),
        ({"model": print}, "model must be a keras.Model"),
        ({"model": classifier("softmax"), "from_logits": True}, "the model ends in a softmax or sigmoid"),
        ({"model": keras.Sequential([keras.layers.Conv2D(2, 3)])}, r"scores of shape \(batch, classes\), not \(48, 4"),
        ({"model": classifier(scale=np.nan)}, "the model returns NaN or infinite numbers"),
    ],
)
def test_what_does_not_fit_is_answered_in_a_sentence(model, change, sentence):
    arguments = {"model": model, "x": X, "y": Y, "epsilon": 0.1, **change}
    with pytest.raises(ValueError, match=sentence):
        attacks.pgd(**arguments)


def test_one_score_that_may_be_either_is_asked_about():
    x, y = RNG.uniform(0, 0.1, (20, 5)), RNG.integers(0, 2, 20)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1, kernel_initializer="ones")])
    with pytest.raises(ValueError, match="may be a logit or a probability: give from_logits"):
        attacks.fgsm(model, x, y, 0.1)
    with pytest.warns(UserWarning, match="sum to 1, as probabilities do"):
        attacks.fgsm(Subclassed(classifier("softmax", tail=HIDDEN)), X, Y, 0.1, from_logits=True)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_a_last_activation_out_of_sight_is_found_all_the_same(activation):
    units = 2 if activation == "softmax" else 1
    x, y = RNG.uniform(0, 1, (20, 5)).astype("float32"), RNG.integers(0, 2, 20)
    model, _ = linear(units, activation)
    hidden = keras.Sequential([*model.layers, keras.layers.Reshape((units,))])
    hidden.build((None, 5))
    # The steps go along the sign of the gradient, which is that of the logits.
    np.testing.assert_array_equal(attacks.fgsm(hidden, x, y, 0.1), attacks.fgsm(model, x, y, 0.1))
    with pytest.raises(ValueError, match=f"from_logits is True, but the model ends in a {activation}"):
        attacks.fgsm(hidden, x, y, 0.1, from_logits=True)


@pytest.mark.slow
def test_numbers_of_numpy_are_taken(model):
    settings = {"norm": "l2", "steps": np.int64(3), "step_size": np.float32(0.1), "seed": np.int64(1)}
    settings |= {"bounds": np.array([0.0, 1.0]), "batch_size": np.int64(20)}
    attacked = attacks.pgd(model, X, Y, np.float32(0.5), **settings)
    plain = {
        "norm": "l2",
        "steps": 3,
        "step_size": float(np.float32(0.1)),
        "seed": 1,
        "bounds": (0, 1),
        "batch_size": 20,
    }
    np.testing.assert_array_equal(attacked, attacks.pgd(model, X, Y, 0.5, **plain))
    np.testing.assert_array_equal(attacked, attacks.pgd(model, tf.constant(X), tf.constant(Y), 0.5, **plain))


def test_a_wrong_attack_of_the_curve_is_answered_with_the_right_ones(model):
    with pytest.raises(ValueError, match="attack must be one of 'fgsm', 'pgd', got 'cw'"):
        attacks.accuracy_curve(model, X, Y, [0.1], attack="cw")
    with pytest.raises(ValueError, match="steps belong to attack='pgd'"):
        attacks.accuracy_curve(model, X, Y, [0.1], attack="fgsm", steps=3)
    with pytest.raises(ValueError, match="must be a finite number of at least 0"):
        attacks.accuracy_curve(model, X, Y, [0.1, -1])
