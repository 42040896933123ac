"""A layer that uses the kernel of another one, and how the two stay together: in files, and in copies.

The layer keeps the other one, its partner, out of Keras's sight: it saves and trains the kernel and nothing else of it.
"""

import functools
import warnings

import keras
from keras import ops

from kgan.backend import keras_internals


class SharedKernel(keras.layers.Layer):
    """Base class: the kernel is that of `tied_to`, the bias and the activation are its own.

    A subclass says what `kind` of layer it is tied to, defines `_check_partner`, `_check_input` and `_units` (the size
    of the bias), and computes with `self._kernel_to_compute_with()` and `self.bias`.
    """

    kind = keras.layers.Layer

    def __init__(self, tied_to, *, activation=None, use_bias: bool = True, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(tied_to, self.kind):
            raise ValueError(f"{type(self).__name__} is tied to a keras.layers.{self.kind.__name__}, got {tied_to!r}.")
        self._check_partner(tied_to)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel = self.bias = None
        self._partner = _Unseen(tied_to)
        self._lost = False
        _shared_in_files(tied_to)

    def _check_partner(self, partner):
        """Refuses a partner whose transpose is not known."""

    def build(self, input_shape):
        partner = self._partner.layer
        if not partner.built:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} is tied to {partner.name!r}, which has no kernel yet: call that "
                "layer on an input, or build(input_shape) it, first."
            )
        if not isinstance(partner.kernel, keras.Variable):
            raise ValueError(
                f"{type(self).__name__} {self.name!r} needs a kernel that is one variable: tie it to {partner.name!r} "
                "before LoRA or quantization."
            )
        self._check_input(tuple(input_shape))
        self._own(partner.kernel, None)
        if self.use_bias:
            self.bias = self.add_weight(shape=(self._units(),), initializer="zeros", name="bias")

    def _kernel_to_compute_with(self):
        """The kernel in this layer's dtype, which need not be that of the partner."""
        return ops.cast(self.kernel, self.compute_dtype)

    def _own(self, kernel, bias):
        """Makes these the weights of the layer, in this order."""
        # Only a trainable variable is listed as one that freezing and unfreezing of this layer reaches.
        trainable, kernel.trainable = kernel.trainable, True
        self.kernel = kernel
        kernel.trainable = trainable and self.trainable
        self.bias = bias

    def _tie(self, partner):
        """Ties the layer to another partner like the one that it has."""
        self._partner, self._lost = _Unseen(partner), False
        _shared_in_files(partner)
        if self.built:
            bias = self.bias
            with keras_internals.weights_exchanged(self):
                self._own(partner.kernel, bias)

    def _find_partner(self, layers):
        """Ties the layer to the one of `layers` that has the name, kind and shape of its partner."""
        old = self._partner.layer
        if any(layer is old for layer in layers):
            self._lost = False
            return
        for layer in layers:
            if type(layer) is type(old) and layer.name == old.name and layer.built:
                if layer.kernel.shape == old.kernel.shape:
                    return self._tie(layer)

    # Copies

    def __call__(self, inputs, *args, **kwargs):
        if self._lost and isinstance(inputs, keras.KerasTensor):
            self._find_partner(_layers_before(inputs))
        elif self._lost:
            self._lost = False
            warnings.warn(
                f"{type(self).__name__} {self.name!r} was copied without {self._partner.layer.name!r}, so it has a "
                "kernel of its own now: kgan.layers.retie(encoder, decoder) ties copies together.",
                stacklevel=2,
            )
        return super().__call__(inputs, *args, **kwargs)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "tied_to": keras.saving.serialize_keras_object(self._partner.layer),
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }

    @classmethod
    def from_config(cls, config: dict):
        tied_to = config["tied_to"]
        layer = cls(**{**config, "tied_to": keras.saving.deserialize_keras_object(tied_to)})
        # In a file, layers that occur twice are known by an id. A config that was made outside of `save` has none.
        layer._lost = "shared_object_id" not in tied_to
        return layer

    # The kernel is saved here too, under its name, so that a decoder can be saved and loaded without its encoder.

    def save_own_variables(self, store):
        for name, variable in self._named_variables():
            store[name] = variable

    def load_own_variables(self, store):
        for name, variable in self._named_variables():
            variable.assign(store[name])

    def _named_variables(self):
        return [(name, getattr(self, name)) for name in ("kernel", "bias") if getattr(self, name) is not None]


def retie(*models):
    """Ties layers of copied models together again, by name.

    For each `DenseTranspose` and `TiedConv2DTranspose` in `models` whose partner is in none of them, the layer with the
    partner's name, kind and shape becomes its partner. That layer's kernel stays, the other is dropped.

    Args:
        *models: layers or models, such as an encoder and a decoder that were cloned, or loaded from two files.

    Examples:
        >>> encoder, decoder = (keras.models.clone_model(model) for model in (encoder, decoder))
        >>> kgan.layers.retie(encoder, decoder)
    """
    layers = _within(models)
    for layer in layers:
        if isinstance(layer, SharedKernel):
            layer._find_partner(layers)


class _Unseen:
    """Holds a layer where Keras does not look for layers: the bias of the encoder is not the decoder's to save."""

    def __init__(self, layer):
        self.layer = layer


def _shared_in_files(layer):
    """Lets `layer` be found again, by an id, whenever a model with it is loaded.

    Keras gives an id to what is serialised for the second time, and to the first config of it afterwards. If that first
    one is in a model, it was copied meanwhile and stays without. Here the layer is serialised once before it is
    serialised, so that every config in the file is a second one.
    """
    if "get_config" in vars(layer):
        return
    get_config, running = layer.get_config, []

    @functools.wraps(get_config)
    def get_config_with_id():
        if not running:
            running.append(True)
            try:
                keras.saving.serialize_keras_object(layer)
            finally:
                running.clear()
        return get_config()

    layer.get_config = get_config_with_id


def _within(layers) -> list:
    """These layers and all the layers in them, once each."""
    inner = [layer for outer in layers for layer in keras_internals.layers_within(outer)]
    return list({id(layer): layer for layer in inner}.values())


def _layers_before(tensor) -> list:
    """The layers that a symbolic tensor came through, and the layers in them."""
    found, tensors = {}, [tensor]
    while tensors:
        tensor = tensors.pop()
        if id(tensor) not in found and (source := keras_internals.source_of(tensor)):
            found[id(tensor)], _, inputs = source
            tensors += inputs
    return _within([operation for operation in found.values() if isinstance(operation, keras.Layer)])
