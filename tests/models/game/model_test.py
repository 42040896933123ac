"""`Game` against hand-written updates, and what it promises about weights, logs and refusals."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import kgan


def scalar_player(value):
    """A layer with the single weight `value`: y = value * x."""
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(value))
    layer.build((None, 1))
    return layer


@keras.saving.register_keras_serializable(package="kgan_tests")
class Bilinear(kgan.Game):
    """min_a max_b of (a + mean(data)) * b, written with two losses."""

    def player_loss(self, player, data):
        a, b = (ops.squeeze(self.players[name][0].kernel.value) for name in ("a", "b"))
        value = (a + ops.mean(data)) * b
        return (value, {"product": a * b}) if player == "a" else -value


def bilinear(**compile_kwargs):
    game = Bilinear({"a": scalar_player(1.0), "b": scalar_player(2.0)}, seed=0)
    game.compile({"a": keras.optimizers.SGD(0.1), "b": keras.optimizers.SGD(0.2)}, **compile_kwargs)
    return game


def weights(game):
    return [float(game.players[name][0].kernel.numpy()[0, 0]) for name in ("a", "b")]


def by_hand(data, steps_a=1, steps_b=1, simultaneous=False):
    a, b = 1.0, 2.0
    products = []
    for round_ in data:
        at = a
        for _ in range(steps_a):
            products.append(a * b)
            a -= 0.1 * b
        for x in round_[:steps_b]:
            b += 0.2 * ((at if simultaneous else a) + np.mean(x))
    return [a, b], np.mean(products)


DATA = np.arange(24, dtype="float32")[:, None] / 10


@pytest.mark.parametrize("simultaneous", [False, True])
def test_alternating_and_simultaneous_updates_equal_hand_written_ones(simultaneous):
    game = bilinear(simultaneous=simultaneous)
    history = game.fit(DATA, batch_size=6, shuffle=False, verbose=0).history
    expected, product = by_hand(DATA.reshape(4, 1, 6), simultaneous=simultaneous)
    np.testing.assert_allclose(weights(game), expected, rtol=1e-5)
    np.testing.assert_allclose(history["product"], [product], rtol=1e-5)
    assert game.rounds == 4


@pytest.mark.parametrize("as_dataset", [False, True])
def test_each_of_k_updates_gets_a_fresh_minibatch(as_dataset):
    seen = []

    class Recorder(Bilinear):
        def player_loss(self, player, data):
            tf.py_function(
                lambda p, d: seen.append((p.numpy().decode(), d.numpy().ravel().tolist())), [player, data], []
            )
            return super().player_loss(player, data)

    game = Recorder({"a": scalar_player(1.0), "b": scalar_player(2.0)})
    game.compile("sgd", steps={"b": 3})
    data = tf.data.Dataset.from_tensor_slices(DATA).batch(4) if as_dataset else DATA
    game.fit(data, batch_size=None if as_dataset else 4, shuffle=False, verbose=0)
    assert game.rounds == 2
    minibatches = [[round(float(x), 1) for x in DATA[i : i + 4, 0]] for i in range(0, 24, 4)]
    seen = [(p, [round(x, 1) for x in d]) for p, d in seen]
    expected = []
    for first in (0, 3):
        # Arrays are split so that devices agree, dataset batches come as they are: either way all rows once.
        expected += [("a", first), ("b", first), ("b", first + 1), ("b", first + 2)]
    assert [p for p, _ in seen] == [p for p, _ in expected]
    assert [d for _, d in seen] == [minibatches[i] for _, i in expected]


def test_k_steps_equal_hand_written_ones():
    game = bilinear(steps={"b": 3})
    game.fit(DATA, batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_allclose(weights(game), by_hand(DATA.reshape(2, 3, 4), steps_b=3)[0], rtol=1e-5)


def test_shuffling_uses_every_row_once_and_another_order_each_epoch():
    epochs = []

    class Recorder(Bilinear):
        def player_loss(self, player, data):
            if player == "a":
                tf.py_function(lambda d: epochs.append(d.numpy().ravel().tolist()), [data], [])
            return super().player_loss(player, data)

    game = Recorder({"a": scalar_player(1.0), "b": scalar_player(2.0)}, seed=1)
    game.compile("sgd")
    game.fit(DATA, batch_size=24, epochs=2, verbose=0)
    first, second = epochs
    assert sorted(first) == sorted(second) == DATA[:, 0].tolist()
    assert first != second and first != sorted(first)
    # Between calls of `fit` the model keeps what it needs for the order, which is still that of seed and progress.
    epochs.clear()
    again = Recorder({"a": scalar_player(1.0), "b": scalar_player(2.0)}, seed=1)
    again.compile("sgd")
    for rows in (24, 24, 12, 24):
        again.fit(DATA[:rows], batch_size=rows, verbose=0)
    assert epochs[:2] == [first, second]
    assert sorted(epochs[2]) == DATA[:12, 0].tolist() and sorted(epochs[3]) == sorted(first) != epochs[3]


def test_what_fit_keeps_does_not_keep_the_game():
    game = bilinear()
    game.fit(DATA, batch_size=24, verbose=0)
    gone = weakref.ref(game)
    del game
    gc.collect()
    assert gone() is None


class Networks(kgan.Game):
    """Two networks with batch norm and dropout that look at each other."""

    def player_loss(self, player, data):
        first = self.players["first"][0](data, training=self.training)
        second = self.players["second"][0](first, training=self.training)
        return ops.mean((second - 1) ** 2) if player == "first" else ops.mean((second + 1) ** 2)


def network(**kwargs):
    return keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(2, **kwargs),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
        ]
    )


@pytest.mark.slow
def test_a_turn_moves_the_weights_and_statistics_of_its_player_and_nothing_else():
    game = Networks({"first": network(), "second": network()}, seed=0)
    game.compile({"first": keras.optimizers.SGD(0.0), "second": keras.optimizers.SGD(0.1)})
    before = {p: [v.numpy() for v in game.players[p][0].variables] for p in game.players}
    turns = []
    game.after_update = lambda player: turns.append(player)
    # The learning rate 0 leaves the first player its statistics: these are all that may move in its turn.
    data = np.random.default_rng(0).normal(size=(8, 2)).astype("float32") + 3
    game.fit(data, batch_size=8, verbose=0)
    first = game.players["first"][0]
    names = [v.path.split("/")[-1] for v in first.variables]
    for name, old, new in zip(names, before["first"], first.variables, strict=True):
        moved = not np.array_equal(old, new.numpy())
        assert moved == (name in ("moving_mean", "moving_variance", "seed_generator_state")), name
    # One turn of its own: batch norm has moved once, by a share of 1 - momentum, although it ran in both turns.
    mean = first.layers[1].moving_mean.numpy()
    np.testing.assert_allclose(mean, 0.01 * first.layers[0](data).numpy().mean(0), rtol=1e-4)
    assert turns == ["first", "second"]


def test_regularizers_and_frozen_weights_count_as_in_keras():
    penalized = scalar_player(1.0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_regularizer="l2")])
    model.layers[0].kernel.assign([[3.0]])
    frozen = keras.layers.Dense(1, trainable=False)
    frozen.build((None, 1))

    class Zero(kgan.Game):
        def player_loss(self, player, data):
            return 0.0 * ops.sum(self.players["b"][0](data)) + 0.0 * ops.sum(self.players["a"][0](data))

    game = Zero({"a": model, "b": [penalized, frozen]})
    game.compile({"a": keras.optimizers.SGD(0.5), "b": "sgd"})
    kept = frozen.kernel.numpy()
    logs = game.fit(np.ones((4, 1), "float32"), batch_size=4, verbose=0).history
    # l2 adds 0.01 w^2: the loss is 0.09, the gradient 0.06.
    np.testing.assert_allclose(logs["a_loss"], [0.09], rtol=1e-5)
    np.testing.assert_allclose(model.layers[0].kernel.numpy(), [[3.0 - 0.5 * 0.06]], rtol=1e-6)
    np.testing.assert_array_equal(frozen.kernel.numpy(), kept)


@pytest.mark.slow
def test_logs_are_means_over_the_epoch_and_evaluate_counts_the_incomplete_batch():
    class MeanOfData(Bilinear):
        def player_loss(self, player, data):
            own = ops.squeeze(self.players[player][0].kernel.value)
            return ops.mean(data) + 0.0 * own, {f"twice_{player}": 2 * ops.mean(data)}

    game = MeanOfData({"a": scalar_player(1.0), "b": scalar_player(2.0)})
    game.compile("sgd")
    history = game.fit(DATA, batch_size=8, epochs=2, verbose=0, validation_data=DATA[:5]).history
    np.testing.assert_allclose(history["a_loss"], [DATA.mean()] * 2, rtol=1e-6)
    np.testing.assert_allclose(history["twice_b"], [2 * DATA.mean()] * 2, rtol=1e-6)
    np.testing.assert_allclose(history["val_b_loss"], [DATA[:5].mean()] * 2, rtol=1e-6)
    logs = game.evaluate(DATA[:7], batch_size=3, return_dict=True, verbose=0)
    np.testing.assert_allclose(logs["a_loss"], DATA[:7].mean(), rtol=1e-6)
    assert set(logs) == {"a_loss", "b_loss", "twice_a", "twice_b"}


@pytest.mark.slow
def test_validation_split_takes_the_last_rows():
    game = bilinear()
    history = game.fit(DATA, batch_size=6, validation_split=0.25, verbose=0).history
    a, b = weights(game)
    np.testing.assert_allclose(history["val_a_loss"], [(a + DATA[18:].mean()) * b], rtol=1e-5)
    assert game.rounds == 3


def test_evaluate_moves_nothing():
    game = Networks({"first": network(), "second": network()}, seed=0)
    game.compile("adam")
    before = [v.numpy() for v in game.variables]
    game.evaluate(np.ones((8, 2), "float32"), verbose=0)
    for old, new in zip(before, game.variables, strict=True):
        np.testing.assert_array_equal(old, new.numpy())


@pytest.mark.slow
def test_the_game_survives_saving(tmp_path):
    game = bilinear(steps={"b": 2})
    game.fit(DATA, batch_size=4, verbose=0)
    game.save(tmp_path / "game.keras")
    copy = keras.models.load_model(tmp_path / "game.keras")
    assert copy.steps == {"a": 1, "b": 2} and copy.rounds == game.rounds == 3 and copy.seed == 0
    assert float(copy.optimizers["b"].learning_rate.numpy()) == pytest.approx(0.2)
    for model in (game, copy):
        model.fit(DATA, batch_size=4, verbose=0)
    assert weights(copy) == weights(game)


def test_training_stops_before_a_step_that_is_not_finite():
    class Exploding(Bilinear):
        def player_loss(self, player, data):
            own = ops.squeeze(self.players[player][0].kernel.value)
            return own / ops.where(ops.max(data) > 1.0, 0.0, 1.0) if player == "a" else 0.0 * own

    game = Exploding({"a": scalar_player(1.0), "b": scalar_player(2.0)})
    game.compile("sgd")
    with pytest.raises(FloatingPointError, match="a_loss is NaN or infinite at step 2, which was not taken"):
        game.fit(DATA, batch_size=6, shuffle=False, verbose=0)
    np.testing.assert_allclose(weights(game), [1.0 - 0.01, 2.0 - 0.0], rtol=1e-6)
    assert game.rounds == 1


@pytest.mark.slow
def test_a_gradient_that_is_not_finite_stops_training_too():
    class Root(Bilinear):
        def player_loss(self, player, data):
            return ops.sqrt(0.0 * ops.squeeze(self.players[player][0].kernel.value))

    game = Root({"a": scalar_player(1.0), "b": scalar_player(2.0)})
    game.compile("sgd")
    with pytest.raises(FloatingPointError, match="the gradient of a_loss is NaN or infinite at step 1"):
        game.fit(DATA, batch_size=4, verbose=0)
    assert weights(game) == [1.0, 2.0] and game.rounds == 0


def test_float16_gets_a_loss_scale_and_bfloat16_none():
    for policy, scaled in (("mixed_float16", True), ("mixed_bfloat16", False)):
        keras.config.set_dtype_policy(policy)
        game = Networks({"first": network(), "second": network()})
        game.compile("sgd")
        kinds = [isinstance(o, keras.optimizers.LossScaleOptimizer) for o in game.optimizers.values()]
        assert kinds == [scaled] * 2
        history = game.fit(np.ones((8, 2), "float32"), batch_size=8, epochs=3, verbose=0).history
        assert np.isfinite(history["first_loss"]).all()


def test_float16_on_two_devices_is_refused(two_devices):
    keras.config.set_dtype_policy("mixed_float16")
    with two_devices.scope():
        game = Networks({"first": network(), "second": network()})
    with pytest.raises(ValueError, match="float16, whose loss scale cannot see an overflow on 2 devices"):
        game.compile("sgd")


def test_a_batch_that_two_devices_cannot_share_is_refused(two_devices):
    with two_devices.scope():
        game = bilinear()
    with pytest.raises(ValueError, match="batch_size 5 cannot be divided evenly between 2 devices"):
        game.fit(DATA, batch_size=5, verbose=0)


SHARED = scalar_player(1.0)


@pytest.mark.parametrize(
    ("players", "sentence"),
    [
        ({}, "players must be a dict"),
        ({"a b": SHARED}, "could name a variable"),
        ({"a": 3}, "must consist of Keras layers"),
        ({"a": keras.layers.Dense(1)}, "no trainable weights yet"),
        ({"a": SHARED, "b": SHARED}, "belongs to the players 'a' and 'b'"),
    ],
)
def test_bad_players_are_refused_in_a_sentence(players, sentence):
    with pytest.raises(ValueError, match=sentence):
        kgan.Game(players)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"optimizers": {"a": "sgd"}}, "one entry for each of a, b"),
        ({"optimizers": keras.optimizers.SGD()}, "cannot serve the players a, b"),
        ({"optimizers": "sgd", "steps": {"c": 1}}, "steps names 'c', but the players are a, b"),
        ({"optimizers": "sgd", "steps": {"a": 0}}, "at least 1, got 0"),
        ({"optimizers": "sgd", "steps": {"a": 2}, "simultaneous": True}, "moves every player once a round"),
        ({"optimizers": "sgd", "metrics": ["accuracy"]}, "compile got metrics, but a Bilinear takes its losses"),
    ],
)
def test_bad_compile_arguments_are_refused_in_a_sentence(arguments, sentence):
    game = Bilinear({"a": scalar_player(1.0), "b": scalar_player(2.0)})
    with pytest.raises(ValueError, match=sentence):
        game.compile(**arguments)


def test_an_optimizer_serves_one_player_of_one_game():
    shared = keras.optimizers.Adam()
    game = Bilinear({"a": scalar_player(1.0), "b": scalar_player(2.0)})
    with pytest.raises(ValueError, match="'a' and 'b' share one optimizer instance"):
        game.compile({"a": shared, "b": shared})
    game.compile({"a": shared, "b": "sgd"})
    with pytest.raises(ValueError, match="already serves the weights of another model"):
        bilinear().compile({"a": shared, "b": "sgd"})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"x": None}, "must be arrays or a batched tf.data.Dataset, got NoneType"),
        ({"x": (DATA, DATA[:3])}, "same number of rows, got 24, 3"),
        ({"x": DATA * np.nan}, "NaN or infinite numbers"),
        ({"x": DATA[:3]}, "takes 1 x 32 rows, but the data has 3"),
        ({"x": DATA, "batch_size": 6, "steps_per_epoch": 5}, "more than the 4 rounds that 24 rows give"),
        ({"x": DATA, "sample_weight": DATA}, "weight samples or classes in player_loss"),
        ({"x": tf.data.Dataset.from_tensors(DATA), "batch_size": 6}, "brings its own batches"),
        ({"x": DATA, "validation_split": 1.5}, "between 0 and 1"),
    ],
)
def test_bad_data_is_refused_in_a_sentence(arguments, sentence):
    game = bilinear()
    with pytest.raises(ValueError, match=sentence):
        game.fit(**arguments, verbose=0)
    assert weights(game) == [1.0, 2.0]


def test_a_loss_that_is_no_scalar_is_refused():
    class PerSample(Bilinear):
        def player_loss(self, player, data):
            return ops.squeeze(data)

    game = PerSample({"a": scalar_player(1.0), "b": scalar_player(2.0)})
    game.compile("sgd")
    with pytest.raises(ValueError, match="must return a scalar, the mean over the minibatch"):
        game.fit(DATA, verbose=0, batch_size=4)


def test_what_layers_add_to_the_loss_counts():
    def player(factor):
        return keras.Sequential(
            [
                keras.Input((1,)),
                keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(factor)),
                keras.layers.ActivityRegularization(l2=0.5),
                keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", activity_regularizer="l2"),
            ]
        )

    class Sum(kgan.Game):
        def player_loss(self, player, data):
            return 0.0 * ops.sum(self.players["a"][0](data)) + 0.0 * ops.sum(self.players["b"][0](data))

    game = Sum({"a": player(2.0), "b": player(3.0)})
    game.compile("sgd")
    logs = game.fit(np.ones((4, 1), "float32"), batch_size=4, verbose=0).history
    # ActivityRegularization adds 0.5 x^2 for each sample, summed over the batch in Keras as the mean: both per sample.
    model = player(2.0)
    model.compile("sgd", loss=lambda y, p: 0.0 * p)
    expected = model.evaluate(np.ones((4, 1), "float32"), np.ones((4, 1)), batch_size=4, verbose=0)
    np.testing.assert_allclose(logs["a_loss"], [expected], rtol=1e-5)
    assert expected > 1


def test_what_layers_add_to_the_loss_counts_in_half_precision():
    def loss(policy):
        keras.config.set_dtype_policy(policy)
        layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", activity_regularizer="l2")

        class Zero(kgan.Game):
            def player_loss(self, player, data):
                return 0.0 * ops.sum(ops.cast(self.players["a"][0](data), "float32"))

        game = Zero({"a": keras.Sequential([keras.Input((1,)), layer])})
        game.compile("sgd")
        game.fit(np.ones((4, 1), "float32"), batch_size=4, verbose=0)
        return np.asarray(layer.kernel)

    np.testing.assert_allclose(loss("mixed_bfloat16"), loss("float32"), rtol=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("eagerly", [False, True])
def test_float16_and_eager_runs_stop_as_well(eagerly):
    class Root(Networks):
        def player_loss(self, player, data):
            loss = ops.cast(super().player_loss(player, data), "float32")
            return loss + ops.sqrt(0.0 * ops.abs(self.players["first"][0].layers[0].kernel.value[0, 0]))

    keras.config.set_dtype_policy("mixed_float16")
    game = Root({"first": network(), "second": network()}, seed=0)
    game.compile("sgd", run_eagerly=eagerly)
    with pytest.raises(FloatingPointError, match="the gradient of first_loss is NaN or infinite"):
        game.fit(np.ones((8, 2), "float32"), batch_size=8, epochs=60, verbose=0)


@pytest.mark.slow
def test_fit_works_inside_a_scope_and_evaluates_on_two_devices(two_devices):
    with two_devices.scope():
        game = bilinear()
        game.fit(DATA, batch_size=6, shuffle=False, verbose=0, validation_data=DATA[:12])
    alone = bilinear()
    alone.fit(DATA, batch_size=6, shuffle=False, verbose=0)
    np.testing.assert_allclose(weights(game), weights(alone), rtol=1e-5)
    whole = alone.evaluate(DATA[:20], batch_size=10, return_dict=True, verbose=0)
    ragged = tf.data.Dataset.from_tensor_slices(DATA[:23]).batch(10)
    for data, size in ((DATA[:20], 10), (ragged, None)):
        logs = game.evaluate(data, batch_size=size, return_dict=True, verbose=0)
        np.testing.assert_allclose(logs["a_loss"], whole["a_loss"], rtol=1e-5)
    with pytest.raises(ValueError, match="3 rows do not fill one batch of 32 for 2 devices"):
        game.evaluate(DATA[:3], verbose=0)
    with pytest.raises(ValueError, match="batch_size 5 cannot be divided"):
        game.fit(tf.data.Dataset.from_tensor_slices(DATA).batch(5, drop_remainder=True), verbose=0)


def test_given_validation_data_goes_before_a_split():
    game = bilinear()
    game.fit(DATA, batch_size=6, validation_split=0.5, validation_data=DATA[:6], verbose=0)
    assert game.rounds == 4


def test_epochs_of_a_dataset_end_where_they_are_told_and_start_anew():
    starts = []

    class Recorder(Bilinear):
        def player_loss(self, player, data):
            if player == "a":
                tf.py_function(lambda d: starts.append(round(float(d[0, 0]), 1)), [data], [])
            return super().player_loss(player, data)

    game = Recorder({"a": scalar_player(1.0), "b": scalar_player(2.0)})
    game.compile("sgd")
    game.fit(
        tf.data.Dataset.from_tensor_slices(DATA).batch(6, drop_remainder=True), epochs=2, steps_per_epoch=2, verbose=0
    )
    assert starts == [0.0, 0.6, 0.0, 0.6]
