"""Three generations of autoencoders, side by side: how much of an image fits into a few numbers?

The idea: an encoder turns an image into a code, a decoder turns the code back into the image, and both are trained so
that the copy resembles the original. No labels are needed. The code is much smaller than the image, so it has to keep
what matters. First came one linear layer each way and a sigmoid; then deep networks, fully connected; then convolutions
and ReLU.

The figure, of images that were not trained on: above, originals and what comes back of them through 16 numbers; beside
it the squared error, summed over an image, for codes of 2 and of 16 numbers, and that of principal component analysis,
the best that linear maps can do. Below, codes of 2 numbers as points, coloured by class. Nobody told the autoencoders
the classes; that they come apart all the same is what one hopes for from unsupervised features. With 16 numbers each
generation is better than the one before. With 2, the fully connected network makes more of them than the convolutions.

Any data set with labels works: `--data fashion_mnist`, `--data FOLDER`, see `kgan.datasets.load`.
"""

import argparse
from pathlib import Path

import keras
import matplotlib.patheffects as effects
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA

import kgan
from kgan.visualize.colors import TEN_COLORS

FIGURE = Path(__file__).parent / "figures" / "autoencoders.png"
CODE_SIZES = (2, 16)
COLORS = {"linear + sigmoid": "#D55E00", "deep, fully connected": "#009E73", "convolutional": "#0072B2"}


def autoencoders(shape, code_size):
    """Encoder and decoder of each generation, the rate of Adam, and epochs that suit it."""
    networks = kgan.networks
    return {
        # A sigmoid on the code as well, as there was at first, would push codes of 2 numbers into the four corners.
        "linear + sigmoid": (networks.linear_autoencoder(shape, code_size, activation=None), 3e-3, 40),
        "deep, fully connected": (networks.dense_autoencoder(shape, (256, 128, 64, code_size)), 1e-3, 30),
        "convolutional": (networks.conv_autoencoder(shape, code_size, filters=16), 2e-3, 18),
    }


def main(quick: bool = False, out: str | Path = FIGURE, data: str = "mnist5k"):
    source = kgan.datasets.open_source(data, labels=True, limit=1000 if quick else 5000)
    order = np.random.default_rng(0).permutation(len(source))
    images, labels = source.images[order].astype("float32") / 255, source.targets[order]
    held_out, training = np.split(images, [len(images) // 5])
    labels = labels[: len(held_out)]

    keras.utils.set_random_seed(0)
    trained, errors = {}, {}
    for code_size in CODE_SIZES:
        for name, (networks, rate, epochs) in autoencoders(source.image_shape, code_size).items():
            autoencoder = kgan.Autoencoder(*networks, seed=0)
            autoencoder.compile(keras.optimizers.Adam(rate), loss="binary_crossentropy", steps_per_execution=10)
            autoencoder.fit(training, batch_size=64, epochs=3 if quick else epochs, verbose=0)
            error = autoencoder.evaluate(held_out, verbose=0, return_dict=True)["squared_error_per_image"]
            trained[name, code_size], errors[name, code_size] = autoencoder, error
            print(f"{name}, {code_size} numbers: squared error {error:.1f} per image")
        pca, flat = PCA(code_size).fit(training.reshape(len(training), -1)), held_out.reshape(len(held_out), -1)
        error = ((pca.inverse_transform(pca.transform(flat)) - flat) ** 2).sum(axis=1).mean()
        errors["principal components", code_size] = float(error)
        print(f"principal components, {code_size} numbers: squared error {error:.1f} per image")
    draw(held_out, labels, trained, errors, out)
    return trained, errors, held_out


def draw(images, labels, trained, errors, out):
    figure = plt.figure(figsize=(11, 6.8), dpi=100, layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[4, 5])
    left, right = above.subplots(1, 2, width_ratios=[8, 4])
    small, large = CODE_SIZES

    # One image of each class, and what each generation makes of it.
    shown = images[[np.flatnonzero(labels == number)[0] for number in np.unique(labels)[:10]]]
    rows = {"original": shown} | {name: trained[name, large].predict(shown, verbose=0) for name in COLORS}
    grid = kgan.visualize.image_grid(np.concatenate(list(rows.values())), columns=len(shown), value_range=(0, 1))
    left.imshow(grid.squeeze(), cmap="gray", vmin=0, vmax=255)
    height = len(grid) / len(rows)
    left.set_yticks([(row + 0.5) * height for row in range(len(rows))], list(rows), fontsize=11)
    left.set_xticks([])
    left.tick_params(length=0)
    left.spines[:].set_visible(False)
    for label in left.get_yticklabels()[1:]:
        label.set_color(COLORS[label.get_text()])
    left.set_title(f"What comes back through {large} numbers")

    for row, (name, color) in enumerate((COLORS | {"principal components": "0.6"}).items()):
        for place, code_size in enumerate(CODE_SIZES):
            x, error = place + 0.2 * (row - 1.5), errors[name, code_size]
            right.bar(x, error, 0.18, color=color)
            right.text(x, error + 0.5, f"{error:.0f}", ha="center", fontsize=9, color="0.3")
    right.bar(0, 0, color="0.6", label="principal components")
    right.legend(frameon=False, loc="upper right")
    right.set_xticks(range(len(CODE_SIZES)), [f"{code_size} numbers" for code_size in CODE_SIZES])
    right.set_title("Squared error per image")
    right.set(yticks=[], ylim=(0, 1.2 * max(errors.values())))
    right.spines[["top", "right", "left"]].set_visible(False)

    below.suptitle(f"Codes of {small} numbers, coloured by class")
    for ax, name in zip(below.subplots(1, 3), COLORS, strict=True):
        codes = trained[name, small].encode(images[:700])
        for number in np.unique(labels):
            of_class, color = codes[labels[:700] == number], TEN_COLORS[number % len(TEN_COLORS)]
            ax.scatter(*of_class.T, s=5, color=color, linewidths=0)
            middle = np.median(of_class, axis=0)
            outline = [effects.withStroke(linewidth=3.5, foreground="white")]
            ax.text(*middle, number, color=color, fontsize=15, weight="bold", path_effects=outline, ha="center")
        ax.set_title(name, fontsize=11)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_color("0.8")
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds of training, as the tests run it")
    parser.add_argument("--out", type=Path, default=FIGURE, help="PNG file to write")
    parser.add_argument("--data", default="mnist5k", help="name or path, as kgan.datasets.load takes it")
    main(**vars(parser.parse_args()))
