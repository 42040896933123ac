"""`StackedAutoencoder`: a deep autoencoder whose layers are first trained one by one."""

import math
import os
import warnings
from pathlib import Path

import keras
import numpy as np
from keras import tree

from kgan import backend, files
from kgan.backend import keras_internals
from kgan.layers import DenseTranspose, retie
from kgan.models.autoencoder.checks import build_all
from kgan.models.autoencoder.model import Autoencoder
from kgan.models.autoencoder.pretraining import LevelTraining, chain
from kgan.models.training import data_checks, minibatches
from kgan.models.training.one_at_a_time import alone
from kgan.networks.autoencoders import own_activation
from kgan.scalars import as_count, is_count


@keras.saving.register_keras_serializable(package="kgan")
class StackedAutoencoder(Autoencoder):
    """A deep autoencoder with greedy layer-wise pretraining.

    `pretrain` trains one layer at a time, the lowest first, each as an autoencoder of the codes of those below. Then
    `to_classifier` makes a classifier of the pretrained encoder, or `compile` and `fit` fine-tune the whole stack as
    one deep autoencoder. `encoder` and `decoder` are plain Keras models, made when the shape of the data is first
    known: by `pretrain`, `fit` or `build((None, ...))`.

    Source: Bengio et al. 2006, Greedy Layer-Wise Training of Deep Networks; with corruption Vincent et al. 2010,
    https://jmlr.org/papers/v11/vincent10a.html.

    Args:
        units: list with an entry for each layer, the lowest first: a number of units, for a fully connected layer; or
            a pair `(encoder layer, decoder layer)`, such as a convolution and its transpose. Each may be a model.
        activation: activation of the fully connected layers, as Keras takes it: a name, a function, a layer (of which
            each layer gets a copy) or a config.
        output_activation: activation of the last, fully connected layer of the decoder; the default fits data in 0..1,
            `None` any data.
        corruption: layer that corrupts the inputs in training, see `kgan.Autoencoder`; in pretraining those of each
            layer.
        tied: whether the kernels of the decoder are those of the encoder, transposed.
        seed: integer from which the order of the data flows; `None` draws one.
        name: name of the model.

    Attributes:
        layers_pretrained: how many layers `pretrain` has finished; saved with the model.

    Examples:
        >>> stack = kgan.StackedAutoencoder([300, 300, 300], corruption=kgan.layers.MaskingNoise(0.25))
        >>> stack.pretrain(x, epochs=15, batch_size=64)        # (n, 784), numbers in 0..1
        >>> classifier = stack.to_classifier(10)
        >>> classifier.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        >>> classifier.fit(x_labelled, y)
    """

    def __init__(
        self,
        units,
        *,
        activation="sigmoid",
        output_activation="sigmoid",
        corruption=None,
        tied: bool = False,
        seed: int | None = None,
        name: str | None = None,
    ):
        super().__init__(None, None, corruption=corruption, seed=seed, name=name)
        self.units = _as_units(units)
        self.activation = keras.activations.get(activation)
        self.output_activation = keras.activations.get(output_activation)
        self.tied = tied
        self.layers_pretrained = 0

    def build(self, input_shape):
        """Makes the layers for inputs of a shape `(None, ...)`."""
        if self.encoder is not None:
            return
        with self.distribute_strategy.scope():
            pairs, shape = [], tuple(input_shape[1:])
            for i, of in enumerate(self.units):
                pairs.append(self._dense_pair(of, shape, i) if isinstance(of, int) else ([of[0]], [of[1]]))
                shape = tuple(_level(i, *pairs[-1], shape)[0].outputs[0].shape[1:])
            self._pairs = pairs
            encoder = chain([layer for layers, _ in pairs for layer in layers], input_shape[1:], "encoder")
            decoder = chain([layer for _, layers in reversed(pairs) for layer in layers], shape, "decoder")
        self.set_networks(encoder, decoder)

    def _dense_pair(self, units: int, shape: tuple, i: int):
        """The layers of a fully connected level, and those that undo it."""
        numbers, last = math.prod(shape), i == 0
        encoder = keras.layers.Dense(units, own_activation(self.activation), name=f"encoder_{i + 1}")
        encoder.build((None, numbers))
        activation = self.output_activation if last else self.activation
        options = {"activation": own_activation(activation), "name": f"decoder_{i + 1}"}
        options |= {"dtype": "float32"} if last else {}
        decoder = DenseTranspose(encoder, **options) if self.tied else keras.layers.Dense(numbers, **options)
        if len(shape) == 1:
            return [encoder], [decoder]
        return [keras.layers.Flatten(), encoder], [decoder, keras.layers.Reshape(shape)]

    def build_players(self, data):
        first = tree.flatten(data.element_spec if backend.is_dataset(data) else data)[0]
        if getattr(first.shape, "rank", 1) is None or None in first.shape[1:]:
            raise ValueError(f"the shape of a row must be known to make layers for it, but it is {first.shape}.")
        self.build((None, *first.shape[1:]))

    def pretrain(
        self,
        x,
        y=None,
        *,
        epochs: int = 10,
        batch_size: int | None = None,
        optimizer="adam",
        loss="mean_squared_error",
        checkpoint: str | os.PathLike | None = None,
        verbose: int = 1,
    ) -> list:
        """Trains the layers one by one, the lowest first; all other weights stay as they are, bit for bit.

        A call that is interrupted keeps the layers that it has finished, and the next call goes on with the layer that
        was not. After all layers are done, another call trains them all again.

        It warns of data that the decoder of a layer cannot reach, such as standardised columns behind a sigmoid, and of
        a layer that has learned nothing: whose error is no better than that of the mean of its input.

        Args:
            x: array, or a batched `tf.data.Dataset`, of inputs. The codes of the layers below are computed once for
                each layer, and kept in a temporary file when they are too large for memory.
            y: class ids `(n,)`, for the supervised variant of the same paper: each layer is trained as the hidden
                layer of a classifier, whose output layer is thrown away. A dataset brings them as `(x, y)`. The
                decoder is not trained then.
            epochs: passes over the data for each layer.
            batch_size: rows per minibatch of arrays; 32 by default. A dataset brings its own.
            optimizer: Keras optimizer: instance, name or config; each layer gets a new one like it.
            loss: loss of the reconstruction: `"mean_squared_error"`, `"binary_crossentropy"` for inputs and codes in
                0..1, or another one as `kgan.Autoencoder.compile` takes it.
            checkpoint: path of a `.weights.h5` file that is written after each layer. When it exists, and this stack
                has not been pretrained yet, pretraining goes on after the layers that the file holds; nothing is left
                to do when it holds them all.
            verbose: 1 for a progress bar per layer, 0 for silence.

        Returns:
            List of one `keras.callbacks.History` for each layer that this call trained.

        Raises:
            ValueError: for data that cannot be used.
            FloatingPointError: if a loss or a gradient becomes NaN or infinite.
        """
        with alone(self, "pretrain"):
            training = LevelTraining(epochs, batch_size, optimizer, loss, self.corruption, self.seed, verbose)
            if checkpoint is not None and not str(checkpoint).endswith(".weights.h5"):
                raise ValueError(f"checkpoint must end in .weights.h5, got {str(checkpoint)!r}.")
            minibatches.refuse_spent(x, len(self.units) * training.epochs + 1)
            if minibatches.gives_batches(x):
                x = minibatches.as_data(x, y, batch_size)
            else:
                data_checks.refuse_unless_inputs(x)
            if self.encoder is None:
                self.build_players(x if backend.is_dataset(x) else np.asanyarray(x))
            if checkpoint is not None and Path(checkpoint).exists() and self.layers_pretrained == 0:
                self._load_whole(Path(checkpoint))
                if verbose:
                    print(f"{self.layers_pretrained} of {len(self.units)} layers are pretrained, from {checkpoint}")
                if self.layers_pretrained == len(self.units):
                    return []
            elif self.layers_pretrained == len(self.units):
                self.layers_pretrained = 0

            def after_level(done):
                self.layers_pretrained = done
                if checkpoint is not None:
                    self._save_whole(Path(checkpoint))

            levels, shape = [], self.encoder.inputs[0].shape[1:]
            for i, pair in enumerate(self._pairs):
                levels.append(_level(i, *pair, shape))
                shape = levels[-1][0].outputs[0].shape[1:]
            with self.distribute_strategy.scope():
                return training.run(levels, x, y, first=self.layers_pretrained, after_level=after_level)

    def _load_whole(self, path: Path):
        before = self.get_weights()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Keras warns of each weight, and then raises
                self.load_weights(path)
        except (ValueError, KeyError, OSError):
            self.set_weights(before)
            self.layers_pretrained = 0
            raise ValueError(
                f"the checkpoint {path} does not hold the layers of this stack: give another path, or the units that "
                "it was written with."
            ) from None

    def _save_whole(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(path, keras_internals.weights_as_hdf5(self))

    def to_classifier(self, num_classes: int, *, freeze_encoder: bool = False) -> keras.Model:
        """A classifier: a copy of the encoder and a new softmax layer on top of it.

        Args:
            num_classes: number of classes.
            freeze_encoder: whether only the new layer trains, instead of all of them.

        Returns:
            A functional `keras.Model`, not compiled: inputs to float32 probabilities `(batch, num_classes)`. Training
            it leaves this model as it is.

        Raises:
            ValueError: if the layers are not made yet, or for fewer than two classes.
        """
        encoder = self._network("encoder")
        num_classes = as_count(num_classes, "num_classes", 2)
        # A function of the user's that is not registered can be copied all the same.
        activations = (self.activation, self.output_activation)
        with keras.saving.CustomObjectScope({f.__name__: f for f in activations if hasattr(f, "__name__")}):
            copy = keras.models.clone_model(encoder)
        build_all(copy)
        copy.set_weights(encoder.get_weights())
        if freeze_encoder:
            copy.trainable = False
        codes = copy.outputs[0] if len(copy.outputs[0].shape) == 2 else keras.layers.Flatten()(copy.outputs[0])
        output = keras.layers.Dense(num_classes, activation="softmax", dtype="float32")
        return keras.Model(copy.inputs, output(codes), name="classifier")

    # Saving: the layers are made anew from the arguments and the shape of the inputs

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["layers_pretrained"] = np.asarray(self.layers_pretrained)

    def load_own_variables(self, store):
        self.layers_pretrained = int(np.asarray(store["layers_pretrained"]))
        super().load_own_variables({name: store[name] for name in store.keys() if name != "layers_pretrained"})

    def get_config(self) -> dict:
        arguments = {"units": self.units, "corruption": self.corruption}
        return {
            **keras.saving.serialize_keras_object(arguments),
            "activation": keras.activations.serialize(self.activation),
            "output_activation": keras.activations.serialize(self.output_activation),
            "tied": self.tied,
            "seed": self.seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        arguments = {name: config[name] for name in ("units", "corruption")}
        arguments = keras.saving.deserialize_keras_object(arguments, custom_objects)
        retie(*[layer for of in arguments["units"] if not isinstance(of, int) for layer in of])
        return cls(**{**config, **arguments})


def _as_units(units) -> list:
    if not isinstance(units, list | tuple | np.ndarray) or not len(units):
        raise ValueError(f"units must be a list with an entry for each layer, got {units!r}.")
    checked = []
    for of in units:
        is_pair = isinstance(of, list | tuple) and len(of) == 2 and all(isinstance(layer, keras.Layer) for layer in of)
        if not is_pair and not is_count(of):
            raise ValueError(
                f"units must hold numbers of units from 1 up or pairs (encoder layer, decoder layer), got {of!r}."
            )
        checked.append(list(of) if is_pair else int(of))
    layers = [id(layer) for of in checked if isinstance(of, list) for layer in of]
    if len(set(layers)) != len(layers):
        raise ValueError("units holds a layer twice: each level needs layers of its own.")
    return checked


def _level(i: int, encoder_layers, decoder_layers, shape):
    """The autoencoder of one level, whose layers are those of the stack."""
    encoder = chain(encoder_layers, shape)
    decoder = chain(decoder_layers, encoder.outputs[0].shape[1:])
    if tuple(decoder.outputs[0].shape[1:]) != tuple(shape):
        raise ValueError(
            f"the decoder layer of entry {i} of units makes shape {tuple(decoder.outputs[0].shape[1:])} of what its "
            f"encoder layer made of {tuple(shape)}: they must undo each other."
        )
    return encoder, decoder
