import dataclasses

import pytest
import tensorflow as tf

from kgan.cli.common.data_facts import DataFacts
from kgan.cli.train import plan, recipe
from kgan_command.settings.train import TrainSettings

DATA = DataFacts("made up", "0" * 16, 1000, (8, 8, 1), None)
SETTINGS = TrainSettings(
    width=4, latent_dim=3, batch_size=16, precision="float32", devices="1", penalties="r1:0.5,r2:0.5"
)


@pytest.fixture(scope="module")
def gan():
    return recipe.build(SETTINGS, DATA, tf.distribute.get_strategy())


def estimate(gan, **changes):
    return plan.memory(dataclasses.replace(SETTINGS, **changes), DATA, gan, in_memory=False)


def test_memory_follows_batch_precision_devices_and_average(gan):
    per_image = (estimate(gan, batch_size=32) - estimate(gan, batch_size=16)) / 16
    assert estimate(gan, batch_size=48) - estimate(gan, batch_size=32) == 16 * per_image
    # By hand. Generator: latents 3, dense, reshape, batch norm and relu 64 each, image before and after tanh 64 each.
    # Discriminator: image, convolution and activation 64 each, features 64, logit 1; three times with penalties.
    assert per_image == 4 * (3 + 6 * 64 + 3 * (4 * 64 + 1))
    assert estimate(gan, precision="bfloat16") == estimate(gan) - 16 * per_image / 2
    assert estimate(gan, devices="2") == estimate(gan) - 8 * per_image
    assert estimate(gan) - estimate(gan, ema=0.0) == 4 * gan.generator.count_params()
    assert plan.memory(SETTINGS, DATA, gan, in_memory=True) - estimate(gan) == 1000 * 64


def test_an_image_size_without_choice_is_refused_by_networks_that_need_more():
    small = dataclasses.replace(DATA, image_shape=(7, 9, 1))
    with pytest.raises(ValueError, match="the images of made up are 7x9, but the networks need sides of at least 8"):
        recipe.complete(SETTINGS, small, tf.distribute.get_strategy())
