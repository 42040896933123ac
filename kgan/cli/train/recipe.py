"""From settings to data and to a compiled GAN."""

import dataclasses
import math
import os

import keras
import tensorflow as tf

import kgan
from kgan import datasets, losses, memory
from kgan.cli.common.data_facts import DataFacts
from kgan.datasets import tfds_sets
from kgan.datasets.folder import EmptyClassError
from kgan.datasets.named_sets import NAMED_SETS
from kgan.foreign_text import printable
from kgan.losses import penalties
from kgan.networks.dcgan import MOST_CHANNELS
from kgan.scalars import is_count
from kgan_command.settings.train import TrainSettings

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


def with_full_path(data: str) -> str:
    """A name as it is, a path in full, so that a run can be resumed from another folder."""
    if data in NAMED_SETS or data.startswith(tfds_sets.PREFIX) or not os.path.exists(os.path.expanduser(data)):
        return data
    return os.path.abspath(os.path.expanduser(data))


def open_data(settings: TrainSettings) -> datasets.Source:
    """Opens the data, with classes if they are wanted, or if nothing is said and there are some."""
    if settings.shape() is not None:
        height, width = settings.shape()
        memory.check_fits(4 * height * width, f"one grey image of {height}x{width}", "use a smaller --image-size")

    def opened(labels):
        return datasets.open_source(settings.data, image_size=settings.shape(), labels=labels, limit=settings.limit)

    if settings.labels is not None:
        source = opened(settings.labels)
        if settings.labels and source.num_classes < 2:
            raise ValueError(f"{printable(settings.data)} has a single class, which is none: leave --labels out.")
        return source
    try:
        source = opened(True)
    except EmptyClassError as error:
        raise ValueError(f"{str(error).removesuffix('.')}, or train without classes by --no-labels.") from None
    except ValueError as no_classes:
        source = opened(False)
        source.notes.append(f"Training without classes: {no_classes}")
        return source
    return source if source.num_classes >= 2 else opened(False)


def complete(settings: TrainSettings, data: DataFacts, strategy: tf.distribute.Strategy) -> TrainSettings:
    """Fills in what was left to choose, and refuses what does not go together.

    Raises:
        ValueError: in one sentence.
    """
    devices = strategy.num_replicas_in_sync
    height, width, _ = data.image_shape
    precision = _best_precision() if settings.precision == "auto" else settings.precision
    if precision == "float16" and devices > 1:
        raise ValueError(f"float16 cannot be trained on {devices} devices: use --precision bfloat16, or --devices 1.")
    if settings.batch_size % devices:
        raise ValueError(f"--batch-size {settings.batch_size} cannot be divided evenly between {devices} devices.")
    if min(height, width) < 8:
        raise ValueError(
            f"the images of {printable(data.name)} are {height}x{width}, but the networks need sides of at least 8: "
            "set --image-size."
        )
    rounds = data.size // settings.batch_size // settings.k
    if not rounds:
        raise ValueError(
            f"{printable(data.name)} has {data.size} images, fewer than the {settings.k} x {settings.batch_size} that "
            "an update of both players takes: use a smaller --batch-size."
        )
    memory.check_fits(
        4 * settings.batch_size * math.prod(data.image_shape),
        f"{settings.batch_size:,} images of {'x'.join(map(str, data.image_shape))}",
        "use a smaller --batch-size or --image-size",
    )
    if settings.steps_per_epoch is not None and settings.steps_per_epoch > rounds:
        raise ValueError(
            f"--steps-per-epoch is {settings.steps_per_epoch}, but {printable(data.name)} gives only {rounds}."
        )
    return dataclasses.replace(
        settings.with_weights(losses.auto_weight(data.image_shape)),
        image_size=f"{height}x{width}",
        labels=data.num_classes is not None,
        precision=precision,
        devices=str(devices),
    )


def _best_precision() -> str:
    """bfloat16 on GPUs that compute in it, otherwise float32."""
    gpus = tf.config.get_visible_devices("GPU")
    capabilities = [tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)) for gpu in gpus]
    return "bfloat16" if gpus and min(capabilities) >= (8, 0) else "float32"


def build(settings: TrainSettings, data: DataFacts, strategy: tf.distribute.Strategy) -> kgan.GAN:
    """The compiled GAN of complete settings, with initial weights that depend on the seed alone.

    Raises:
        ValueError: if memory cannot hold its weights, and as the networks.
    """
    _check_networks_fit(settings, data)
    # The policy is global in Keras: put back, so that it does not reach whatever comes next in this process.
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[settings.precision])
    try:
        with strategy.scope():
            return _build(settings, data)
    finally:
        keras.config.set_dtype_policy(policy)


def _check_networks_fit(settings, data):
    """Refuses networks whose largest layers alone, as float32, are more than memory can hold."""
    sides, classes = data.image_shape[:2], data.num_classes or 0
    if not all(map(is_count, sides)) or not is_count(classes, 0):
        return  # the networks refuse that themselves
    # Halved until the shorter side is below 8, with twice as many channels each time, up to MOST_CHANNELS.
    height, width, depth = *sides, 0
    while min(height, width) >= 8:
        height, width, depth = (height + 1) // 2, (width + 1) // 2, depth + 1
    channels = settings.width * min(2 ** max(0, depth - 1), MOST_CHANNELS)
    features = height * width * channels
    kernel = 16 * channels * channels // 2 if depth > 1 else 0  # of 4 x 4, from half as many channels or more
    generator = (features + classes) * settings.latent_dim + kernel
    discriminator = features * (1 + classes) + kernel
    memory.check_fits(
        4 * (generator * (2 if settings.ema else 1) + discriminator),
        f"networks of --width {settings.width:,} and --latent-dim {settings.latent_dim:,} for images of "
        f"{sides[0]}x{sides[1]}{f' of {classes:,} classes' if classes else ''}",
        "use a smaller --width, --latent-dim or --image-size",
    )


def _build(settings, data):
    adam = {"beta_1": settings.beta_1, "beta_2": settings.beta_2}
    return kgan.GAN.for_images(
        data.image_shape,
        data.num_classes,
        filters=settings.width,
        latent_dim=settings.latent_dim,
        generator_normalization=settings.generator_normalization,
        discriminator_normalization=settings.discriminator_normalization,
        ema_momentum=settings.ema or None,
        class_names=data.class_names,
        seed=settings.seed,
        generator_optimizer=keras.optimizers.Adam(settings.generator_lr, **adam),
        discriminator_optimizer=keras.optimizers.Adam(settings.discriminator_lr, **adam),
        loss=settings.loss,
        penalties=[penalties.ALL[name](weight) for name, weight in settings.penalty_weights().items()],
        discriminator_steps=settings.k,
    )


def rounds_per_epoch(settings: TrainSettings, data: DataFacts) -> int:
    """How often both players move in an epoch."""
    return settings.steps_per_epoch or data.size // settings.batch_size // settings.k


def batches(settings: TrainSettings, source: datasets.Source, gan: kgan.GAN) -> tf.data.Dataset:
    """The minibatches of an epoch, in an order that depends on the seed and on how far `gan` is trained."""
    dataset = datasets.batches(
        source, settings.batch_size, seed=settings.seed, position=lambda: gan.rounds_at_epoch_start
    )
    # Cut here and not by `fit`, which would let one pass go on into the next epoch, out of reach of a resumed run.
    return dataset.take(settings.steps_per_epoch * settings.k) if settings.steps_per_epoch else dataset
