"""`TransferClassifier`: a pretrained network, cut at a layer, with a new head that is trained on few images."""

import keras
import numpy as np
from keras import tree

from kgan import backend
from kgan.export import export_classifier
from kgan.layers.preprocessing import ImageResizing
from kgan.models import checks, minibatches
from kgan.models.exact import ExactModel
from kgan.models.feature_cache import compute_features
from kgan.models.transfer import backbones, freezing, reading
from kgan.models.transfer import checks as transfer_checks
from kgan.models.transfer.softmax_head import softmax_head


@keras.saving.register_keras_serializable(package="kgan")
class TransferClassifier(ExactModel):
    """Classifies images by what a pretrained network sees in them; only the new layers on top are trained.

        images 0..255 -> resized -> [augmentation] -> base, up to `cut`, frozen -> head -> probabilities

    `fit` computes the features of every image once and trains the head on them, as long as the base is frozen and
    there is no `augmentation`; otherwise the whole model runs in every step. The base always runs in inference mode,
    after `unfreeze` too, so batch norm keeps its statistics. Everything else is Keras: `evaluate`, `predict`
    (probabilities, float32), `save`, callbacks, metrics, class weights.

    Source: Yosinski et al. 2014, https://arxiv.org/abs/1411.1792.

    Args:
        num_classes: how many classes; labels are 0 to `num_classes` - 1.
        base: name of a network of `keras.applications`, such as `"vgg16"`, whose own preprocessing is applied; or a
            built `keras.Model` of your own, which gets images 0..255 and is used, and frozen, itself: not a copy.
        weights: for a base by name: `"imagenet"`, which Keras downloads on first use; `None` for random weights; or
            the path of a `.weights.h5` or legacy `.h5` file, with or without the classification layers.
        cut: name of the layer of the base that gives the features; `None` for its output, without the classification
            layers if it is given by name. Features with a height and width are averaged over these; VGG16's layer
            `"flatten"` keeps them apart.
        head: units of new fully connected layers (ReLU) before the new softmax layer, or a Keras layer or model of
            your own in their place.
        augmentation: Keras layer or model of random changes to the resized images 0..255, in training only.
        input_shape: `(height, width, channels)` that images are resized to; a model of your own with a fixed input
            shape brings that. VGG16 with its ImageNet weights needs 224 x 224 x 3 for `fc1`, and takes any size for
            its convolutions.
        seed: integer from which the head's first weights and the order of the data flow; `None` draws one.
        name: name of the model.

    Raises:
        ValueError: for arguments that do not fit together.
        FileNotFoundError: if the ImageNet weights are neither there nor can be downloaded.

    Examples:
        >>> classifier = kgan.TransferClassifier(5, cut="block5_pool")
        >>> classifier.compile()
        >>> classifier.fit(images, labels, epochs=10, validation_split=0.2)  # uint8 (n, h, w, 3), int (n,)
        >>> classifier.unfreeze("block5")
        >>> classifier.compile(keras.optimizers.Adam(1e-5))
        >>> classifier.fit(images, labels)
        >>> classifier.predict(images).shape
        (n, 5)
    """

    # A step takes one batch: what `kgan.models.minibatches` asks of a model.
    minibatches_per_round = 1

    def __init__(
        self,
        num_classes: int,
        *,
        base="vgg16",
        weights="imagenet",
        cut: str | None = "fc1",
        head=(),
        augmentation=None,
        input_shape=(224, 224, 3),
        seed: int | None = None,
        name: str | None = None,
    ):
        transfer_checks.arguments(num_classes, base, weights, augmentation, input_shape)
        input_shape = tuple(input_shape)
        self_made = isinstance(head, keras.Layer)
        layers = [head] if self_made else transfer_checks.units(head)
        if isinstance(base, str):
            base = backbones.named_backbone(base, weights, cut, input_shape)
        else:
            base = backbones.own_backbone(base, cut, input_shape)
        super().__init__(seed=seed, name=name)
        self.autocast = False  # each part casts for itself: half precision would blur the grey levels of the input
        self.num_classes = int(num_classes)
        self.resizing = ImageResizing(*backbones.image_shape(base, input_shape))
        self.augmentation = augmentation
        self.base = base
        self.base.trainable = False
        self.head = softmax_head(self.base.output_shape[-1], layers, self.num_classes, self.seed)
        self._units, self._unfrozen = None if self_made else layers, ()
        self._features_graph = backend.compiled(
            lambda images: self.features(images)
        )  # traced once for all calls of fit
        self.built = True

    def call(self, inputs, training=False):
        """Images 0..255 `(n, h, w, channels)` to probabilities `(n, num_classes)`.

        `fit` and its evaluation give features in place of images, as `{"features": (n, features)}`.
        """
        features = inputs["features"] if isinstance(inputs, dict) else self.features(inputs, training=training)
        return self.head(features, training=training)

    def features(self, images, training=False):
        """What the base makes of a batch of images 0..255: a tensor `(n, features)`."""
        images = self.resizing(images)
        if training and self.augmentation is not None:
            images = self.augmentation(images, training=True)
        return self.base(images, training=False)

    # Which weights train

    def unfreeze(self, layers=None):
        """Lets layers of the base train too, from the next `compile` on; batch norm stays as it is.

        Fine-tuning wants a head that has been trained before, and a small learning rate.

        Args:
            layers: name of a layer of the base, or its beginning: `"block5"` means all layers of that block; or a list
                of names; `None` for the whole base. What was unfrozen before stays so.

        Raises:
            ValueError: if a name fits no layer that has weights.
        """
        names = freezing.trainable_names(self.base)
        starts = [layers] if isinstance(layers, str) else names if layers is None else list(layers)
        chosen = {name for start in starts for name in freezing.names_beginning(names, start)} | set(self._unfrozen)
        self._unfrozen = tuple(name for name in names if name in chosen)
        freezing.unfreeze_only(self.base, self._unfrozen)
        self.compiled, self.optimizer = False, None  # an optimizer serves the weights that it was made for

    @property
    def caches_features(self) -> bool:
        """Whether `fit` computes features once: the base is frozen, and no augmentation stands before it."""
        return self.augmentation is None and not self.base.trainable_variables

    def compile(self, optimizer="adam", loss="sparse_categorical_crossentropy", metrics=("accuracy",), **keras_kwargs):
        """As `keras.Model.compile`; without arguments it suits labels that are class numbers."""
        metrics = list(metrics) if isinstance(metrics, tuple) else metrics
        optimizer = checks.as_optimizers({"classifier": optimizer}, {"classifier": self.trainable_variables})
        optimizer = optimizer["classifier"]
        if checks.computes_in_float16([self.base, self.head]):
            optimizer = checks.as_loss_scaled(optimizer, "classifier", self.num_devices)
        with self.distribute_strategy.scope():
            super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **keras_kwargs)
            # Only a built optimizer is saved, restored and distributed.
            self.optimizer.build(self.trainable_variables)

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))

    def train_step(self, data):
        return self.counted(super().train_step(data))

    # fit, evaluate, predict

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        steps_per_epoch=None,
        validation_batch_size=None,
        **kwargs,
    ):
        """Trains as `keras.Model.fit` does.

        While features are cached (see `caches_features`), images are read once, so that random changes inside a
        dataset would be the same in every epoch: give them as `augmentation`. Shuffled data comes in an order that
        depends on the seed and the progress alone, so that a resumed run equals the uninterrupted one.

        Args:
            x: images 0..255, `(n, h, w, 1 or 3)`, uint8 or float; a list of pictures of different sizes; or a batched
                `tf.data.Dataset` of `(images, labels)`.
            y: labels: whole numbers `(n,)`, or one-hot `(n, num_classes)` for a loss that takes those.
            batch_size: images per step; 32 by default. A dataset brings its own.
            epochs: passes over the data, or over `steps_per_epoch` steps of it.
            verbose: as in `keras.Model.fit`.
            callbacks: list of Keras callbacks.
            validation_split: share of the images, the last ones, to evaluate on after each epoch.
            validation_data: `(images, labels)`, or a dataset of these, to evaluate on after each epoch.
            shuffle: whether the data is shuffled; a dataset that is not cached has its own order.
            class_weight: dict of classes to what their images count, as in `keras.Model.fit`.
            sample_weight: what each image counts, `(n,)`.
            steps_per_epoch: steps per epoch; all the data by default.
            validation_batch_size: images per step of the evaluation; `batch_size` by default.
            **kwargs: the other arguments of `keras.Model.fit`.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: for data that cannot be used, and after `unfreeze` without `compile`.
            FloatingPointError: if the loss of an epoch is NaN or infinite.
        """
        transfer_checks.compiled(self, "fit")
        data, batch_size = reading.labelled(self, x, y, sample_weight, batch_size)
        if validation_split and validation_data is None:
            data, validation_data = minibatches.split(data, validation_split)
            transfer_checks.held_out_classes(data[1], validation_data[1])
            validation_batch_size = validation_batch_size or batch_size
        elif validation_data is not None:
            parts = transfer_checks.as_pair(validation_data)
            validation_data, own_size = reading.labelled(self, *parts)
            validation_batch_size = validation_batch_size or (own_size if len(parts) == 1 else batch_size)
        data = self._with_features(data, batch_size, verbose, "training")
        batches, steps_per_epoch = reading.training_batches(self, data, batch_size, shuffle, steps_per_epoch)
        if validation_data is not None:
            validation_data = self._with_features(validation_data, validation_batch_size, verbose, "validation")
            validation_data = minibatches.evaluation_batches(validation_data, self, validation_batch_size)
        kwargs.update(epochs=epochs, verbose=verbose, validation_data=validation_data, steps_per_epoch=steps_per_epoch)
        callbacks = [_StopUnlessFinite(), *tree.flatten(callbacks or [])]
        return self.fit_exactly(batches, callbacks, class_weight=class_weight, **kwargs)

    def evaluate(self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, **kwargs):
        """Computes the loss and the metrics on what `fit` takes. Arguments and returns are those of Keras.

        On several devices an incomplete last batch is left out.
        """
        transfer_checks.compiled(self, "evaluate")
        if not kwargs.get("_use_cached_eval_dataset"):  # within fit, Keras evaluates on data that is prepared already
            data, batch_size = reading.labelled(self, x, y, sample_weight, batch_size)
            x, batch_size = minibatches.evaluation_batches(data, self, batch_size), None
        return self.evaluate_exactly(x, batch_size=batch_size, verbose=verbose, **kwargs)

    def predict(self, x, batch_size=None, verbose="auto", **kwargs):
        """Probabilities `(n, num_classes)`, float32, of images as `fit` takes them, or of a dataset of images."""
        x = reading.unlabelled(self, x, batch_size)
        return super().predict(x, batch_size=batch_size, verbose=verbose, **kwargs)

    def _with_features(self, data, batch_size, verbose, what):
        """`data` with the features of the base in place of images, unless they change from epoch to epoch."""
        if not self.caches_features:
            return data
        verbose = int(verbose in (1, "auto"))
        if verbose:
            print(f"Features of the {what} images, computed once:")
        images, *rest = (data, None) if backend.is_dataset(data) else data
        features, labels = compute_features(
            self._features_graph, images, rest[0], batch_size=batch_size, verbose=verbose
        )
        labels = transfer_checks.labels(labels, self.num_classes, self.loss)
        return minibatches.as_data(({"features": features}, labels, *rest[1:]))

    # Export and saving

    def export(self, path, *, class_names=None):
        """Writes a SavedModel from uint8 images to probabilities, see `kgan.export.export_classifier`.

        Args:
            path: folder to write.
            class_names: names of the classes, in their order, to store in it.

        Returns:
            The path.
        """
        class_names = transfer_checks.class_names(class_names, self.num_classes)
        return export_classifier(self, path, channels=self.resizing.channels, class_names=class_names)

    def get_config(self) -> dict:
        layers = {"base": self.base, "augmentation": self.augmentation}
        config = {name: keras.saving.serialize_keras_object(layer) for name, layer in layers.items()}
        own_head = self._units is None
        return {
            **config,
            "num_classes": self.num_classes,
            "head": keras.saving.serialize_keras_object(self.head.layers[0]) if own_head else list(self._units),
            "input_shape": (self.resizing.height, self.resizing.width, self.resizing.channels),
            "unfrozen": list(self._unfrozen),
            "seed": self.seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        unfrozen = config.pop("unfrozen")
        for name in ("base", "augmentation", "head"):
            if isinstance(config[name], dict):
                config[name] = keras.saving.deserialize_keras_object(config[name], custom_objects)
        # The base is the cut one, with its preprocessing; its weights come from the file that is being loaded.
        model = cls(**config, weights=None, cut=None)
        if unfrozen:
            model.unfreeze(unfrozen)
        return model


class _StopUnlessFinite(keras.callbacks.Callback):
    """Stops before another callback keeps the weights of an epoch that went wrong."""

    def on_epoch_end(self, epoch, logs=None):
        if not np.isfinite(logs["loss"]):
            raise FloatingPointError(
                f"training stopped: the loss is NaN or infinite in epoch {epoch + 1}. Lower the learning rate, or go "
                "back to the last checkpoint."
            )
