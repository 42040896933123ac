"""Parameter groups: against a loop written by hand, and through everything that Keras does with an optimizer."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kgan.optimizers import per_group

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 4)).astype("float32")
Y = RNG.integers(0, 3, 48)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def parts(seed=0):
    """A base and a head whose layers have the same names: the paths of their weights are the same when loaded."""
    keras.utils.set_random_seed(seed)
    base = keras.Sequential([keras.Input((4,)), layers.Dense(6, "tanh", name="d"), layers.Dense(5, "tanh")], name="b")
    head = keras.Sequential([keras.Input((5,)), layers.Dense(3, name="d")], name="h")
    return keras.Sequential([keras.Input((4,)), base, head]), base, head


def optimizers(base, head):
    return per_group({base: keras.optimizers.SGD(0.1, momentum=0.9), head: keras.optimizers.Adam(0.01)})


def compiled(**kwargs):
    model, base, head = parts()
    model.compile(optimizers(base, head), LOSS, **kwargs)
    return model


def fit(model, epochs=1, *, graph=False, **kwargs):
    model.run_eagerly = not graph  # compiling takes longer than three small steps
    return model.fit(X, Y, batch_size=16, epochs=epochs, shuffle=False, verbose=0, **kwargs).history


def difference(one, other):
    return max(np.abs(a - b).max() for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def go_on_alike(one, other, **kwargs):
    """Whether two models take the same steps: up to rounding, which depends on where in memory arrays lie."""
    fit(one, **kwargs)
    fit(other, **kwargs)
    return difference(one, other) < 1e-5


def rates(model):
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    return [float(inner.learning_rate.numpy()) for inner in optimizer.optimizers]


# What a step is


@pytest.mark.slow
def test_equals_a_loop_written_by_hand():
    model = compiled(metrics=["accuracy"])
    history = fit(model, epochs=2, graph=True)

    reference, base, head = parts()
    slow, fast = base.trainable_variables, head.trainable_variables
    velocity, mean, square = ([np.zeros(v.shape) for v in of] for of in (slow, fast, fast))
    losses = []
    for step in range(6):
        rows = slice(16 * (step % 3), 16 * (step % 3) + 16)
        with tf.GradientTape() as tape:
            losses.append(LOSS(Y[rows], reference(X[rows], training=True)))
        gradients = [g.numpy() for g in tape.gradient(losses[-1], [v.value for v in slow + fast])]
        for i, (v, g) in enumerate(zip(slow, gradients, strict=False)):  # stochastic gradient descent with momentum
            velocity[i] = 0.9 * velocity[i] - 0.1 * g
            v.assign_add(velocity[i])
        for i, (v, g) in enumerate(zip(fast, gradients[len(slow) :], strict=True)):  # Adam
            mean[i] = 0.9 * mean[i] + 0.1 * g
            square[i] = 0.999 * square[i] + 0.001 * g**2
            rate = 0.01 * np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
            v.assign_sub(rate * mean[i] / (np.sqrt(square[i]) + 1e-7))
    assert difference(model, reference) < 2e-6
    np.testing.assert_allclose(history["loss"], np.reshape(losses, (2, 3)).mean(1), rtol=1e-5)
    assert set(history) == {"loss", "accuracy"}


def test_layerwise_decay_moves_each_layer_at_its_rate():
    model, *_ = parts()
    head = layers.Dense(3, name="out")
    stack = keras.Sequential([keras.Input((4,)), *model.layers[0].layers, layers.Dropout(0.0), head])
    before = stack.get_weights()
    with tf.GradientTape() as tape:
        loss = LOSS(Y, stack(X))
    gradients = tape.gradient(loss, [v.value for v in stack.trainable_variables])
    decayed = {layer: keras.optimizers.SGD(0.1 / 2.0**depth) for depth, layer in enumerate(reversed(stack.layers))}
    stack.compile(per_group(decayed), LOSS)
    stack.fit(X, Y, batch_size=48, verbose=0)
    for i, rate in enumerate([0.0125, 0.0125, 0.025, 0.025, 0.1, 0.1]):  # dropout, without weights, counts as a layer
        np.testing.assert_allclose(stack.get_weights()[i], before[i] - rate * gradients[i], atol=1e-7)


def test_a_tuple_is_one_group_and_default_has_the_rest():
    model, base, head = parts()
    first, second = base.layers
    model.compile(per_group({(first, head): keras.optimizers.SGD(0.0)}, default="sgd"), LOSS)
    before = model.get_weights()
    fit(model)
    moved = [np.abs(a - b).max() > 0 for a, b in zip(before, model.get_weights(), strict=True)]
    assert moved == [False, False, True, True, False, False]


def test_one_group_is_the_optimizer_itself():
    model, *_ = parts()
    model.compile(per_group({model: keras.optimizers.Adam(0.01)}), LOSS)
    plain, *_ = parts()
    plain.compile(keras.optimizers.Adam(0.01), LOSS)
    assert go_on_alike(model, plain)


def test_a_schedule_belongs_to_its_group():
    model, base, head = parts()
    falling = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.1, 0.0])  # three steps of 0.1, then none
    model.compile(per_group({base: keras.optimizers.SGD(falling), head: keras.optimizers.SGD(0.1)}), LOSS)
    fit(model)
    slow, fast = base.get_weights(), head.get_weights()
    fit(model)
    assert all(np.array_equal(a, b) for a, b in zip(slow, base.get_weights(), strict=True))
    assert not np.array_equal(fast[0], head.get_weights()[0])


def test_averaged_weights_of_one_group():
    model, base, head = parts()
    averaging = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    model.compile(per_group({base: keras.optimizers.SGD(0.1), head: averaging}), LOSS)
    plain, plain_base, plain_head = parts()
    plain.compile(keras.optimizers.SGD(0.1), LOSS)
    average = []

    def follow(batch, logs=None):
        weights = plain_head.get_weights()  # which the average starts from
        average[:] = [(a + w) / 2 for a, w in zip(average or weights, weights, strict=True)]

    fit(plain, callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=follow)])
    fit(model)
    assert difference(base, plain_base) < 1e-5
    for a, w in zip(average, head.get_weights(), strict=True):
        np.testing.assert_allclose(w, a, atol=1e-6)


# What Keras does with it


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_callbacks_change_the_rate_of_every_group(policy):
    keras.config.set_dtype_policy(policy)
    model = compiled()
    history = fit(model, callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)])
    assert rates(model) == pytest.approx([0.05, 0.005])
    if policy == "float32":
        names = [f"learning_rate_{optimizer.name}" for optimizer in model.optimizer.optimizers]
        assert [history[name][-1] for name in names] == pytest.approx([0.05, 0.005])
    # No loss falls by 100: the first epoch sets the best, the second reduces.
    fit(model, epochs=2, callbacks=[keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=100)])
    assert rates(model) == pytest.approx([0.005, 0.0005])


def test_setting_the_rate_keeps_the_ratio():
    model = compiled()
    assert float(model.optimizer.learning_rate) == pytest.approx(0.1)
    model.optimizer.learning_rate = 0.5
    assert rates(model) == pytest.approx([0.5, 0.05])
    model.optimizer.learning_rate = 0.0
    with pytest.raises(ValueError, match="the first group's learning rate is 0"):
        model.optimizer.learning_rate = 0.1


@pytest.mark.slow
@pytest.mark.filterwarnings("error:Skipping variable loading")
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_loaded_model_goes_on_exactly(tmp_path, policy):
    keras.config.set_dtype_policy(policy)
    model = compiled(metrics=["accuracy"])
    fit(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert difference(model, loaded) == 0
    for one, other in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    assert go_on_alike(model, loaded)
    loaded.save(tmp_path / "again.keras")
    assert go_on_alike(model, keras.models.load_model(tmp_path / "again.keras"))


@pytest.mark.slow
def test_an_interrupted_run_resumes_exactly(tmp_path):
    whole = compiled()
    fit(whole, epochs=2)

    def interrupt(epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt

    backup = [keras.callbacks.BackupAndRestore(tmp_path / "backup")]
    with pytest.raises(KeyboardInterrupt):
        fit(compiled(), epochs=2, callbacks=[*backup, keras.callbacks.LambdaCallback(on_epoch_begin=interrupt)])
    resumed = compiled()
    assert len(fit(resumed, epochs=2, callbacks=backup)["loss"]) == 1
    assert difference(whole, resumed) < 1e-5


def test_weights_that_another_optimizer_trained(tmp_path):
    plain, *_ = parts()
    plain.compile("adam", LOSS)
    fit(plain)
    plain.save_weights(tmp_path / "plain.weights.h5")
    model = compiled()
    model.optimizer.build(model.trainable_variables)
    with pytest.warns(UserWarning, match="Skipping variable loading"):
        model.load_weights(tmp_path / "plain.weights.h5")
    assert difference(plain, model) == 0
    fit(model)
    model.save_weights(tmp_path / "groups.weights.h5")
    with pytest.warns(UserWarning, match="Skipping variable loading"):
        plain.load_weights(tmp_path / "groups.weights.h5")
    assert difference(plain, model) == 0


def test_saved_before_training_once_built(tmp_path):
    model = compiled()
    with pytest.raises(ValueError, match="not tied to a model yet: before the model is saved or cloned, train it, or"):
        model.save(tmp_path / "model.keras")
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    assert go_on_alike(model, keras.models.load_model(tmp_path / "model.keras"))


def test_two_devices_equal_one(two_devices):
    alone = compiled()
    with two_devices.scope():
        shared = compiled()
    fit(alone, graph=True)
    fit(shared, graph=True)
    assert difference(alone, shared) < 1e-6


@pytest.mark.slow
@pytest.mark.filterwarnings("error:Skipping variable loading")
def test_frozen_layers_stay_and_come_back(tmp_path):
    model, base, head = parts()
    base.trainable = False
    model.compile(optimizers(base, head), LOSS)
    before = base.get_weights()
    fit(model)
    assert all(np.array_equal(a, b) for a, b in zip(before, base.get_weights(), strict=True))
    model.save(tmp_path / "model.keras")
    assert go_on_alike(model, keras.models.load_model(tmp_path / "model.keras"))

    base.trainable = True
    model.compile(optimizers(base, head), LOSS)
    fit(model)
    assert not np.array_equal(before[0], base.get_weights()[0])


@pytest.mark.slow
def test_freezing_with_the_same_optimizer(tmp_path):
    model, base, head = parts()
    model.compile(optimizers(base, head), LOSS)
    fit(model)
    base.trainable = False
    model.compile(model.optimizer, LOSS)
    before = base.get_weights(), head.get_weights()
    fit(model)
    assert np.array_equal(before[0][0], base.get_weights()[0])
    assert not np.array_equal(before[1][0], head.get_weights()[0])
    model.save(tmp_path / "model.keras")
    with pytest.warns(UserWarning, match="Skipping variable loading"):  # Keras, of the momentum of frozen weights
        loaded = keras.models.load_model(tmp_path / "model.keras")
    assert rates(loaded) == pytest.approx([0.1, 0.01])
    fit(loaded)
    assert np.array_equal(before[0][0], loaded.layers[0].get_weights()[0])


@pytest.mark.slow
def test_the_state_can_be_set():
    one, other = compiled(), compiled()
    fit(one, epochs=2)
    fit(other)
    other.set_weights(one.get_weights())
    other.optimizer.set_weights([v.numpy() for v in one.optimizer.variables])
    assert go_on_alike(one, other)


# What is refused


def test_arguments_are_checked():
    model, base, head = parts()
    sgd = keras.optimizers.SGD()
    served = keras.optimizers.SGD()
    served.build(base.trainable_variables)
    unbuilt = keras.Sequential([layers.Dense(3, name="late")])
    for groups, default, message in [
        ({}, None, "groups must be a dict of layers"),
        ([base, head], None, "groups must be a dict of layers"),
        ({"base": "sgd"}, None, "a group must be a Keras layer, a model, or a tuple of them, got 'base'"),
        ({unbuilt: "sgd"}, None, "has no weights yet: build the model first"),
        ({unbuilt.layers[0]: "sgd"}, None, "the layer 'late' has no weights yet: build the model first"),
        ({model: "sgd", head: "adam"}, None, "the weight 'h/d/kernel' is in two groups"),
        ({base: sgd, head: sgd}, None, "two groups share one optimizer"),
        ({base: sgd}, sgd, "two groups share one optimizer"),
        ({base: served}, None, "already serves other weights"),
        ({base: keras.optimizers.LossScaleOptimizer(sgd)}, None, "a group cannot have a LossScaleOptimizer"),
        ({base: optimizers(base, head)}, None, "a group cannot have a PerGroup"),
        ({base: keras.optimizers.SGD(loss_scale_factor=8.0)}, None, "has a loss_scale_factor"),
        ({base: "stochastic"}, None, "stochastic"),
    ]:
        with pytest.raises(ValueError, match=message):
            per_group(groups, default)


def test_groups_and_model_must_agree():
    model, base, head = parts()
    before = model.get_weights()
    model.compile(per_group({base: "sgd"}), LOSS)
    with pytest.raises(ValueError, match="h/d/kernel, h/d/bias are in no group: add their layers, or give a default"):
        fit(model)
    _, *others = parts()
    model.compile(per_group({base: "sgd", others[1]: "sgd"}, "sgd"), LOSS)
    with pytest.raises(ValueError, match="h/d/kernel, h/d/bias, which are no trainable weights of this model"):
        fit(model)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_thawed_after_training_and_saved(tmp_path):
    model, base, head = parts()
    base.trainable = False
    model.compile(optimizers(base, head), LOSS)
    fit(model)
    base.trainable = True  # without another compile, the optimizer knows nothing of these weights
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="saved for 2 trainable weights and the model has 6: load it with compile=F"):
        keras.models.load_model(tmp_path / "model.keras")
    assert difference(model, keras.models.load_model(tmp_path / "model.keras", compile=False)) == 0


# Forms and configs


def test_every_form_of_an_optimizer_is_taken():
    model, base, head = parts()
    for form in (
        "SGD",
        {"class_name": "SGD", "config": {}},
        keras.saving.serialize_keras_object(keras.optimizers.SGD()),
    ):
        optimizer = per_group({base: form, head: "adam"})
        assert [type(o) for o in optimizer.optimizers] == [keras.optimizers.SGD, keras.optimizers.Adam]


def test_a_config_makes_the_optimizer_again():
    model, base, head = parts()
    model.compile(optimizers(base, head), LOSS)
    with pytest.raises(ValueError, match="are not tied to a model yet"):
        model.optimizer.get_config()
    fit(model)
    config = model.optimizer.get_config()
    again = keras.optimizers.deserialize(keras.optimizers.serialize(model.optimizer))
    assert again.get_config() == config
    other, *_ = parts()
    other.set_weights(model.get_weights())
    other.compile(again, LOSS)
    again.build(other.trainable_variables)
    again.set_weights([v.numpy() for v in model.optimizer.variables])
    assert go_on_alike(model, other)
