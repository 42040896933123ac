"""Spectral normalization: a layer that computes with its kernel divided by the largest singular value."""

import math
import weakref

import keras
from keras import ops

from kgan.backend import keras_internals
from kgan.layers.tied import TiedConv2DTranspose
from kgan.scalars import as_count

# Below this a singular value counts as zero: nothing is divided by it.
SMALLEST = 1e-12
# How many iterations the vectors of a new layer get, so that an untrained network has its bound as well.
FIRST_ITERATIONS = 15
# Their kernels end in (outputs, inputs); those of all others end in the outputs.
TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
    TiedConv2DTranspose,
)
DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)


@keras.saving.register_keras_serializable(package="kgan")
class SpectralNormalization(keras.layers.Wrapper):
    """Lets a layer compute with `W / sigma(W)` in place of its kernel W, whose largest singular value is sigma.

    The layer then changes distances by a factor of 1 at most (a convolution by a factor that depends on its kernel size
    and strides alone), and so does a network of such layers and of activations such as LeakyReLU: a discriminator's
    gradients stay bounded without a penalty.

        v <- W^T u / ||W^T u||,   u <- W v / ||W v||        in training only: one power iteration per step
        sigma = u^T W v                                     in training and in inference
        dL/dW = (G - <G, W / sigma> u v^T) / sigma          where G is the gradient by W / sigma

    W stands here as a matrix with one row per output channel, which includes `Conv2DTranspose`, where Keras puts them
    elsewhere; the embeddings of an `Embedding` have one row per dimension.

    The kernel itself is W and stays so: optimizers, regularizers and constraints see it, and it is what is saved. The
    vectors u and v are kept beside it, in float32. An untrained layer starts from several iterations. While the kernel
    is frozen they stay as they are.

    One step means: within a turn of a player of `kgan.Game` (and of `GAN` and all others made of it), or one
    `keras.StatelessScope`, all calls start from the same u and so agree about sigma, whether they see real samples,
    generated ones or the points of a penalty. Elsewhere each training call of the layer is one iteration.

    `keras.layers.SpectralNormalization` overwrites the kernel in each training step, and its gradient has no term of
    sigma.

    Source: Miyato et al. 2018, https://arxiv.org/abs/1802.05957, equations 8 and 12 and algorithm 1.

    Args:
        layer: the layer to wrap, with one kernel: `Dense`, a convolution, transposed or depthwise or neither, or
            `Embedding`; or a layer of your own with a `kernel` whose last axis counts its outputs.
        power_iterations: number of iterations per training step.
        **kwargs: arguments of `keras.layers.Layer`. The dtype policy is by default that of `layer`.

    Raises:
        ValueError: for what is no layer, and, when it is built, for a layer without a kernel of one variable.

    Examples:
        >>> x = kgan.layers.SpectralNormalization(keras.layers.Conv2D(64, 4, 2, padding="same"))(images)
        >>> logits = kgan.layers.SpectralNormalization(keras.layers.Dense(1))(keras.layers.Flatten()(x))
    """

    def __init__(self, layer, power_iterations: int = 1, **kwargs):
        if not isinstance(layer, keras.Layer):
            raise ValueError(f"SpectralNormalization wraps a layer, such as keras.layers.Dense(8), got {layer!r}.")
        super().__init__(layer, **{"dtype": layer.dtype_policy, **kwargs})
        self.power_iterations = as_count(power_iterations, "power_iterations")
        self.autocast = layer.autocast  # integers, which an Embedding takes, are left to it
        self.supports_masking = layer.supports_masking
        # The u that a scope started from, as long as the scope lives.
        self._u_at_start = weakref.WeakKeyDictionary()

    def build(self, input_shape=None):
        super().build(input_shape)
        dtype = keras.backend.result_type(self.layer.variable_dtype, "float32")
        rows, columns = self._matrix(dtype).shape
        as_state = {"trainable": False, "dtype": dtype, "autocast": False}
        self.u = self.add_weight(shape=(rows,), initializer=self._first_u, name="u", **as_state)
        self.v = self.add_weight(shape=(columns,), initializer=self._first_v, name="v", **as_state)

    def _first_u(self, shape, dtype):
        matrix, u = self._matrix(dtype), _direction(keras.random.normal(shape, dtype=dtype), 0.0)
        return _iterations(matrix, u, ops.zeros(matrix.shape[1:], dtype), FIRST_ITERATIONS)[0]

    def _first_v(self, shape, dtype):
        # A kernel of zeros has no direction: any will do until there is one to follow.
        return _direction(ops.matmul(self.u.value, self._matrix(dtype)), ops.ones(shape, dtype) / shape[0] ** 0.5)

    def call(self, inputs, training=False):
        """Inputs and outputs are those of the wrapped layer."""
        kernel = self._kernel()
        scope = self._scope_with(kernel, self._normalized_kernel(training and kernel.trainable))
        shown = dict(scope.state_mapping)
        with scope:
            outputs = self.layer(inputs)
        # Whatever else the layer did within the scope is done outside of it, as it would be without.
        for variable in self.layer.variables:
            value = scope.get_current_value(variable)
            if value is not None and value is not shown.get(id(variable)):
                variable.assign(value)
        for loss in scope.losses:
            self.layer.add_loss(loss)
        return outputs

    def next_vectors(self) -> list:
        """New values of `u` and `v` after the iterations of one step, for a kernel that moved outside of training."""
        with keras_internals.autocast_to(self.u.dtype):
            matrix = self._matrix(self.u.dtype)
            return list(_iterations(matrix, self.u.value, self.v.value, self.power_iterations))

    def _scope_with(self, kernel, value):
        """A scope in which the layer sees `value` in place of its kernel, and all else as it is here."""
        outer, scope = keras_internals.scope_of_calls(), keras.StatelessScope(collect_losses=True)
        for variable in self.layer.variables if outer is not None else ():
            if (now := outer.get_current_value(variable)) is not None:
                scope.add_update((variable, now))
        scope.add_update((kernel, value))
        return scope

    def _normalized_kernel(self, moves: bool):
        """The kernel divided by its largest singular value, after the iterations of a training step if it `moves`."""
        with keras_internals.autocast_to(self.u.dtype):  # in full precision, whatever the layer computes in
            matrix, u, v = self._matrix(self.u.dtype), self.u.value, self.v.value
            if moves:
                scope = keras_internals.scope_of_calls()
                u = u if scope is None else self._u_at_start.setdefault(scope, u)
                u, v = _iterations(ops.stop_gradient(matrix), u, v, self.power_iterations)
                self.u.assign(u)
                self.v.assign(v)
            sigma = ops.sum(u * ops.matmul(matrix, v))
            # The gradient at a kernel of zeros is that of the kernel itself.
            sigma = ops.where(sigma > SMALLEST, sigma, ops.ones_like(sigma))
            return ops.cast(ops.cast(self._kernel(), self.u.dtype) / sigma, self.layer.variable_dtype)

    def _kernel(self):
        if not isinstance(self.layer, keras.layers.EinsumDense):  # any axes of whose kernel may be its outputs
            for name in ("kernel", "embeddings"):
                if isinstance(kernel := getattr(self.layer, name, None), keras.Variable):
                    return kernel
        raise ValueError(
            "SpectralNormalization needs a layer with one kernel in one variable, such as Dense, Conv2D or Embedding, "
            f"before LoRA or quantization, but it wraps the {type(self.layer).__name__} {self.layer.name!r}."
        )

    def _matrix(self, dtype):
        """The kernel as a matrix `(outputs, all the rest)`."""
        kernel = ops.cast(self._kernel(), dtype)
        if isinstance(self.layer, TRANSPOSED):
            kernel = ops.swapaxes(kernel, -1, -2)
        outputs = math.prod(kernel.shape[-2 if isinstance(self.layer, DEPTHWISE) else -1 :])
        return ops.transpose(ops.reshape(kernel, (-1, outputs)))

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def compute_output_spec(self, inputs, training=False):
        return self.layer.compute_output_spec(inputs)

    def compute_mask(self, inputs, previous_mask):
        return self.layer.compute_mask(inputs, previous_mask)

    def get_config(self) -> dict:
        return {**super().get_config(), "power_iterations": self.power_iterations}


def _iterations(matrix, u, v, number: int):
    """Power iterations: from u, and v for directions that the matrix does not have, to the next ones."""
    for _ in range(number):
        v = _direction(ops.matmul(u, matrix), v)
        u = _direction(ops.matmul(matrix, v), u)
    return u, v


def _direction(vector, otherwise):
    """The vector with a length of 1, or `otherwise` if it is zero."""
    length = ops.sqrt(ops.sum(ops.square(vector)))
    long_enough = length > SMALLEST
    return ops.where(long_enough, vector / ops.where(long_enough, length, 1.0), otherwise)
