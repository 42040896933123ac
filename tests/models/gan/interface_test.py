"""The networks, labels, names and formats that a GAN takes, and what it says of others."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan

L = keras.layers
X = np.random.default_rng(0).normal(size=(48, 2)).astype("float32")
IDS = np.arange(48) % 3


def network(width, outputs, labels=None, *, last=None, labels_first=False):
    """A network of rows, and of labels given as a shape and a dtype, if there are any."""
    rows = keras.Input((width,))
    if labels is None:
        return keras.Model(rows, L.Dense(outputs, last)(L.Dense(4, "relu")(rows)))
    shape, dtype = labels
    taken = keras.Input(shape, dtype=dtype)
    coded = taken if shape == (3,) else L.Embedding(3, 3)(taken)
    coded = L.Flatten()(coded) if shape == (1,) else coded
    outputs = L.Dense(outputs, last)(L.Concatenate()([rows, coded]))
    return keras.Model([taken, rows] if labels_first else [rows, taken], outputs)


def gan(labels=None, **kwargs):
    keras.utils.set_random_seed(0)
    model = kgan.GAN(network(4, 2, labels), network(2, 1, labels), seed=0, **kwargs)
    model.compile("sgd", "sgd")
    return model


FORMS = {
    "ids": ((), "int32"),
    "columns": ((1,), "int64"),
    "float columns": ((1,), "float32"),
    "one-hot": ((3,), "float32"),
}


@pytest.mark.slow
@pytest.mark.parametrize("labels", FORMS.values(), ids=FORMS)
def test_labels_reach_networks_in_the_form_they_take(labels, tmp_path):
    by_ids, by_vectors = gan(labels), gan(labels)
    assert by_ids.num_classes == 3
    for model, given in ((by_ids, IDS), (by_vectors, np.eye(3, dtype="float32")[IDS])):
        model.fit((X, given), batch_size=16, shuffle=False, verbose=0)
    for a, b in zip(by_ids.get_weights(), by_vectors.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    made = by_ids.generate(3, labels=[2, 0, 1], seed=0)
    again = [by_ids.generate(3, labels=i, seed=0)[row] for row, i in enumerate([2, 0, 1])]
    np.testing.assert_allclose(made, again, rtol=1e-6)
    latents = kgan.layers.draw_latents(3, 4, 0)
    by_ids.export(tmp_path / "generator", class_names=["a", "b", "c"])
    served = tf.saved_model.load(tmp_path / "generator")
    np.testing.assert_allclose(served.serve(latents, np.array([2, 0, 1], "int32")), made, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "make, sentence",
    [
        (
            lambda: kgan.GAN(network(4, 2, FORMS["columns"], labels_first=True), network(2, 1, FORMS["columns"])),
            r"the generator must take \[latents, labels\], but its inputs come in the other order",
        ),
        (
            lambda: kgan.GAN(network(4, 2, FORMS["ids"]), network(2, 1, FORMS["ids"], labels_first=True)),
            r"the discriminator must take \[samples, labels\], but its inputs come in the other order",
        ),
        (
            lambda: kgan.GAN(network(4, 2), _two_outputs()),
            "the discriminator must give one output, but it gives 2: a GAN with a classifier",
        ),
        (lambda: kgan.GAN(network(4, 2), network(2, 1, last="tanh")), "ends in 'tanh', so that it gives only -1..1"),
        (lambda: kgan.GAN(network(4, 2), network(2, 1), class_names=["a"]), "built without classes"),
        (lambda: gan(FORMS["ids"], class_names=["a", "b"]), "class_names must name the 3 classes, got 2 names"),
        (lambda: kgan.GAN(_frozen(network(4, 2)), network(2, 1)), "the player 'generator' is frozen"),
        (lambda: kgan.GAN(network(4, 2), network(2, 1), seed=2**70), "seed must be a whole number from 0"),
        (
            lambda: kgan.GAN(network(4, 2), network(2, 1), ema_momentum="high"),
            "ema_momentum, unless .* below 1",
        ),
    ],
)
def test_networks_that_do_not_fit_are_refused_by_the_constructor(make, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        make()
    assert "\n" not in str(caught.value)


def _two_outputs():
    rows = keras.Input((2,))
    return keras.Model(rows, [L.Dense(1)(rows), L.Dense(3)(rows)])


def _frozen(model):
    model.trainable = False
    return model


def test_a_player_frozen_after_compile_is_named_and_one_that_thaws_too():
    model = gan()
    model.discriminator.trainable = False
    with pytest.raises(ValueError, match="the player 'discriminator' is frozen"):
        model.fit(X, verbose=0)
    assert "discriminator_loss" in model.evaluate(X, verbose=0, return_dict=True)  # which trains nobody
    model.discriminator.trainable = True
    model.generator.layers[-1].trainable = False
    model.compile("sgd", "sgd")
    model.generator.layers[-1].trainable = True
    with pytest.raises(ValueError, match="2 weights of 'generator', such as .* call compile again"):
        model.fit(X, verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("loss", ["non_saturating", "wasserstein"])
def test_behind_a_last_sigmoid_the_logits_are_found(policy, loss):
    keras.config.set_dtype_policy(policy)
    models = []
    for last in (None, "sigmoid"):
        keras.utils.set_random_seed(0)
        model = kgan.GAN(network(4, 2), network(2, 1, last=last), seed=0)
        model.compile("sgd", "sgd", loss=loss, penalties=[kgan.losses.R1(1.0)] if loss != "wasserstein" else ())
        model.fit(X, batch_size=16, shuffle=False, verbose=0)
        models.append(model)
    for a, b in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_the_average_of_a_spectrally_normalized_generator_has_singular_vectors_of_its_own():
    keras.utils.set_random_seed(0)
    spectral = kgan.layers.SpectralNormalization(L.Dense(6))
    generator = keras.Sequential([keras.Input((4,)), spectral, L.LeakyReLU(), L.Dense(2)])
    model = kgan.GAN(generator, network(2, 1), ema_momentum=0.95, seed=0)
    model.compile(keras.optimizers.Adam(0.05), keras.optimizers.Adam(0.05))
    model.fit(X, batch_size=8, epochs=15, verbose=0)
    average = model.ema_generator.layers[0]
    kernel = average.layer.kernel.numpy()
    sigma = float(average.u.numpy() @ kernel.T @ average.v.numpy())
    assert sigma == pytest.approx(np.linalg.svd(kernel, compute_uv=False)[0], rel=0.05)
    assert np.abs(kernel - spectral.layer.kernel.numpy()).max() > 0.01  # it is another kernel than the one in training


def test_batch_norm_under_a_gradient_penalty_warns():
    def critic(*layers):
        return keras.Sequential([keras.Input((2,)), L.Dense(4), *layers, L.Dense(1)])

    model = kgan.GAN(network(4, 2), critic(L.BatchNormalization()))
    with pytest.warns(UserWarning, match="the discriminator has batch norm, under which gradient_penalty"):
        model.compile(penalties=[kgan.losses.GradientPenalty()])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.compile()
        kgan.GAN(network(4, 2), critic(L.LayerNormalization())).compile(penalties=[kgan.losses.R1(1.0)])


def test_classes_have_names(tmp_path):
    model = gan(FORMS["ids"], class_names={"dog": 1, "cat": 0, "emu": 2})
    assert model.class_names == ["cat", "dog", "emu"]
    expected = model.generate(3, labels=1, seed=0)
    np.testing.assert_array_equal(model.generate(3, labels="dog", seed=0), expected)
    np.testing.assert_array_equal(model.generate(3, labels=["dog"] * 3, seed=0), expected)
    with pytest.raises(ValueError, match="there is no class 'cow': the classes are cat, dog, emu"):
        model.generate(3, labels="cow")
    with pytest.raises(ValueError, match="knows no names: set gan.class_names"):
        gan(FORMS["ids"]).generate(3, labels="cat")
    model.save(tmp_path / "gan.keras")
    assert keras.models.load_model(tmp_path / "gan.keras").class_names == ["cat", "dog", "emu"]
    model.export(tmp_path / "generator")
    served = tf.saved_model.load(tmp_path / "generator")
    assert [name.decode() for name in served.class_names.numpy()] == ["cat", "dog", "emu"]


def test_every_layer_and_weight_has_a_name_of_its_own():
    model = gan()
    names = [layer.name for layer in model.layers]
    paths = [weight.path for weight in model.weights]
    assert len(set(names)) == len(names) and len(set(paths)) == len(paths)
    assert model.get_layer(model.generator.name) is model.generator


@pytest.mark.slow
@pytest.mark.parametrize("format", ["saved_model", "tf_saved_model", "onnx", "litert"])
def test_formats_of_export(format, tmp_path):
    keras.utils.set_random_seed(0)
    options = {"filters": 2}
    model = kgan.GAN(
        kgan.networks.dcgan_generator((8, 8, 3), 4, **options),
        kgan.networks.dcgan_discriminator((8, 8, 3), normalization="none", **options),
    )
    path = tmp_path / f"generator.{'tflite' if format == 'litert' else format}"
    model.export(path, format=format, verbose=False)
    latents = np.asarray(kgan.layers.draw_latents(4, 4, 0))
    expected = kgan.datasets.to_uint8(model.generate(4, seed=0))
    if format == "onnx":
        import onnxruntime

        made = onnxruntime.InferenceSession(path).run(None, {"latents": latents})[0]
    elif format == "litert":
        interpreter = tf.lite.Interpreter(str(path))
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], latents.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], latents)
        interpreter.invoke()
        made = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    else:
        loaded = tf.saved_model.load(path)
        made = loaded.sample(4, 0).numpy()
    assert made.dtype == np.uint8 and np.abs(made.astype(int) - expected).max() <= 1


def test_what_cannot_be_written_is_one_sentence(tmp_path):
    model = gan()
    for suffix in ("h5", "hdf5"):
        with pytest.raises(ValueError, match="a GAN cannot be saved as .* save it as a .keras file"):
            model.save(tmp_path / f"gan.{suffix}")
    with pytest.raises(ValueError, match="is a folder, but the format 'onnx' is a file"):
        model.export(tmp_path, format="onnx")
    with pytest.raises(ValueError, match="takes no input_signature"):
        model.export(tmp_path / "x", input_signature=None)


def test_loading_without_kgan_says_to_import_it(tmp_path):
    import zipfile

    gan().save(tmp_path / "gan.keras")
    with zipfile.ZipFile(tmp_path / "gan.keras") as archive:
        config = archive.read("config.json").decode()
    # Keras prints the whole of it where it does not know the class.
    assert "import kgan before keras.saving.load_model" in config


@pytest.mark.slow
def test_whole_numbers_of_numpy():
    model = kgan.GAN(network(4, 2), network(2, 1), seed=np.int64(3), ema_momentum=np.float32(0.5))
    model.compile(discriminator_steps=np.int64(2))
    model.fit(X, batch_size=np.int64(8), epochs=np.int64(1), verbose=0)
    assert model.generate(np.int32(3), seed=np.uint8(1)).shape == (3, 2)
    for wrong in (2.5, "4", True, 0):
        with pytest.raises(ValueError, match="n must be a whole number of at least 1"):
            model.generate(wrong)
