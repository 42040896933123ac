"""`Autoencoder`: an encoder and a decoder that together give back their input."""

import keras
import numpy as np
from keras import ops, tree

from kgan import backend, losses
from kgan.layers import retie
from kgan.losses import reconstruction
from kgan.models.game import Game


@keras.saving.register_keras_serializable(package="kgan")
class Autoencoder(Game):
    """Learns to give back what it gets, through a code: the features in between.

    A game with one player. Its logs are `loss`, and the error of the reconstruction summed over an image and as the
    mean over its pixels: `squared_error_per_image`, `squared_error_per_pixel`, and `cross_entropy_per_image`,
    `cross_entropy_per_pixel` if that is what is minimised. "Image" and "pixel" stand for a row of data of any kind and
    its numbers.

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
        if encoder is not None:
            self.set_networks(encoder, decoder)

    def set_networks(self, encoder, decoder):
        """Gives the autoencoder its two networks, for subclasses that make them from the first data."""
        _check_networks(encoder, decoder)
        self.encoder, self.decoder = encoder, decoder
        self.set_players({"autoencoder": [encoder, decoder]})

    def compile(self, optimizer="adam", loss: str = "mean_squared_error", *, penalties=(), **keras_kwargs):
        """Sets how it learns.

        Args:
            optimizer: Keras optimizer: instance, name or config.
            loss: `"mean_squared_error"`, or `"binary_crossentropy"` for numbers in 0..1; the mean over pixels.
            penalties: penalties of the code, in any number: `kgan.losses.Contractive`, `kgan.losses.Sparsity`.
            **keras_kwargs: `run_eagerly`, `steps_per_execution` and `jit_compile` as in `keras.Model.compile`.

        Raises:
            ValueError: for an unknown loss, penalty or argument.
        """
        if loss not in reconstruction.ALL:
            raise ValueError(f"unknown loss {loss!r}: use one of {', '.join(map(repr, reconstruction.ALL))}.")
        penalties = [penalties] if isinstance(penalties, losses.CodePenalty) else penalties
        penalties = [losses.get_code_penalty(penalty) for penalty in penalties]
        super().compile({"autoencoder": optimizer}, **keras_kwargs)
        self.loss, self.penalties = loss, penalties

    def compile_arguments(self) -> dict:
        return {
            "optimizer": self.optimizers["autoencoder"],
            "loss": self.loss,
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
        pixels = ops.cast(ops.size(targets), "float32") / ops.cast(ops.shape(targets)[0], "float32")
        logs = {}
        for name in dict.fromkeys(("mean_squared_error", self.loss)):
            error = reconstruction.ALL[name]
            per_image = ops.mean(error(targets, reconstructions))
            logs[f"{error.__name__}_per_image"], logs[f"{error.__name__}_per_pixel"] = per_image, per_image / pixels
        loss = per_image / pixels
        for penalty in self.penalties:
            value = penalty(self.encoder, seen, codes, self.seed_generator)
            loss, logs[penalty.name] = loss + penalty.weight * value, value
        return loss, logs

    def call(self, inputs, training=False):
        seen = inputs if self.corruption is None else self.corruption(inputs, training=training)
        return self.decoder(self.encoder(seen, training=training), training=training)

    def export(self, filepath, format="tf_saved_model", **kwargs):
        """As `keras.Model.export`: the network that `predict` runs, from inputs to reconstructions."""
        outputs = self._network("decoder")(self.encoder.outputs[0])
        return keras.Model(self.encoder.inputs[0], outputs).export(filepath, format, **kwargs)

    def encode(self, x, batch_size: int | None = None, verbose=0) -> np.ndarray:
        """The codes of `x`, an array or a batched dataset of inputs, as `encoder.predict` gives them."""
        return self._network("encoder").predict(x, batch_size=batch_size, verbose=verbose)

    def decode(self, codes, batch_size: int | None = None, verbose=0) -> np.ndarray:
        """The reconstructions that belong to `codes`, as `decoder.predict` gives them."""
        return self._network("decoder").predict(codes, batch_size=batch_size, verbose=verbose)

    def _network(self, which: str):
        network = getattr(self, which)
        if network is None:
            raise ValueError(f"there is no {which} yet: call fit or build first.")
        return network

    def check_data(self, data):
        parts = check_rows(data, tuple(self.encoder.inputs[0].shape[1:]))
        unbounded = (keras.activations.linear, keras.activations.relu)
        if getattr(self.encoder.layers[-1], "activation", None) in unbounded:
            if any(isinstance(penalty, losses.Sparsity) for penalty in self.penalties):
                raise ValueError("Sparsity needs codes in 0..1: let the encoder end in a sigmoid.")
        if self.loss == "binary_crossentropy" and not backend.is_dataset(data):
            low, high = parts[-1].min(), parts[-1].max()
            if low < 0 or high > 1:
                raise ValueError(
                    f"binary_crossentropy needs numbers in 0..1, but the data are in {low:g}..{high:g}: scale them, or "
                    "use mean_squared_error."
                )

    def get_config(self) -> dict:
        networks = {"encoder": self.encoder, "decoder": self.decoder, "corruption": self.corruption}
        return {**keras.saving.serialize_keras_object(networks), "seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        networks = {name: config[name] for name in ("encoder", "decoder", "corruption")}
        networks = keras.saving.deserialize_keras_object(networks, custom_objects)
        retie(networks["encoder"], networks["decoder"])
        return cls(**{**config, **networks})


def _check_networks(encoder, decoder):
    for what, network in (("encoder", encoder), ("decoder", decoder)):
        if not isinstance(network, keras.Model) or not network.built or not hasattr(network, "inputs"):
            raise ValueError(f"the {what} must be a built keras.Model with a keras.Input, got {network!r}.")
        if len(network.inputs) != 1 or len(network.outputs) != 1:
            raise ValueError(f"the {what} must have one input and one output, so as to give back what it gets.")
    for what, given, wanted in (
        ("the decoder takes codes", decoder.inputs[0], encoder.outputs[0]),
        ("the decoder makes outputs", decoder.outputs[0], encoder.inputs[0]),
    ):
        given, wanted = tuple(given.shape[1:]), tuple(wanted.shape[1:])
        if not _fits(given, wanted):
            raise ValueError(f"{what} of shape {given}, but the encoder's are of shape {wanted}: make them agree.")


def check_rows(data, expected: tuple):
    """Refuses arrays or a dataset whose parts are not all floating-point rows of the shape `expected`; returns them."""
    parts = tree.flatten(data.element_spec if backend.is_dataset(data) else data)
    shapes = [tuple(part.shape[1:]) for part in parts]
    if len(parts) > 2 or not all(_fits(shape, expected) for shape in shapes):
        raise ValueError(
            f"an autoencoder of inputs of shape {expected} takes x, or (x, what to reconstruct), of that shape, but "
            f"got {' and '.join(map(str, shapes))}: leave labels out."
        )
    for part in parts:
        dtype = keras.backend.standardize_dtype(part.dtype)
        if "float" not in dtype:
            raise ValueError(f"an autoencoder reconstructs floating-point numbers, not {dtype}: divide images by 255.")
    return parts


def _fits(shape, expected) -> bool:
    if len(shape) != len(expected):
        return False
    return all(a == b or a is None or b is None for a, b in zip(shape, expected, strict=True))
