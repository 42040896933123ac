"""`GAN`: a generator and a discriminator, the game with two players."""

import random

import keras
import numpy as np
from keras import ops

from kgan import backend, losses
from kgan.export import export_generator
from kgan.layers import LatentSampler, draw_latents
from kgan.models import gan_checks
from kgan.models.game import Game


@keras.saving.register_keras_serializable(package="kgan")
class GAN(Game):
    """Generative adversarial network: noise to samples that a discriminator cannot tell from data.

    In each round the discriminator takes `discriminator_steps` updates and then the generator takes one. A moving
    average of the generator's weights, which starts as a copy of them, makes the samples of `generate`.

    Source: Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, algorithm 1.

    Args:
        generator: functional or sequential model of latent vectors `(batch, latent_dim)`, or of `[latents, labels]`,
            to samples.
        discriminator: functional or sequential model of samples, or of `[samples, labels]`, to logits `(batch, 1)`.
        ema_momentum: how much of the moving average is kept in each step, from 0 to below 1; `None` keeps no average.
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

    def __init__(self, generator, discriminator, *, ema_momentum=0.999, seed=None, name=None):
        gan_checks.networks(generator, discriminator)
        gan_checks.momentum(ema_momentum)
        super().__init__({"discriminator": discriminator, "generator": generator}, seed=seed, name=name)
        self.generator = generator
        self.discriminator = discriminator
        self.ema_momentum = ema_momentum
        self.conditional = len(generator.inputs) == 2
        self.latent_dim = generator.inputs[0].shape[-1]
        self.num_classes = gan_checks.num_classes(generator)
        self.latents = LatentSampler(self.latent_dim, seed=self.seed_generator)
        self.ema_generator = None
        if ema_momentum is not None:
            self.ema_generator = keras.models.clone_model(generator)  # the same layers with new weights,
            self.ema_generator.set_weights(generator.get_weights())  # so they have to be copied, statistics included
            self.ema_generator.trainable = False

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
            return self._discriminator_loss(real, fake, labels)
        real_logits = self._run(self.discriminator, real, labels) if self.loss.compares_with_real else None
        return self.loss.generator_loss(self._run(self.discriminator, fake, labels), real_logits)

    def _discriminator_loss(self, real, fake, labels):
        """The adversarial loss plus the penalties, and what to log of them."""

        def judge(samples):
            # Real and fake go through separately: in one batch, batch norm would mix their statistics.
            return self._run(self.discriminator, samples, labels)

        points = [penalty.points(real, fake, self.seed_generator) for penalty in self.penalties]
        gradients = {}
        logits = {}
        for samples in (real, fake, *points):
            if id(samples) in logits:
                continue
            if any(samples is point for point in points):
                logits[id(samples)], gradients[id(samples)] = backend.value_and_input_gradient(judge, samples)
            else:
                logits[id(samples)] = judge(samples)
        real_logits, fake_logits = logits[id(real)], logits[id(fake)]
        loss = self.loss.discriminator_loss(real_logits, fake_logits)
        logs = {"real_output": ops.mean(real_logits), "fake_output": ops.mean(fake_logits)}
        for penalty, point in zip(self.penalties, points, strict=True):
            logs[penalty.name] = penalty.value(gradients[id(point)])
            loss += logs[penalty.name]
        return loss, logs

    def _run(self, network, inputs, labels):
        # In float32 whatever the dtype policy of the user's own networks: losses and penalties need the precision.
        return ops.cast(network(inputs if labels is None else [inputs, labels], training=self.training), "float32")

    def after_update(self, player):
        if player == "discriminator" and self.loss.weight_clip and not self.penalties:
            clip = self.loss.weight_clip
            weights = self.player_variables("discriminator")
            backend.assign(weights, [ops.clip(w, -clip, clip) for w in weights])
        if player == "generator" and self.ema_generator is not None:
            weights, averages = self.generator.weights, self.ema_generator.weights
            keep = self.ema_momentum
            # Batch statistics are averages already: they are copied.
            new = [keep * a + (1 - keep) * w if w.trainable else w for w, a in zip(weights, averages, strict=True)]
            backend.assign(averages, new)

    # Use of the trained generator

    def call(self, inputs, training=False):
        """The generator that `generate` uses, on given latents or `[latents, labels]`; so `predict` takes these."""
        return self._sampling_generator()(inputs, training=training)

    def generate(self, n: int, *, labels=None, seed: int | None = None, ema: bool = True) -> np.ndarray:
        """Makes samples.

        Args:
            n: how many.
            labels: for a conditional GAN: a class for all, or an array of `n` int class ids. Without it the classes
                take turns.
            seed: integer; the same seed gives the same samples, `None` others each time. Training goes on as if nothing
                had been drawn.
            ema: whether to use the moving average of the generator, if there is one.

        Returns:
            `(n, ...)` float32 array, as the generator makes it: images in -1..1.

        Raises:
            ValueError: for labels that do not fit.
        """
        if n < 1:
            raise ValueError(f"generate makes at least 1 sample, but n is {n}.")
        seed = random.randrange(2**31) if seed is None else seed
        inputs = draw_latents(n, self.latent_dim, seed)
        if self.conditional:
            inputs = [inputs, gan_checks.labels_to_generate(labels, n, self.num_classes)]
        elif labels is not None:
            raise ValueError("this GAN was built without classes: leave labels out.")
        return self._sampling_generator(ema).predict(inputs, batch_size=min(n, 256), verbose=0)

    def export(self, path, *, ema: bool = True):
        """Writes a SavedModel of the generator that `generate` uses, see `kgan.export.export_generator`.

        Args:
            path: folder to write.
            ema: whether to use the moving average of the generator, if there is one.

        Returns:
            The path.
        """
        names = getattr(self, "class_names", None)
        return export_generator(self._sampling_generator(ema), path, num_classes=self.num_classes, class_names=names)

    def _sampling_generator(self, ema: bool = True):
        return self.ema_generator if ema and self.ema_generator is not None else self.generator

    def check_data(self, data):
        gan_checks.data(data, self)

    def get_config(self) -> dict:
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        networks = {name: keras.saving.serialize_keras_object(network) for name, network in networks.items()}
        return {**networks, "ema_momentum": self.ema_momentum, "seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for name in ("generator", "discriminator"):
            config[name] = keras.saving.deserialize_keras_object(config[name], custom_objects)
        return cls(**config)
