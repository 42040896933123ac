"""`GAN`: a generator and a discriminator, the game with two players."""

import functools
import random

import keras
import numpy as np
from keras import ops

from kgan import backend, losses, scalars
from kgan.attacks.class_scores import logits_behind
from kgan.class_names import as_class_names
from kgan.label_inputs import as_network_takes
from kgan.layers import LatentSampler
from kgan.models.adversary import discriminator_loss
from kgan.models.game import Game
from kgan.models.gan import checks as gan_checks
from kgan.models.gan import exports, recipe, sampling
from kgan.models.gan import labels as gan_labels
from kgan.models.training.moving_average import copy_for_average, update_average
from kgan.networks import dcgan_discriminator, dcgan_generator


@keras.saving.register_keras_serializable(package="kgan")
class GAN(Game):
    """Generative adversarial network: noise to samples that a discriminator cannot tell from data.

    In each round the discriminator takes `discriminator_steps` updates and then the generator takes one. A moving
    average of the generator's weights, which starts as a copy of them, makes the samples of `generate`.

    Source: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, algorithm 1.

    Args:
        generator: functional or sequential model of latent vectors `(batch, latent_dim)`, or of `[latents, labels]`,
            to samples. Labels are class ids, `(batch,)` or `(batch, 1)`, or one-hot, `(batch, classes)`.
        discriminator: functional or sequential model of samples, or of `[samples, labels]`, to logits `(batch, 1)`;
            behind a last sigmoid the logits are found.
        ema_momentum: how much of the moving average is kept in each step, from 0 to below 1; `None` keeps no average.
        class_names: names of the classes of a conditional GAN, in their order, by which `generate` takes labels too;
            saved and exported with it.
        seed: integer from which the latents and the order of the data flow; `None` draws one. The first weights are
            the networks' own: `keras.utils.set_random_seed` before making them repeats these too.
        name: name of the model.

    Raises:
        ValueError: if the networks do not fit together.

    Examples:
        >>> generator = kgan.networks.dcgan_generator((28, 28, 1))
        >>> discriminator = kgan.networks.dcgan_discriminator((28, 28, 1))
        >>> gan = kgan.GAN(generator, discriminator, seed=0)
        >>> gan.compile(loss="non_saturating", penalties=[kgan.losses.R1(1.0)])
        >>> gan.fit(images, batch_size=64, epochs=20)     # float32 in -1..1, (n, 28, 28, 1)
        >>> gan.generate(16, seed=0).shape
        (16, 28, 28, 1)
    """

    def __init__(self, generator, discriminator, *, ema_momentum=0.999, class_names=None, seed=None, name=None):
        gan_checks.networks(generator, discriminator)
        ema_momentum = gan_checks.as_momentum(ema_momentum)
        super().__init__({"discriminator": discriminator, "generator": generator}, seed=seed, name=name)
        self.generator = generator
        self.discriminator = discriminator
        self.ema_momentum = ema_momentum
        self.conditional = len(generator.inputs) == 2
        self.latent_dim = generator.inputs[0].shape[-1]
        self.num_classes = gan_checks.num_classes(generator)
        self.class_names = class_names
        self.latents = LatentSampler(self.latent_dim, seed=self.seed_generator)
        self.ema_generator = None if ema_momentum is None else copy_for_average(generator)

    @classmethod
    def for_images(
        cls,
        image_shape,
        num_classes: int | None = None,
        *,
        filters: int = 32,
        latent_dim: int = 100,
        generator_normalization: str | None = "batch",
        discriminator_normalization: str | None = "none",
        ema_momentum: float | None = 0.99,
        class_names=None,
        seed: int | None = None,
        name: str | None = None,
        generator_optimizer=None,
        discriminator_optimizer=None,
        loss="relativistic",
        penalties=None,
        **compile_arguments,
    ):
        """A GAN for images, built and compiled by the recipe of `kgan train`, which works at the first try.

        DCGAN's networks, the relativistic loss with R1 and R2, Adam for both players, and a quick moving average: the
        objective of R3GAN (Huang et al. 2024, https://arxiv.org/abs/2501.05441) on small networks. It was chosen on
        5,000 grey digits of 28 x 28 and on emoji in colour of 32 x 32 and 64 x 64, see `benchmarks/README.md`.

        Args:
            image_shape: `(height, width, channels)`; height and width from 8 up, 1 to 4 channels.
            num_classes: how many classes, for a conditional GAN.
            filters, latent_dim: see `kgan.networks.dcgan_generator`.
            generator_normalization: see `kgan.networks.dcgan_generator`.
            discriminator_normalization: see `kgan.networks.dcgan_discriminator`; batch norm harms the penalties.
            ema_momentum: see `GAN`; 0.99 suits a run of a few thousand steps, 0.999 a long one.
            class_names: see `GAN`.
            seed: integer; first weights flow from it too.
            name: name of the model.
            generator_optimizer, discriminator_optimizer: see `compile`; Adam(1e-3, beta_1=0.5) if `None`.
            loss: see `compile`.
            penalties: see `compile`; `None` for R1 and R2 with `kgan.losses.auto_weight(image_shape)`.
            **compile_arguments: the others of `compile`.

        Returns:
            A compiled `GAN`.

        Raises:
            ValueError: as the networks, `GAN` and `compile`.

        Examples:
            >>> gan = kgan.GAN.for_images((28, 28, 1))
            >>> gan.fit(kgan.datasets.batches("mnist5k", 64), epochs=50)
        """
        shared = {"filters": filters, "num_classes": num_classes}
        with recipe.drawing_from(scalars.as_seed(seed)):
            generator = dcgan_generator(image_shape, latent_dim, normalization=generator_normalization, **shared)
            discriminator = dcgan_discriminator(image_shape, normalization=discriminator_normalization, **shared)
            own = {"ema_momentum": ema_momentum, "class_names": class_names, "seed": seed, "name": name}
            gan = cls(generator, discriminator, **own)
        arguments = {"generator_optimizer": generator_optimizer, "discriminator_optimizer": discriminator_optimizer}
        gan.compile(**recipe.completed(image_shape, loss=loss, penalties=penalties, **arguments), **compile_arguments)
        return gan

    @property
    def class_names(self) -> list[str] | None:
        """The names of the classes, in their order, or `None`."""
        return None if self._class_names is None else list(self._class_names)

    @class_names.setter
    def class_names(self, names):
        if names is not None and not self.conditional:
            raise ValueError("this GAN was built without classes, which have no names then: leave class_names out.")
        self._class_names = None if names is None else tuple(self._read_names(names))

    def _read_names(self, names) -> list[str]:
        return as_class_names(names, len(names) if self.num_classes is None else self.num_classes)

    def compile(
        self,
        generator_optimizer=None,
        discriminator_optimizer=None,
        loss="non_saturating",
        penalties=(),
        discriminator_steps: int = 1,
        **keras_kwargs,
    ):
        """Sets how the two players learn.

        Args:
            generator_optimizer: Keras optimizer (instance, name or config), with a learning-rate schedule if wanted;
                `None` for DCGAN's Adam with a learning rate of 2e-4 and beta_1 of 0.5.
            discriminator_optimizer: the same for the discriminator.
            loss: a name or an instance, see `kgan.losses.get`.
            penalties: gradient penalties of the discriminator, in any number and combination, see `kgan.losses`.
            discriminator_steps: updates of the discriminator per round (k of algorithm 1), each on a fresh minibatch.
            **keras_kwargs: see `Game.compile`.

        Raises:
            ValueError: for an unknown loss or penalty, and as in `Game.compile`.
        """
        loss = losses.get(loss)
        penalties = [penalties] if isinstance(penalties, losses.Penalty) else penalties
        penalties = [losses.get_penalty(penalty) for penalty in penalties]
        gan_checks.different_names(penalties)
        gan_checks.batch_norm_under(penalties, self.discriminator)
        optimizers = {"discriminator": discriminator_optimizer, "generator": generator_optimizer}
        for player, optimizer in optimizers.items():
            if optimizer is None:
                optimizers[player] = keras.optimizers.Adam(2e-4, beta_1=0.5)
        super().compile(optimizers, {"discriminator": discriminator_steps}, **keras_kwargs)
        self.loss, self.penalties = loss, penalties

    def compile_arguments(self) -> dict:
        return {
            "generator_optimizer": self.optimizers["generator"],
            "discriminator_optimizer": self.optimizers["discriminator"],
            "loss": self.loss,
            "penalties": list(self.penalties),
            "discriminator_steps": self.steps["discriminator"],
            "simultaneous": self.simultaneous,
            **self._keras_kwargs,
        }

    # The losses

    def player_loss(self, player, data):
        real, labels = data if self.conditional else (data, None)
        fake = self._run(self.generator, self.latents(real), labels)
        if player == "discriminator":
            judge = functools.partial(self._run, self.discriminator, labels=labels)
            return discriminator_loss(judge, real, fake, self.loss, self.penalties, self.seed_generator)
        real_logits = self._run(self.discriminator, real, labels) if self.loss.compares_with_real else None
        return self.loss.generator_loss(self._run(self.discriminator, fake, labels), real_logits)

    def _run(self, network, inputs, labels):
        if labels is not None:
            inputs = [inputs, as_network_takes(labels, network.inputs[1])]
        outputs = network(inputs, training=self.training)
        behind = logits_behind(outputs) if network is self.discriminator else None
        # In float32 whatever the dtype policy of the user's own networks: losses and penalties need the precision.
        return ops.cast(outputs if behind is None else behind, "float32")

    def after_update(self, player):
        if player == "discriminator" and self.loss.weight_clip and not self.penalties:
            clip = self.loss.weight_clip
            weights = self.player_variables("discriminator")
            backend.assign(weights, [ops.clip(w, -clip, clip) for w in weights])
        if player == "generator" and self.ema_generator is not None:
            update_average(self.ema_generator, self.generator, self.ema_momentum)

    # Use of the trained generator

    def call(self, inputs, training=False):
        """The generator that `generate` uses, on given latents or `[latents, labels]`; so `predict` takes these."""
        return self._sampling_generator()(inputs, training=training)

    def generate(self, n: int, *, labels=None, seed: int | None = None, ema: bool = True) -> np.ndarray:
        """Makes samples.

        Args:
            n: how many.
            labels: for a conditional GAN: a class for all, or `n` classes; int class ids, or names if there are
                `class_names`. Without it the classes take turns.
            seed: integer; the same seed gives the same samples, `None` others each time. Training goes on as if nothing
                had been drawn.
            ema: whether to use the moving average of the generator, if there is one.

        Returns:
            `(n, ...)` float32 array, as the generator makes it: images in -1..1.

        Raises:
            ValueError: for labels that do not fit, and for more samples than memory holds.
        """
        n, seed = scalars.as_count(n, "n"), scalars.as_seed(seed)
        seed = random.randrange(2**31) if seed is None else seed
        sampling.check_fits(self._sampling_generator(ema), n)
        if self.conditional:
            labels = gan_labels.to_generate(labels, n, self.num_classes, self.class_names)
        elif labels is not None:
            raise ValueError("this GAN was built without classes: leave labels out.")
        return sampling.sample(self._sampling_generator(ema), n, labels, seed)

    def export(self, path, format: str = "saved_model", *, ema: bool = True, class_names=None, verbose=None, **kwargs):
        """Writes the generator that `generate` uses, for use without kgan.

        Args:
            path: folder or file to write.
            format: `"saved_model"` (or `"tf_saved_model"`), see `kgan.export.export_generator`; `"onnx"`, see
                `kgan.export.export_onnx`; or another format of `keras.Model.export`, such as `"litert"`. All make
                uint8 images.
            ema: whether to use the moving average of the generator, if there is one.
            class_names: names of the classes to store in a SavedModel; those of the GAN by default.
            verbose: whether to print what was written, as in Keras; nothing by default.
            **kwargs: further arguments of `keras.Model.export` for these other formats.

        Returns:
            The path.

        Raises:
            ValueError: for an unknown format, or names that do not fit.
        """
        names = self.class_names if class_names is None else self._read_names(class_names)
        generator = self._sampling_generator(ema)
        return exports.export(generator, path, format, self.num_classes, names, verbose=verbose, **kwargs)

    @property
    def predicting_network(self):
        return self._sampling_generator()

    def _sampling_generator(self, ema: bool = True):
        return self.ema_generator if ema and self.ema_generator is not None else self.generator

    def check_data(self, data):
        gan_checks.data(data, self)

    def check_range(self, low, high, part):
        if part == 1:
            gan_labels.check_range(low, high, self.num_classes)
        elif len(self.discriminator.inputs[0].shape) == 4:
            return gan_checks.image_range(low, high)
        return None

    def get_config(self) -> dict:
        """The arguments of the constructor, networks as their configs: `kgan.GAN.from_config` makes a new GAN of them.

        Weights, optimizers and progress are not in it: `save` keeps all of these.
        """
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        networks = {name: keras.saving.serialize_keras_object(network) for name, network in networks.items()}
        arguments = {name: getattr(self, name) for name in ("ema_momentum", "class_names", "seed", "name")}
        return {**networks, **arguments}
