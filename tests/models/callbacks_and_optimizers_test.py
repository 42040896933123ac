"""What Keras's callbacks and optimizers do with the model of one optimizer, they do with each player."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan

X = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")


def gan(generator="sgd", discriminator="sgd", **kwargs):
    keras.utils.set_random_seed(0)
    model = kgan.GAN(kgan.networks.mlp(2, 2, [4]), kgan.networks.mlp(2, 1, [4]), seed=0, ema_momentum=0.5)
    model.compile(generator, discriminator, **kwargs)
    return model


def rates(model):
    return {player: float(optimizer.learning_rate) for player, optimizer in model.optimizers.items()}


@pytest.mark.slow
def test_learning_rate_callbacks_reach_every_player():
    model = gan(keras.optimizers.SGD(0.4), keras.optimizers.SGD(0.1))
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    history = model.fit(X, epochs=2, callbacks=[halve], verbose=0).history
    assert rates(model) == pytest.approx({"discriminator": 0.025, "generator": 0.1})
    assert history["learning_rate_discriminator"] == pytest.approx([0.05, 0.025])
    plateau = keras.callbacks.ReduceLROnPlateau("generator_loss", factor=0.1, patience=1, min_delta=1e9, mode="min")
    model.fit(X, epochs=3, callbacks=[plateau], verbose=0)
    assert rates(model) == pytest.approx({"discriminator": 0.025e-2, "generator": 0.1e-2})
    model.optimizer.learning_rate = 0.025  # as a callback of one's own sets it: all by the same factor
    assert rates(model) == pytest.approx({"discriminator": 0.025, "generator": 0.1})


@pytest.mark.slow
def test_averaged_weights_are_where_training_ends():
    def optimizer():
        return keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9)

    model = gan(optimizer())
    path = []
    record = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: path.append(model.generator.get_weights())
    )
    model.fit(X, batch_size=16, callbacks=[record], verbose=0)
    average = [np.zeros_like(w) for w in path[0]]
    for step, weights in enumerate(path):  # Keras starts from the first weights after the first step
        momentum = 0.0 if step == 0 else 0.9
        average = [momentum * a + (1 - momentum) * w for a, w in zip(average, weights, strict=True)]
    for a, w in zip(average, model.generator.get_weights(), strict=True):
        np.testing.assert_allclose(w, a, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
def test_averages_do_not_replace_weights_between_batches_or_without_training(assert_same_weights):
    model, plain = (gan(keras.optimizers.SGD(0.1, use_ema=use), "sgd") for use in (True, False))
    model.fit(X, epochs=0, verbose=0)
    for _ in range(3):
        for one in (model, plain):
            one.train_on_batch(X[:16])
    assert_same_weights(model.generator, plain.generator)


@pytest.mark.slow
def test_rounds_are_counted_whatever_the_optimizer_does(tmp_path, assert_same_weights):
    def make():
        return gan(*(keras.optimizers.SGD(0.1, gradient_accumulation_steps=3) for _ in range(2)))

    whole, first = make(), make()
    whole.fit(X, batch_size=8, epochs=2, verbose=0)
    first.fit(X, batch_size=8, verbose=0)
    assert whole.rounds == 16 and first.rounds == 8
    first.save(tmp_path / "gan.keras")
    second = keras.models.load_model(tmp_path / "gan.keras")
    assert second.rounds == 8
    second.fit(X, batch_size=8, verbose=0)
    assert_same_weights(whole, second)
    second.compile("sgd", "sgd")
    assert second.rounds == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "stop_after"), [("gan", 11), ("gan", 12), ("gan", 16), ("dataset", 11), ("robust", 12)]
)
def test_backup_and_restore_within_an_epoch_goes_on_where_it_was(kind, stop_after, tmp_path, assert_same_weights):
    data = (tf.data.Dataset.from_tensor_slices(X).batch(8),) if kind == "dataset" else (X,)

    def make():
        if kind != "robust":
            return gan(keras.optimizers.Adam(1e-2), keras.optimizers.Adam(1e-2))
        keras.utils.set_random_seed(0)
        model = kgan.RobustClassifier(kgan.networks.mlp(2, 2, [4]), epsilon=0.1, bounds=(-9, 9), seed=0)
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.rounds == stop_after:
                raise KeyboardInterrupt

    if kind == "robust":
        data = (X, (X[:, 0] > 0).astype("int32"))
    options = {"batch_size": None if kind == "dataset" else 8, "epochs": 3, "verbose": 0}
    whole, first, second = make(), make(), make()
    expected = whole.fit(*data, **options).history
    backup = tmp_path / "backup"
    callbacks = [keras.callbacks.BackupAndRestore(backup, save_freq=2), Stop()]
    with pytest.raises(KeyboardInterrupt):
        first.fit(*data, callbacks=callbacks, **options)
    history = second.fit(*data, callbacks=[keras.callbacks.BackupAndRestore(backup, save_freq=2)], **options).history
    assert second.rounds == whole.rounds == 24
    assert_same_weights(whole, second)
    for name, values in history.items():  # the mean over the epoch too, of which the first part was before
        np.testing.assert_allclose(values, expected[name][-len(values) :], rtol=1e-5, err_msg=name)


@pytest.mark.slow
def test_several_interruptions_of_one_epoch(tmp_path, assert_same_weights):
    class Stop(keras.callbacks.Callback):
        def __init__(self, after):
            super().__init__()
            self.after = after

        def on_train_batch_end(self, batch, logs=None):
            if self.model.rounds == self.after:
                raise KeyboardInterrupt

    whole = gan("adam", "adam")
    whole.fit(X, batch_size=8, epochs=3, verbose=0)
    for after in (19, 21, None):
        model = gan("adam", "adam")
        callbacks = [keras.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=2)]
        if after is None:
            model.fit(X, batch_size=8, epochs=3, callbacks=callbacks, verbose=0)
        else:
            with pytest.raises(KeyboardInterrupt):
                model.fit(X, batch_size=8, epochs=3, callbacks=[*callbacks, Stop(after)], verbose=0)
    assert model.rounds == whole.rounds == 24
    assert_same_weights(whole, model)


@pytest.mark.slow
def test_two_devices_save_and_resume(two_devices, tmp_path):
    def make():
        with two_devices.scope():
            return gan("adam", "adam")

    whole, first = make(), make()
    whole.fit(X, batch_size=16, epochs=2, verbose=0)
    first.fit(X, batch_size=16, verbose=0)
    first.save_weights(tmp_path / "gan.weights.h5")
    second = make()
    second.load_weights(tmp_path / "gan.weights.h5")
    second.fit(X, batch_size=16, verbose=0)
    assert second.rounds == whole.rounds == 8
    for a, b in zip(whole.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.slow
def test_a_model_saved_within_an_epoch_and_loaded_begins_a_new_epoch(tmp_path):
    model = gan()
    save = keras.callbacks.ModelCheckpoint(tmp_path / "gan.keras", save_freq=3)
    model.fit(X, batch_size=16, callbacks=[save], verbose=0)
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert loaded.rounds == 3
    loaded.fit(X, batch_size=16, verbose=0)
    assert loaded.rounds == 7


@pytest.mark.slow
def test_under_xla_a_run_that_diverges_stops_too():
    rows = np.random.default_rng(0).random((64, 2)).astype("float32")
    for callbacks, quietly in (([], False), ([keras.callbacks.TerminateOnNaN()], True)):
        model = gan(keras.optimizers.SGD(1e38), keras.optimizers.SGD(1e38), jit_compile=True)
        if quietly:
            with pytest.warns(UserWarning, match="is NaN or infinite in step .* go back to the last checkpoint"):
                model.fit(rows, batch_size=8, epochs=4, callbacks=callbacks, verbose=0)
        else:
            with pytest.raises(
                FloatingPointError, match="is NaN or infinite in step .* go back to the last checkpoint"
            ):
                model.fit(rows, batch_size=8, epochs=4, callbacks=callbacks, verbose=0)
        assert model.rounds < 32


@pytest.mark.slow
def test_a_batch_at_a_time():
    model, by_fit = gan(), gan()
    logs = model.train_on_batch(X[:16], return_dict=True)
    expected = by_fit.fit(X[:16], batch_size=16, shuffle=False, verbose=0).history
    assert logs == {name: values[0] for name, values in expected.items()}
    tested = model.test_on_batch(X[:16], return_dict=True)
    assert tested == by_fit.evaluate(X[:16], batch_size=16, verbose=0, return_dict=True)
    assert model.test_on_batch(X[:16]) == model.evaluate(X[:16], batch_size=16, verbose=0)
    several = gan(discriminator_steps=2)
    several.train_on_batch(X[:16])
    assert several.rounds == 1 and several.optimizers["discriminator"].iterations == 2
