"""Why the generator does not minimise what the discriminator maximises.

The idea: in the minimax game the generator minimises log(1 - D(G(z))). Where the discriminator is sure that a sample
is fake, D(G(z)) is near 0, and so is the gradient: -D by the logit. A generator that is far behind learns nothing. If
it minimises -log D(G(z)) instead, the equilibrium is the same and the gradient, -(1 - D), is largest just there.

The figure: left, both gradients as automatic differentiation gives them, on the formulas. Middle and right, the same
generator starts four units from the data, against a discriminator that has a lead of 200 updates. Lines are median
samples, bands hold 80 % of them. With plain gradient descent the minimax generator stands still: over five runs it
took 580 rounds or more, or did not arrive within 1500, while the other one always arrived within 60. Adam, which
divides each gradient by its usual size, hides the difference: there both arrive, minimax in 340 to 740 rounds and the
other in 440 to 520. A flat gradient that points the right way is not lost, if the optimizer magnifies it.
"""

import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import kgan

FIGURE = Path(__file__).parent / "figures" / "minimax_vs_non_saturating.png"
COLORS = {"minimax": "#D55E00", "non_saturating": "#0072B2"}
LABELS = {"minimax": r"minimax: $\log(1 - D)$", "non_saturating": r"non-saturating: $-\log D$"}
DATA = kgan.datasets.GaussianMixture(means=[0.0], scales=[0.5])
START = 4.0  # where the generator's samples lie at first


def gradient(loss: str, logits):
    """The derivative of each sample's generator loss by its logit."""
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = kgan.losses.get(loss).generator_loss(logits) * len(logits)  # a loss is a mean; this is the sum
    return tape.gradient(value, logits).numpy()[:, 0]


def train(loss: str, optimizer, rounds: int, every: int = 20):
    """Lets the discriminator learn alone, then both; returns quantiles of the samples, one row per `every` rounds."""
    keras.utils.set_random_seed(0)
    last = keras.layers.Dense(1, bias_initializer=keras.initializers.Constant(START))
    generator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(16, "tanh"), last])
    gan = kgan.GAN(generator, kgan.networks.mlp(1, 1, (32, 32), activation="tanh"), ema_momentum=None, seed=0)
    options = {"loss": loss, "penalties": [kgan.losses.R1(0.05)]}
    data = DATA.sample(128 * rounds, seed=0)
    gan.compile(keras.optimizers.SGD(0.0), keras.optimizers.Adam(0.01), **options)
    # Independent draws need no shuffling.
    gan.fit(data, batch_size=128, shuffle=False, steps_per_epoch=200, verbose=0)

    z = np.random.default_rng(0).standard_normal((1000, 1)).astype("float32")
    quantiles = []

    def record(batch, logs=None):
        if batch % every == 0:
            quantiles.append(np.quantile(generator(z), [0.1, 0.5, 0.9]))

    gan.compile(optimizer, keras.optimizers.Adam(0.005, beta_1=0.5), **options)
    recorder = keras.callbacks.LambdaCallback(on_train_batch_begin=record)
    gan.fit(data, batch_size=128, shuffle=False, callbacks=[recorder], verbose=0)
    return np.arange(len(quantiles)) * every, np.array(quantiles)


def arrival(rounds, quantiles):
    """The first recorded round in which the median sample lies within one standard deviation of the data's."""
    there = np.abs(quantiles[:, 1]) < 0.5
    return int(rounds[there.argmax()]) if there.any() else None


def main(quick: bool = False, out: str | Path = FIGURE):
    figure, (left, *others) = plt.subplots(1, 3, figsize=(13, 4), dpi=100, layout="constrained")

    logits = tf.linspace(-6.0, 6.0, 121)[:, None]
    d = tf.sigmoid(logits).numpy()[:, 0]
    formulas = {"minimax": -d, "non_saturating": -(1 - d)}
    for loss, formula in formulas.items():
        found = gradient(loss, logits)
        assert np.allclose(found, formula, atol=1e-6), f"{loss}: the gradient is not the formula"
        left.plot(d, formula, color=COLORS[loss], linewidth=5, alpha=0.3)
        left.plot(d, found, color=COLORS[loss], label=LABELS[loss])
    note = "samples that look fake:\nno slope for minimax"
    left.annotate(note, (0.02, -0.02), (0.27, -0.14), arrowprops={"arrowstyle": "->"})
    left.set(title="The generator's gradient", xlabel="D(G(z))", ylabel="d loss / d logit")
    left.legend(frameon=False, loc="lower center")

    optimizers = {
        "plain gradient descent": lambda: keras.optimizers.SGD(0.05),
        "Adam": lambda: keras.optimizers.Adam(1e-3, beta_1=0.5),
    }
    arrivals = {}
    for axes, (name, optimizer) in zip(others, optimizers.items(), strict=True):
        axes.axhspan(*np.quantile(DATA.sample(10_000, seed=1), [0.1, 0.9]), color="0.85", label="data")
        for loss in formulas:
            rounds, quantiles = train(loss, optimizer(), 240 if quick else 1500)
            arrivals[name, loss] = arrival(rounds, quantiles)
            axes.fill_between(rounds, quantiles[:, 0], quantiles[:, 2], color=COLORS[loss], alpha=0.2, linewidth=0)
            axes.plot(rounds, quantiles[:, 1], color=COLORS[loss], label=LABELS[loss])
            print(f"{name}, {loss}: median sample among the data from round {arrivals[name, loss]}")
        axes.set(title=f"Samples under {name}", xlabel="round of the game", ylabel="samples", ylim=(-2, 6.2))
    others[0].legend(frameon=False, loc="center right", bbox_to_anchor=(1, 0.55))
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    plt.close(figure)
    return arrivals


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds of training, as the tests run it")
    parser.add_argument("--out", type=Path, default=FIGURE, help="PNG file to write")
    main(**vars(parser.parse_args()))
