"""Gradient rules of one's own: `Game.gradients`, `gradients_together` and `differentiate`."""

import keras
import numpy as np
import pytest
from keras import ops

import kgan


def number(value):
    """A network whose output, of the input 1, is its only weight."""
    start = keras.initializers.Constant(value)
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer=start)])


class Product(kgan.Game):
    """x wants x * y small, y wants it large."""

    def values(self, data):
        return [self.players[name][0](data) for name in ("x", "y")]

    def player_loss(self, player, data):
        x, y = self.values(data)
        return ops.mean(x * y) if player == "x" else -ops.mean(x * y)

    def point(self):
        return [self.players[name][0].get_weights()[0].item() for name in ("x", "y")]


class Optimistic(Product):
    def __init__(self, players):
        super().__init__(players, seed=0)
        self.last = {p: self.add_weight((1, 1), "zeros", trainable=False, name=f"last_{p}") for p in self.players}

    def gradients(self, player, data):
        (now,), logs = super().gradients(player, data)
        step = 2 * now - self.last[player]
        self.last[player].assign(now)
        return [step], logs


class Consensus(Product):
    """Along the gradient of the loss plus half the squared length of all gradients (Mescheder et al. 2017)."""

    def gradients(self, player, data):
        def loss():
            x, y = self.values(data)
            return self.player_loss(player, data) + 0.5 * ops.mean(x**2 + y**2), {}

        return self.differentiate(player, loss)


class Shared(Product):
    """Both players by one pass: the sum of the losses is differentiated once."""

    def gradients_together(self, data):
        def loss():
            x, y = self.values(data)
            own = ops.mean(x * ops.stop_gradient(y)) - ops.mean(ops.stop_gradient(x) * y)
            return own, ops.mean(x * y)

        gradients, product = self.differentiate(["x", "y"], loss)
        return {"x": (gradients["x"], {"x_loss": product}), "y": (gradients["y"], {"y_loss": -product})}


def played(kind, rounds=5, simultaneous=True, rate=0.1, policy=None, strategy=None, **settings):
    game = kind({"x": number(1.0), "y": number(0.5)}, **settings)
    game.compile({p: keras.optimizers.SGD(rate) for p in game.players}, simultaneous=simultaneous)
    points = [game.point()]
    record = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: points.append(game.point()))
    game.fit(np.ones((2 * rounds, 1), "float32"), batch_size=2, verbose=0, callbacks=[record])
    return game, np.array(points)


def test_optimistic_steps_are_those_of_the_formula():
    game, points = played(Optimistic)
    x, y, last = 1.0, 0.5, (0.0, 0.0)
    for point in points[1:]:
        now = (y, -x)
        x, y = (value - 0.1 * (2 * g - old) for value, g, old in zip((x, y), now, last, strict=True))
        last = now
        np.testing.assert_allclose(point, (x, y), rtol=1e-5)
    np.testing.assert_allclose([game.last[p].numpy().item() for p in ("x", "y")], last, rtol=1e-5)


@pytest.mark.parametrize("simultaneous", [True, False])
def test_a_loss_of_ones_own_in_place_of_that_of_the_player(simultaneous):
    _, points = played(Consensus, simultaneous=simultaneous)
    x, y = 1.0, 0.5
    for point in points[1:]:
        new_x = x - 0.1 * (y + x)
        y = y - 0.1 * (-(x if simultaneous else new_x) + y)
        x = new_x
        np.testing.assert_allclose(point, (x, y), rtol=1e-5)


def test_one_pass_for_both_is_what_two_passes_are():
    (one, points), (_, expected) = played(Shared), played(Product)
    np.testing.assert_allclose(points, expected, rtol=1e-5)
    assert one.rounds == 5


def test_several_losses_give_several_gradients():
    found = []

    class Two(Product):
        def gradients(self, player, data):
            def losses():
                x, y = self.values(data)
                return [ops.mean(x * y), ops.mean(x**2 + y**3)], {}

            (first, second), logs = self.differentiate(player, losses)
            found.append((first, second))
            return [f + s for f, s in zip(first, second, strict=True)], {f"{player}_loss": ops.zeros(()), **logs}

    game = Two({"x": number(2.0), "y": number(3.0)})
    game.compile("sgd", run_eagerly=True, simultaneous=True)
    game.fit(np.ones((1, 1), "float32"), batch_size=1, verbose=0)
    (first, second), (first_y, second_y) = found[-2:]
    np.testing.assert_allclose([g.numpy().item() for g in (*first, *second, *first_y, *second_y)], [3, 4, 2, 27])


def test_a_second_derivative_is_right():
    class Curved(Product):
        def gradients(self, player, data):
            def squared_length():
                (gradient,), _ = self.differentiate(player, lambda: (ops.mean(self.values(data)[0] ** 3), {}))
                return 0.5 * ops.sum(gradient**2), {}

            return self.differentiate(player, squared_length) if player == "x" else super().gradients(player, data)

    _, points = played(Curved, rounds=1, rate=0.01)
    # d/dx (3 x^2)^2 / 2 = 18 x^3
    np.testing.assert_allclose(points[1][0], 1 - 0.01 * 18, rtol=1e-5)


def test_a_rule_survives_two_devices_saving_and_float16(two_devices, tmp_path):
    with two_devices.scope():
        _, points = played(Optimistic)
    np.testing.assert_allclose(points, played(Optimistic)[1], rtol=1e-5)
    keras.config.set_dtype_policy("mixed_float16")
    np.testing.assert_allclose(played(Optimistic)[1], points, rtol=2e-3)


def test_rules_that_forget_the_loss_or_the_weights_meet_a_sentence():
    class Forgets(Product):
        def gradients(self, player, data):
            return super().gradients(player, data)[0], {}

    with pytest.raises(ValueError, match="must log the loss as 'x_loss'"):
        played(Forgets)

    class Nothing(Product):
        def gradients(self, player, data):
            return self.differentiate(player, lambda: (ops.zeros(()), {}))

    with pytest.raises(ValueError, match="does not depend on any of its 1 trainable weights"):
        played(Nothing)
