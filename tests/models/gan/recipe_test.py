"""`GAN.for_images`: the recipe of `kgan train` in Python."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.cli.common.data_facts import DataFacts
from kgan.cli.train import recipe
from kgan_command.settings.train import TrainSettings


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_images):
    """Twelve small pictures in colour, in two classes."""
    images = np.random.default_rng(0).integers(0, 256, (12, 16, 24, 3), "uint8")
    return str(write_images(tmp_path_factory.mktemp("pictures"), images, ["cat", "dog"]))


@pytest.mark.parametrize("train", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_it_is_what_kgan_train_builds(folder, train, assert_same_weights):
    settings = TrainSettings(data=folder, seed=3, batch_size=4, width=4, precision="float32")
    source, strategy = recipe.open_data(settings), tf.distribute.get_strategy()
    facts = DataFacts.of(source)
    settings = recipe.complete(settings, facts, strategy)
    built = recipe.build(settings, facts, strategy)
    gan = kgan.GAN.for_images((16, 24, 3), 2, filters=4, class_names=["cat", "dog"], seed=3)
    assert_same_weights(gan, built)
    config, other = (g.get_compile_config() for g in (gan, built))
    for optimizer in (config["generator_optimizer"], other["generator_optimizer"]):
        assert optimizer["config"].pop("name") and optimizer["config"]["learning_rate"] == pytest.approx(1e-3)
    for optimizer in (config["discriminator_optimizer"], other["discriminator_optimizer"]):
        assert optimizer["config"].pop("name")
    assert config == other
    assert gan.class_names == built.class_names and gan.ema_momentum == built.ema_momentum == 0.99
    if train:
        histories = [g.fit(recipe.batches(settings, source, g), epochs=2, verbose=0).history for g in (gan, built)]
        assert histories[0] == histories[1]


def test_a_seed_makes_the_first_weights_and_moves_nothing_else(assert_same_weights):
    random.seed(1)
    state = random.getstate()
    first, second = (kgan.GAN.for_images((8, 8, 3), filters=2, seed=5) for _ in range(2))
    assert random.getstate() == state
    assert_same_weights(first, second)
    others = [kgan.GAN.for_images((8, 8, 3), filters=2, seed=seed) for seed in (6, None, None)]
    kernels = [gan.generator.layers[1].kernel.numpy() for gan in (first, *others)]
    assert len({kernel.tobytes() for kernel in kernels}) == 4


def test_the_penalties_suit_the_size_of_the_images():
    for shape in ((28, 28, 1), (64, 64, 3)):
        gan = kgan.GAN.for_images(shape, filters=2)
        assert [penalty.weight for penalty in gan.penalties] == [kgan.losses.auto_weight(shape)] * 2
    assert kgan.GAN.for_images((8, 8, 1), filters=2, penalties=()).penalties == []


def test_everything_of_the_constructor_and_of_compile_can_be_said():
    gan = kgan.GAN.for_images(
        (8, 8, 1), 3, filters=np.int64(2), latent_dim=5, generator_normalization="layer", ema_momentum=None,
        generator_optimizer="sgd", loss="hinge", penalties=kgan.losses.R1(2.0), discriminator_steps=2, name="mine",
        discriminator_normalization="spectral", run_eagerly=True,
    )  # fmt: skip
    assert gan.latent_dim == 5 and gan.num_classes == 3 and gan.ema_generator is None and gan.name == "mine"
    assert isinstance(gan.optimizers["generator"], keras.optimizers.SGD) and gan.steps["discriminator"] == 2
    assert gan.run_eagerly and isinstance(gan.loss, type(kgan.losses.get("hinge")))
    images, labels = np.zeros((8, 8, 8, 1), "float32"), np.arange(8) % 3
    gan.fit((images, labels), batch_size=2, epochs=1, verbose=0)
    assert gan.generate(4, seed=0).shape == (4, 8, 8, 1)


def test_a_subclass_stays_one_and_is_saved(tmp_path):
    @keras.saving.register_keras_serializable()
    class Mine(kgan.GAN):
        pass

    gan = Mine.for_images((8, 8, 1), filters=2, seed=0)
    assert type(gan) is Mine
    gan.save(tmp_path / "mine.keras")
    again = keras.saving.load_model(tmp_path / "mine.keras")
    np.testing.assert_array_equal(again.generate(2, seed=0), gan.generate(2, seed=0))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (dict(image_shape=(4, 4, 1)), "sides of at least 8"),
        (dict(image_shape=(8, 8)), "image_shape"),
        (dict(seed="a"), "seed"),
        (dict(filters=0), "filters"),
        (dict(loss="hing"), "hinge"),
        (dict(num_images=5), "num_images"),
        (dict(discriminator_normalization="bath"), "batch"),
    ],
)
def test_bad_arguments_meet_a_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        kgan.GAN.for_images(**{"image_shape": (8, 8, 1), "filters": 2, **arguments})


@pytest.mark.slow
def test_two_devices(two_devices):
    images = np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 3)).astype("float32")
    histories = []
    for strategy in (tf.distribute.get_strategy(), two_devices):
        with strategy.scope():
            gan = kgan.GAN.for_images((8, 8, 3), filters=2, seed=0)
        histories.append(gan.fit(images, batch_size=8, epochs=2, verbose=0).history)
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-4)
