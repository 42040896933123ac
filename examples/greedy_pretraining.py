"""Why layers were trained one by one: a deep sigmoid network that gradient descent alone does not move.

The idea: five layers of 300 sigmoid units and a softmax, under plain stochastic gradient descent. From random weights
the gradient shrinks on its way down, and the network still guesses after thousands of steps. Greedy layer-wise
pretraining (Bengio et al. 2006) starts elsewhere: each layer, the lowest first, learns without any label to give back
what the layer below makes of the images, after a quarter of the numbers was blanked (Vincent et al. 2010). Then the
same gradient descent, with labels, works from the first epoch on.

The figure: left, the share of right answers on images that were not trained on, after each epoch with labels, for both
starts; right, what units of the first layer multiply an image with, before training, after pretraining and at the end.
Pretraining, without labels, has turned noise into detectors of strokes and spots, and learning with labels hardly
changes them. (Adam makes the network learn from random weights as well. There pretraining is a help, and no rescue.)
"""

import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

import kgan

FIGURE = Path(__file__).parent / "figures" / "greedy_pretraining.png"
COLORS = {"random start": "#D55E00", "pretrained": "#0072B2"}


def main(quick: bool = False, out: str | Path = FIGURE):
    source = kgan.datasets.open_source("mnist5k", labels=True)
    order = np.random.default_rng(0).permutation(len(source))
    x, y = source.images[order].reshape(len(order), -1).astype("float32") / 255, source.targets[order]
    test, training = slice(0, 1000), slice(1000, 3000 if quick else None)
    units, depth = (150, 3) if quick else (300, 5)

    curves, pictures = {}, {}
    for start in COLORS:
        keras.utils.set_random_seed(0)
        stack = kgan.StackedAutoencoder([units] * depth, corruption=kgan.layers.MaskingNoise(0.25, seed=0), seed=0)
        stack.build((None, x.shape[1]))
        if start == "pretrained":
            pictures["random weights"] = first_layer(stack.encoder)
            stack.pretrain(
                x[training],
                epochs=3 if quick else 10,
                batch_size=20,
                optimizer=keras.optimizers.Adam(2e-3),
                loss="binary_crossentropy",
                verbose=0,
            )
            pictures["after pretraining"] = first_layer(stack.encoder)
        classifier = stack.to_classifier(10)
        classifier.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = classifier.fit(
            x[training],
            y[training],
            batch_size=20,
            epochs=3 if quick else 20,
            validation_data=(x[test], y[test]),
            verbose=0,
        )
        curves[start] = history.history["val_accuracy"]
        print(f"{start}: {curves[start][0]:.1%} right after one epoch with labels, {curves[start][-1]:.1%} at the end")
    pictures["after learning with labels"] = first_layer(classifier)
    draw(curves, pictures, out)
    return curves, stack, classifier, x[test], y[test]


def first_layer(model):
    """The weights of the first 16 units, as a grid of pictures."""
    return kgan.visualize.filters(model, units=range(16), image_shape=(28, 28, 1), scale=2)


def draw(curves, pictures, out):
    figure = plt.figure(figsize=(12, 3.7), dpi=100, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[5, 9])
    right.suptitle("What 16 units of the first layer multiply an image with", fontsize=12)
    left = left.subplots()
    for start, accuracy in curves.items():
        left.plot(range(1, len(accuracy) + 1), accuracy, "o-", markersize=4, color=COLORS[start], linewidth=2)
        left.text(len(accuracy), accuracy[-1] - 0.03, start, color=COLORS[start], ha="right", va="top", fontsize=12)
    left.axhline(0.1, color="0.6", linestyle=":")
    left.set(title="Share of right answers", xlabel="epoch of gradient descent with labels", ylim=(0, 1))
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.yaxis.set_major_formatter("{x:.0%}")
    left.grid(color="0.92")
    left.spines[["top", "right"]].set_visible(False)
    for ax, (title, picture) in zip(right.subplots(1, 3), pictures.items(), strict=True):
        ax.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        ax.set_title(title, fontsize=11)
        ax.axis("off")
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds of training, as the tests run it")
    parser.add_argument("--out", type=Path, default=FIGURE, help="PNG file to write")
    main(**vars(parser.parse_args()))
