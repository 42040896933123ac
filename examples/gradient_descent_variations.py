"""Four variations of gradient descent: batch size, schedules, groups of parameters, and the order of two players.

The idea: theta <- theta - eta * gradient leaves open which examples the gradient is taken on, how eta changes with
time, whether all parameters have the same eta, and who moves first when parameters have different losses.

- Batch size and schedule, where all is known: guess the mean of N(0, 1) from examples x, with the loss
  (theta - x)^2 / 2, starting from 3. An update on B examples takes the expected squared error from v to
  (1 - eta)^2 v + eta^2 / B. With a constant eta it falls to eta / (2 - eta) / B and no further: the noise of the
  gradient stays. A larger batch lowers that floor, and takes more examples to get there. A rate that falls removes it:
  with eta = 1 / k in update k, theta is the mean of all examples so far, whose squared error is 1 / k (Robbins and
  Monro 1951, https://doi.org/10.1214/aoms/1177729586).
- Groups: a network that knows the digits 0 to 4 learns 5 to 9 from twenty examples each. With a frozen base the new
  head learns less; with one fast rate for all, the base forgets what the old head relied on. With a hundredth of the
  head's rate for the base, by `kgan.optimizers.per_group`, it learns nearly as much and forgets nothing.
- Simultaneous or alternating: x minimises x y and y maximises it, a `kgan.Game` with its equilibrium at (0, 0). The
  gradients push (x, y) at a right angle to the radius, around that point. When both move at once, they step along the
  tangent and so off the circle: the radius grows by sqrt(1 + eta^2) a round. When y answers to the x that has just
  moved, the round trip closes: x^2 + y^2 - eta x y never changes. Neither arrives, but the equilibrium is the centre
  of the round trip, and the mean of the alternating points goes there: after k rounds it is within about 2 / (eta k).
  Or the players look ahead: optimism (Daskalakis et al. 2018, https://arxiv.org/abs/1711.00141) steps along
  2 g_k - g_(k-1), a guess of the next gradient, which points a little inwards: the radius shrinks by
  sqrt((1 + sqrt(1 - 4 eta^2)) / 2). (The extragradient method computes that next gradient, at twice the cost.)

The figure: the four variations; broken lines are the formulas.
"""

import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops

import kgan
from kgan.optimizers import per_group

FIGURE = Path(__file__).parent / "figures" / "gradient_descent_variations.png"
BLUE, RED, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
START = keras.initializers.Constant(3.0)
ETA = 0.1  # of both players


# Batch size and schedules: guessing a mean, many times over to see the expected error


def guess(data, batch_size: int, rate):
    """Guesses the mean of each column of `data` in one epoch; returns the guesses after each update."""
    model = keras.Sequential([keras.Input((1,)), layers.Dense(data.shape[1], use_bias=False, kernel_initializer=START)])
    model.compile(keras.optimizers.SGD(rate), loss=lambda x, theta: ops.sum((theta - x) ** 2, axis=-1) / 2)
    guesses = [model.get_weights()[0][0]]
    record = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: guesses.append(model.get_weights()[0][0])
    )
    one = np.ones((len(data), 1), "float32")
    model.fit(one, data, batch_size=batch_size, shuffle=False, callbacks=[record], verbose=0)
    return np.array(guesses)


def expected_error(updates: int, batch_size: int, rate):
    """The expected squared error before the first update and after each."""
    errors = [9.0]
    for k in range(updates):
        eta = float(rate(k)) if callable(rate) else rate
        errors.append((1 - eta) ** 2 * errors[-1] + eta**2 / batch_size)
    return np.array(errors)


def guess_means(quick: bool):
    """Both experiments, as `{setting: (examples seen, guesses, expected squared errors)}`."""
    data = np.random.default_rng(0).standard_normal((256 if quick else 2048, 500)).astype("float32")
    schedules = keras.optimizers.schedules
    batch_sizes = {f"batches of {size}": (size, 0.2) for size in (1, 8, 64)}
    rates = {
        "constant, 0.2": (1, 0.2),
        "0.2, then 0.02, then 0.002": (
            1,
            schedules.PiecewiseConstantDecay([len(data) // 32, len(data) // 4], [0.2, 0.02, 0.002]),
        ),
        "1 / k in update k": (1, schedules.InverseTimeDecay(1.0, decay_steps=1, decay_rate=1.0)),
    }
    runs = {}
    for name, (size, rate) in {**batch_sizes, **rates}.items():
        guesses = runs["batches of 1"][1] if name == "constant, 0.2" else guess(data, size, rate)
        runs[name] = size * np.arange(len(guesses)), guesses, expected_error(len(guesses) - 1, size, rate)
    return data, {name: runs[name] for name in batch_sizes}, {name: runs[name] for name in rates}


# Groups: new digits without forgetting the old


def learn_new_digits(seed: int, epochs: int):
    """Accuracies on held-out images of the new digits and of the old ones, `{setting: (new, old)}`."""
    keras.utils.set_random_seed(seed)
    examples = kgan.datasets.load("digits", labels=True).shuffle(2000, seed=seed, reshuffle_each_iteration=False)
    images, labels = map(np.stack, zip(*examples.as_numpy_iterator(), strict=True))
    images = kgan.datasets.to_float(images)
    old, new = ((images[group], labels[group] % 5) for group in (labels < 5, labels >= 5))
    few = np.sort(np.concatenate([np.flatnonzero(new[1] == digit)[:20] for digit in range(5)]))
    rest = np.setdiff1d(np.arange(len(new[1])), few)

    def classifier(base):
        head = keras.Sequential([keras.Input((32,)), layers.Dense(5, "softmax")])
        return keras.Sequential([base, head]), head

    def accuracy(model, images, labels):
        return float(np.mean(ops.convert_to_numpy(model(images)).argmax(axis=1) == labels))

    base = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(128, "relu"), layers.Dense(32, "relu")]
    )
    knows_old, _ = classifier(base)
    knows_old.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    knows_old.fit(old[0][:700], old[1][:700], epochs=15, verbose=0)
    learns_new, head = classifier(base)
    start, accuracies = learns_new.get_weights(), {}
    for name, rate in {"frozen base": 0.0, "one fast rate": 0.03, "slow base,\nfast head": 3e-4}.items():
        learns_new.set_weights(start)
        optimizer = per_group({base: keras.optimizers.Adam(rate), head: keras.optimizers.Adam(0.03)})
        learns_new.compile(optimizer, "sparse_categorical_crossentropy")
        learns_new.fit(new[0][few], new[1][few], batch_size=16, epochs=epochs, verbose=0)
        kept = accuracy(knows_old, old[0][700:], old[1][700:])
        accuracies[name] = accuracy(learns_new, new[0][rest], new[1][rest]), kept
    return accuracies


# Two players


class Bilinear(kgan.Game):
    """x minimises x y, y maximises it."""

    def player_loss(self, player, data):
        x, y = (self.players[name][0](data) for name in ("x", "y"))
        product = ops.mean(x * y)
        return product if player == "x" else -product


class Optimistic(Bilinear):
    """theta <- theta - eta (2 g_k - g_(k-1)), with g_(-1) = 0."""

    def __init__(self, players, seed=None):
        super().__init__(players, seed=seed)
        self.last = {p: [self.add_weight(v.shape, "zeros") for v in self.player_variables(p)] for p in self.players}
        for variables in self.last.values():
            for variable in variables:
                variable.trainable = False

    def gradients(self, player, data):
        now, logs = super().gradients(player, data)
        steps = [2 * new - old for new, old in zip(now, self.last[player], strict=True)]
        for variable, new in zip(self.last[player], now, strict=True):
            variable.assign(new)  # when the step has been checked
        return steps, logs


def play(kind, rounds: int, simultaneous: bool):
    """Plays from (1, 0); returns the points (x, y) before the first round and after each."""

    def number(value):
        weight = layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(value))
        return keras.Sequential([keras.Input((1,)), weight])  # of the input 1, the output is the weight

    game = kind({"x": number(1.0), "y": number(0.0)}, seed=0)
    game.compile({player: keras.optimizers.SGD(ETA) for player in game.players}, simultaneous=simultaneous)

    def point():
        return [game.players[player][0].get_weights() for player in ("x", "y")]

    points = [point()]
    record = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: points.append(point()))
    game.fit(np.ones((rounds, 1), "float32"), batch_size=1, callbacks=[record], verbose=0)
    return np.array(points, "float64").reshape(-1, 2)


def play_all(rounds: int):
    paths = {
        "simultaneous": play(Bilinear, rounds, simultaneous=True),
        "alternating": play(Bilinear, rounds, simultaneous=False),
        "optimistic": play(Optimistic, rounds, simultaneous=True),
    }
    number = np.arange(1, rounds + 2)[:, None]
    return {**paths, "mean of alternating": np.cumsum(paths["alternating"], axis=0) / number}


def main(quick: bool = False, out: str | Path = FIGURE):
    keras.utils.set_random_seed(0)
    data, batch_sizes, rates = guess_means(quick)
    for name, (_, guesses, expected) in {**batch_sizes, **rates}.items():
        print(f"{name}: squared error {np.mean(guesses[-1] ** 2):.5f}, by the formula {expected[-1]:.5f}")
    runs = [learn_new_digits(seed, epochs=10 if quick else 40) for seed in range(1 if quick else 3)]
    groups = {name: np.array([run[name] for run in runs]) for name in runs[0]}
    for name, accuracies in groups.items():
        new, old = accuracies.mean(axis=0)
        print(f"{' '.join(name.split())}: accuracy {new:.3f} on the new digits, {old:.3f} on the old")
    paths = play_all(60 if quick else 200)
    for name, path in paths.items():
        print(f"{name}: distance to the equilibrium {np.linalg.norm(path[-1]):.3f} after {len(path) - 1} rounds")
    draw(batch_sizes, rates, groups, paths, out)
    return {"data": data, "batch sizes": batch_sizes, "rates": rates, "groups": groups, "paths": paths}


def draw(batch_sizes, rates, groups, paths, out):
    figure, axes = plt.subplot_mosaic("abc;dee", figsize=(12, 7.5), dpi=90, layout="constrained")
    for key, runs, place, title in (
        ("a", batch_sizes, "lower left", "Batch size: less noise, but later"),
        ("b", rates, "upper right", "Schedule: only a falling rate goes on"),
    ):
        for color, (name, (seen, guesses, expected)) in zip((BLUE, RED, GREEN), runs.items(), strict=True):
            shown = np.unique(np.geomspace(1, len(seen) - 1, 80).astype(int))
            axes[key].loglog(seen[shown], np.mean(guesses**2, axis=1)[shown], color=color, linewidth=2, label=name)
            axes[key].loglog(seen[shown], expected[shown], color="black", linestyle="--", linewidth=1)
        axes[key].set(title=title, xlabel="examples seen", ylabel="mean squared error of the guess")
        axes[key].legend(frameon=False, loc=place)

    position = np.arange(len(groups))
    for shift, color, label in ((-0.2, BLUE, "new digits"), (0.2, ORANGE, "old digits")):
        heights = np.array([accuracies[:, int(shift > 0)] for accuracies in groups.values()])
        axes["c"].bar(position + shift, heights.mean(axis=1), width=0.38, color=color, label=label)
        for run in heights.T:
            axes["c"].plot(position + shift, run, "o", color="black", markersize=3)
    axes["c"].set(title="Groups: learn the new, keep the old", ylabel="accuracy on held-out images", ylim=(0, 1.15))
    axes["c"].set_xticks(position, groups)
    axes["c"].legend(frameon=False, loc="upper center", ncols=2)

    colors = dict(zip(paths, (RED, BLUE, GREEN, ORANGE), strict=True))
    for name, path in paths.items():
        axes["d"].plot(*path.T, color=colors[name], linewidth=1.5)
        distances = np.linalg.norm(path, axis=1)
        axes["e"].semilogy(distances, color=colors[name], linewidth=2)
        end = len(path) - 1, distances[-1]
        axes["e"].annotate(name, end, (6, 0), textcoords="offset points", color=colors[name], va="center")
    axes["d"].plot(*paths["alternating"][0], "o", color="black")
    axes["d"].annotate("start", paths["alternating"][0], (6, 6), textcoords="offset points")
    axes["d"].plot(0, 0, "*", color="black", markersize=12)
    axes["d"].set(title="x minimises x y, y maximises it", xlabel="x", ylabel="y")
    axes["d"].set(xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), aspect="equal")
    rounds = np.arange(len(paths["simultaneous"]))
    formulas = {
        "simultaneous": (1 + ETA**2) ** (rounds / 2),
        "optimistic": ((1 + np.sqrt(1 - 4 * ETA**2)) / 2) ** (rounds / 2),
        "mean": 2 / (ETA * (rounds[20:] + 1)),
    }
    for formula in formulas.values():
        axes["e"].plot(rounds[-len(formula) :], formula, "--", color="black", linewidth=1)
    axes["e"].set(title="Who arrives?", xlabel="round of the game", ylabel="distance to the equilibrium")
    axes["e"].set(ylim=(0.01, 5), xlim=(0, 1.25 * rounds[-1]), xticks=rounds[:: len(rounds) // 4])
    for key in "abcde":
        axes[key].spines[["top", "right"]].set_visible(False)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds of training, as the tests run it")
    parser.add_argument("--out", type=Path, default=FIGURE, help="PNG file to write")
    main(**vars(parser.parse_args()))
