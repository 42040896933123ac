"""`Autoencoder`: an encoder and a decoder that together give back their input."""

import keras
import numpy as np
from keras import tree

from kgan import losses
from kgan.layers import retie
from kgan.losses import reconstruction
from kgan.models.autoencoder import checks
from kgan.models.game import Game
from kgan.models.training import data_checks

_OUTPUTS = "_outputs"  # not a log, but what the metrics are computed from


@keras.saving.register_keras_serializable(package="kgan")
class Autoencoder(Game):
    """Learns to give back what it gets, through a code: the features in between.

    A game with one player. Its logs are `loss`, and the error of the reconstruction summed over an image and as the
    mean over its pixels: `squared_error_per_image`, `squared_error_per_pixel`, and `cross_entropy_per_image`,
    `cross_entropy_per_pixel` if that is what is minimised. "Image" and "pixel" stand for a row of data of any kind and
    its numbers. Where a mask reaches the outputs of the decoder, what it masks does not count, as in Keras.

    With `corruption` it is a denoising autoencoder (Vincent et al. 2010, https://jmlr.org/papers/v11/vincent10a.html):
    it sees corrupted inputs in training and has to give back the clean ones. Numbers that stay as they are in
    `evaluate` and `predict` are those of clean inputs.

    Args:
        encoder: built model of inputs `(batch, ...)` to codes. An `activity_regularizer` in it counts.
        decoder: built model of codes to reconstructions of the shape of the inputs.
        corruption: layer that is applied to the inputs in training: `kgan.layers.GaussianNoise`,
            `kgan.layers.MaskingNoise`, `kgan.layers.SaltAndPepperNoise`, or another one that only acts in training.
        seed: integer from which the order of the data flows; `None` draws one.
        name: name of the model.

    Raises:
        ValueError: if the two do not fit together.

    Examples:
        >>> encoder, decoder = kgan.networks.dense_autoencoder((28, 28, 1))
        >>> autoencoder = kgan.Autoencoder(encoder, decoder, corruption=kgan.layers.MaskingNoise(0.3))
        >>> autoencoder.compile("adam", loss="binary_crossentropy")
        >>> autoencoder.fit(images, batch_size=64, epochs=20)         # (n, 28, 28, 1), numbers in 0..1
        >>> codes = autoencoder.encode(images)
        >>> reconstructions = autoencoder.predict(images)
    """

    def __init__(self, encoder, decoder, *, corruption=None, seed: int | None = None, name: str | None = None):
        super().__init__(seed=seed, name=name)
        if corruption is not None and not isinstance(corruption, keras.Layer):
            raise ValueError(f"corruption must be a Keras layer, such as kgan.layers.MaskingNoise, got {corruption!r}.")
        self.corruption = corruption
        self.encoder = self.decoder = None
        self._own_metrics, self._range_was_said, self._reconstructed_part = [], False, 0
        self.title = None  # which autoencoder it is, for messages, where there are several
        if encoder is not None:
            self.set_networks(encoder, decoder)

    def set_networks(self, encoder, decoder):
        """Gives the autoencoder its two networks, for subclasses that make them from the first data."""
        checks.networks(encoder, decoder)
        for network in (encoder, decoder):
            checks.build_all(network)
        self.encoder, self.decoder = encoder, decoder
        self.set_players({"autoencoder": [encoder, decoder]})

    def compile(self, optimizer="adam", loss="mean_squared_error", *, metrics=None, penalties=(), **keras_kwargs):
        """Sets how it learns.

        Args:
            optimizer: Keras optimizer: instance, name or config.
            loss: loss of the reconstruction as Keras takes it: a name, a function `(originals, reconstructions)`, a
                `keras.losses.Loss`, or a config. `"binary_crossentropy"` is for numbers in 0..1 and a decoder that
                ends in a sigmoid, `keras.losses.BinaryCrossentropy(from_logits=True)` for one that gives logits.
            metrics: metrics of the reconstruction as Keras takes them: a list of names, functions `(originals,
                reconstructions)`, instances of `keras.metrics.Metric` or configs.
            penalties: penalties of the code, in any number: `kgan.losses.Contractive`, `kgan.losses.Sparsity`.
            **keras_kwargs: `run_eagerly`, `steps_per_execution` and `jit_compile` as in `keras.Model.compile`.

        Raises:
            ValueError: for an unknown loss, metric, penalty or argument.
        """
        resolved = reconstruction.get(loss)
        penalties = [penalties] if isinstance(penalties, losses.CodePenalty | dict) else penalties
        penalties = [losses.get_code_penalty(penalty) for penalty in penalties]
        with self.distribute_strategy.scope():
            own_metrics = [_as_metric(metric) for metric in _flat(metrics)]
        super().compile({"autoencoder": optimizer}, **keras_kwargs)
        self.loss, self.penalties, self._own_metrics = loss, penalties, own_metrics
        self.reconstruction_loss, self._range_was_said = resolved, False

    def compile_arguments(self) -> dict:
        return {
            "optimizer": self.optimizers["autoencoder"],
            "loss": self.reconstruction_loss.identifier,
            "metrics": [keras.metrics.serialize(metric) for metric in self._own_metrics],
            "penalties": list(self.penalties),
            **self._keras_kwargs,
        }

    def loss_name(self, player):
        return "loss"  # as Keras calls the one loss of a model

    def player_loss(self, player, data):
        inputs, targets = tree.flatten(data)[0], tree.flatten(data)[-1]
        seen = inputs if self.corruption is None else self.corruption(inputs, training=self.training)
        codes = self.encoder(seen, training=self.training)
        reconstructions = self.decoder(codes, training=self.training)
        loss, logs = self.reconstruction_loss(targets, reconstructions)
        for penalty in self.penalties:
            value = penalty(self.encoder, seen, codes, self.seed_generator)
            loss, logs[penalty.name] = loss + penalty.weight * value, value
        if self._own_metrics:
            logs[_OUTPUTS] = targets, reconstructions
        return loss, logs

    @property
    def metrics(self) -> list:
        return [*super().metrics, *self._own_metrics]

    def prepare_steps(self, batches, *, training: bool):
        super().prepare_steps(batches, training=training)
        self._trackers.pop(_OUTPUTS, None)

    def _track(self, logs: dict, weight=None):
        outputs = logs.pop(_OUTPUTS, ())
        for metric in self._own_metrics if outputs else ():
            metric.update_state(*outputs)
        super()._track(logs, weight)

    def call(self, inputs, training=False):
        seen = inputs if self.corruption is None else self.corruption(inputs, training=training)
        return self.decoder(self.encoder(seen, training=training), training=training)

    @property
    def predicting_network(self):
        return self.encoder

    def export(self, filepath, format="tf_saved_model", **kwargs):
        """As `keras.Model.export`: the network that `predict` runs, from inputs to reconstructions."""
        outputs = self._network("decoder")(self.encoder.outputs[0])
        return keras.Model(self.encoder.inputs[0], outputs).export(filepath, format, **kwargs)

    def encode(self, x, batch_size: int | None = None, verbose=0, steps=None, callbacks=None) -> np.ndarray:
        """The codes of `x`, an array or a batched dataset of inputs, as `encoder.predict` gives them."""
        data_checks.refuse_unless_inputs(x, self._network("encoder"))
        return self._network("encoder").predict(x, batch_size, verbose, steps, callbacks)

    def decode(self, codes, batch_size: int | None = None, verbose=0, steps=None, callbacks=None) -> np.ndarray:
        """The reconstructions that belong to `codes`, as `decoder.predict` gives them."""
        data_checks.refuse_unless_inputs(codes, self._network("decoder"))
        return self._network("decoder").predict(codes, batch_size, verbose, steps, callbacks)

    def _network(self, which: str):
        network = getattr(self, which)
        if network is None:
            raise ValueError(f"there is no {which} yet: call fit or build first.")
        return network

    def check_data(self, data):
        parts = checks.rows(data, tuple(self.encoder.inputs[0].shape[1:]))
        checks.last_activation(self.decoder, self.reconstruction_loss)
        if any(isinstance(penalty, losses.Sparsity) for penalty in self.penalties):
            checks.codes_in_0_to_1(self.encoder)
        self._reconstructed_part = len(parts) - 1

    def check_range(self, low, high, part=0):
        """What to say, once after each `compile`, of a decoder that cannot reach the numbers it has to give back."""
        if part != self._reconstructed_part:
            return None
        sentence = checks.unreachable(self.decoder, self.reconstruction_loss, low, high, self.title)
        sentence = None if self._range_was_said else sentence
        self._range_was_said = self._range_was_said or sentence is not None
        return sentence

    def get_config(self) -> dict:
        """The arguments of the constructor, networks as their configs, without weights, which `save` keeps."""
        if self.encoder is not None:
            checks.no_shared_layers(self.encoder, self.decoder)
        networks = {"encoder": self.encoder, "decoder": self.decoder, "corruption": self.corruption}
        return {**keras.saving.serialize_keras_object(networks), "seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        """A new autoencoder, not compiled and with new weights, from what `get_config` returned."""
        networks = {name: config[name] for name in ("encoder", "decoder", "corruption")}
        networks = keras.saving.deserialize_keras_object(networks, custom_objects)
        retie(networks["encoder"], networks["decoder"])
        return cls(**{**config, **networks})


def _flat(metrics) -> list:
    """The metrics in lists, tuples and dicts; a config is a dict too."""
    if metrics is None:
        return []
    if isinstance(metrics, list | tuple):
        return [metric for part in metrics for metric in _flat(part)]
    return _flat(list(metrics.values())) if isinstance(metrics, dict) and "class_name" not in metrics else [metrics]


def _as_metric(identifier) -> keras.metrics.Metric:
    """A metric by whatever `keras.metrics.get` takes, under the name that Keras logs it by."""
    if identifier in ("accuracy", "acc"):
        raise ValueError(f"{identifier!r} is for classes: use 'binary_accuracy' for pixels that are 0 or 1.")
    try:
        metric = keras.metrics.get(identifier)
    except (ValueError, TypeError):
        metric = None
    if metric is None:
        raise ValueError(f"unknown metric {identifier!r}: use one that keras.metrics.get takes, such as 'mae'.")
    name = identifier if isinstance(identifier, str) else getattr(metric, "__name__", None) or metric.name
    if not isinstance(metric, keras.metrics.Metric):
        return keras.metrics.MeanMetricWrapper(metric, name=name)
    metric.name = name
    return metric
