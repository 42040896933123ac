import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import kgan
from kgan.layers import SpectralNormalization

RANDOM = np.random.default_rng(0)
# A layer, an input for it, and the axes of its kernel that count its outputs.
KINDS = {
    "dense": (lambda **k: layers.Dense(5, **k), (3, 4), (1,)),
    "conv1d": (lambda **k: layers.Conv1D(5, 3, **k), (2, 6, 4), (2,)),
    "conv2d": (lambda **k: layers.Conv2D(5, 3, 2, padding="same", **k), (2, 6, 6, 4), (3,)),
    "conv2d in groups": (lambda **k: layers.Conv2D(6, 3, groups=2, **k), (2, 6, 6, 4), (3,)),
    "conv3d": (lambda **k: layers.Conv3D(3, 2, **k), (1, 3, 3, 3, 2), (4,)),
    "conv2d transposed": (lambda **k: layers.Conv2DTranspose(5, 4, 2, **k), (2, 3, 3, 4), (2,)),
    "conv1d transposed": (lambda **k: layers.Conv1DTranspose(5, 4, 2, **k), (2, 3, 4), (1,)),
    "depthwise": (lambda **k: layers.DepthwiseConv2D(3, depth_multiplier=2, **k), (2, 4, 4, 3), (2, 3)),
    "embedding": (lambda **k: layers.Embedding(7, 3, **k), "int32", (1,)),
}


def make(kind, **arguments):
    make_layer, shape, axes = KINDS[kind]
    layer = make_layer(**arguments)
    x = RANDOM.integers(0, 7, (2, 4)).astype("int32") if shape == "int32" else RANDOM.normal(size=shape)
    layer(x)
    return layer, x, axes


def kernel_of(layer):
    return layer.embeddings if isinstance(layer, layers.Embedding) else layer.kernel


def as_matrix(kernel, axes=(-1,)):
    """One row per output."""
    kernel = np.moveaxis(np.asarray(kernel, "float64"), axes, range(len(axes)))
    return kernel.reshape(np.prod(kernel.shape[: len(axes)]), -1)


def unit(vector):
    return vector / np.linalg.norm(vector)


def numbers(tensor):
    return np.asarray(ops.cast(tensor, "float32"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_kernel_is_used_divided_by_its_largest_singular_value(kind):
    layer, x, axes = make(kind)
    plain, kernel = numbers(layer(x)), np.array(kernel_of(layer))
    normalized = SpectralNormalization(layer, power_iterations=100)
    sigma = np.linalg.svd(as_matrix(kernel, axes), compute_uv=False)[0]
    np.testing.assert_allclose(normalized(x, training=True), plain / sigma, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(normalized(x), plain / sigma, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(kernel_of(layer), kernel)


def test_a_training_call_is_one_power_iteration_and_inference_is_none():
    layer, x, _ = make("dense")
    normalized = SpectralNormalization(layer)
    normalized.build(x.shape)
    u = RANDOM.normal(size=5)
    normalized.u.assign(unit(u))
    matrix = as_matrix(layer.kernel)
    for _ in range(3):
        v = unit(matrix.T @ u)
        u = unit(matrix @ v)
        trained = numbers(normalized(x, training=True))
        np.testing.assert_allclose(trained, numbers(layer(x)) / (u @ matrix @ v), rtol=1e-5)
        for _ in range(2):
            np.testing.assert_array_equal(normalized(x), trained)
        np.testing.assert_allclose(normalized.u, u, atol=1e-6)
        np.testing.assert_allclose(normalized.v, v, atol=1e-6)


@pytest.mark.parametrize("kind", ["dense", "conv2d transposed", "embedding"])
def test_the_derivative_goes_through_sigma(kind):
    keras.config.set_dtype_policy("float64")
    layer, x, axes = make(kind)
    normalized = SpectralNormalization(layer)
    normalized(x)
    left, _, right = np.linalg.svd(as_matrix(kernel_of(layer), axes))
    normalized.u.assign(left[:, 0])
    normalized.v.assign(right[0])
    weights = RANDOM.normal(size=normalized(x).shape)
    with tf.GradientTape() as tape:
        loss = ops.sum(weights * normalized(x, training=True))
    gradient = np.asarray(tape.gradient(loss, kernel_of(layer).value))

    # Numerically, by the norm that numpy finds.
    kernel, direction = np.array(kernel_of(layer)), RANDOM.normal(size=kernel_of(layer).shape)

    def loss_at(step):
        moved = kernel + step * direction
        kernel_of(layer).assign(moved / np.linalg.norm(as_matrix(moved, axes), 2))
        return float(ops.sum(weights * layer(x)))

    slope = (loss_at(1e-5) - loss_at(-1e-5)) / 2e-5
    np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-6)
    # Scaling the kernel changes nothing, so the gradient is orthogonal to it.
    np.testing.assert_allclose(np.sum(gradient * kernel), 0, atol=1e-10)


def critic(size=16):
    x = inputs = keras.Input((2,))
    for units in (size, size):
        x = layers.LeakyReLU(0.2)(SpectralNormalization(layers.Dense(units))(x))
    return keras.Model(inputs, SpectralNormalization(layers.Dense(1, name="last"))(x))


def test_an_untrained_network_has_its_bound_already():
    for layer in critic().layers[1:]:
        if isinstance(layer, SpectralNormalization):
            used = numbers(layer(np.eye(layer.layer.kernel.shape[0], dtype="float32")))
            np.testing.assert_allclose(np.linalg.norm(used, 2), 1, atol=0.1)  # after some iterations


@pytest.mark.slow
def test_a_trained_critic_is_as_steep_as_allowed_and_no_steeper():
    x = np.concatenate([RANDOM.normal(size=(64, 2)) - 2, RANDOM.normal(size=(64, 2)) + 2]).astype("float32")
    y = np.repeat([-1.0, 1.0], 64)[:, None]
    network = critic()
    network.compile(keras.optimizers.Adam(0.01), lambda y, logits: -ops.mean(y * logits))  # no steepness is enough
    network.fit(x, y, epochs=40, batch_size=128, verbose=0)
    points = RANDOM.normal(size=(500, 2)).astype("float32") * 3
    logits, nearby = numbers(network(points)), numbers(network(points + 0.01))
    slopes = np.abs(nearby - logits)[:, 0] / np.linalg.norm([0.01, 0.01])
    assert 0.5 < slopes.max() < 1.02  # sigma is at most some steps behind


@pytest.mark.slow
def test_all_calls_of_a_turn_are_one_iteration_and_the_turns_of_others_are_none():
    gan = kgan.GAN(kgan.networks.mlp(3, 2, (4,)), critic(4), ema_momentum=None, seed=0)
    penalties = [kgan.losses.GradientPenalty(1.0)]
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), loss="hinge", penalties=penalties)
    first = next(layer for layer in gan.discriminator.layers if isinstance(layer, SpectralNormalization))
    first.u.assign(unit(np.arange(1.0, 5.0)))
    matrix = as_matrix(first.layer.kernel)
    gan.fit(RANDOM.normal(size=(8, 2)).astype("float32"), batch_size=8, epochs=1, verbose=0)
    np.testing.assert_allclose(first.u, unit(matrix @ unit(matrix.T @ unit(np.arange(1.0, 5.0)))), atol=1e-5)


def test_what_trains_is_what_predicts():
    x = np.random.default_rng(0).normal(0, 0.3, (64, 2)).astype("float32")
    inputs, codes = keras.Input((2,)), keras.Input((8,))
    model = kgan.Autoencoder(
        keras.Model(inputs, SpectralNormalization(layers.Dense(8))(inputs)),
        keras.Model(codes, SpectralNormalization(layers.Dense(2))(codes)),
        seed=0,
    )
    model.compile(keras.optimizers.Adam(1e-2))
    loss = model.fit(x, batch_size=4, epochs=8, verbose=0).history["loss"]
    assert loss[-1] < loss[0] / 2
    with keras.StatelessScope():
        trained = numbers(model.decoder(model.encoder(x, training=True), training=True))
    predicted = model.predict(x, verbose=0)
    np.testing.assert_allclose(predicted, trained, atol=0.01)
    np.testing.assert_allclose(
        model.evaluate(x, verbose=0, return_dict=True)["loss"], np.mean((predicted - x) ** 2), rtol=1e-3
    )


@pytest.mark.slow
def test_two_devices_find_what_one_finds_and_agree_with_each_other(two_devices):
    x, y = RANDOM.normal(size=(16, 2)).astype("float32"), RANDOM.normal(size=(16, 1)).astype("float32")
    found = []
    for strategy in (tf.distribute.get_strategy(), two_devices):
        keras.utils.set_random_seed(1)
        with strategy.scope():
            network = critic(4)
            network.compile(keras.optimizers.SGD(0.1), "mse")
        network.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        found.append(network.get_weights())
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)
    for variable in network.variables:
        copies = [copy.numpy() for copy in two_devices.experimental_local_results(variable.value)]
        np.testing.assert_array_equal(*copies, err_msg=variable.path)


def test_a_kernel_of_zeros_stays_finite_and_learns():
    model = keras.Sequential([keras.Input((3,)), SpectralNormalization(layers.Dense(2, kernel_initializer="zeros"))])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    np.testing.assert_array_equal(model(np.ones((4, 3))), np.zeros((4, 2)))
    model.fit(np.ones((4, 3)), np.ones((4, 2)), epochs=5, verbose=0)
    assert np.isfinite(model.get_weights()[0]).all()
    assert np.abs(numbers(model(np.ones((4, 3)))) - 1).max() < 0.9


def test_the_vectors_of_a_frozen_layer_stay_as_they_are():
    layer, x, _ = make("dense")
    normalized = SpectralNormalization(layer)
    normalized(x)
    normalized.trainable = False
    normalized.u.assign(unit(np.ones(5)))
    normalized(x, training=True)
    np.testing.assert_allclose(normalized.u, unit(np.ones(5)), rtol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16", "float64"])
@pytest.mark.parametrize("kind", ["dense", "conv2d", "conv2d transposed", "embedding"])
def test_every_dtype_policy_gives_the_dtype_of_the_wrapped_layer(kind, policy):
    layer, x, axes = make(kind, dtype=policy)
    normalized = SpectralNormalization(layer, power_iterations=200)
    output = normalized(x, training=True)
    assert output.dtype == layer(x).dtype == layer.compute_dtype == normalized.compute_dtype
    assert normalized.u.dtype == normalized.v.dtype == ("float64" if policy == "float64" else "float32")
    # The norm is that of the stored kernel in full precision, not of a rounded one.
    sigma = normalized.u.numpy() @ as_matrix(kernel_of(layer), axes) @ normalized.v.numpy()
    expected = np.linalg.norm(as_matrix(kernel_of(layer), axes), 2)
    np.testing.assert_allclose(sigma, expected, rtol=1e-5)
    np.testing.assert_allclose(numbers(output), numbers(layer(x)) / expected, rtol=0.05, atol=0.02)


def test_a_layer_that_stays_in_float32_stays_so_under_a_mixed_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    x = keras.Input((3,), dtype="float32")
    y = SpectralNormalization(layers.Dense(1, dtype="float32"))(x)
    model = keras.Model(x, y)
    assert y.dtype == model(np.ones((1, 3))).dtype == "float32"
    fine, coarse = np.float32([[1.001, 1, 1]]), np.float32([[1, 1, 1]])  # one number in bfloat16
    assert np.any(numbers(model(fine)) != numbers(model(coarse)))


def test_masks_pass(tmp_path):
    ids = keras.Input((None,), dtype="int32")
    x = SpectralNormalization(layers.Embedding(9, 4, mask_zero=True))(ids)
    x = SpectralNormalization(layers.Dense(4))(x)
    model = keras.Model(ids, layers.LSTM(3)(x))
    for training in (False, True):
        long, short = (numbers(model(np.array([row]), training=training)) for row in ([1, 2, 0, 0], [1, 2]))
        np.testing.assert_allclose(long, short, atol=2e-3 if training else 1e-6)  # the vectors move between the calls
    assert np.abs(numbers(model(np.array([[1, 2, 3, 3]]))) - short).max() > 0.01


@keras.saving.register_keras_serializable(package="test")
class NoisyDense(layers.Layer):
    """Counts its calls, draws random numbers and adds a loss, as a layer of a user may."""

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 2), name="kernel")
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")
        self.dropout = layers.Dropout(0.5, seed=0)

    def call(self, inputs, training=False):
        self.calls.assign_add(1.0)
        self.add_loss(ops.sum(self.kernel**2))
        return self.dropout(inputs @ self.kernel, training=training)


def test_what_else_the_wrapped_layer_does_is_kept():
    layer = SpectralNormalization(NoisyDense(), power_iterations=50)
    x = np.ones((8, 3), "float32")
    first, second = numbers(layer(x, training=True)), numbers(layer(x, training=True))
    assert np.any(first != second)  # the random state has moved
    assert float(layer.layer.calls.numpy()) == 2
    kernel = numbers(layer.layer.kernel)
    np.testing.assert_allclose(layer.losses, [np.sum(kernel**2) / np.linalg.norm(kernel, 2) ** 2], rtol=1e-4)
    # And in a scope nothing moves but what the scope holds.
    with keras.StatelessScope(collect_losses=True) as scope:
        layer(x), layer(x)
    assert float(layer.layer.calls.numpy()) == 2
    assert float(scope.get_current_value(layer.layer.calls)) == 4
    assert len(scope.losses) == 1 and scope.get_current_value(layer.layer.kernel) is None


def test_regularizers_see_the_kernel_that_is_stored():
    inner = layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.5), activity_regularizer="l1")
    layer = SpectralNormalization(inner)
    y = numbers(layer(np.ones((1, 3), "float32")))  # one row, because Keras divides by their number since 3.14 alone
    expected = [0.01 * np.abs(y).sum(), 0.5 * np.sum(numbers(inner.kernel) ** 2)]
    np.testing.assert_allclose(sorted(map(float, layer.losses)), sorted(expected), rtol=1e-5)


@pytest.mark.slow
def test_saving_loading_cloning_and_exporting_give_the_same_numbers(tmp_path):
    network, x = critic(), RANDOM.normal(size=(4, 2)).astype("float32")
    network(x, training=True)
    expected = network.predict(x, verbose=0)
    network.save(tmp_path / "critic.keras")
    loaded = keras.models.load_model(tmp_path / "critic.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), expected)
    assert loaded.layers[-1].power_iterations == 1 and loaded.layers[-1].layer.name == "last"
    clone = keras.models.clone_model(network)
    clone.set_weights(network.get_weights())
    np.testing.assert_array_equal(clone.predict(x, verbose=0), expected)
    network.export(tmp_path / "export", verbose=False)
    exported = tf.saved_model.load(tmp_path / "export")
    np.testing.assert_allclose(exported.serve(x), expected, atol=1e-6)
    # Both go on in the same way.
    np.testing.assert_array_equal(network(x, training=True), loaded(x, training=True))


@pytest.mark.slow
def test_xla_gives_the_same_numbers():
    found = []
    for jit_compile in (False, True):
        keras.utils.set_random_seed(1)
        network = critic(4)
        network.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=jit_compile)
        network.fit(np.eye(2), np.ones((2, 1)), epochs=2, verbose=0)
        found.append(network.get_weights())
    for plain, compiled in zip(*found, strict=True):
        np.testing.assert_allclose(plain, compiled, atol=1e-5)


@pytest.mark.parametrize(
    ("wrap", "sentence"),
    [
        (lambda: SpectralNormalization("dense"), "wraps a layer, such as .*, got 'dense'"),
        (lambda: SpectralNormalization(layers.Dense(2), power_iterations=0), "power_iterations must be a whole number"),
        (lambda: SpectralNormalization(layers.ReLU()).build((1, 3)), "needs a layer with one kernel .*the ReLU"),
        (lambda: SpectralNormalization(layers.SeparableConv1D(2, 2)).build((1, 3, 3)), "one kernel"),
        (lambda: SpectralNormalization(layers.EinsumDense("ab,cb->ac", 2)).build((1, 3)), "one kernel"),
        (lambda: SpectralNormalization(layers.Dense(2, lora_rank=1)).build((1, 3)), "before LoRA"),
    ],
)
def test_what_cannot_be_normalized_is_refused_in_a_sentence(wrap, sentence):
    with pytest.raises(ValueError, match=sentence):
        wrap()
