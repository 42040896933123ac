"""Why the game works: the optimal discriminator, the value of the game, and where it ends.

The idea, from the first GAN paper (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, section 4). Let p be the
density of the data and q that of the generator. Then

- the best discriminator against a fixed generator is D*(x) = p(x) / (p(x) + q(x));
- with it, the value of the game is V = -log 4 + 2 JSD(p, q), with the Jensen-Shannon divergence of p and q;
- so the generator's best answer is q = p, where JSD = 0, V = -log 4 and D = 1/2 everywhere.

All of it can be checked where both densities are known: the data are Gaussian, and the generator is G(z) = a z + b,
whose density is that of N(b, a^2). The game is the original one, minimax, without any penalty.

The figure: top, densities and discriminator at the end of two games, one against a generator that is held and one
against a generator that learns. Bottom, the value that the players reach follows -log 4 + 2 JSD, which is computed
from the densities by quadrature, down to -log 4, and the divergence falls from 0.39 to less than 0.0001. D leaves D*
only where neither density has samples to learn from.
"""

import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np

import kgan

FIGURE = Path(__file__).parent / "figures" / "convergence_theorem.png"
X = np.linspace(-6, 5, 2201)  # where densities are compared; next to nothing lies outside
LOG4 = np.log(4)
P = kgan.datasets.GaussianMixture(means=[1.0], scales=[0.6])


def density(generator):
    """The density of G(z) = a z + b for z ~ N(0, 1)."""
    a, b = (float(weight.squeeze()) for weight in generator.get_weights())
    return kgan.datasets.GaussianMixture(means=[b], scales=[abs(a)]).density(X)


def divergence(p, q):
    """The Jensen-Shannon divergence in nats, by quadrature."""
    tiny = 1e-300  # 0 log 0 = 0
    return sum(np.trapezoid(f / 2 * np.log((f + tiny) / ((p + q) / 2 + tiny)), X) for f in (p, q))


def judge(discriminator):
    """D at the points X."""
    return keras.ops.convert_to_numpy(keras.ops.sigmoid(discriminator(X[:, None].astype("float32"))))[:, 0]


def main(quick: bool = False, out: str | Path = FIGURE):
    keras.utils.set_random_seed(0)
    start = {
        "kernel_initializer": keras.initializers.Constant(1.2),
        "bias_initializer": keras.initializers.Constant(-1),
    }
    generator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, **start)])
    discriminator = kgan.networks.mlp(1, 1, (32, 32), activation="tanh")
    gan = kgan.GAN(generator, discriminator, ema_momentum=None, seed=0)
    p, rounds = P.density(X), 50  # rounds per epoch
    samples = P.sample(2 * 1024 * rounds, seed=0)  # two minibatches per round

    def play(generator_rate: float, epochs: int):
        """One game, with learning rates that fall to 0; returns what there is to see of it."""
        rate, total, values, jsds = keras.optimizers.schedules.CosineDecay, epochs * rounds, [], []

        def record(epoch, logs):
            values.append(-logs["discriminator_loss"])
            jsds.append(divergence(p, density(generator)))

        gan.compile(
            generator_optimizer=keras.optimizers.SGD(rate(generator_rate, total)),
            discriminator_optimizer=keras.optimizers.Adam(rate(0.005, 2 * total), beta_1=0.5),
            loss="minimax",
            discriminator_steps=2,
        )
        recorder = keras.callbacks.LambdaCallback(on_epoch_end=record)
        # Independent draws need no shuffling.
        gan.fit(samples, batch_size=1024, epochs=epochs, shuffle=False, callbacks=[recorder], verbose=0)
        q, d = density(generator), judge(discriminator)
        best = p / (p + q)
        error = np.trapezoid((p + q) / 2 * np.abs(d - best), X)  # the mean where samples of either kind fall
        return {"q": q, "d": d, "best": best, "error": error, "values": np.array(values), "jsd": np.array(jsds)}

    held = play(0.0, epochs=8 if quick else 20)
    ended = play(0.05 if quick else 0.01, epochs=12 if quick else 40)

    print(f"generator held:   mean |D - D*| = {held['error']:.4f}, V = {held['values'][-1]:.4f}, ", end="")
    print(f"-log 4 + 2 JSD = {2 * held['jsd'][-1] - LOG4:.4f}")
    print(f"generator learns: mean |D - D*| = {ended['error']:.4f}, V = {ended['values'][-1]:.4f}, ", end="")
    print(f"-log 4 = {-LOG4:.4f}, JSD from {held['jsd'][-1]:.4f} to {ended['jsd'][-1]:.6f}")
    assert held["error"] < 0.03, "the learned discriminator is not the best one"
    assert abs(held["values"][-1] + LOG4 - 2 * held["jsd"][-1]) < 0.02, "the value is not -log 4 + 2 JSD"
    assert ended["jsd"][-1] < 1e-3 and abs(ended["values"][-1] + LOG4) < 5e-3, "the game has not converged"
    assert np.abs(ended["d"] - 0.5)[p > 0.05].max() < 0.05, "the discriminator is not undecided"

    draw(held, ended, p, rounds, out)
    return held, ended


def draw(held, ended, p, rounds, out):
    figure, ((one, two), (three, four)) = plt.subplots(2, 2, figsize=(11, 7), dpi=100, layout="constrained")
    for axes, game, title in (
        (one, held, "Generator held: D becomes p / (p + q)"),
        (two, ended, "Generator learns: q becomes p, and D becomes 1/2"),
    ):
        axes.fill_between(X, p, color="0.75", label="density of the data, p")
        axes.plot(X, game["q"], color="#009E73", label="density of the generator, q")
        axes.plot(X, game["best"], color="black", linestyle="--", label="best discriminator, p / (p + q)")
        axes.plot(X, game["d"], color="#D55E00", linewidth=2.5, alpha=0.8, label="learned discriminator, D")
        axes.set(title=title, xlabel="x", ylim=(0, 1.05), xlim=(-4, 3))
    one.legend(frameon=False, fontsize=9, loc="upper left")
    time = rounds * (1 + np.arange(len(ended["jsd"])))
    three.plot(time, 2 * ended["jsd"] - LOG4, color="black", linestyle="--", label="theorem: - log 4 + 2 JSD(p, q)")
    three.plot(time, ended["values"], "o-", color="#D55E00", markersize=3, label="value of the game, V")
    three.axhline(-LOG4, color="0.6", linewidth=1)
    three.annotate("- log 4", (time[-1], -LOG4), (0, 4), textcoords="offset points", ha="right")
    three.set(title="The value follows the theorem to - log 4", xlabel="round of the game", ylabel="nats")
    three.legend(frameon=False, fontsize=9)
    four.semilogy(np.r_[0, time], np.r_[held["jsd"][-1], ended["jsd"]], color="#009E73")
    four.set(title="The Jensen-Shannon divergence goes to 0", xlabel="round of the game", ylabel="JSD(p, q), nats")
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds of training, as the tests run it")
    parser.add_argument("--out", type=Path, default=FIGURE, help="PNG file to write")
    main(**vars(parser.parse_args()))
