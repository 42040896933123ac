import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import kgan

DIGITS = (load_digits().data / 16).astype("float32")
IMAGES = DIGITS.reshape(-1, 8, 8, 1)


def small(units=16, activation="sigmoid"):
    encoder = keras.Sequential([keras.Input((64,)), keras.layers.Dense(units, activation=activation)])
    decoder = keras.Sequential([keras.Input((units,)), keras.layers.Dense(64, activation="sigmoid")])
    return encoder, decoder


@pytest.mark.slow
# The 8th and the 9th principal component are nearly as strong: the subspace of 8 is found last.
@pytest.mark.parametrize(("size", "published", "nearest"), [(3, None, 0.999), (8, 0.02496, 0.9)])
def test_a_linear_autoencoder_reaches_the_error_and_the_subspace_of_pca(size, published, nearest):
    train, test = DIGITS[:1400], DIGITS[1400:]
    encoder, decoder = kgan.networks.linear_autoencoder((64,), size, activation=None, output_activation=None)
    autoencoder = kgan.Autoencoder(encoder, decoder, seed=0)
    autoencoder.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.03, 1500)))
    autoencoder.fit(np.tile(train, (50, 1)), batch_size=700, epochs=15, verbose=0)

    pca = PCA(size).fit(train)
    best = np.mean((pca.inverse_transform(pca.transform(test)) - test) ** 2)
    assert published is None or best == pytest.approx(published, abs=1e-5)
    logs = autoencoder.evaluate(test, batch_size=397, verbose=0, return_dict=True)
    assert logs["squared_error_per_pixel"] == pytest.approx(best, rel=0.01)
    assert logs["squared_error_per_image"] == pytest.approx(64 * logs["squared_error_per_pixel"], rel=1e-5)
    # The cosines of the angles between the two subspaces, from the orthonormal bases of both.
    basis, _ = np.linalg.qr(np.asarray(decoder.layers[-1].kernel).T)
    assert np.linalg.svd(basis.T @ pca.components_.T, compute_uv=False).min() > nearest


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["mean_squared_error", "binary_crossentropy"])
def test_one_step_is_that_of_plain_keras(loss):
    encoder, decoder = small()
    plain = keras.Sequential([*keras.models.clone_model(encoder).layers, *keras.models.clone_model(decoder).layers])
    plain.set_weights(encoder.get_weights() + decoder.get_weights())
    plain.compile(keras.optimizers.SGD(0.5), loss)
    expected = plain.fit(DIGITS, DIGITS, batch_size=len(DIGITS), epochs=3, verbose=0).history["loss"]

    autoencoder = kgan.Autoencoder(encoder, decoder)
    autoencoder.compile(keras.optimizers.SGD(0.5), loss)
    history = autoencoder.fit(DIGITS, batch_size=len(DIGITS), epochs=3, verbose=0).history
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)
    for ours, theirs in zip(encoder.get_weights() + decoder.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_errors_are_reported_per_image_and_per_pixel():
    autoencoder = kgan.Autoencoder(*small())
    autoencoder.compile(loss="binary_crossentropy")
    logs = autoencoder.evaluate(DIGITS, verbose=0, return_dict=True)
    r = autoencoder.predict(DIGITS, verbose=0).astype("float64")
    entropy = -(DIGITS * np.log(r) + (1 - DIGITS) * np.log(1 - r)).sum(axis=1).mean()
    squares = ((DIGITS - r) ** 2).sum(axis=1).mean()
    assert logs == pytest.approx(
        {
            "loss": entropy / 64,
            "cross_entropy_per_image": entropy,
            "cross_entropy_per_pixel": entropy / 64,
            "squared_error_per_image": squares,
            "squared_error_per_pixel": squares / 64,
        },
        rel=1e-4,
    )


def test_encode_decode_and_predict_agree():
    autoencoder = kgan.Autoencoder(*small())
    codes = autoencoder.encode(DIGITS[:50])
    assert codes.shape == (50, 16)
    np.testing.assert_allclose(autoencoder.decode(codes), autoencoder.predict(DIGITS[:50], verbose=0), atol=1e-6)


class Blackout(keras.layers.Layer):
    """Corrupts so much that nothing is left."""

    def call(self, x, training=False):
        return ops.zeros_like(x) if training else x


@pytest.mark.slow
def test_corruption_is_active_in_training_only_and_the_clean_input_is_the_target():
    encoder, decoder = small()
    encoder.layers[0].bias.assign(np.linspace(-1, 1, 16))
    autoencoder = kgan.Autoencoder(encoder, decoder, corruption=Blackout())
    autoencoder.compile(keras.optimizers.SGD(0.0))
    seen_nothing = np.mean((np.asarray(autoencoder.predict(0 * DIGITS[:1], verbose=0)) - DIGITS) ** 2)
    seen_all = np.mean((autoencoder.predict(DIGITS, verbose=0) - DIGITS) ** 2)
    history = autoencoder.fit(DIGITS, batch_size=len(DIGITS), verbose=0).history
    assert history["loss"][0] == pytest.approx(seen_nothing, rel=1e-5)
    assert autoencoder.evaluate(DIGITS, verbose=0, return_dict=True)["loss"] == pytest.approx(seen_all, rel=1e-5)
    assert abs(seen_nothing - seen_all) > 1e-4


def test_pairs_of_inputs_and_wanted_outputs_may_be_given():
    autoencoder = kgan.Autoencoder(*small())
    autoencoder.compile()
    noisy = np.clip(DIGITS + 0.1, 0, 1)
    expected = np.mean((autoencoder.predict(noisy, verbose=0) - DIGITS) ** 2)
    assert autoencoder.evaluate(noisy, DIGITS, verbose=0, return_dict=True)["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_a_dataset_of_inputs_trains_it():
    autoencoder = kgan.Autoencoder(*small())
    autoencoder.compile(keras.optimizers.Adam(0.01))
    data = tf.data.Dataset.from_tensor_slices(DIGITS).batch(64)
    history = autoencoder.fit(data, epochs=3, validation_data=data, verbose=0).history
    assert history["val_loss"][-1] < 0.8 * history["loss"][0]


@pytest.mark.slow
def test_a_tie_is_one_variable_after_fit_and_after_reload(tmp_path):
    autoencoder = kgan.Autoencoder(*kgan.networks.dense_autoencoder((8, 8, 1), (32, 8), tied=True), seed=0)
    autoencoder.compile("adam")
    autoencoder.fit(IMAGES, batch_size=256, epochs=1, verbose=0)
    autoencoder.save(tmp_path / "tied.keras")
    again = keras.models.load_model(tmp_path / "tied.keras")
    for model in (autoencoder, again):
        # Two kernels, 64 x 32 and 32 x 8, two biases of the encoder and two of the decoder.
        assert model.count_params() == 64 * 32 + 32 * 8 + (32 + 8) + (32 + 64)
        assert len(model.trainable_variables) == 6
    np.testing.assert_array_equal(again.predict(IMAGES, verbose=0), autoencoder.predict(IMAGES, verbose=0))
    for model in (autoencoder, again):
        model.fit(IMAGES, batch_size=256, epochs=1, verbose=0)
    np.testing.assert_array_equal(again.predict(IMAGES, verbose=0), autoencoder.predict(IMAGES, verbose=0))


def test_a_copy_by_its_config_is_tied_as_well():
    autoencoder = kgan.Autoencoder(*kgan.networks.dense_autoencoder((64,), (32, 8), tied=True))
    copy = kgan.Autoencoder.from_config(autoencoder.get_config())
    assert len(copy.trainable_variables) == 6
    assert copy.decoder.layers[-1].kernel is copy.encoder.layers[1].kernel


def test_a_resumed_run_equals_the_uninterrupted_one(tmp_path, assert_same_weights):
    def fresh():
        keras.utils.set_random_seed(1)
        model = kgan.Autoencoder(*small(), corruption=kgan.layers.MaskingNoise(0.3, seed=2), seed=3)
        model.compile("adam", penalties=[kgan.losses.Contractive(0.1), kgan.losses.Sparsity(0.1)])
        return model

    whole = fresh()
    whole.fit(DIGITS, epochs=3, verbose=0)
    first = fresh()
    first.fit(DIGITS, epochs=1, verbose=0)
    first.save(tmp_path / "model.keras")
    second = keras.models.load_model(tmp_path / "model.keras")
    second.fit(DIGITS, epochs=2, verbose=0)
    assert_same_weights(whole, second)


def test_penalties_are_logged_and_added():
    autoencoder = kgan.Autoencoder(*small())
    autoencoder.compile(penalties=[kgan.losses.Sparsity(0.5, target=0.1)])
    logs = autoencoder.evaluate(DIGITS, batch_size=len(DIGITS), verbose=0, return_dict=True)
    mean = autoencoder.encode(DIGITS).astype("float64").mean(axis=0)
    divergence = np.sum(0.1 * np.log(0.1 / mean) + 0.9 * np.log(0.9 / (1 - mean)))
    assert logs["sparsity"] == pytest.approx(divergence, rel=1e-3)
    assert logs["loss"] == pytest.approx(logs["squared_error_per_pixel"] + 0.5 * logs["sparsity"], rel=1e-5)


def test_it_is_exported_as_a_whole(tmp_path):
    autoencoder = kgan.Autoencoder(*small())
    autoencoder.export(tmp_path / "autoencoder", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "autoencoder"))
    np.testing.assert_allclose(loaded.serve(DIGITS), autoencoder.predict(DIGITS, verbose=0), atol=1e-6)


def test_sparsity_of_codes_that_are_not_in_0_to_1_is_refused():
    autoencoder = kgan.Autoencoder(*small(activation="relu"))
    autoencoder.compile(penalties=kgan.losses.Sparsity(0.1))
    with pytest.raises(ValueError, match="codes in 0..1"):
        autoencoder.fit(DIGITS)


@pytest.mark.slow
def test_two_devices_equal_one(two_devices):
    def trained():
        keras.utils.set_random_seed(1)
        model = kgan.Autoencoder(*small(), corruption=kgan.layers.MaskingNoise(0.3, seed=2), seed=3)
        model.compile(keras.optimizers.SGD(1.0))
        return model, model.fit(DIGITS[:256], batch_size=64, epochs=2, verbose=0).history

    one, history = trained()
    with two_devices.scope():
        two, history_of_two = trained()
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    np.testing.assert_allclose(history["loss"], history_of_two["loss"], rtol=1e-5)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (IMAGES, r"of shape \(64,\).*got \(8, 8, 1\)"),
        ((DIGITS * 255).astype("uint8"), "divide images by 255"),
        ((DIGITS, np.arange(len(DIGITS))), "leave labels out"),
        (DIGITS * 2, r"numbers in 0..1, but the data are in 0..2"),
    ],
)
def test_data_that_do_not_fit_are_refused(data, sentence):
    autoencoder = kgan.Autoencoder(*small())
    autoencoder.compile(loss="binary_crossentropy")
    with pytest.raises(ValueError, match=sentence):
        autoencoder.fit(data)


def test_wrong_arguments_are_refused():
    encoder, decoder = small()
    with pytest.raises(ValueError, match=r"takes codes of shape \(16,\), but the encoder's are of shape \(8,\)"):
        kgan.Autoencoder(small(8)[0], decoder)
    with pytest.raises(ValueError, match="must be a built keras.Model"):
        kgan.Autoencoder(keras.layers.Dense(3), decoder)
    with pytest.raises(ValueError, match="corruption must be a Keras layer"):
        kgan.Autoencoder(encoder, decoder, corruption=0.3)
    for loss in ("hindge", None, 3, ["mse", "mae"]):
        with pytest.raises(ValueError, match="use one of 'mean_squared_error', 'binary_crossentropy', or another one"):
            kgan.Autoencoder(encoder, decoder).compile(loss=loss)
    with pytest.raises(ValueError, match="leave reduction out"):
        kgan.Autoencoder(encoder, decoder).compile(loss=keras.losses.MeanSquaredError(reduction=None))
    with pytest.raises(ValueError, match="unknown metric 'mea'"):
        kgan.Autoencoder(encoder, decoder).compile(metrics=["mea"])
    with pytest.raises(ValueError, match="use 'binary_accuracy'"):
        kgan.Autoencoder(encoder, decoder).compile(metrics=["accuracy"])


LOSSES = [
    "mse",
    "MeanAbsoluteError",
    keras.losses.huber,
    keras.losses.MeanSquaredError(reduction="sum"),
    keras.losses.BinaryCrossentropy(label_smoothing=0.2),
]


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_any_loss_of_keras_trains_as_in_keras_and_is_saved(loss, tmp_path):
    encoder, decoder = small()
    plain = keras.Sequential([*keras.models.clone_model(encoder).layers, *keras.models.clone_model(decoder).layers])
    plain.set_weights(encoder.get_weights() + decoder.get_weights())
    plain.compile(keras.optimizers.SGD(0.01), loss, metrics=["mae", keras.metrics.RootMeanSquaredError()])
    settings = {"batch_size": 599, "shuffle": False, "verbose": 0}
    expected = plain.fit(DIGITS, DIGITS, epochs=2, **settings).history

    autoencoder = kgan.Autoencoder(encoder, decoder)
    autoencoder.compile(keras.optimizers.SGD(0.01), loss, metrics=["mae", keras.metrics.RootMeanSquaredError()])
    history = autoencoder.fit(DIGITS, epochs=1, **settings).history
    autoencoder.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for name, values in again.fit(DIGITS, epochs=1, **settings).history.items():
        history[name] += values
    # Metrics with a state of their own too, whose value is not the mean of that of minibatches.
    for name in ("loss", "mae", "root_mean_squared_error"):
        np.testing.assert_allclose(history[name], expected[name], rtol=1e-5)
    for ours, theirs in zip(again.encoder.get_weights(), plain.get_weights(), strict=False):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    plain_logs = plain.evaluate(DIGITS[:100], DIGITS[:100], verbose=0, return_dict=True)
    logs = again.evaluate(DIGITS[:100], verbose=0, return_dict=True)
    assert {name: logs[name] for name in plain_logs} == pytest.approx(plain_logs, rel=1e-4)
    assert set(logs) == {*plain_logs, "squared_error_per_image", "squared_error_per_pixel"}


@keras.saving.register_keras_serializable(package="tests")
def cubed_error(originals, reconstructions):
    return ops.mean(ops.abs(originals - reconstructions) ** 3, axis=-1)


@pytest.mark.slow
def test_a_loss_and_a_metric_of_ones_own_are_saved(tmp_path):
    autoencoder = kgan.Autoencoder(*small())
    autoencoder.compile("sgd", cubed_error, metrics={"any": [cubed_error]})
    autoencoder.save(tmp_path / "model.keras")
    logs = keras.models.load_model(tmp_path / "model.keras").evaluate(DIGITS, verbose=0, return_dict=True)
    expected = np.mean(np.abs(autoencoder.predict(DIGITS, verbose=0) - DIGITS) ** 3)
    assert logs["loss"] == pytest.approx(expected, rel=1e-4) and logs["cubed_error"] == pytest.approx(
        expected, rel=1e-4
    )


@pytest.mark.slow
def test_two_devices_equal_one_under_a_loss_of_keras(two_devices):
    def trained(loss):
        keras.utils.set_random_seed(1)
        model = kgan.Autoencoder(*small(), seed=3)
        model.compile(keras.optimizers.SGD(0.01), loss, metrics=["mae"])
        return model, model.fit(DIGITS[:128], batch_size=64, verbose=0).history

    for loss in (keras.losses.MeanAbsoluteError(), keras.losses.MeanSquaredError(reduction="sum")):
        one, history = trained(loss)
        with two_devices.scope():
            two, history_of_two = trained(loss)
        for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
        for name in ("loss", "mae"):
            np.testing.assert_allclose(history[name], history_of_two[name], rtol=1e-4)


@pytest.mark.parametrize("optimizer", ["adam", "Adam", {"class_name": "Adam", "config": {"learning_rate": 0.01}}])
def test_an_optimizer_by_name_or_config(optimizer):
    autoencoder = kgan.Autoencoder(*small())
    autoencoder.compile(optimizer)
    assert isinstance(autoencoder.optimizers["autoencoder"], keras.optimizers.Adam)


def logits_and_probabilities():
    encoder, decoder = small()
    layers = [keras.layers.Dense(64), keras.layers.Activation("sigmoid")]
    probabilities = keras.Sequential([keras.Input((16,)), *layers])
    probabilities.set_weights(decoder.get_weights())
    return encoder, keras.Sequential([keras.Input((16,)), layers[0]]), probabilities


@pytest.mark.slow
def test_a_decoder_of_logits_trains_as_one_of_probabilities():
    encoder, logits, probabilities = logits_and_probabilities()
    begin, found = encoder.get_weights() + logits.get_weights(), []
    for decoder, from_logits in ((logits, True), (probabilities, False)):
        encoder.set_weights(begin[:2])
        decoder.set_weights(begin[2:])
        autoencoder = kgan.Autoencoder(encoder, decoder)
        autoencoder.compile(keras.optimizers.SGD(0.5), keras.losses.BinaryCrossentropy(from_logits=from_logits))
        found.append(autoencoder.fit(DIGITS, batch_size=599, shuffle=False, verbose=0).history)
    assert set(found[0]) == set(found[1])
    for name, values in found[0].items():
        np.testing.assert_allclose(values, found[1][name], rtol=1e-4)


def test_a_last_activation_against_the_loss_is_refused():
    encoder, logits, probabilities = logits_and_probabilities()
    for decoder, from_logits, sentence in (
        (logits, False, "takes probabilities, but the decoder ends without an activation: end it in 'sigmoid'"),
        (
            keras.Sequential([keras.Input((16,)), *logits.layers, keras.layers.ReLU()]),
            False,
            "but the decoder ends in 'relu'",
        ),
        (probabilities, True, "from_logits=True, but the decoder ends in 'sigmoid'"),
    ):
        autoencoder = kgan.Autoencoder(encoder, decoder)
        autoencoder.compile(loss=keras.losses.BinaryCrossentropy(from_logits=from_logits))
        with pytest.raises(ValueError, match=sentence):
            autoencoder.fit(DIGITS)


def ending_in(*layers):
    return keras.Sequential([keras.Input((16,)), keras.layers.Dense(64), *layers])


@pytest.mark.parametrize(
    ("layers", "data", "ranges"),
    [
        (["sigmoid"], (0, 255), r"range 0..255, .* 'sigmoid', whose range is 0..1,"),
        (["sigmoid"], (-1, 1), r"range -1..1, .* range is 0..1,"),
        (["sigmoid"], (0, 1.0000001), None),
        (["sigmoid", keras.layers.Rescaling(2.0)], (0, 4), "range is 0..2,"),
        (["sigmoid", keras.layers.Rescaling(255)], (0, 255), None),
        (["sigmoid", keras.layers.BatchNormalization()], (-4, 5), None),
        (["sigmoid", keras.layers.Dense(64)], (-4, 5), None),
        (["tanh"], (0, 3), r"range 0..3, .* 'tanh', whose range is -1..1,"),
        ([keras.layers.Softmax()], (0, 4), r"range 0..4, .* 'softmax', whose range is 0..1,"),
        ([keras.layers.ReLU()], (-0.5, 0.5), r"range -0.5..0.5, .* 'relu', whose range is 0..,"),
        (["softplus"], (0, 100), None),
        ([keras.layers.LeakyReLU()], (-5, 5), None),
        ([], (-5, 5), None),
    ],
)
def test_a_decoder_that_cannot_reach_the_data_is_named(layers, data, ranges):
    layers = [keras.layers.Activation(layer) if isinstance(layer, str) else layer for layer in layers]
    autoencoder = kgan.Autoencoder(small()[0], ending_in(*layers))
    autoencoder.compile()
    said = autoencoder.check_range(*data)
    assert said is None if ranges is None else re.search(ranges, said)


@pytest.mark.slow
def test_it_is_said_once_after_each_compile_and_points_to_the_line_of_the_user():
    autoencoder = kgan.Autoencoder(*small())
    autoencoder.compile()
    data = DIGITS * 3 - 1
    with pytest.warns(UserWarning, match="range -1..2") as said:
        autoencoder.fit(data, validation_data=data, batch_size=599, epochs=2, verbose=0)
        autoencoder.evaluate(data, verbose=0)
    assert [warning.filename for warning in said if "range" in str(warning.message)] == [__file__]
    autoencoder.compile()
    with pytest.warns(UserWarning, match="range -1..2"):
        autoencoder.evaluate(data, verbose=0)


@pytest.mark.slow
def test_only_what_is_to_be_reconstructed_has_to_be_reached(recwarn):
    autoencoder = kgan.Autoencoder(*small())
    autoencoder.compile()
    autoencoder.evaluate(DIGITS * 6 - 3, DIGITS, verbose=0)
    assert not [warning for warning in recwarn if "range" in str(warning.message)]
    with pytest.warns(UserWarning, match="range -3..3"):
        autoencoder.evaluate(DIGITS, DIGITS * 6 - 3, verbose=0)


def test_a_cross_entropy_refuses_numbers_outside_0_to_1():
    autoencoder = kgan.Autoencoder(*small())
    autoencoder.compile(loss="bce")
    autoencoder.check_range(np.float32(0), np.float32(1))
    with pytest.raises(ValueError, match="numbers in 0..1, but the data are in -1..1"):
        autoencoder.check_range(-1, 1)


@pytest.mark.slow
def test_masked_steps_do_not_count():
    steps = np.random.default_rng(0).random((64, 5, 2)).astype("float32")
    steps[:, 3:] = -1
    inputs, codes = keras.Input((5, 2)), keras.Input((5, 3))
    encoder = keras.Model(inputs, keras.layers.Dense(3, "tanh")(keras.layers.Masking(-1.0)(inputs)))
    decoder = keras.Model(codes, keras.layers.Dense(2)(codes))
    autoencoder = kgan.Autoencoder(encoder, decoder)
    autoencoder.compile(keras.optimizers.SGD(0.0), metrics=["mse"])
    squares = (autoencoder.predict(steps, verbose=0) - steps)[:, :3].astype("float64") ** 2
    expected = {"loss": squares.mean(), "mse": squares.mean(), "squared_error_per_image": squares.sum() / 64}
    logs = autoencoder.evaluate(steps, verbose=0, return_dict=True)
    assert {name: logs[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    assert autoencoder.fit(steps, verbose=0).history["loss"][0] == pytest.approx(squares.mean(), rel=1e-4)


@pytest.mark.slow
def test_layers_of_many_kinds():
    keras.utils.set_random_seed(0)
    shared = keras.layers.Dense(16, "relu")
    inputs, codes = keras.Input((64,)), keras.Input((16,))
    x = keras.layers.SpectralNormalization(keras.layers.Dense(16, "relu"))(inputs)
    encoder = keras.Model(inputs, shared(keras.layers.Dropout(0.1)(keras.layers.BatchNormalization()(x))))
    x = keras.layers.Dense(64, activation=keras.layers.PReLU())(shared(shared(codes)))
    decoder = keras.Model(codes, keras.layers.Dense(64, "sigmoid")(x))
    autoencoder = kgan.Autoencoder(encoder, decoder)
    autoencoder.compile("adam")
    losses = autoencoder.fit(DIGITS, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    with pytest.raises(ValueError, match=f"share the layer {shared.name!r}, which Keras cannot load in two models"):
        autoencoder.get_config()


@pytest.mark.slow
def test_encode_and_decode_take_what_predict_takes():
    autoencoder = kgan.Autoencoder(*small())
    codes = autoencoder.encode(DIGITS)
    data = tf.data.Dataset.from_tensor_slices(DIGITS.astype("float64")).batch(100)
    np.testing.assert_allclose(autoencoder.encode(data), codes, atol=1e-5)
    np.testing.assert_allclose(autoencoder.encode(data.repeat(), steps=3), codes[:300], atol=1e-5)
    np.testing.assert_allclose(
        autoencoder.encode(DIGITS, np.int64(7), callbacks=[keras.callbacks.Callback()]), codes, atol=1e-5
    )
    pairs = tf.data.Dataset.zip(data, data)
    np.testing.assert_allclose(autoencoder.encode(pairs), codes, atol=1e-5)

    class Parts(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            return (codes[8 * i : 8 * i + 8],)

    np.testing.assert_allclose(autoencoder.decode(Parts()), autoencoder.decode(codes[:16]), atol=1e-6)
