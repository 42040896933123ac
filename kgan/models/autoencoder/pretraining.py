"""Greedy layer-wise pretraining: one layer at a time, the lowest first, each on the codes of those below.

Source: Bengio et al. 2006, Greedy Layer-Wise Training of Deep Networks, appendix A (supervised: algorithm 2).
"""

import keras
import numpy as np
from keras import ops, tree

from kgan import backend
from kgan.losses import reconstruction
from kgan.models.autoencoder import checks, pretraining_checks
from kgan.models.autoencoder.model import Autoencoder
from kgan.models.game import Game
from kgan.models.training import minibatches
from kgan.models.training.feature_cache import compute_features, refuse_endless
from kgan.models.training.one_at_a_time import alone
from kgan.scalars import as_count, as_seed


def pretrain(
    model: keras.Model,
    x,
    y=None,
    *,
    epochs: int = 10,
    batch_size: int | None = None,
    optimizer="adam",
    loss="mean_squared_error",
    corruption: keras.Layer | None = None,
    seed: int | None = None,
    verbose: int = 1,
) -> list:
    """Initialises the hidden layers of a classifier of your own without labels, in place.

    Each hidden `Dense` layer, the lowest first, is trained as the encoder of an autoencoder on the outputs of the
    layers below it; its linear decoder (with a sigmoid where the loss takes probabilities) is thrown away. The last
    `Dense` layer, the output, stays as it is. Layers without weights (activations, dropout) belong to the `Dense` layer
    before them; those below the first one (flattening, rescaling, normalization) prepare the inputs. Compile and fit
    the model afterwards, as you would have without.

    Args:
        model: built model, a chain of `Dense` layers and layers without weights, such as a `keras.Sequential`.
        x: array, or a batched `tf.data.Dataset`, of inputs. Codes that are too large for memory are kept in a
            temporary file.
        y: class ids `(n,)`, for the supervised variant: each layer is trained as the hidden layer of a classifier,
            whose output layer is thrown away. A dataset brings them as `(x, y)`.
        epochs: passes over the data for each layer.
        batch_size: rows per minibatch of arrays; 32 by default. A dataset brings its own.
        optimizer: Keras optimizer: instance, name or config; each layer gets a new one like it.
        loss: loss of the reconstruction: `"mean_squared_error"`, `"binary_crossentropy"` for inputs and codes in 0..1,
            or another one as `kgan.Autoencoder.compile` takes it.
        corruption: layer that is applied to the inputs of the layer in training, see `kgan.Autoencoder`.
        seed: integer that decides the order of the data; `None` draws one.
        verbose: 1 for a progress bar per layer, 0 for silence.

    Returns:
        List of one `keras.callbacks.History` per hidden layer.

    Raises:
        ValueError: if the model is no such chain, or the data cannot be used.

    Examples:
        >>> model = keras.Sequential(
        ...     [keras.Input((784,))]
        ...     + [keras.layers.Dense(300, activation="sigmoid") for _ in range(5)]
        ...     + [keras.layers.Dense(10, activation="softmax")]
        ... )
        >>> kgan.pretrain(model, x_unlabelled, epochs=15, batch_size=64)
        >>> model.compile("sgd", "sparse_categorical_crossentropy")
        >>> model.fit(x, y)
    """
    below, groups = _hidden_layers(model)
    training = LevelTraining(epochs, batch_size, optimizer, loss, corruption, seed, verbose)
    takes_probabilities = training.loss.is_cross_entropy and not training.loss.from_logits
    shape, levels = model.inputs[0].shape[1:], []
    if below:
        # What a first layer has to give back is what it gets: rescaled, or flattened.
        refuse_endless(minibatches.as_data(x, y, batch_size))
        x, y = compute_features(chain(below, shape), x, y, batch_size=batch_size, network=model)
        shape = x.shape[1:]
    last = "sigmoid" if takes_probabilities else None
    for group in groups:
        encoder = chain(group, shape)
        numbers = encoder.outputs[0].shape[1:]
        decoder = [keras.layers.Dense(int(np.prod(shape)), last, dtype="float32")]
        decoder += [keras.layers.Reshape(shape)] if len(shape) > 1 else []
        levels.append((encoder, chain(decoder, numbers)))
        shape = numbers
    with alone(model, "pretrain"):
        return training.run(levels, x, y)


def _hidden_layers(model):
    """The layers below the first `Dense` layer, and for each hidden `Dense` layer the group that it begins."""
    if not isinstance(model, keras.Model) or not model.built or len(getattr(model, "inputs", [])) != 1:
        raise ValueError(f"pretrain takes a built keras.Model with one input, such as a Sequential, got {model!r}.")
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    for layer, following in zip(layers, layers[1:], strict=False):
        if following.input is not layer.output:
            raise ValueError(f"pretrain takes a chain of layers, but {layer.name!r} does not feed {following.name!r}.")
    below, groups = [], []
    for layer in layers:
        if isinstance(layer, keras.layers.Dense):
            groups.append([layer])
        elif layer.trainable_weights:
            raise ValueError(
                f"pretrain takes Dense layers and layers without weights, but {layer.name!r} is a "
                f"{type(layer).__name__}: for convolutions, use kgan.StackedAutoencoder with pairs of layers."
            )
        else:
            (groups[-1] if groups else below).append(layer)
    if len(groups) < 2:
        raise ValueError("pretrain needs at least one hidden Dense layer below the last one, which is the output.")
    return below, groups[:-1]


def chain(layers, input_shape, name: str | None = None) -> keras.Model:
    """A functional model that applies `layers` one after the other to inputs of a shape without the batch axis."""
    names = [layer.name for layer in layers]
    for taken in names:
        if names.count(taken) > 1:
            raise ValueError(f"two layers are called {taken!r}: give them different names.")
    x = inputs = keras.Input(input_shape)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x, name=name)


class LevelTraining:
    """Trains levels, pairs of an encoder and a decoder, one after the other.

    Args:
        epochs, batch_size, optimizer, loss, corruption, seed, verbose: see `pretrain`.
    """

    def __init__(self, epochs, batch_size, optimizer, loss, corruption, seed, verbose):
        self.epochs, self.batch_size = as_count(epochs, "epochs"), batch_size
        self.optimizer, self.loss = optimizer, reconstruction.get(loss)
        keras.optimizers.get(optimizer)  # refuses what is none
        self.corruption, self.seed, self.verbose = corruption, as_seed(seed), verbose

    def run(self, levels, x, y=None, *, first: int = 0, after_level=lambda done: None) -> list:
        """Trains the levels from number `first` on and returns their histories.

        When training stops within a level, by an error or Ctrl-C, that level gets back the weights it began with.

        Args:
            levels: list of pairs of built models; each encoder takes the codes of the one before.
            x: array or dataset of inputs.
            y: class ids, or `None`.
            first: number of levels to leave as they are.
            after_level: called with the number of levels that are done, after each of them.
        """
        minibatches.refuse_spent(x, len(levels) * self.epochs + 1)
        data = minibatches.as_data(x, y, self.batch_size)
        refuse_endless(data)
        counts = pretraining_checks.count_classes(data)
        if counts is None:
            for i, (_, decoder) in enumerate(levels):
                pretraining_checks.last_activation(decoder, self.loss, _title(i, levels))
        codes, labels = (data, None) if backend.is_dataset(data) or counts is None else data
        first_batch = np.asarray(next(iter(data.map(_inputs)))) if backend.is_dataset(data) else None
        batch_size, histories = self.batch_size or (None if first_batch is None else len(first_batch)), []
        for i, (encoder, decoder) in enumerate(levels):
            if i >= first:
                if counts is None:
                    trainer = Autoencoder(encoder, decoder, corruption=self.corruption, seed=self._seed_of(i))
                    trainer.title = _title(i, levels)
                    trainer.compile(self._new_optimizer(), self.loss.loss)
                else:
                    trainer = _SupervisedLevel(encoder, len(counts), self.corruption, self._seed_of(i))
                    trainer.compile({"level": self._new_optimizer()})
                kind = "layer" if counts is None else "supervised layer"
                shown = f"{kind} {i + 1} of {len(levels)}: {_size(encoder.inputs[0])} -> {_size(encoder.outputs[0])}"
                size = None if backend.is_dataset(codes) else batch_size
                histories.append(self._fit(trainer, codes, labels, size, shown))
                after_level(i + 1)
                if counts is None:
                    pretraining_checks.has_learned(trainer, codes, _title(i, levels), stacklevel=4)
                else:
                    pretraining_checks.has_learned_classes(histories[-1], counts, _title(i, levels), stacklevel=4)
            if i + 1 < len(levels):
                codes, labels = compute_features(encoder, codes, labels, batch_size=batch_size)
        return histories

    def _fit(self, trainer, codes, labels, batch_size, title):
        # An interrupted level starts again from where it began, random states included.
        before = [(v, ops.convert_to_numpy(v)) for v in trainer.variables]
        bar = [_LevelProgress(title, self.epochs)] if self.verbose else []
        try:
            return trainer.fit(codes, labels, batch_size, self.epochs, verbose=0, callbacks=bar)
        except BaseException:
            for variable, value in before:
                variable.assign(value)
            raise

    def _new_optimizer(self):
        if isinstance(self.optimizer, keras.optimizers.Optimizer):
            return self.optimizer.from_config(self.optimizer.get_config())
        return self.optimizer

    def _seed_of(self, level: int):
        return None if self.seed is None else (self.seed + level + 1) % 2**31


class _SupervisedLevel(Game):
    """A level as the hidden layer of a classifier."""

    def __init__(self, encoder, num_classes, corruption, seed):
        super().__init__(seed=seed)
        codes = encoder.outputs[0]
        flat = [keras.layers.Flatten()] if len(codes.shape) > 2 else []
        scores = keras.layers.Dense(num_classes, activation="softmax", dtype="float32")
        self.encoder, self.corruption, self.classifier = encoder, corruption, chain([*flat, scores], codes.shape[1:])
        self.set_players({"level": [encoder, self.classifier]})

    def loss_name(self, player):
        return "loss"

    def player_loss(self, player, data):
        x, labels = data
        seen = x if self.corruption is None else self.corruption(x, training=self.training)
        scores = self.classifier(self.encoder(seen, training=self.training), training=self.training)
        right = ops.cast(ops.equal(ops.argmax(scores, axis=-1), ops.cast(labels, "int32")), "float32")
        return ops.mean(ops.sparse_categorical_crossentropy(labels, scores)), {"accuracy": ops.mean(right)}

    def check_data(self, data):
        inputs = data.map(lambda x, y: x) if backend.is_dataset(data) else data[0]
        checks.rows(inputs, tuple(self.encoder.inputs[0].shape[1:]))


class _LevelProgress(keras.callbacks.Callback):
    """One progress bar for all epochs of a level."""

    def __init__(self, title: str, epochs: int):
        super().__init__()
        self.title, self.epochs = title, epochs

    def on_train_begin(self, logs=None):
        print(self.title, flush=True)
        self.bar = keras.utils.Progbar(self.epochs, unit_name="epoch", stateful_metrics=["loss"])

    def on_epoch_end(self, epoch, logs=None):
        self.bar.update(epoch + 1, [("loss", logs["loss"])])


def _title(level: int, levels) -> str:
    return f"layer {level + 1} of {len(levels)}"


def _inputs(*element):
    """Of an element of a dataset, what is not its labels."""
    return tree.flatten(element)[0]


def _size(tensor) -> str:
    return "x".join(map(str, tensor.shape[1:]))
