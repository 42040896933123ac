"""`TransferClassifier`: a pretrained network, cut at a layer, with a new head that is trained on few images."""

import warnings

import keras

from kgan.class_names import as_class_names
from kgan.export import export_classifier
from kgan.layers.preprocessing import ImageResizing
from kgan.models.training import compiled_optimizers
from kgan.models.training.one_at_a_time import exclusive
from kgan.models.transfer import backbones, freezing, losses
from kgan.models.transfer import checks as transfer_checks
from kgan.models.transfer.softmax_head import learning_rate, softmax_head
from kgan.models.transfer.standardization import FeatureStandardization
from kgan.models.transfer.training import CachedTraining
from kgan.scalars import as_seed

# Of Adam, when layers of the base train: what they have learned from many images is to be changed a little only.
FINE_TUNING_RATE = 1e-5


@keras.saving.register_keras_serializable(package="kgan")
class TransferClassifier(CachedTraining):
    """Classifies images by what a pretrained network sees in them; only the new layers on top are trained.

        images 0..255 -> resized -> [augmentation] -> base, up to `cut`, frozen -> standardised -> head -> probabilities

    `fit` computes the features of every image once and trains the head on them, as long as the base is frozen and
    there is no `augmentation`; otherwise the whole model runs in every step. The first call of `fit` measures mean and
    standard deviation of each feature, over its training images without augmentation, so that the head does not care
    for the scale of the base; they belong to the model from then on, through later calls, `unfreeze`, saving and
    export. The base always runs in inference mode, after `unfreeze` too, so batch norm keeps its statistics.
    Data are images 0..255, `(n, h, w, 1 or 3)`, uint8 or float, or a list of pictures of different sizes, with labels,
    whole numbers `(n,)` or one-hot `(n, num_classes)` for a loss that takes those; or a batched `tf.data.Dataset` of
    both. While features are cached, images are read once, so that random changes inside a dataset would be the same in
    every epoch: give them as `augmentation`. The batch size is 32 by default, but 16 of fewer than 400 images and 8 of
    fewer than 200, so that an epoch has enough steps; always 32 on several devices. Everything
    else is Keras: `evaluate`, `predict` (probabilities, float32), `save`, callbacks, metrics, class weights.

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
            your own in their place, which gets standardised features. The softmax layer begins at zero.
        augmentation: Keras layer or model of random changes to the resized images 0..255, in training only.
        input_shape: `(height, width, channels)` that images are resized to; a model of your own with a fixed input
            shape brings that. VGG16 with its ImageNet weights needs 224 x 224 x 3 for `fc1`, and takes any size for
            its convolutions.
        seed: integer from which the first weights of hidden layers and the order of the data flow; `None` draws one.
        name: name of the model.

    Raises:
        ValueError: for arguments that do not fit together.
        FileNotFoundError: if the ImageNet weights are neither there nor can be downloaded.

    Examples:
        >>> classifier = kgan.TransferClassifier(5, cut="block5_pool")
        >>> classifier.compile()
        >>> classifier.fit(images, labels, epochs=10, validation_split=0.2)  # uint8 (n, h, w, 3), int (n,)
        >>> classifier.unfreeze("block5")
        >>> classifier.compile()
        >>> classifier.fit(images, labels)
        >>> classifier.predict(images).shape
        (n, 5)
    """

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
        input_shape = tuple(map(int, input_shape))
        self_made = isinstance(head, keras.Layer)
        layers = [head] if self_made else transfer_checks.units(head)
        if isinstance(base, str):
            base = backbones.named_backbone(base, weights, cut, input_shape)
        else:
            base = backbones.own_backbone(base, cut, input_shape)
        super().__init__(seed=as_seed(seed), name=name)
        self.autocast = False  # each part casts for itself: half precision would blur the grey levels of the input
        self.num_classes = int(num_classes)
        self.resizing = ImageResizing(*backbones.image_shape(base, input_shape))
        self.augmentation = augmentation
        self.base = base
        self.base.trainable = False
        features = self.base.output_shape[-1]
        self.standardization = FeatureStandardization(name="standardization")
        self.standardization.build((None, features))
        self.head = softmax_head(features, layers, self.num_classes, self.seed)
        self._units, self._unfrozen = None if self_made else layers, ()
        self.built = True

    def call(self, inputs, training=False):
        """Images 0..255 `(n, h, w, channels)` to probabilities `(n, num_classes)`.

        `fit` and its evaluation give features in place of images, as `{"features": (n, features)}`.
        """
        features = inputs["features"] if isinstance(inputs, dict) else self.features(inputs, training=training)
        return self.head(self.standardization(features), training=training)

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
    def default_learning_rate(self) -> float:
        """Adam's rate in `compile()`: 0.01 * min(1, 128 / features) for the head; 1e-5 when the base trains too."""
        return FINE_TUNING_RATE if self.base.trainable_variables else learning_rate(self.base.output_shape[-1])

    @exclusive
    def compile(self, optimizer=None, loss="sparse_categorical_crossentropy", metrics=("accuracy",), **keras_kwargs):
        """As `keras.Model.compile`; without arguments it suits labels that are class numbers.

        Args:
            optimizer: as Keras takes it; Adam with `default_learning_rate` if `None`.
            loss: of probabilities, as Keras takes it; with another loss of Keras's than the default one, labels are
                one-hot.
            metrics: as Keras takes them, or a single one.
            **keras_kwargs: the other arguments of `keras.Model.compile`.

        Raises:
            ValueError: for an optimizer of another model, and for losses and metrics that want logits.
        """
        optimizer = keras.optimizers.Adam(self.default_learning_rate) if optimizer is None else optimizer
        loss, metrics = losses.as_loss(loss), losses.as_metrics(metrics)
        if keras_kwargs.get("weighted_metrics") is not None:
            keras_kwargs["weighted_metrics"] = losses.as_metrics(keras_kwargs["weighted_metrics"], "weighted_metrics")
        optimizer = compiled_optimizers.as_optimizers(
            {"classifier": optimizer}, {"classifier": self.trainable_variables}
        )
        optimizer = optimizer["classifier"]
        if compiled_optimizers.computes_in_float16([self.base, self.head]):
            optimizer = compiled_optimizers.as_loss_scaled(optimizer, "classifier", self.num_devices)
        with self.distribute_strategy.scope():
            super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **keras_kwargs)
            # Only a built optimizer is saved, restored and distributed.
            self.optimizer.build(self.trainable_variables)

    def compile_from_config(self, config):
        """Calls `compile` with the saved arguments; Keras does so in `load_model`."""
        self.compile(**keras.saving.deserialize_keras_object(config))

    # Export and saving

    def export(self, path, *, class_names=None):
        """Writes a SavedModel from uint8 images to probabilities, see `kgan.export.export_classifier`.

        Args:
            path: folder to write.
            class_names: names of the classes to store in it: a list in the order of the class ids, or a dict, see
                `kgan.class_names.as_class_names`.

        Returns:
            The path.
        """
        class_names = None if class_names is None else as_class_names(class_names, self.num_classes)
        return export_classifier(self, path, channels=self.resizing.channels, class_names=class_names)

    def get_config(self) -> dict:
        """The arguments of the constructor, the base as it was cut, without weights."""
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
        """A new classifier, not compiled and with new weights, from what `get_config` returned."""
        config = dict(config)
        unfrozen = config.pop("unfrozen")
        for name in ("base", "augmentation", "head"):
            if isinstance(config[name], dict):
                config[name] = keras.saving.deserialize_keras_object(config[name], custom_objects)
        # The base is the cut one, with its preprocessing; its weights come from the file that is being loaded.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", backbones.ANSWERS)  # it was said when the model was made
            model = cls(**config, weights=None, cut=None)
        if unfrozen:
            model.unfreeze(unfrozen)
        return model
