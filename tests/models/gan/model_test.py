"""`GAN` through its public names: what it learns from, what it logs, what it keeps and what it refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan

RNG = np.random.default_rng(0)
IMAGES = np.tanh(RNG.normal(size=(64, 8, 8, 1))).astype("float32")
LABELS = RNG.integers(0, 3, 64).astype("int32")


def make(*, classes=None, normalization="none", dropout=0.0, ema_momentum=0.9, seed=0, **compile_kwargs):
    keras.utils.set_random_seed(seed)
    generator = kgan.networks.dcgan_generator((8, 8, 1), 6, filters=4, num_classes=classes, normalization=normalization)
    discriminator = kgan.networks.dcgan_discriminator(
        (8, 8, 1), filters=4, num_classes=classes, normalization=normalization
    )
    if dropout:
        inputs = keras.Input((8, 8, 1))
        discriminator = keras.Model(inputs, discriminator(keras.layers.Dropout(dropout)(inputs)))
    gan = kgan.GAN(generator, discriminator, ema_momentum=ema_momentum, seed=seed)
    gan.compile(**compile_kwargs)
    return gan


def values(model):
    return [v.numpy() for v in model.variables]


def assert_same(a, b):
    for left, right in zip(a, b, strict=True):
        np.testing.assert_array_equal(left, right)


def differs(a, b):
    return any(np.any(left != right) for left, right in zip(a, b, strict=True))


# The losses


PENALTIES = [kgan.losses.R1(1.0), kgan.losses.R2(1.0), kgan.losses.GradientPenalty(1.0), kgan.losses.DRAGAN(1.0)]


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["minimax", "non_saturating", "least_squares", "hinge", "wasserstein", "relativistic"])
def test_any_loss_trains_with_all_penalties_and_logs_each_by_name(loss):
    gan = make(loss=loss, penalties=PENALTIES)
    before = gan.discriminator.get_weights(), gan.generator.get_weights()
    logs = gan.fit(IMAGES, batch_size=16, epochs=1, verbose=0).history
    assert differs(before[0], gan.discriminator.get_weights()) and differs(before[1], gan.generator.get_weights())
    assert set(logs) == {
        *("discriminator_loss", "generator_loss", "real_output", "fake_output"),
        *("r1", "r2", "gradient_penalty", "dragan"),
    }
    assert np.isfinite(list(logs.values())).all()


def test_one_step_equals_a_hand_written_one():
    """The relativistic game with R1, in two plain gradient tapes."""
    gan = make(
        loss="relativistic",
        penalties=[kgan.losses.R1(2.0)],
        generator_optimizer=keras.optimizers.SGD(0.1),
        discriminator_optimizer=keras.optimizers.SGD(0.1),
        ema_momentum=0.5,
    )
    other = make(seed=0)
    g, d = other.generator, other.discriminator
    assert_same(gan.generator.get_weights(), g.get_weights())
    start = g.get_weights()
    z1, z2 = (other.latents(IMAGES) for _ in range(2))
    with tf.GradientTape() as tape:
        with tf.GradientTape() as inner:
            x = tf.constant(IMAGES)
            inner.watch(x)
            real = d(x)
        r1 = tf.reduce_mean(tf.reduce_sum(inner.gradient(real, x) ** 2, [1, 2, 3]))
        loss = tf.reduce_mean(tf.nn.softplus(d(g(z1)) - real)) + r1
    for w, gradient in zip(d.trainable_weights, tape.gradient(loss, d.trainable_weights), strict=True):
        w.assign_sub(0.1 * gradient)
    with tf.GradientTape() as tape:
        loss_g = tf.reduce_mean(tf.nn.softplus(d(IMAGES) - d(g(z2))))
    for w, gradient in zip(g.trainable_weights, tape.gradient(loss_g, g.trainable_weights), strict=True):
        w.assign_sub(0.1 * gradient)

    logs = gan.fit(IMAGES, batch_size=64, shuffle=False, verbose=0).history
    np.testing.assert_allclose(logs["discriminator_loss"], [loss], rtol=1e-5)
    np.testing.assert_allclose(logs["r1"], [r1], rtol=1e-5)
    np.testing.assert_allclose(logs["generator_loss"], [loss_g], rtol=1e-5)
    np.testing.assert_allclose(logs["real_output"], [np.mean(real)], rtol=1e-4)
    for expected, w in zip(
        d.get_weights() + g.get_weights(), gan.discriminator.weights + gan.generator.weights, strict=True
    ):
        np.testing.assert_allclose(w.numpy(), expected, atol=1e-6)
    for average, first, last in zip(gan.ema_generator.get_weights(), start, g.get_weights(), strict=True):
        np.testing.assert_allclose(average, 0.5 * first + 0.5 * last, atol=1e-6)


@pytest.mark.slow
def test_wasserstein_clips_the_critic_after_its_step_unless_a_penalty_bounds_it():
    sgd = lambda: keras.optimizers.SGD(1.0)  # noqa: E731
    clipped = make(loss=kgan.losses.Wasserstein(0.02), discriminator_optimizer=sgd(), generator_optimizer=sgd())
    clipped.fit(IMAGES, batch_size=64, verbose=0)
    assert max(np.abs(w).max() for w in clipped.discriminator.get_weights()) == np.float32(0.02)
    assert max(np.abs(w).max() for w in clipped.generator.get_weights()) > 0.02
    penalized = make(loss="wasserstein", penalties=kgan.losses.GradientPenalty(10.0))
    penalized.fit(IMAGES, batch_size=64, verbose=0)
    assert max(np.abs(w).max() for w in penalized.discriminator.get_weights()) > 0.02


@pytest.mark.slow
def test_real_and_fake_pass_batch_norm_separately_and_turns_leave_the_others_statistics():
    """One round moves each network's statistics only by what its own turn ran through it."""
    gan = make(normalization="batch", generator_optimizer=keras.optimizers.SGD(0.0), discriminator_optimizer="sgd")
    norm = next(layer for layer in gan.generator.layers if isinstance(layer, keras.layers.BatchNormalization))
    other = make(normalization="batch")
    for _ in range(2):
        z = other.latents(IMAGES)
    gan.fit(IMAGES, batch_size=64, shuffle=False, verbose=0)
    dense = other.generator.layers[1]
    mean = np.asarray(dense(z)).reshape(64, 4, 4, -1).mean((0, 1, 2))
    np.testing.assert_allclose(norm.moving_mean.numpy(), (1 - norm.momentum) * mean, atol=1e-6)
    average = next(layer for layer in gan.ema_generator.layers if isinstance(layer, keras.layers.BatchNormalization))
    np.testing.assert_array_equal(average.moving_mean.numpy(), norm.moving_mean.numpy())


@pytest.mark.slow
def test_real_images_are_judged_with_their_real_labels():
    """A discriminator that knows nothing but whether a label fits its image."""
    images = np.repeat(LABELS[:, None, None, None] - 1.0, 8, 1).repeat(8, 2).astype("float32")
    x, y = keras.Input((8, 8, 1)), keras.Input((), dtype="int32")
    brightness = keras.layers.GlobalAveragePooling2D()(x)
    label = keras.layers.Reshape((1,))(keras.ops.cast(y, "float32") - 1.0)
    same = keras.layers.Subtract()([brightness, label])
    discriminator = keras.Model([x, y], keras.layers.Dense(1, kernel_initializer="ones")(keras.ops.abs(same)))
    generator = kgan.networks.dcgan_generator((8, 8, 1), 6, filters=2, num_classes=3)
    gan = kgan.GAN(generator, discriminator)
    gan.compile(discriminator_optimizer=keras.optimizers.SGD(0.0))
    logs = gan.fit((images, LABELS), batch_size=16, verbose=0).history
    np.testing.assert_allclose(logs["real_output"], [0.0], atol=1e-6)
    assert abs(logs["fake_output"][0]) > 0.1


# The moving average and generate


def test_the_moving_average_starts_as_a_copy_statistics_included():
    keras.utils.set_random_seed(0)
    generator = kgan.networks.dcgan_generator((8, 8, 1), 6, filters=4)
    generator(np.ones((4, 6), "float32"), training=True)
    gan = kgan.GAN(generator, kgan.networks.dcgan_discriminator((8, 8, 1), filters=4))
    assert_same(gan.ema_generator.get_weights(), generator.get_weights())
    assert np.any(generator.non_trainable_weights[0].numpy() != 0)


@pytest.mark.slow
def test_generate_uses_the_average_and_repeats_a_seed_and_leaves_training_alone():
    gan = make(ema_momentum=0.5)
    gan.fit(IMAGES, batch_size=16, verbose=0)
    state = values(gan)
    a, b, c = gan.generate(5, seed=1), gan.generate(5, seed=1), gan.generate(5, seed=2)
    np.testing.assert_array_equal(a, b)
    assert np.any(a != c) and np.any(gan.generate(5) != gan.generate(5))
    z = kgan.layers.draw_latents(5, 6, seed=1)
    np.testing.assert_allclose(a, gan.ema_generator(z), atol=1e-6)
    np.testing.assert_allclose(gan.generate(5, seed=1, ema=False), gan.generator(z), atol=1e-6)
    assert np.abs(a - gan.generate(5, seed=1, ema=False)).max() > 1e-4
    np.testing.assert_allclose(gan.predict(z, verbose=0), a, atol=1e-6)
    assert_same(values(gan), state)
    assert a.shape == (5, 8, 8, 1) and a.dtype == np.float32
    np.testing.assert_allclose(gan.generate(300, seed=1)[:5], a, atol=1e-6)


@pytest.mark.slow
def test_the_average_can_be_switched_off():
    gan = make(ema_momentum=None)
    gan.fit(IMAGES, batch_size=16, verbose=0)
    assert gan.ema_generator is None
    np.testing.assert_array_equal(gan.generate(3, seed=0), gan.generate(3, seed=0, ema=False))


@pytest.mark.slow
def test_generate_with_labels():
    gan = make(classes=3)
    gan.fit((IMAGES, LABELS), batch_size=16, verbose=0)
    turns = gan.generate(4, seed=0)
    np.testing.assert_array_equal(turns, gan.generate(4, seed=0, labels=[0, 1, 2, 0]))
    np.testing.assert_array_equal(gan.generate(4, seed=0, labels=1)[1], turns[1])
    for labels, sentence in [(3, "from 0 to 2, got 3 to 3"), ([0, 1], "array of 4"), ([0.5] * 4, "class id")]:
        with pytest.raises(ValueError, match=sentence):
            gan.generate(4, labels=labels)
    with pytest.raises(ValueError, match="built without classes"):
        make().generate(4, labels=0)


# Exact resume, by every route that Keras offers


CASES = {
    "batch norm, penalties, k = 2": dict(
        normalization="batch", loss="hinge", penalties=[kgan.losses.GradientPenalty(1.0)], discriminator_steps=2
    ),
    "dropout, schedule": dict(
        dropout=0.3,
        loss="relativistic",
        penalties=[kgan.losses.R1(1.0)],
        generator_optimizer=keras.optimizers.schedules.ExponentialDecay(1e-3, 3, 0.5),
    ),
    "conditional, momentum": dict(classes=3, generator_optimizer="momentum", discriminator_optimizer="momentum"),
}


def build(case):
    settings = dict(CASES[case])
    for player in ("generator_optimizer", "discriminator_optimizer"):
        chosen = settings.pop(player, None)
        if chosen == "momentum":
            settings[player] = keras.optimizers.SGD(0.01, momentum=0.9)
        elif chosen is not None:
            settings[player] = keras.optimizers.Adam(chosen)
    return make(**settings), ((IMAGES, LABELS) if "classes" in settings else IMAGES)


@pytest.mark.slow
@pytest.mark.parametrize(("case", "route"), zip(CASES, [".keras", ".weights.h5", "BackupAndRestore"], strict=True))
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(case, route, tmp_path):
    whole, data = build(case)
    history = whole.fit(data, batch_size=16, epochs=4, verbose=0).history

    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.rounds > whole.rounds // 2:
                raise KeyboardInterrupt

    first, _ = build(case)
    if route == "BackupAndRestore":
        backup = lambda: keras.callbacks.BackupAndRestore(tmp_path / "backup")  # noqa: E731
        with pytest.raises(KeyboardInterrupt):
            first.fit(data, batch_size=16, epochs=4, verbose=0, callbacks=[backup(), Interrupt()])
        resumed, _ = build(case)
        rest = resumed.fit(data, batch_size=16, epochs=4, verbose=0, callbacks=[backup()]).history
    else:
        first.fit(data, batch_size=16, epochs=2, verbose=0)
        path = tmp_path / f"gan{route}"
        if route == ".keras":
            first.save(path)
            resumed = keras.models.load_model(path)
        else:
            first.save_weights(path)
            resumed, _ = build(case)
            resumed.fit(data, batch_size=16, epochs=1, verbose=0)  # another state, all of which has to go
            resumed.load_weights(path)
        rest = resumed.fit(data, batch_size=16, initial_epoch=2, epochs=4, verbose=0).history
    assert_same(values(whole), values(resumed))
    for player in whole.players:
        assert_same(values(whole.optimizers[player]), values(resumed.optimizers[player]))
    for name in history:
        assert history[name][2:] == rest[name]


@pytest.mark.slow
def test_saved_under_a_strategy_loaded_without(two_devices, tmp_path):
    with two_devices.scope():
        gan = make(classes=3, normalization="batch")
    gan.fit((IMAGES, LABELS), batch_size=16, verbose=0)
    gan.save(tmp_path / "gan.keras")
    alone = keras.models.load_model(tmp_path / "gan.keras")
    assert alone.num_devices == 1 and gan.num_devices == 2
    assert_same(values(gan), values(alone))
    alone.fit((IMAGES, LABELS), batch_size=16, verbose=0)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run():
    runs = [make(dropout=0.2).fit(IMAGES, batch_size=16, epochs=2, verbose=0).history for _ in range(2)]
    assert runs[0] == runs[1]


def test_the_configuration_survives_saving(tmp_path):
    gan = make(
        classes=3,
        loss=kgan.losses.Wasserstein(0.5),
        penalties=[kgan.losses.GradientPenalty(3.0, target=0.0, one_sided=True), kgan.losses.R1(0.25)],
        discriminator_steps=2,
        run_eagerly=True,
        generator_optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, 100), beta_1=0.0),
    )
    gan.save(tmp_path / "gan.keras")
    copy = keras.models.load_model(tmp_path / "gan.keras")
    for name in ("ema_momentum", "seed", "name", "steps", "conditional", "num_classes", "latent_dim"):
        assert getattr(copy, name) == getattr(gan, name)
    assert copy.loss.get_config() == gan.loss.get_config()
    assert [p.get_config() for p in copy.penalties] == [p.get_config() for p in gan.penalties]
    assert copy.optimizers["generator"].get_config() == gan.optimizers["generator"].get_config()


# Keras's own callbacks


@pytest.mark.slow
def test_keras_callbacks_work(tmp_path):
    gan = make()
    callbacks = [
        keras.callbacks.ModelCheckpoint(
            tmp_path / "best.keras", monitor="generator_loss", mode="min", save_best_only=True
        ),
        keras.callbacks.EarlyStopping("discriminator_loss", mode="min", patience=1, min_delta=100.0),
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.TensorBoard(tmp_path / "board"),
    ]
    history = gan.fit(IMAGES, batch_size=16, epochs=9, verbose=0, callbacks=callbacks, validation_data=IMAGES[:16])
    assert len(history.history["generator_loss"]) == 2  # no gain of 100 in the second epoch
    assert "val_generator_loss" in history.history
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert len(rows) == 3 and "discriminator_loss" in rows[0]
    assert list((tmp_path / "board" / "train").iterdir())
    best = keras.models.load_model(tmp_path / "best.keras")
    assert best.rounds in (4, 8)


@pytest.mark.slow
def test_divergence_keeps_the_last_good_checkpoint(tmp_path):
    def plain():
        return make(generator_optimizer=keras.optimizers.SGD(0.01), discriminator_optimizer=keras.optimizers.SGD(0.01))

    gan = plain()
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")

    class Break(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.optimizers["discriminator"].learning_rate = 1e20

    with pytest.raises(FloatingPointError, match=r"(discriminator|generator)_loss is NaN or infinite at step \d"):
        gan.fit(IMAGES, batch_size=16, epochs=3, verbose=0, callbacks=[backup, Break()])
    good = plain()
    good.load_weights(tmp_path / "backup" / "latest.weights.h5")
    assert good.rounds == 4 and all(np.isfinite(w).all() for w in good.get_weights())


def test_a_learning_rate_schedule_per_player():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([3], [0.1, 0.001])
    gan = make(generator_optimizer=keras.optimizers.SGD(schedule), discriminator_optimizer=keras.optimizers.SGD(0.02))
    gan.fit(IMAGES, batch_size=16, verbose=0)
    rates = {player: float(optimizer.learning_rate) for player, optimizer in gan.optimizers.items()}
    assert rates == {"generator": pytest.approx(0.001), "discriminator": pytest.approx(0.02)}


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_computes_the_penalty_of_float32(policy):
    logs = {}
    for chosen in ("float32", policy):
        keras.config.set_dtype_policy(chosen)
        gan = make(penalties=[kgan.losses.R1(1.0), kgan.losses.R2(1.0)])
        logs[chosen] = gan.fit(IMAGES, batch_size=64, verbose=0).history
    for name in ("r1", "r2", "discriminator_loss"):
        np.testing.assert_allclose(logs[policy][name], logs["float32"][name], rtol=0.03)


# Bad input


def networks(**changes):
    settings = {"shape": (8, 8, 1), "classes": None, **changes}
    generator = kgan.networks.dcgan_generator((8, 8, 1), 6, filters=2)
    discriminator = kgan.networks.dcgan_discriminator(settings["shape"], filters=2, num_classes=settings["classes"])
    return generator, discriminator


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            lambda: networks(shape=(16, 16, 1)),
            "makes samples of shape \\(8, 8, 1\\), but the discriminator takes \\(16",
        ),
        (lambda: networks(classes=3), "only the discriminator takes labels"),
        (lambda: (networks()[0], kgan.networks.mlp((8, 8, 1), 2)), "one logit per sample, \\(batch, 1\\)"),
        (lambda: (networks()[0], keras.layers.Dense(1)), "discriminator must be a functional or sequential"),
        (lambda: (kgan.networks.mlp((2, 3), (8, 8, 1)), networks()[1]), "latents of shape \\(batch, latent_dim\\)"),
    ],
)
def test_networks_that_do_not_fit_are_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        kgan.GAN(*arguments())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"loss": "wgan"}, "unknown loss 'wgan'"),
        ({"penalties": ["r1"]}, "unknown penalty 'r1'"),
        ({"penalties": [kgan.losses.R1(1.0), kgan.losses.R1(2.0)]}, "'r1' is given 2 times"),
        ({"discriminator_steps": 0}, "must be a whole number of at least 1"),
        ({"ema_momentum": 1.0}, "at least 0 and below 1"),
        ({"metrics": []}, "compile got metrics"),
    ],
)
def test_bad_arguments_are_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(**arguments)


@pytest.mark.parametrize(
    ("classes", "data", "sentence"),
    [
        (None, (IMAGES, LABELS), "built without classes"),
        (3, IMAGES, "conditional: fit\\(\\(images, labels\\)\\)"),
        (None, IMAGES[:, :4], "takes samples of shape \\(8, 8, 1\\), but the data has shape \\(64, 4, 8, 1\\)"),
        (None, kgan.datasets.to_uint8(IMAGES), "uint8, but must be float: kgan.datasets.to_float"),
        (None, IMAGES * 100, "must be float in -1..1, but these range from"),
        (3, (IMAGES, LABELS + 1), "class ids from 0 to 2, got 1 to 3"),
        (3, (IMAGES, np.eye(4, dtype="float32")[LABELS]), "int class ids of shape \\(batch,\\)"),
        (None, tf.data.Dataset.from_tensor_slices(IMAGES), "call .batch\\(batch_size\\)"),
        (None, np.where(IMAGES > 0.9, np.nan, IMAGES), "NaN or infinite"),
    ],
)
def test_data_that_does_not_fit_is_refused(classes, data, sentence):
    gan = make(classes=classes)
    before = values(gan)
    with pytest.raises(ValueError, match=sentence):
        gan.fit(data, verbose=0)
    assert_same(values(gan), before)


@pytest.mark.slow
def test_images_in_0_to_1_are_pointed_out():
    with pytest.warns(UserWarning, match="should span -1..1, but these range from 0"):
        make().fit(np.abs(IMAGES), verbose=0)


def test_evaluate_and_validation_refuse_what_fit_refuses():
    gan = make()
    bad = kgan.datasets.to_uint8(IMAGES)
    with pytest.raises(ValueError, match="must be float"):
        gan.evaluate(bad, verbose=0)
    with pytest.raises(ValueError, match="must be float"):
        gan.fit(IMAGES, validation_data=bad, verbose=0)
    with pytest.raises(ValueError, match="n must be a whole number of at least 1, got 0"):
        gan.generate(0)
    with pytest.raises(ValueError, match="batch_size must be a whole number from 1 to 2147483647, got 0"):
        gan.fit(IMAGES, batch_size=0)


@pytest.mark.slow
def test_networks_of_ones_own_in_half_precision_train():
    keras.config.set_dtype_policy("mixed_bfloat16")
    generator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(1)])
    gan = kgan.GAN(generator, discriminator, seed=0)
    gan.compile(penalties=PENALTIES)
    logs = gan.fit(IMAGES.reshape(-1, 2), batch_size=64, verbose=0).history
    assert np.isfinite(list(logs.values())).all()


def test_simultaneous_updates_survive_saving(tmp_path):
    gan = make(simultaneous=True)
    gan.save(tmp_path / "gan.keras")
    assert keras.models.load_model(tmp_path / "gan.keras").simultaneous is True


@pytest.mark.slow
def test_points_are_as_good_as_images():
    points = kgan.datasets.ring().sample(256, seed=0) * 3  # beyond -1..1: only images have that range
    gan = kgan.GAN(kgan.networks.mlp(2, 2), kgan.networks.mlp(2, 1), seed=0)
    gan.compile()
    gan.fit(points, batch_size=64, verbose=0)
    assert gan.generate(10, seed=0).shape == (10, 2)
