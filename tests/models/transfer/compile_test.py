"""`TransferClassifier.compile` takes losses, metrics and optimizers in every form in which Keras does."""

import functools

import keras
import numpy as np
import pytest

from kgan.models.transfer import TransferClassifier

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (24, 4, 4, 3)).astype("uint8")
LABELS = np.arange(24) % 3
ONE_HOT = np.eye(3)[LABELS]
losses, metrics, optimizers = keras.losses, keras.metrics, keras.optimizers


def make(**kwargs):
    base = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten()])
    return TransferClassifier(3, base=base, cut=None, seed=0, **kwargs)


class Own(losses.Loss):
    def call(self, y_true, y_pred):
        return keras.ops.mean(y_pred, -1)


@pytest.fixture(scope="module")
def model():
    return make()


@pytest.mark.slow
@pytest.mark.parametrize(
    "loss",
    [
        "sparse_categorical_crossentropy",
        "SparseCategoricalCrossentropy",
        losses.sparse_categorical_crossentropy,
        losses.SparseCategoricalCrossentropy(),
        losses.SparseCategoricalCrossentropy,
        losses.SparseCategoricalCrossentropy(name="mine"),
        losses.serialize(losses.SparseCategoricalCrossentropy()),
        ["sparse_categorical_crossentropy"],
        (losses.SparseCategoricalCrossentropy(),),
        {"probabilities": "sparse_categorical_crossentropy"},
        functools.partial(losses.sparse_categorical_crossentropy, from_logits=False),
    ],
)
def test_losses_of_class_numbers(loss, model):
    model.compile(loss=loss)
    # A head that begins at equal probabilities: the loss of 3 classes is known.
    assert model.evaluate(IMAGES, LABELS, verbose=0)[0] == pytest.approx(np.log(3), rel=1e-5)
    with pytest.raises(ValueError, match="the labels are one-hot: compile with"):
        model.evaluate(IMAGES, ONE_HOT)


@pytest.mark.parametrize(
    "loss,value",
    [
        ("categorical_crossentropy", np.log(3)),
        ("CategoricalCrossentropy", np.log(3)),
        (losses.CategoricalCrossentropy(label_smoothing=0.1, name="smooth"), np.log(3)),
        (["kl_divergence"], np.log(3)),
        ("mse", ((2 / 3) ** 2 + 2 * (1 / 3) ** 2) / 3),
        ({"any name": losses.MeanAbsoluteError()}, 4 / 9),
        (functools.partial(losses.categorical_crossentropy, label_smoothing=0.1), np.log(3)),
    ],
)
def test_losses_of_one_hot_labels(loss, value, model):
    model.compile(loss=loss)
    assert model.evaluate(IMAGES, ONE_HOT, verbose=0)[0] == pytest.approx(value, rel=1e-4)
    with pytest.raises(ValueError, match="takes one-hot labels: compile without it"):
        model.evaluate(IMAGES, LABELS)


def test_a_loss_of_ones_own_takes_either():
    for loss in (Own(), lambda y, p: keras.ops.mean(p, -1)):
        model = make()
        model.compile(loss=loss, metrics=None)
        for labels in (LABELS, ONE_HOT):
            assert model.evaluate(IMAGES, labels, verbose=0) == pytest.approx(1 / 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [
        "accuracy",
        ["accuracy"],
        ("accuracy",),
        [["accuracy"]],
        {"probabilities": "accuracy"},
        {"probabilities": ["accuracy"]},
        metrics.SparseCategoricalAccuracy(name="accuracy"),
        [metrics.serialize(metrics.SparseCategoricalAccuracy(name="accuracy"))],
    ],
)
def test_metrics(given):
    model = make()
    model.compile(metrics=given)
    assert list(model.fit(IMAGES, LABELS, verbose=0).history) == ["accuracy", "loss"]


@pytest.mark.slow
def test_no_metrics_several_and_weighted_ones():
    model = make()
    for none in (None, []):
        model.compile(metrics=none)
        assert list(model.fit(IMAGES, LABELS, verbose=0).history) == ["loss"]
    model = make()  # its head has learned nothing yet
    model.compile(metrics=["accuracy", metrics.sparse_top_k_categorical_accuracy], weighted_metrics="accuracy")
    first = np.where(LABELS == 0, 1.0, 0.0)  # equal probabilities count as class 0
    found = model.evaluate(IMAGES, LABELS, sample_weight=first, verbose=0, return_dict=True)
    assert found["accuracy"] == pytest.approx(1 / 3) and found["sparse_top_k_categorical_accuracy"] == 1
    assert found["weighted_accuracy"] == 1


@pytest.mark.parametrize(
    "given,rate",
    [
        (None, 0.01),
        ("sgd", 0.01),
        ("Adam", 0.001),
        (optimizers.AdamW(0.3), 0.3),
        (optimizers.serialize(optimizers.RMSprop(0.2)), 0.2),
    ],
)
def test_optimizers(given, rate):
    model = make()
    model.compile(given)
    model.fit(IMAGES, LABELS, verbose=0)
    assert float(model.optimizer.learning_rate) == pytest.approx(rate)
    assert np.any(model.head.get_weights()[0] != 0)


@pytest.mark.slow
def test_averaged_weights_are_what_a_fit_ends_on():
    averaged, plain = make(), make()
    averaged.compile(optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=None))
    plain.compile(optimizers.SGD(0.5))
    kernels = []
    keep = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: kernels.append(plain.head.get_weights()[0].copy())
    )
    plain.fit(IMAGES, LABELS, shuffle=False, verbose=0, callbacks=[keep])
    averaged.fit(IMAGES, LABELS, shuffle=False, verbose=0)
    average = kernels[0]
    for kernel in kernels[1:]:
        average = 0.5 * average + 0.5 * kernel
    np.testing.assert_allclose(averaged.head.get_weights()[0], average, atol=1e-5)


@pytest.mark.slow
def test_rounds_are_steps_when_gradients_are_accumulated():
    model = make()
    model.compile(optimizers.SGD(0.1, gradient_accumulation_steps=2))
    model.fit(IMAGES, LABELS, batch_size=4, epochs=2, verbose=0)
    assert model.rounds == 12


@pytest.mark.parametrize(
    "kwargs,sentence",
    [
        (dict(loss=losses.SparseCategoricalCrossentropy(from_logits=True)), "loss has from_logits=True, but the class"),
        (dict(loss=losses.CategoricalFocalCrossentropy(from_logits=True)), "loss has from_logits=True"),
        (dict(loss=functools.partial(losses.binary_crossentropy, from_logits=True)), "loss has from_logits=True"),
        (dict(loss=losses.serialize(losses.BinaryCrossentropy(from_logits=True))), "loss has from_logits=True"),
        (dict(metrics=[metrics.CategoricalCrossentropy(from_logits=True)]), "metrics has from_logits=True"),
        (dict(weighted_metrics=[metrics.CategoricalCrossentropy(from_logits=True)]), "weighted_metrics has from_log"),
        (dict(loss=["mse", "mse"]), "loss must be one loss, because there is one output, got 2"),
        (dict(loss={}), "loss must be one loss"),
        (dict(loss=None), "loss must be a name"),
        (dict(loss=3), "loss must be a name"),
        (dict(loss="crossentropy"), "Could not interpret loss"),
    ],
)
def test_what_cannot_be_compiled_is_a_sentence(kwargs, sentence, model):
    with pytest.raises(ValueError, match=sentence):
        model.compile(**kwargs)


@pytest.mark.slow
def test_a_compiled_model_comes_back_with_its_loss_and_metrics(tmp_path):
    model = make()
    loss = losses.CategoricalCrossentropy(label_smoothing=0.1)
    model.compile(optimizers.SGD(0.5), loss={"x": loss}, metrics=(metrics.CategoricalAccuracy(),))
    model.fit(IMAGES, ONE_HOT, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(IMAGES, ONE_HOT, verbose=0) == model.evaluate(IMAGES, ONE_HOT, verbose=0)


# Networks that answer already


@pytest.mark.parametrize(
    "head",
    [
        keras.layers.Dense(3, activation="softmax"),
        keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(3), keras.layers.Softmax()]),
        keras.Sequential([keras.layers.Dense(1, activation="sigmoid")]),
        keras.layers.Dense(7, activation="softmax"),
    ],
)
def test_a_head_that_answers_already_is_refused(head):
    with pytest.raises(ValueError, match="head ends in a softmax or sigmoid .* leave the last layer of head out"):
        make(head=head)


def test_hidden_layers_of_any_activation_are_heads(recwarn):
    for activation in ("sigmoid", "tanh", "relu"):
        make(head=keras.layers.Dense(8, activation=activation))
    make(head=keras.layers.Dense(3))
    assert not recwarn


def test_a_base_that_answers_already_is_warned_about_once(tmp_path, recwarn):
    layers = [keras.Input((4, 4, 3)), keras.layers.Flatten(name="flat"), keras.layers.Dense(10, activation="softmax")]
    base = keras.Sequential(layers, name="whole")
    with pytest.warns(UserWarning, match=r"answers of a classifier \(whole\).* give cut the name of an earlier layer"):
        model = TransferClassifier(3, base=base, cut=None)
    recwarn.clear()
    model.compile()
    model.save(tmp_path / "model.keras")
    keras.models.load_model(tmp_path / "model.keras")
    TransferClassifier(3, base=base, cut="flat")
    encoder = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(6, "sigmoid")])
    TransferClassifier(3, base=encoder, cut=None)
    assert not [w for w in recwarn if issubclass(w.category, UserWarning) and "answers" in str(w.message)]


@pytest.mark.slow
def test_numpy_numbers_are_numbers(tmp_path):
    base = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(2, 1)])
    model = TransferClassifier(
        np.int64(3),
        base=base,
        cut=None,
        head=np.array([4, 2]),
        input_shape=tuple(np.array([5, 6, 3])),
        seed=np.int32(7),
    )
    model.compile()
    model.fit(IMAGES, LABELS.astype("int64"), batch_size=8, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.seed == 7 and [w.shape[-1] for w in loaded.head.weights] == [4, 4, 2, 2, 3, 3]
    for head in (True, (np.float64(4.5),), np.array([0])):
        with pytest.raises(ValueError, match="head must be numbers of units"):
            make(head=head)
    with pytest.raises(ValueError, match="seed must be a whole number"):
        TransferClassifier(3, base=base, cut=None, seed=1.5)
