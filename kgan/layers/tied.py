"""Tied weights: layers that apply the transpose of another layer, by using its kernel, the very same variable."""

import keras
from keras import ops

from kgan.layers.shared_kernel import SharedKernel


@keras.saving.register_keras_serializable(package="kgan")
class DenseTranspose(SharedKernel):
    """A fully connected layer with the transposed kernel of another one: `activation(x @ kernel^T + bias)`.

    The kernel is the variable of `tied_to`: it is trained, counted and frozen once. The bias is this layer's own. The
    tie lasts through `save` and `load_model`, whether both layers are in one model or in two models that are saved in
    one file. In a file of its own the layer has a copy of the kernel. `keras.models.clone_model` keeps the tie between
    layers of one model; `kgan.layers.retie` renews it between two models that were copied one by one.

    Source: the tied weights of autoencoders, Vincent et al. 2010, https://jmlr.org/papers/v11/vincent10a.html.

    Args:
        tied_to: built `keras.layers.Dense` of a functional or sequential model; its kernel has the shape `(inputs,
            units)`.
        activation: activation of this layer.
        use_bias: whether this layer has a bias, of shape `(inputs,)`.
        **kwargs: arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Raises:
        ValueError: for another kind of layer, a layer without a kernel, and inputs that do not fit.

    Examples:
        >>> hidden = keras.layers.Dense(100, activation="sigmoid")
        >>> images = keras.Input((784,))
        >>> codes = hidden(images)
        >>> outputs = kgan.layers.DenseTranspose(hidden, activation="sigmoid")(codes)     # (batch, 784)
        >>> model = keras.Model(images, outputs)
    """

    kind = keras.layers.Dense

    def __init__(self, tied_to, **kwargs):
        super().__init__(tied_to, **kwargs)
        self.supports_masking = True

    def _units(self):
        return self.kernel.shape[0]

    def _check_input(self, input_shape):
        partner = self._partner.layer
        if input_shape[-1] != partner.units:
            raise ValueError(
                f"DenseTranspose {self.name!r} takes the {partner.units} outputs of {partner.name!r}, but its inputs "
                f"have the shape {input_shape}."
            )

    def call(self, inputs):
        """Shape `(batch, ..., units)` to `(batch, ..., inputs)`."""
        x = ops.matmul(inputs, ops.transpose(self._kernel_to_compute_with()))
        return self.activation(x if self.bias is None else x + self.bias)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self._partner.layer.kernel.shape[0])


@keras.saving.register_keras_serializable(package="kgan")
class TiedConv2DTranspose(SharedKernel):
    """The transpose (adjoint) of a convolution, with the kernel of that convolution.

    Without bias and activation, `<tied_to(x), y> = <x, transpose(y)>` for all images x and feature maps y. The outputs
    have the size of the images that `tied_to` was built for, odd ones included. How the kernel is shared, saved and
    copied is said in `DenseTranspose`.

    Args:
        tied_to: built `keras.layers.Conv2D` of a functional or sequential model, channels last, without groups, for
            images of known size.
        activation: activation of this layer.
        use_bias: whether this layer has a bias, one number per channel of the images.
        **kwargs: arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Raises:
        ValueError: for another kind of layer, a layer without a kernel, and inputs that do not fit.

    Examples:
        >>> conv = keras.layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")
        >>> images = keras.Input((27, 27, 1))
        >>> features = conv(images)                                                       # (batch, 14, 14, 32)
        >>> outputs = kgan.layers.TiedConv2DTranspose(conv, activation="sigmoid")(features)  # (batch, 27, 27, 1)
    """

    kind = keras.layers.Conv2D

    def _check_partner(self, partner):
        if partner.groups != 1 or partner.data_format != "channels_last":
            raise ValueError(
                f"TiedConv2DTranspose needs a convolution with channels last and without groups, but {partner.name!r} "
                f"has data_format={partner.data_format!r} and groups={partner.groups}."
            )

    def _units(self):
        return self.kernel.shape[2]

    def _check_input(self, input_shape):
        partner, image_shape = self._partner.layer, self._image_shape()
        if None in image_shape:
            raise ValueError(
                f"TiedConv2DTranspose {self.name!r} makes images of the size that {partner.name!r} takes, which was "
                f"built for images of shape {image_shape}: give its keras.Input a height and a width."
            )
        expected = tuple(partner.compute_output_shape((None, *image_shape)))[1:]
        if input_shape[1:] != expected:
            raise ValueError(
                f"TiedConv2DTranspose {self.name!r} takes the outputs of {partner.name!r}, of shape {expected}, but "
                f"its inputs have the shape {input_shape[1:]}."
            )

    def _image_shape(self) -> tuple:
        """Height, width and channels that the convolution was built for."""
        return tuple(self._partner.layer.get_build_config()["input_shape"][1:])

    def call(self, inputs):
        """Shape `(batch, height, width, filters)` to that of the images of `tied_to`."""
        conv, padding = self._partner.layer, []
        for axis in range(2):
            reach = (conv.kernel_size[axis] - 1) * conv.dilation_rate[axis] + 1
            # Several sizes lead to the same feature map; `output_padding` counts from the smallest that Keras assumes.
            smallest = (inputs.shape[1 + axis] - 1) * conv.strides[axis]
            smallest += reach if conv.padding == "valid" else reach % 2
            padding.append(self._image_shape()[axis] - smallest)
        x = ops.conv_transpose(
            inputs,
            _spread(self._kernel_to_compute_with(), conv.dilation_rate),
            strides=conv.strides,
            padding=conv.padding,
            output_padding=tuple(padding),
            data_format="channels_last",
        )
        return self.activation(x if self.bias is None else x + self.bias)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self._image_shape())


def _spread(kernel, dilation_rate):
    """The kernel with zeros in between, which stands for a dilated one: not every CPU can dilate a transpose."""
    if max(dilation_rate) == 1:
        return kernel
    height, width, *channels = kernel.shape
    down, right = dilation_rate
    spread = ops.reshape(kernel, (height, 1, width, 1, *channels))
    spread = ops.pad(spread, ((0, 0), (0, down - 1), (0, 0), (0, right - 1), (0, 0), (0, 0)))
    spread = ops.reshape(spread, (height * down, width * right, *channels))
    return spread[: (height - 1) * down + 1, : (width - 1) * right + 1]
