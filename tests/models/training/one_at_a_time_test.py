"""A model is trained by one thread at a time, and not within its own training."""

import copy
import threading

import keras
import numpy as np
import pytest

import kgan

X = np.random.default_rng(0).uniform(0, 1, (32, 4)).astype("float32")
LABELS = np.arange(32) % 2
IMAGES = np.random.default_rng(0).uniform(0, 255, (8, 4, 4, 3)).astype("uint8")


def dense(*units):
    return keras.Sequential([keras.Input((4,)), *(keras.layers.Dense(n, activation="sigmoid") for n in units)])


def autoencoder():
    encoder, decoder = dense(2), keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)])
    made = kgan.Autoencoder(encoder, decoder)
    made.compile("sgd")
    return made, (X,)


def attacked():
    made = kgan.RobustClassifier(dense(2), epsilon=0.1)
    made.compile("sgd", "sparse_categorical_crossentropy")
    return made, (X, LABELS)


def transfer():
    base = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 3)])
    made = kgan.TransferClassifier(2, base=base, cut=None)
    made.compile()
    return made, (IMAGES, LABELS[:8])


def elsewhere(call):
    """What `call` raises in another thread, or `None`."""
    found = []

    def run():
        try:
            call()
            found.append(None)
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("make", [autoencoder, attacked, transfer])
def test_a_second_thread_is_told_to_wait(make, tmp_path):
    model, data = make()
    path = str(tmp_path / "x.weights.h5")
    model.save_weights(path)
    calls = {
        "fit": lambda: model.fit(*data, verbose=0),
        "evaluate": lambda: model.evaluate(*data, verbose=0),
        "compile": lambda: model.compile("sgd", "sparse_categorical_crossentropy"),
        "load_weights": lambda: model.load_weights(path),
    }
    answers = {}

    class Ask(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            answers.update({name: elsewhere(call) for name, call in calls.items()})

    before = model.optimizer
    model.fit(*data, verbose=0, callbacks=[Ask()])
    assert model.optimizer is before
    for name, error in answers.items():
        assert isinstance(error, RuntimeError), (name, error)
        assert str(error).startswith(f"{name} cannot run now, because another thread is within fit of the same"), error
    assert set(answers) == set(calls) and elsewhere(calls["fit"]) is None  # free again


@pytest.mark.slow
def test_callbacks_use_their_model_but_do_not_train_it():
    model, data = autoencoder()
    seen = {}

    class Use(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.update(model.evaluate(X, verbose=0, return_dict=True), codes=model.encode(X), made=model.predict(X))
            for name in ("fit", "train_on_batch"):
                with pytest.raises(RuntimeError, match=f"^{name} was called within fit of the same Autoencoder"):
                    getattr(model, name)(X)

    model.fit(X, validation_data=X, verbose=0, callbacks=[Use()])
    assert seen["codes"].shape == (32, 2) and np.isfinite(seen["loss"])


def test_an_error_frees_the_model():
    model, data = autoencoder()

    class Fail(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    for wrong in (lambda: model.fit(X[:, :3]), lambda: model.fit(X, verbose=0, callbacks=[Fail()])):
        with pytest.raises((ValueError, KeyboardInterrupt)):
            wrong()
        assert elsewhere(lambda: model.fit(X, verbose=0)) is None


@pytest.mark.slow
def test_a_model_is_saved_and_copied_while_it_trains(tmp_path):
    model, data = autoencoder()
    copies = []

    class Save(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            model.save(tmp_path / "m.keras")
            copies.extend([keras.saving.load_model(tmp_path / "m.keras"), copy.deepcopy(model)])

    model.fit(X, verbose=0, callbacks=[Save()])
    for made in copies:
        assert elsewhere(lambda made=made: made.fit(X, verbose=0)) is None


@pytest.mark.slow
def test_pretraining_too():
    stack = kgan.StackedAutoencoder([3, 2], seed=0)
    network = dense(3, 2)
    answers = []

    class Asking(kgan.layers.MaskingNoise):
        def call(self, inputs, training=False):
            if not answers:
                answers.append(None)
                answers.append(elsewhere(lambda: stack.pretrain(X, epochs=1, verbose=0)))
            return super().call(inputs, training=training)

    stack.corruption = Asking(0.1)
    stack.pretrain(X, epochs=1, verbose=0)
    assert str(answers[1]).startswith("pretrain cannot run now, because another thread is within pretrain of the same")
    assert len(kgan.pretrain(network, X, epochs=1, verbose=0)) == 1
