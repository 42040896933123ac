"""`FairClassifier`: its steps against hand-written ones, and what it keeps."""

import contextlib
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.models.fair_classifier import FairClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype("float32")
TARGET = np.array(["low", "mid", "high"])[RNG.integers(0, 3, 64)]
SENSITIVE = {
    "sex": np.array(["f", "m"])[(RNG.random(64) < 0.3).astype(int)],
    "race": RNG.choice([3, 5, 9], 64, p=[0.5, 0.3, 0.2]),
    "age": 40 + 10 * RNG.normal(size=64),
}
LABELS = {"target": TARGET, "sensitive": SENSITIVE}
# What these are inside, by hand: sorted classes, the second of two categories, standardised numbers.
CLASSES = np.searchsorted(["high", "low", "mid"], TARGET)
SEX = (SENSITIVE["sex"] == "m").astype("float32")
RACE = np.eye(3, dtype="float32")[np.searchsorted([3, 5, 9], SENSITIVE["race"])]
AGE = ((SENSITIVE["age"] - SENSITIVE["age"].mean()) / SENSITIVE["age"].std()).astype("float32")
OBJECTIVES = ["projection", "reversal", "uniform", "negative"]


def networks(on="representation", equalised_odds=False, dropout=0.0):
    keras.utils.set_random_seed(1)
    encoder = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5, "tanh"), keras.layers.Dropout(dropout)])
    predictor = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    seen, true_class = keras.Input((5 if on == "representation" else 3,)), keras.Input((3,))
    both = keras.layers.Concatenate()([seen, true_class]) if equalised_odds else seen
    outputs = keras.layers.Dense(5)(keras.layers.Dense(4, "tanh")(both))
    return encoder, predictor, keras.Model([seen, true_class] if equalised_odds else seen, outputs)


def make(
    objective="projection",
    *,
    dropout=0.0,
    rate=0.1,
    optimizer=keras.optimizers.SGD,
    steps=1,
    run_eagerly=False,
    **settings,
):
    shape = {name: settings[name] for name in ("on", "equalised_odds") if name in settings}
    model = FairClassifier(*networks(**shape, dropout=dropout), objective=objective, seed=0, **settings)
    model.compile(optimizer(rate), optimizer(2 * rate), adversary_steps=steps, run_eagerly=run_eagerly)
    return model


def assert_same(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def values(model):
    return [v.numpy() for v in model.variables]


# One step


def losses_by_hand(model_parts, rows, on, equalised_odds):
    encoder, predictor, adversary = model_parts
    h = encoder(X[rows])
    logits = predictor(h)
    seen = h if on == "representation" else logits - tf.reduce_mean(logits, axis=1, keepdims=True)
    one_hot = tf.one_hot(CLASSES[rows], 3)
    outputs = adversary([seen, one_hot] if equalised_odds else seen)

    def cross_entropies(sex, race, age):
        return (
            tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(sex, outputs[:, 0]))
            + tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(race, outputs[:, 1:4]))
            + tf.reduce_mean((outputs[:, 4] - age) ** 2)
        )

    target = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(one_hot, logits))
    among = [(CLASSES == c if equalised_odds else np.full(64, True)) for c in CLASSES[rows]]
    prior = [np.array([of[members].mean(axis=0) for members in among], "float32") for of in (SEX, RACE, AGE)]
    return target, cross_entropies(SEX[rows], RACE[rows], AGE[rows]), cross_entropies(*prior)


def move(variables, gradients, rate):
    for variable, gradient in zip(variables, gradients, strict=True):
        variable.assign_sub(rate * gradient)


def round_by_hand(parts, objective, batches, alpha, on, equalised_odds):
    own = [w.value for w in parts[0].trainable_weights + parts[1].trainable_weights]
    adversary = [w.value for w in parts[2].trainable_weights]
    if objective != "reversal":
        for rows in batches:
            with tf.GradientTape() as tape:
                _, loss, _ = losses_by_hand(parts, rows, on, equalised_odds)
            move(adversary, tape.gradient(loss, adversary), 0.2)
    with tf.GradientTape(persistent=True) as tape:
        target, loss, uniform = losses_by_hand(parts, batches[0], on, equalised_odds)
    g_target, g_adversary, g_uniform = (
        tape.gradient(of, own, unconnected_gradients=tf.UnconnectedGradients.ZERO) for of in (target, loss, uniform)
    )
    if objective == "reversal":
        move(adversary, tape.gradient(loss, adversary), 0.2)
    if objective == "uniform":
        gradients = [t + alpha * u for t, u in zip(g_target, g_uniform, strict=True)]
    elif objective == "projection":
        t, a = (np.concatenate([np.ravel(g) for g in of]).astype("float64") for of in (g_target, g_adversary))
        whole = t - (t @ a) / (a @ a) * a - alpha * a
        ends = np.cumsum([np.size(g) for g in own])[:-1]
        gradients = [part.reshape(v.shape) for part, v in zip(np.split(whole, ends), own, strict=True)]
    else:
        gradients = [t - alpha * a for t, a in zip(g_target, g_adversary, strict=True)]
    move(own, gradients, 0.1)
    return float(target), float(loss)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("objective", "compiled", "settings"),
    [
        ("projection", True, {}),
        ("projection", False, {"on": "prediction", "equalised_odds": True, "steps": 2}),
        ("reversal", True, {}),
        ("reversal", False, {"on": "prediction"}),
        ("uniform", False, {}),
        ("uniform", False, {"equalised_odds": True}),
        ("negative", False, {"steps": 2}),
    ],
)
def test_training_equals_hand_written_tapes(objective, compiled, settings):
    model = make(objective, alpha=0.8, run_eagerly=not compiled, **settings)
    steps = settings.pop("steps", 1)
    logs = model.fit(X, LABELS, batch_size=16, epochs=1, shuffle=False, verbose=0).history
    given = {"on": "representation", "equalised_odds": False, **settings}
    parts, rows = networks(**given), np.arange(64).reshape(-1, steps, 16)
    targets = [round_by_hand(parts, objective, list(batches), 0.8, **given)[0] for batches in rows]
    for got, expected in zip((model.encoder, model.predictor, model.adversary), parts, strict=True):
        for a, b in zip(got.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, atol=2e-6)
    np.testing.assert_allclose(logs["target_loss"], [np.mean(targets)], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("objective", [*OBJECTIVES, "without sensitive columns"])
def test_with_alpha_0_it_trains_as_keras_does(objective):
    plain = objective not in OBJECTIVES
    model = make("projection" if plain else objective, alpha=0.0, run_eagerly=True)
    logs = model.fit(
        X, {"target": TARGET} if plain else LABELS, batch_size=16, epochs=2, shuffle=False, verbose=0
    ).history
    encoder, predictor, _ = networks()
    stock = keras.Sequential([encoder, predictor])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    stock.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
    expected = stock.fit(X, CLASSES, batch_size=16, epochs=2, shuffle=False, verbose=0).history
    for a, b in zip(model.encoder.get_weights() + model.predictor.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    np.testing.assert_allclose(logs["accuracy"], expected["accuracy"], rtol=1e-6)
    np.testing.assert_allclose(logs["classifier_loss"], expected["loss"], rtol=1e-5)
    assert ("adversary_loss" in logs) != plain
    np.testing.assert_allclose(model.predict(X, verbose=0), keras.ops.softmax(stock(X)), atol=1e-6)


def entropy(p):
    return float(-(p * np.log(p)).sum())


@pytest.mark.slow
def test_an_adversary_that_repeats_the_frequencies_is_as_far_as_can_be():
    """Then the uniform objective is the entropy of the frequencies; where it says a half, the logarithm of 2."""
    sex, race = np.array([1 - SEX.mean(), SEX.mean()]), RACE.mean(axis=0)
    logits = np.concatenate([[np.log(sex[1] / sex[0])], np.log(race), [0.0]])
    model = make("uniform", alpha=2.0)
    for bias, expected in ((logits, entropy(sex) + entropy(race)), (np.zeros(5), np.log(2) + np.log(3))):
        model.adversary.layers[-1].set_weights([np.zeros((4, 5)), bias])
        logs = model.evaluate(X, LABELS, batch_size=24, verbose=0, return_dict=True)
        assert logs["classifier_loss"] - logs["target_loss"] == pytest.approx(2 * expected, rel=1e-5)
        assert logs["adversary_accuracy_sex"] == pytest.approx(sex.max() if bias.any() else sex[0])
        assert logs["adversary_squared_error_age"] == pytest.approx(1.0, rel=1e-5)
    assert model.evaluate(X, LABELS, verbose=0, return_dict=True)["adversary_loss"] == pytest.approx(
        np.log(2) + np.log(3) + 1, rel=1e-5
    )


@pytest.mark.slow
def test_alpha_rises_with_the_rounds_of_the_warm_up():
    model = make("reversal", alpha=0.5, warmup_steps=6)
    logs = model.fit(X, LABELS, batch_size=16, epochs=3, verbose=0).history
    share = np.minimum(np.arange(12) / 6, 1).reshape(3, 4)
    np.testing.assert_allclose(logs["alpha"], 0.5 * share.mean(axis=1), rtol=1e-6)
    assert model.evaluate(X, LABELS, verbose=0, return_dict=True)["alpha"] == 0.5
    # In the very first round it is 0.
    model = make("negative", alpha=0.5, warmup_steps=6, run_eagerly=True)
    logs = model.fit(X, LABELS, batch_size=64, verbose=0).history
    assert logs["classifier_loss"] == logs["target_loss"] and logs["alpha"] == [0.0]
    assert "alpha" not in make(alpha=0.5, run_eagerly=True).fit(X, LABELS, batch_size=64, verbose=0).history


# What it is made of, by itself


@pytest.mark.slow
def test_raw_columns_are_standardised_by_the_encoder_that_it_makes():
    """Other units, other zeros and a column that never varies change nothing."""

    def predictions(x):
        model = FairClassifier(seed=3)
        model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), run_eagerly=True)
        model.fit(x, LABELS, batch_size=16, epochs=1, verbose=0)
        return model.predict(x, verbose=0), model

    plain, model = predictions(np.c_[X, np.zeros(64)])
    scaled, _ = predictions(np.c_[X * [1e-3, 1, 10, 100, 1e4, 1e5] + [0, 5, -70, 0, 1e4, 2e5], np.full(64, 7.0)])
    np.testing.assert_allclose(scaled, plain, atol=2e-3)
    np.testing.assert_allclose(plain.sum(axis=1), 1, atol=1e-6)
    assert plain.shape == (64, 3) and plain.dtype == np.float32 and list(model.classes_) == ["high", "low", "mid"]
    assert model.transform(np.c_[X, np.zeros(64)]).shape[0] == 64
    # A value that the first data never had does not blow up.
    assert np.isfinite(model.predict(np.c_[X, np.ones(64)], verbose=0)).all()
    again, _ = predictions(np.c_[X, np.zeros(64)])
    np.testing.assert_array_equal(again, plain)


@pytest.mark.slow
def test_images_take_an_encoder_of_ones_own():
    images, digits = RNG.random((60, 8, 8, 1)).astype("float32"), RNG.integers(0, 4, 60)
    encoder = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(3, 3, strides=2, activation="relu")])
    model = FairClassifier(encoder, objective="reversal")
    with pytest.raises(ValueError, match="call fit first"):
        model.predict(images)
    model.compile()
    labels = {"target": digits, "sensitive": images.mean(axis=(1, 2, 3)) > 0.5}
    logs = model.fit(images, labels, batch_size=20, verbose=0, validation_split=1 / 3).history
    assert {"val_accuracy", "val_adversary_accuracy", "val_adversary_loss"} <= set(logs)
    assert model.transform(images).shape == (60, 3, 3, 3) and model.predict(images, verbose=0).shape == (60, 4)
    unmade = FairClassifier()
    unmade.compile()
    with pytest.raises(ValueError, match=r"without an encoder x must be a table"):
        unmade.fit(images, labels)


@pytest.mark.slow
def test_a_dataset_gives_what_arrays_give():
    def weights(*data, **options):
        model = FairClassifier(seed=3)
        model.compile("sgd", "sgd", run_eagerly=True)
        model.fit(*data, epochs=2, verbose=0, **options)
        return model

    from_arrays = weights(X, LABELS, batch_size=16, shuffle=False)
    dataset = tf.data.Dataset.from_tensor_slices((X, LABELS)).batch(16, drop_remainder=True)
    from_dataset = weights(dataset, validation_data=dataset)
    for a, b in zip(from_arrays.get_weights(), from_dataset.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    expected = from_arrays.evaluate(X, LABELS, batch_size=16, verbose=0)
    np.testing.assert_allclose(from_dataset.evaluate(dataset, verbose=0), expected, rtol=1e-5)
    np.testing.assert_allclose(from_dataset.predict(dataset, verbose=0), from_arrays.predict(X, verbose=0), atol=1e-6)
    np.testing.assert_allclose(from_dataset.transform(dataset), from_arrays.transform(X), atol=1e-5)


# Saving, resuming, devices, precision


@pytest.mark.slow
@pytest.mark.parametrize(
    ("route", "objective"), [(".keras", "projection"), (".weights.h5", "reversal"), ("BackupAndRestore", "uniform")]
)
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(route, objective, tmp_path):
    def build():
        steps = 1 if objective == "reversal" else 2
        settings = {"steps": steps, "alpha": 0.8, "warmup_steps": 6, "equalised_odds": True}
        momentum = functools.partial(keras.optimizers.SGD, momentum=0.9)
        return make(objective, dropout=0.3, rate=0.01, optimizer=momentum, run_eagerly=route != ".keras", **settings)

    def fit(model, **options):
        return model.fit(X, LABELS, batch_size=16, verbose=0, **{"epochs": 4, **options}).history

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    whole, first = build(), build()
    history = fit(whole)
    if route == "BackupAndRestore":
        with pytest.raises(KeyboardInterrupt):
            fit(first, callbacks=[keras.callbacks.BackupAndRestore(tmp_path / "backup"), Interrupt()])
        resumed = build()
        rest = fit(resumed, callbacks=[keras.callbacks.BackupAndRestore(tmp_path / "backup")])
    else:
        fit(first, epochs=2)
        path = tmp_path / f"model{route}"
        if route == ".keras":
            first.save(path)
            resumed = keras.models.load_model(path)
        else:
            first.save_weights(path)
            resumed = build()
            fit(resumed, epochs=1)  # another state, all of which has to go
            resumed.load_weights(path)
        rest = fit(resumed, initial_epoch=2)
    assert_same(values(whole), values(resumed))
    for player in whole.players:
        assert_same(values(whole.optimizers[player]), values(resumed.optimizers[player]))
    for name in history:
        assert history[name][2:] == rest[name]


@pytest.mark.slow
def test_a_saved_model_knows_its_labels_and_the_networks_that_it_made(tmp_path):
    model = FairClassifier(alpha=0.5, objective="uniform", on="prediction", equalised_odds=True, seed=4)
    model.compile("adam", keras.optimizers.SGD(0.01), adversary_steps=2, run_eagerly=True)
    model.fit(X, LABELS, batch_size=16, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for name in ("encoding", "alpha", "objective", "on", "equalised_odds", "warmup_steps", "seed", "name"):
        assert again.get_config()[name] == model.get_config()[name]
    assert again.steps == model.steps and again._keras_kwargs == model._keras_kwargs
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    np.testing.assert_array_equal(again.classes_, model.classes_)
    logs = [each.evaluate(X, LABELS, verbose=0, return_dict=True) for each in (model, again)]
    assert logs[0] == logs[1]
    with pytest.raises(ValueError, match="'target' and 'sensitive'"):
        again.evaluate(X, {"target": TARGET})


def test_a_model_that_is_not_fitted_yet_can_be_saved(tmp_path):
    made = FairClassifier(networks()[0], alpha=0.25, warmup_steps=7)
    again = FairClassifier.from_config(made.get_config())
    assert again.encoder is not None and again.predictor is None
    assert (again.alpha, again.warmup_steps, again.seed) == (0.25, 7, made.seed)


def made_by_itself():
    model = FairClassifier(objective="reversal", seed=3)
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
    return model


@pytest.mark.slow
@pytest.mark.parametrize(
    "build",
    [lambda: make(on="prediction", alpha=0.8, warmup_steps=5, steps=2), made_by_itself],
    ids=["projection", "reversal, networks from the first data"],
)
def test_two_devices_train_to_the_weights_and_logs_of_one(two_devices, build):
    def run(scope):
        with scope:
            model = build()
        return model, model.fit(X, LABELS, batch_size=16, epochs=1, verbose=0).history

    (one, logs), (two, logs_of_two) = run(contextlib.nullcontext()), run(two_devices.scope())
    assert (one.num_devices, two.num_devices) == (1, 2)
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=3e-6)
    for name, expected in logs.items():
        np.testing.assert_allclose(logs_of_two[name], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "objective"),
    [("mixed_bfloat16", "projection"), ("mixed_float16", "reversal")],
)
def test_mixed_precision_comes_close_to_float32(policy, objective):
    found = []
    for chosen in ("float32", policy):
        keras.config.set_dtype_policy(chosen)
        model = FairClassifier(objective=objective, seed=3)
        model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), run_eagerly=True)
        # Half precision cannot tell such numbers apart before they are standardised.
        x = X * 10 + 1e4
        logs = model.fit(x, LABELS, batch_size=16, epochs=1, verbose=0).history
        found.append((logs["target_loss"], logs["adversary_loss"], model.predict(x, verbose=0)))
        assert found[-1][2].dtype == np.float32
    for half, full in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(half, full, rtol=0.03, atol=0.02)


# Wrong arguments


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"alpha": -1}, "alpha must be a finite number of at least 0, got -1"),
        ({"alpha": float("nan")}, "alpha must be a finite number"),
        ({"objective": "projecton"}, "unknown objective 'projecton': use one of 'projection', 'reversal', 'uniform'"),
        ({"on": "logits"}, "unknown on 'logits': use one of 'representation', 'prediction'"),
        ({"warmup_steps": 0.5}, "warmup_steps must be a whole number of rounds"),
    ],
)
def test_wrong_arguments_are_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        FairClassifier(**arguments)


def test_compile_refuses_what_cannot_be():
    model = FairClassifier(objective="reversal")
    with pytest.raises(ValueError, match="moves both players in one pass: leave out adversary_steps"):
        model.compile(adversary_steps=3)
    with pytest.raises(ValueError, match="compile got metrics"):
        model.compile(metrics=["accuracy"])
    with pytest.raises(ValueError, match=r"You must call `compile\(\)` before"):
        model.fit(X, LABELS)


@pytest.mark.parametrize(
    ("networks", "sentence"),
    [
        (lambda: {"encoder": keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])}, "encoder cannot take"),
        (lambda: {"encoder": "mlp"}, "the encoder must be a keras.Model, got 'mlp'"),
        (
            lambda: {"predictor": keras.Sequential([keras.Input((32,)), keras.layers.Dense(2)])},
            r"predictor must make outputs of shape \(None, 3\), one logit for each class of the target, but makes",
        ),
        (
            lambda: {"adversary": keras.Sequential([keras.Input((32,)), keras.layers.Dense(1)])},
            r"shape \(None, 5\), for sex \(binary\) 1, race \(categorical\) 3, age \(continuous\) 1, but makes",
        ),
    ],
)
def test_networks_that_do_not_fit_the_data_are_refused(networks, sentence):
    model = FairClassifier(**networks())
    model.compile()
    with pytest.raises(ValueError, match=sentence):
        model.fit(X, LABELS)


# Datasets are asked what arrays are asked


@pytest.mark.slow
def test_a_dataset_of_float64_trains_to_what_its_array_trains_to():
    def weights(*data, **options):
        model = make(rate=0.1, steps=1)
        model.fit(*data, verbose=0, **options)
        return model.get_weights()

    wide = X.astype("float64")
    dataset = tf.data.Dataset.from_tensor_slices((wide, LABELS)).batch(16, drop_remainder=True)
    for a, b in zip(weights(wide, LABELS, batch_size=16, shuffle=False), weights(dataset), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def spoilt(name):
    """The data with one fault, far behind the first batch."""
    x, target, sex = X.copy(), TARGET.copy(), SENSITIVE["sex"].copy()
    if name == "NaN":
        x[50, 2] = np.nan
    elif name == "class":
        target[50] = "top"
    elif name == "group":
        sex[50] = "x"
    return x, {"target": target, "sensitive": sex}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "sentence"),
    [("NaN", "NaN or infinite"), ("class", "'top', which the data of the first fit"), ("group", "'x', which the data")],
)
def test_what_is_wrong_in_a_later_batch_is_told_as_of_arrays(fault, sentence):
    model = FairClassifier(seed=0)
    model.compile("sgd", "sgd", 1, run_eagerly=True)
    model.fit(*spoilt("nothing"), batch_size=16, verbose=0)
    for data in (spoilt(fault), [tf.data.Dataset.from_tensor_slices(spoilt(fault)).batch(16)]):
        options = {"batch_size": 16} if len(data) == 2 else {}
        with pytest.raises((ValueError, FloatingPointError), match=sentence):
            model.fit(*data, verbose=0, **options)


@pytest.mark.slow
def test_numbers_may_be_numpys():
    model = FairClassifier(alpha=np.float32(0.5), warmup_steps=np.int64(4), seed=np.int64(3))
    model.compile("sgd", "sgd", adversary_steps=np.int64(2), run_eagerly=True)
    model.fit(X, LABELS, batch_size=16, verbose=0)
    config = model.get_config()
    assert (config["alpha"], config["warmup_steps"], config["seed"], model.steps["adversary"]) == (0.5, 4, 3, 2)
    with pytest.raises(ValueError, match="adversary_steps must be a whole number of at least 1, got 2.5"):
        model.compile(adversary_steps=2.5)
