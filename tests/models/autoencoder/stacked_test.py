import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

import kgan
from kgan.models.training import feature_cache

DIGITS = (load_digits().data / 16).astype("float32")
IMAGES = DIGITS.reshape(-1, 8, 8, 1)
LABELS = load_digits().target.astype("int32")
DENSE = keras.layers.Dense(64)
SETTINGS = {"epochs": 2, "batch_size": 128, "verbose": 0}


def stack(units=(20, 10, 5), **options):
    keras.utils.set_random_seed(4)
    return kgan.StackedAutoencoder(list(units), seed=5, name="stack", **options)


def weights(model):
    return [w.copy() for w in model.get_weights()]


def assert_equal(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_each_layer_is_an_autoencoder_trained_alone_on_the_codes_below():
    model = stack()
    model.build((None, 64))
    begin = {layer.name: layer.get_weights() for layer in model.encoder.layers + model.decoder.layers}
    histories = model.pretrain(DIGITS, **SETTINGS)
    assert len(histories) == 3 and all(len(h.history["loss"]) == 2 for h in histories)

    codes = DIGITS
    for i, units in enumerate((20, 10, 5)):
        encoder = keras.Sequential([keras.Input(codes.shape[1:]), keras.layers.Dense(units, "sigmoid")])
        decoder = keras.Sequential([keras.Input((units,)), keras.layers.Dense(codes.shape[1], "sigmoid")])
        encoder.set_weights(begin[f"encoder_{i + 1}"])
        decoder.set_weights(begin[f"decoder_{i + 1}"])
        alone = kgan.Autoencoder(encoder, decoder, seed=5 + i + 1)
        alone.compile("adam")
        history = alone.fit(codes, batch_size=128, epochs=2, verbose=0)
        assert history.history["loss"] == pytest.approx(histories[i].history["loss"], rel=1e-5)
        for ours, theirs in zip(
            model.encoder.get_layer(f"encoder_{i + 1}").get_weights()
            + model.decoder.get_layer(f"decoder_{i + 1}").get_weights(),
            alone.get_weights(),
            strict=True,
        ):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)
        codes = alone.encode(codes)
    np.testing.assert_allclose(model.encode(DIGITS), codes, atol=1e-5)


class Witness(keras.callbacks.Callback):
    """Notes all weights of a stack whenever a layer begins and ends."""

    def __init__(self, model, monkeypatch):
        super().__init__()
        self.stack, self.seen = model, []
        fit = kgan.Autoencoder.fit

        def watched(trainer, *args, **kwargs):
            before = weights(self.stack)
            result = fit(trainer, *args, **kwargs)
            self.seen.append((before, weights(self.stack)))
            return result

        monkeypatch.setattr(kgan.Autoencoder, "fit", watched)


@pytest.mark.slow
@pytest.mark.parametrize("tied", [False, True])
def test_while_one_layer_trains_every_other_weight_stays_bit_identical(tied, monkeypatch):
    model = stack(tied=tied)
    model.build((None, 64))
    names = [variable.path for variable in model.weights]
    witness = Witness(model, monkeypatch)
    model.pretrain(DIGITS, **SETTINGS)
    for layer, (before, after) in enumerate(witness.seen, 1):
        moved = {name for name, a, b in zip(names, before, after, strict=True) if not np.array_equal(a, b)}
        assert moved == {name for name in names if f"coder_{layer}/" in name}
    assert len(witness.seen) == 3


@pytest.mark.slow
def test_without_data_or_shape_the_layers_are_made_by_the_first_data():
    model = stack()
    assert model.encoder is None
    with pytest.raises(ValueError, match="no encoder yet"):
        model.to_classifier(10)
    model.compile("adam")
    model.fit(IMAGES, batch_size=128, epochs=1, verbose=0)
    assert model.encoder.output_shape == (None, 5) and model.decoder.output_shape == (None, 8, 8, 1)


@pytest.mark.slow
def test_an_interrupted_pretraining_goes_on_as_if_nothing_had_happened(tmp_path, monkeypatch):
    corruption = {"corruption": kgan.layers.MaskingNoise(0.2, seed=1)}
    whole = stack(**{"corruption": kgan.layers.MaskingNoise(0.2, seed=1)})
    whole.pretrain(DIGITS, **SETTINGS)

    file, model, fit, calls = tmp_path / "stack.weights.h5", stack(**corruption), kgan.Autoencoder.fit, []

    def interrupted(trainer, *args, **kwargs):
        calls.append(trainer)
        result = fit(trainer, *args, **kwargs)
        if len(calls) == 2:
            raise KeyboardInterrupt  # the second layer has been trained, but not to its end
        return result

    monkeypatch.setattr(kgan.Autoencoder, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.pretrain(DIGITS, **SETTINGS, checkpoint=file)
    assert model.layers_pretrained == 1
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    # In another process, from the file.
    again = stack(corruption=kgan.layers.MaskingNoise(0.2, seed=1))
    assert len(again.pretrain(DIGITS, **SETTINGS, checkpoint=file)) == 2
    assert_equal(weights(again), weights(whole))
    # In the same process, from memory.
    assert len(model.pretrain(DIGITS, **SETTINGS)) == 2
    assert_equal(weights(model), weights(whole))
    # A complete file leaves nothing to do, unless the stack has moved on since: then it is trained anew.
    done = stack(corruption=kgan.layers.MaskingNoise(0.2, seed=1))
    assert done.pretrain(DIGITS, **SETTINGS, checkpoint=file) == []
    assert_equal(weights(done), weights(whole))
    assert len(done.pretrain(DIGITS, **SETTINGS, checkpoint=file)) == 3


@pytest.mark.slow
def test_the_checkpoint_of_another_stack_is_refused_and_changes_nothing(tmp_path):
    stack((8, 4)).pretrain(DIGITS, **SETTINGS, checkpoint=tmp_path / "new folder" / "a.weights.h5")
    model = stack((8, 4, 2))
    model.build((None, 64))
    before = weights(model)
    with pytest.raises(ValueError, match="does not hold the layers of this stack"):
        model.pretrain(DIGITS, **SETTINGS, checkpoint=tmp_path / "new folder" / "a.weights.h5")
    assert model.layers_pretrained == 0
    assert_equal(weights(model), before)


@pytest.mark.slow
def test_what_was_compiled_before_the_first_data_is_saved(tmp_path):
    model = stack()
    with pytest.raises(ValueError, match="Could not interpret optimizer"):
        model.compile("adm")
    model.compile("sgd", "binary_crossentropy")
    model.save(tmp_path / "stack.keras")
    again = keras.models.load_model(tmp_path / "stack.keras")
    assert "cross_entropy_per_image" in again.fit(DIGITS, verbose=0).history


@pytest.mark.slow
def test_numbers_of_numpy_are_numbers():
    model = stack(np.array([8, 4]))
    model.pretrain(DIGITS, epochs=np.int64(1), batch_size=128, verbose=0)
    assert model.to_classifier(LABELS.max() + 1).output_shape == (None, 10)


@pytest.mark.slow
def test_a_dataset_and_codes_on_disk_give_what_arrays_give(monkeypatch):
    def pretrained(x, **settings):
        model = stack()
        model.pretrain(x, epochs=1, verbose=0, **settings)
        return model.encode(DIGITS)

    expected = pretrained(DIGITS, batch_size=100)
    monkeypatch.setattr(feature_cache, "MEMORY_LIMIT", 1000)
    np.testing.assert_array_equal(pretrained(DIGITS, batch_size=100), expected)
    # The order within a dataset is its own: give the first layer that of the array.
    monkeypatch.setattr(
        kgan.backend,
        "shuffled_rows",
        lambda size, batch_size, seed, position, **kwargs: kgan.backend.rows_in_order(size, batch_size, **kwargs),
    )
    expected = pretrained(DIGITS, batch_size=100)
    dataset = tf.data.Dataset.from_tensor_slices(DIGITS).batch(100)
    np.testing.assert_allclose(pretrained(dataset), expected, atol=1e-5)


def test_convolutional_pairs_are_stacked():
    conv = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")
    transposed = kgan.layers.TiedConv2DTranspose(conv, activation="sigmoid")
    model = stack([(conv, transposed), 12])
    histories = model.pretrain(IMAGES, **SETTINGS)
    assert model.encoder.output_shape == (None, 12) and model.decoder.output_shape == (None, 8, 8, 1)
    assert histories[0].history["loss"][-1] < histories[0].history["loss"][0]
    assert model.decoder.layers[-1] is transposed


@pytest.mark.slow
@pytest.mark.parametrize("tied", [False, True])
def test_saving_keeps_everything(tied, tmp_path):
    model = stack(tied=tied, activation="tanh", output_activation=None)
    model.pretrain(DIGITS, **SETTINGS)
    model.compile(keras.optimizers.Adam(0.01), "mean_squared_error")
    model.fit(DIGITS, epochs=1, verbose=0)
    model.save(tmp_path / "stack.keras")
    again = keras.models.load_model(tmp_path / "stack.keras")
    assert again.layers_pretrained == 3
    np.testing.assert_array_equal(again.predict(DIGITS, verbose=0), model.predict(DIGITS, verbose=0))
    for each in (model, again):
        each.fit(DIGITS, epochs=1, verbose=0)
    assert_equal(weights(again), weights(model))
    # The two halves are plain models of their own.
    for half, x in ((model.encoder, DIGITS), (model.decoder, model.encode(DIGITS))):
        half.save(tmp_path / "half.keras")
        expected = half.predict(x, verbose=0)
        np.testing.assert_array_equal(keras.models.load_model(tmp_path / "half.keras").predict(x, verbose=0), expected)
    model.encoder.export(tmp_path / "encoder", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "encoder"))
    np.testing.assert_allclose(loaded.serve(DIGITS), model.encode(DIGITS), atol=1e-6)


@pytest.mark.slow
def test_a_classifier_begins_with_the_pretrained_encoder_and_leaves_it_alone():
    model = stack()
    model.pretrain(DIGITS, **SETTINGS)
    before, encoder = weights(model), weights(model.encoder)
    for freeze in (False, True):
        classifier = model.to_classifier(10, freeze_encoder=freeze)
        assert type(classifier) is type(model.encoder)
        assert_equal(classifier.get_weights()[:-2], encoder)
        classifier.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        classifier.fit(DIGITS, LABELS, verbose=0)
        np.testing.assert_allclose(classifier.predict(DIGITS[:9], verbose=0).sum(axis=1), 1, atol=1e-5)
        unmoved = [np.array_equal(a, b) for a, b in zip(classifier.get_weights(), encoder, strict=False)]
        assert all(unmoved) if freeze else not any(unmoved)
    assert_equal(weights(model), before)


@pytest.mark.slow
def test_supervised_pretraining_trains_the_encoder_on_the_labels():
    model = stack((32, 16))
    model.build((None, 64))
    decoder = weights(model.decoder)
    first, second = model.pretrain(DIGITS[:1400], LABELS[:1400], epochs=15, batch_size=32, verbose=0)
    assert first.history["accuracy"][-1] > 0.9 and second.history["accuracy"][-1] > 0.5
    assert_equal(weights(model.decoder), decoder)
    data = tf.data.Dataset.from_tensor_slices((DIGITS[:1400], LABELS[:1400])).batch(32)
    again = stack((32, 16)).pretrain(data, epochs=3, verbose=0)
    assert again[0].history["accuracy"][-1] > 0.5


@pytest.mark.slow
def test_progress_is_shown_for_each_layer(capsys):
    stack().pretrain(DIGITS, epochs=2, batch_size=128)
    shown = capsys.readouterr().out
    for line in ("layer 1 of 3: 64 -> 20", "layer 2 of 3: 20 -> 10", "layer 3 of 3: 10 -> 5", "2/2", "loss"):
        assert line in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"units": []}, "an entry for each layer"),
        ({"units": [10, 0]}, "numbers of units from 1 up or pairs"),
        ({"units": [(keras.layers.Dense(3), 3)]}, "numbers of units from 1 up or pairs"),
        ({"units": [(DENSE, DENSE)]}, "holds a layer twice"),
    ],
)
def test_wrong_units_are_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        kgan.StackedAutoencoder(**arguments)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"x": (DIGITS * 16).astype("int32")}, "divide images by 255"),
        ({"x": DIGITS, "epochs": 0}, "epochs must be a whole number"),
        ({"x": DIGITS, "batch_size": 0}, "batch_size must be a whole number"),
        ({"x": DIGITS, "y": LABELS[:5]}, "same number of rows"),
        ({"x": DIGITS, "y": DIGITS[:, 0]}, "class ids"),
        ({"x": DIGITS, "y": LABELS - 3}, "count from 0 up"),
        ({"x": DIGITS, "checkpoint": "a.keras"}, "must end in .weights.h5"),
        ({"x": DIGITS * np.nan}, "NaN"),
        ({"x": tf.data.Dataset.from_tensor_slices(DIGITS).batch(8).repeat(), "batch_size": None}, "repeats forever"),
    ],
)
def test_pretraining_with_wrong_arguments_is_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        stack().pretrain(**{**SETTINGS, **arguments})


def test_pairs_that_do_not_undo_each_other_are_refused():
    pair = keras.layers.Conv2D(4, 3), keras.layers.Conv2DTranspose(1, 5)
    with pytest.raises(ValueError, match=r"makes shape \(10, 10, 1\) of what its encoder layer made of \(8, 8, 1\)"):
        stack([pair]).pretrain(IMAGES)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["array", "dataset"])
def test_data_that_the_lowest_decoder_cannot_reach_are_named(form):
    x = (255 * DIGITS[:256]).astype("float32")
    data = x if form == "array" else tf.data.Dataset.from_tensor_slices(x).batch(64)
    with pytest.warns(
        UserWarning, match=r"layer 1 of 2: the data are in the range 0..255, .* 'sigmoid'.* 0..1"
    ) as said:
        stack((8, 4)).pretrain(data, epochs=1, verbose=0)
    ranges = [warning for warning in said if "range" in str(warning.message)]
    assert [warning.filename for warning in ranges] == [__file__]


@pytest.mark.slow
def test_data_within_reach_are_not(recwarn):
    stack((8, 4), output_activation=None).pretrain(DIGITS[:256] * 6 - 3, epochs=1, verbose=0)
    stack((8, 4), activation="tanh").pretrain(DIGITS[:256], epochs=1, verbose=0)
    stack((8, 4), activation=keras.layers.LeakyReLU()).pretrain(DIGITS[:256], epochs=1, verbose=0)
    assert not [warning for warning in recwarn if "range" in str(warning.message)]


def test_a_cross_entropy_of_codes_that_are_no_probabilities_is_refused_before_any_training(monkeypatch):
    monkeypatch.setattr(kgan.Autoencoder, "fit", lambda *args, **kwargs: pytest.fail("trained"))
    with pytest.raises(ValueError, match="layer 2 of 2: binary_crossentropy takes .* the decoder ends in 'relu'"):
        stack((8, 4), activation="relu").pretrain(DIGITS, loss="bce", verbose=0)
    with pytest.raises(ValueError, match="layer 1 of 2: the loss is from_logits=True"):
        stack((8, 4)).pretrain(DIGITS, loss=keras.losses.BinaryCrossentropy(from_logits=True), verbose=0)


def explained(model, x):
    """The share of the variance that each level gives back, by numpy from its weights."""
    shares = []
    for i in range(len(model.units)):
        kernel, bias = model.encoder.get_layer(f"encoder_{i + 1}").get_weights()
        codes = 1 / (1 + np.exp(-(x @ kernel + bias)))
        kernel, bias = model.decoder.get_layer(f"decoder_{i + 1}").get_weights()
        back = 1 / (1 + np.exp(-(codes @ kernel + bias)))
        shares.append(1 - np.mean((back - x) ** 2) / np.mean(x.var(axis=0)))
        x = codes
    return shares


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_layers_that_have_learned_nothing_are_named_and_only_those(seed):
    named = []
    for optimizer in (keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.01)):
        keras.utils.set_random_seed(seed)
        model = kgan.StackedAutoencoder([20, 10], seed=seed)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            model.pretrain(DIGITS, epochs=6, optimizer=optimizer, verbose=0)
        said = [warning for warning in said if "has learned nothing" in str(warning.message)]
        assert all(warning.filename == __file__ for warning in said)
        named.append([str(warning.message).split(" has ")[0] for warning in said])
        shares = explained(model, DIGITS.astype("float64"))
        assert all(share < 0 for share in shares) if said else all(share > 0.3 for share in shares)
    assert named == [["layer 1 of 2", "layer 2 of 2"], []]


@pytest.mark.slow
def test_a_dataset_and_labels_tell_as_much():
    data = tf.data.Dataset.from_tensor_slices(DIGITS).batch(128)
    with pytest.warns(UserWarning, match="layer 1 of 1 has learned nothing: its squared error is 0.* per number"):
        stack((8,)).pretrain(data, epochs=1, optimizer=keras.optimizers.SGD(0.0), verbose=0)
    with pytest.warns(UserWarning, match="layer 1 of 1 has learned nothing: it is right for .* most frequent class"):
        stack((8,)).pretrain(
            DIGITS, np.zeros_like(LABELS) + (LABELS == 3), epochs=1, optimizer=keras.optimizers.SGD(0.0), verbose=0
        )


@pytest.mark.slow
def test_an_optimizer_in_any_form_and_a_loss_in_any_form():
    expected = None
    for optimizer in (keras.optimizers.Adam(0.01), {"class_name": "Adam", "config": {"learning_rate": 0.01}}):
        for loss in ("mse", keras.losses.MeanSquaredError, keras.losses.mean_squared_error):
            model = stack((8,))
            model.pretrain(DIGITS[:256], epochs=1, optimizer=optimizer, loss=loss, verbose=0)
            expected = expected or weights(model)
            assert_equal(weights(model), expected)
    for wrong in ({"optimizer": "adm"}, {"loss": "squaredd"}):
        model = stack((8,))
        with pytest.raises(ValueError, match="adm|squaredd"):
            model.pretrain(DIGITS, **wrong)
        assert model.encoder is None


def shifted_softplus(x):
    return keras.ops.softplus(x) - 1


@pytest.mark.slow
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("activation", [keras.layers.PReLU(), keras.layers.LeakyReLU(0.3), shifted_softplus])
def test_activations_in_any_form_are_saved_and_those_with_weights_are_not_shared(activation, tied, tmp_path):
    model = stack((8, 4), activation=activation, output_activation=activation, tied=tied)
    model.compile("adam")
    model.fit(DIGITS[:256], verbose=0)
    model.save(tmp_path / "stack.keras")
    again = keras.models.load_model(tmp_path / "stack.keras", custom_objects={"shifted_softplus": shifted_softplus})
    np.testing.assert_array_equal(again.predict(DIGITS, verbose=0), model.predict(DIGITS, verbose=0))
    classifier = model.to_classifier(3)
    assert_equal(classifier.get_weights()[:-2], weights(model.encoder))
