"""A user's own game: what its constructor takes is saved and loaded, or refused in a sentence."""

import keras
import numpy as np
import pytest
from keras import ops

import kgan

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")


def net(outputs=1):
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(outputs)])


class Pair(kgan.Game):
    """Two networks, of which each wants to be like the other."""

    def player_loss(self, player, data):
        return self.weight * ops.mean(ops.square(self.a(data) - self.b(data)))


@keras.saving.register_keras_serializable("kgan_tests")
class Remembered(Pair):
    def __init__(self, a, b, weight, *, options=None, activation=None, **kwargs):
        super().__init__({"a": a, "b": b}, **kwargs)
        self.a, self.b, self.weight, self.options, self.activation = a, b, weight, options, activation


@keras.saving.register_keras_serializable("kgan_tests")
class WithConfig(Pair):
    def __init__(self, a, b, weight=1.0, **kwargs):
        super().__init__({"a": a, "b": b}, **kwargs)
        self.a, self.b, self.weight = a, b, weight

    def get_config(self):
        return {"a": self.a, "b": self.b, "weight": self.weight}


def fitted(game, epochs=1):
    if not game.compiled:
        game.compile("adam", {"a": 2})
    game.fit(X, batch_size=8, epochs=epochs, verbose=0)
    return game


@pytest.mark.parametrize("suffix", [".keras", pytest.param("pickle", marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", [Remembered, WithConfig])
def test_it_is_saved_loaded_and_resumed_with_networks_and_numbers(kind, suffix, tmp_path, assert_same_weights):
    import pickle

    def make():
        keras.utils.set_random_seed(3)
        return kind(net(), net(), weight=np.float32(0.5), seed=None)

    whole, first = fitted(make(), epochs=2), fitted(make())
    if suffix == ".keras":
        first.save(tmp_path / "game.keras")
        loaded = keras.models.load_model(tmp_path / "game.keras")
    else:
        loaded = pickle.loads(pickle.dumps(first))
    assert (
        loaded.weight == 0.5 and loaded.seed == first.seed and loaded.rounds == 4 and loaded.steps == {"a": 2, "b": 1}
    )
    fitted(loaded)
    assert_same_weights(whole, loaded)


@pytest.mark.slow
def test_lists_dicts_functions_and_names_are_remembered(tmp_path):
    game = Remembered(
        net(), net(), 2, options={"sizes": [1, 2], "more": None}, activation=keras.activations.relu, name="mine", seed=5
    )
    fitted(game).save(tmp_path / "game.keras")
    loaded = keras.models.load_model(tmp_path / "game.keras")
    assert loaded.options == {"sizes": [1, 2], "more": None} and loaded.activation is keras.activations.relu
    assert loaded.name == "mine" and loaded.seed == 5


def test_what_cannot_be_saved_is_refused_by_name(tmp_path):
    game = fitted(Remembered(net(), net(), 1.0, activation=lambda x: x))
    with pytest.raises(ValueError, match="^Remembered cannot be saved as a whole, because its argument activation"):
        game.save(tmp_path / "game.keras")
    assert not (tmp_path / "game.keras").exists()
    game.save_weights(tmp_path / "game.weights.h5")


@pytest.mark.slow
@pytest.mark.parametrize(
    "config, sentence",
    [
        ({"a": None}, "its get_config lacks b; return exactly the arguments of __init__"),
        ({"a": None, "b": None, "c": 1}, "holds c, which its constructor does not take"),
    ],
)
def test_a_get_config_that_does_not_fit_the_constructor_is_refused(config, sentence, tmp_path):
    @keras.saving.register_keras_serializable("kgan_tests")
    class Wrong(Pair):
        weight = 1.0

        def __init__(self, a, b):
            super().__init__({"a": a, "b": b})
            self.a, self.b = a, b

        def get_config(self):
            return config

    with pytest.raises(ValueError, match=sentence):
        fitted(Wrong(net(), net())).save(tmp_path / "game.keras")


def test_a_subclass_of_a_gan_with_a_network_of_its_own(tmp_path):
    @keras.saving.register_keras_serializable("kgan_tests")
    class WithJudge(kgan.GAN):
        def __init__(self, generator, discriminator, judge, **kwargs):
            super().__init__(generator, discriminator, **kwargs)
            self.judge = judge

        def get_config(self):
            return {**super().get_config(), "judge": self.judge}

    gan = WithJudge(kgan.networks.mlp(2, 4), net(), net(3), ema_momentum=0.5)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    np.testing.assert_array_equal(loaded.judge(X), gan.judge(X))

    @keras.saving.register_keras_serializable("kgan_tests")
    class Noisy(kgan.GAN):
        def __init__(self, generator, discriminator, noise=0.1, **kwargs):
            super().__init__(generator, discriminator, **kwargs)

    Noisy(kgan.networks.mlp(2, 4), net()).save(tmp_path / "gan.keras")  # with the default nothing is lost
    with pytest.raises(ValueError, match="its get_config lacks noise; override get_config"):
        Noisy(kgan.networks.mlp(2, 4), net(), noise=0.7).save(tmp_path / "gan.keras")

    @keras.saving.register_keras_serializable("kgan_tests")
    class Forgetful(WithJudge):
        get_config = kgan.GAN.get_config

    with pytest.raises(ValueError, match="its get_config lacks judge"):
        Forgetful(kgan.networks.mlp(2, 4), net(), net(3)).save(tmp_path / "gan.keras")


@pytest.mark.slow
def test_a_seed_of_ones_own_is_kept(tmp_path):
    @keras.saving.register_keras_serializable("kgan_tests")
    class Seeded(Pair):
        weight = 1.0

        def __init__(self, a, b, seed):
            super().__init__({"a": a, "b": b}, seed=seed + 1)
            self.a, self.b, self.own_seed = a, b, seed

    fitted(Seeded(net(), net(), seed=7)).save(tmp_path / "game.keras")
    loaded = keras.models.load_model(tmp_path / "game.keras")
    assert loaded.own_seed == 7 and loaded.seed == 8


def test_a_random_layer_of_two_players_draws_anew_in_each_turn():
    dropout = keras.layers.Dropout(0.5, seed=1)

    class Both(Pair):
        weight = 1.0

        def player_loss(self, player, data):
            layer, shared = self.players[player]
            return ops.mean(layer(shared(data, training=self.training)) ** 2)

    game = Both({"a": [net(), dropout], "b": [net(), dropout]}, seed=0)
    before = np.array(dropout.seed_generator.state)
    fitted(game)
    assert np.any(np.array(dropout.seed_generator.state) != before)


@pytest.mark.parametrize("run_eagerly", [False, True])
@pytest.mark.parametrize(
    "loss, sentence",
    [
        (lambda game, data: ops.mean(game.a(data) ** 2), "the loss of 'b' does not depend on any of its 2 trainable"),
        (lambda game, data: None, r"player_loss\('b', data\) must return a scalar, .*not None"),
        (lambda game, data: "low", r"player_loss\('b', data\) must return a scalar, .*not 'low'"),
    ],
)
def test_a_loss_that_cannot_be_minimised_is_one_sentence(loss, sentence, run_eagerly):
    class Wrong(Remembered):
        def player_loss(self, player, data):
            return loss(self, data) if player == "b" else super().player_loss(player, data)

    game = Wrong(net(), net(), 1.0)
    game.compile("adam", run_eagerly=run_eagerly)
    with pytest.raises(ValueError, match=sentence) as caught:
        game.fit(X, verbose=0)
    assert "\n" not in str(caught.value)


def test_optimizers_that_are_no_dict_are_one_sentence():
    with pytest.raises(ValueError, match="steps must be a dict .* got 'adam': optimizers of several"):
        Remembered(net(), net(), 1.0).compile("adam", "adam")


def test_errors_in_a_users_own_loss_keep_their_traceback():
    class Buggy(Remembered):
        def player_loss(self, player, data):
            raise KeyError("my own mistake")

    game = Buggy(net(), net(), 1.0)
    game.compile("adam")
    with pytest.raises(Exception, match="my own mistake") as caught:
        game.fit(X, verbose=0)
    assert "player_loss" in "".join(str(caught.value)) or any(entry.name == "player_loss" for entry in caught.traceback)
