import keras
import numpy as np
import pytest

import kgan


@pytest.mark.parametrize(
    "shape", [(8, 8, 1), (28, 28, 1), (32, 32, 3), (64, 64, 3), (128, 128, 3), (30, 45, 2), (64, 96, 4), (9, 100, 3)]
)
def test_any_size_from_8_up(shape):
    generator = kgan.networks.dcgan_generator(shape, 5, filters=2)
    discriminator = kgan.networks.dcgan_discriminator(shape, filters=2)
    images = generator(np.random.default_rng(0).normal(size=(3, 5)).astype("float32"))
    assert images.shape == (3, *shape)
    assert np.abs(images).max() <= 1
    assert discriminator(images).shape == (3, 1)


@pytest.mark.parametrize("normalization", ["batch", "layer", "group", "none", None])
def test_normalizations(normalization):
    generator = kgan.networks.dcgan_generator((16, 16, 1), 5, filters=4, normalization=normalization)
    discriminator = kgan.networks.dcgan_discriminator((16, 16, 1), filters=4, normalization=normalization)
    kinds = {type(layer).__name__ for layer in [*generator.layers, *discriminator.layers]}
    assert ("BatchNormalization" in kinds) == (normalization == "batch")
    assert ("GroupNormalization" in kinds) == (normalization in ("layer", "group"))
    assert discriminator(generator(np.zeros((2, 5), "float32"))).shape == (2, 1)


def test_the_default_follows_the_guidelines_of_radford_et_al():
    generator = kgan.networks.dcgan_generator((32, 32, 3))
    discriminator = kgan.networks.dcgan_discriminator((32, 32, 3))
    for model in (generator, discriminator):
        convolutions = [layer for layer in model.layers if "Conv2D" in type(layer).__name__]
        assert convolutions and all(layer.strides == (2, 2) for layer in convolutions)
        assert not any("Pooling" in type(layer).__name__ for layer in model.layers)
        kernels = [layer.kernel.numpy() for layer in model.layers if hasattr(layer, "kernel")]
        np.testing.assert_allclose([kernel.std() for kernel in kernels[:2]], 0.02, rtol=0.1)
    slopes = [layer.negative_slope for layer in discriminator.layers if isinstance(layer, keras.layers.LeakyReLU)]
    np.testing.assert_allclose(slopes, [0.2] * 3)
    images = generator.predict(np.random.default_rng(0).normal(size=(4, 100)) * 100, verbose=0)
    assert -1 <= images.min() < images.max() <= 1


def test_no_bias_is_learned_in_vain_before_batch_norm():
    for model in (
        kgan.networks.dcgan_generator((32, 32, 3), filters=4),
        kgan.networks.dcgan_discriminator((32, 32, 3), filters=4),
    ):
        normalized = [
            layer
            for layer, following in zip(model.layers, model.layers[1:], strict=False)
            if isinstance(following, keras.layers.BatchNormalization) and hasattr(layer, "use_bias")
        ]
        assert normalized and not [layer.name for layer in normalized if layer.use_bias]


def test_the_last_layer_of_the_generator_is_the_cheapest_convolution():
    generator = kgan.networks.dcgan_generator((64, 64, 3), filters=16)
    cost = [
        np.prod(layer.kernel.shape) * np.prod(layer.input.shape[1:3])
        for layer in generator.layers
        if isinstance(layer, keras.layers.Conv2DTranspose)
    ]
    assert cost[-1] == min(cost)


def test_conditional_networks_depend_on_the_label():
    generator = kgan.networks.dcgan_generator((8, 8, 1), 5, filters=4, num_classes=3, normalization="none")
    discriminator = kgan.networks.dcgan_discriminator((8, 8, 1), filters=4, num_classes=3, normalization="none")
    z, labels = np.zeros((3, 5), "float32") + 0.1, np.arange(3, dtype="int32")
    images = np.asarray(generator([z, labels]))
    assert np.abs(images[0] - images[1]).max() > 0 and np.abs(images[1] - images[2]).max() > 0

    # Miyato and Koyama's projection: the logit is w.h + b + e_label.h, checked by hand.
    embedding = next(layer for layer in discriminator.layers if layer.name == "class_embedding")
    table = np.random.default_rng(0).normal(size=embedding.embeddings.shape).astype("float32")
    embedding.embeddings.assign(table)
    features = keras.Model(discriminator.inputs, discriminator.get_layer("features").output)([images, labels])
    dense = discriminator.get_layer("logits")
    expected = dense(features).numpy()[:, 0] + np.sum(np.asarray(features) * table, axis=1)
    np.testing.assert_allclose(np.asarray(discriminator([images, labels]))[:, 0], expected, rtol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_outputs_are_float32_whatever_the_policy(policy):
    keras.config.set_dtype_policy(policy)
    generator = kgan.networks.dcgan_generator((8, 8, 1), 5, filters=4)
    discriminator = kgan.networks.dcgan_discriminator((8, 8, 1), filters=4, num_classes=2)
    assert generator.compute_dtype != "float32"
    assert generator.output.dtype == discriminator.output.dtype == "float32"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"image_shape": (7, 8, 1)}, "sides of at least 8"),
        ({"image_shape": (8, 8)}, "must be \\(height, width, channels\\)"),
        ({"image_shape": (8, 8, 5)}, "1 to 4 channels"),
        ({"image_shape": (8, 8, 1), "normalization": "bacth"}, "'bacth'.*'batch', 'layer', 'group', 'none'"),
        ({"image_shape": (8, 8, 1), "filters": 0}, "filters must be a whole number of at least 1, got 0"),
        ({"image_shape": (8, 8, 1), "num_classes": 1}, "num_classes must be"),
    ],
)
@pytest.mark.parametrize("network", [kgan.networks.dcgan_generator, kgan.networks.dcgan_discriminator])
def test_bad_arguments_are_answered_in_a_sentence(network, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        network(**arguments)


def test_networks_are_plain_models_that_save_and_print(tmp_path, capsys):
    generator = kgan.networks.dcgan_generator((28, 28, 1), 5, filters=2, num_classes=10)
    generator.summary()
    assert "dcgan_generator" in capsys.readouterr().out
    generator.save(tmp_path / "g.keras")
    inputs = [np.ones((2, 5), "float32"), np.array([1, 2], "int32")]
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "g.keras")(inputs), generator(inputs))


@pytest.mark.parametrize("num_classes", [None, 3])
def test_spectral_normalization_bounds_every_kernel_of_the_discriminator(num_classes):
    discriminator = kgan.networks.dcgan_discriminator(
        (16, 16, 3), filters=4, num_classes=num_classes, normalization="spectral"
    )
    plain = kgan.networks.dcgan_discriminator((16, 16, 3), filters=4, num_classes=num_classes, normalization="none")
    kinds = [type(layer).__name__ for layer in plain.layers]
    swapped = [type(getattr(layer, "layer", layer)).__name__ for layer in discriminator.layers]
    assert swapped == kinds  # the same network, but for what is wrapped
    wrapped = [layer for layer in discriminator.layers if isinstance(layer, kgan.layers.SpectralNormalization)]
    assert len(wrapped) == sum(hasattr(layer, "kernel") or hasattr(layer, "embeddings") for layer in plain.layers)
    assert [discriminator.get_layer(name).name for name in ("features", "logits")] == ["features", "logits"]

    # A kernel of any size gives the same logits, because only its direction counts.
    images = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype("float32")
    inputs = images if num_classes is None else [images, np.array([0, 2])]
    logits = np.asarray(discriminator(inputs, training=True))
    assert np.abs(logits).max() > 0
    for layer in wrapped:
        kernel = layer.layer.embeddings if isinstance(layer.layer, keras.layers.Embedding) else layer.layer.kernel
        kernel.assign(7.0 * kernel)
    np.testing.assert_allclose(discriminator(inputs), logits, rtol=1e-3)


def test_spectral_normalization_is_for_discriminators():
    with pytest.raises(ValueError, match="'spectral'.* bounds .* discriminator.* for the generator use one of 'batch'"):
        kgan.networks.dcgan_generator((8, 8, 1), normalization="spectral")
    with pytest.raises(ValueError, match="unknown normalization 'spectre'.*'none', 'spectral'"):
        kgan.networks.dcgan_discriminator((8, 8, 1), normalization="spectre")


def test_numbers_of_numpy_are_taken():
    numbers = np.array([8, 8, 1, 5, 2, 3])
    generator = kgan.networks.dcgan_generator(numbers[:3], numbers[3], filters=numbers[4], num_classes=numbers[5])
    discriminator = kgan.networks.dcgan_discriminator(numbers[:3], filters=numbers[4], num_classes=numbers[5])
    assert generator.output_shape == (None, 8, 8, 1) and discriminator.output_shape == (None, 1)
    assert generator.to_json() and discriminator.to_json()
