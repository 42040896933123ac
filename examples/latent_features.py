"""What is in the features in between? Four ways to look.

The idea: nobody tells a network what its inner features should mean, and one number of them is hard to read. Pictures
help. What image would a unit respond to most? Which pixels does an answer hang on? Where do images lie in the space of
codes, and what is between them?

The figure: above left, images made for the ten outputs of a small convolutional classifier by gradient ascent on the
input (activation maximisation); above right, test images, the pixels its answer is sensitive to (saliency), and the
places its last convolution found the class at (Grad-CAM). Below left, the 2-D codes of an autoencoder that never saw a
label, coloured by class; below right, what its decoder makes of codes on a grid.
"""

import argparse
import tempfile
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from PIL import Image

import kgan

FIGURE = Path(__file__).parent / "figures" / "latent_features.png"


def train_classifier(images, labels, top, epochs: int):
    """A convolutional classifier with the given layers between its convolutions and its scores."""
    model = keras.Sequential(
        [
            keras.Input(images.shape[1:]),
            layers.Conv2D(32, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 5, activation="relu"),
            layers.MaxPooling2D(),
            *top,
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, labels, batch_size=64, epochs=epochs, verbose=0)
    return model


def train_autoencoder(images, epochs: int):
    autoencoder = kgan.Autoencoder(*kgan.networks.dense_autoencoder(images.shape[1:], (256, 64, 2)), seed=0)
    autoencoder.compile(keras.optimizers.Adam(2e-3), loss="binary_crossentropy")
    autoencoder.fit(images, batch_size=64, epochs=epochs, verbose=0)
    return autoencoder


def main(quick: bool = False, out: str | Path = FIGURE):
    source = kgan.datasets.open_source("mnist5k", labels=True, limit=600 if quick else None)
    order = np.random.default_rng(0).permutation(len(source))
    images, labels = source.images[order].astype("float32") / 255, source.targets[order]
    test = len(images) // 5

    keras.utils.set_random_seed(0)
    # Where each place counts for itself, outputs know whole digits; dropout makes them rely on many strokes at once.
    top = [layers.Flatten(), layers.Dropout(0.5)]
    classifier = train_classifier(images[test:], labels[test:], top, 2 if quick else 8)
    accuracy = classifier.evaluate(images[:test], labels[:test], verbose=0)[1]
    print(f"classifier: {accuracy:.1%} of {test} test images right")
    favourites = kgan.visualize.maximize_unit(classifier, None, range(10), steps=16 if quick else 128)
    answers = classifier.predict(favourites, verbose=0).argmax(axis=1)
    print(f"images made for its outputs that it takes for their class: {(answers == np.arange(10)).sum()} of 10")
    # Where all places are averaged before they are scored, Grad-CAM tells which of them were for the class.
    top = [layers.Conv2D(64, 3, padding="same", activation="relu"), layers.GlobalAveragePooling2D()]
    averaging = train_classifier(images[test:], labels[test:], top, 2 if quick else 8)
    # One test image of each class, of the first five that it gets right.
    right = averaging.predict(images[:test], verbose=0).argmax(axis=1) == labels[:test]
    shown = [np.flatnonzero(right & (labels[:test] == digit))[:1] for digit in range(10)]
    examples = images[np.concatenate(shown)[:5]]
    heat = {
        "test image": np.repeat(np.uint8(255 * examples), 3, axis=-1),
        "saliency": kgan.visualize.overlay(examples, kgan.visualize.saliency(averaging, examples)),
        "Grad-CAM": kgan.visualize.overlay(examples, kgan.visualize.grad_cam(averaging, examples)),
    }

    autoencoder = train_autoencoder(images[test:], 2 if quick else 40)
    error = autoencoder.evaluate(images[:test], verbose=0, return_dict=True)["squared_error_per_image"]
    print(f"autoencoder: squared error {error:.1f} per test image with two numbers as code")
    codes = autoencoder.encode(images[:test])
    draw(favourites, heat, codes, images[:test], labels[:test], autoencoder, out)
    return accuracy, favourites, answers, codes


def draw(favourites, heat, codes, images, labels, autoencoder, out):
    figure = plt.figure(figsize=(12, 9.6), dpi=90, layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=[4, 7], width_ratios=[8, 7])
    above, below = grid[0, :].subgridspec(1, 2, width_ratios=[7, 6]), grid[1, :].subgridspec(1, 2, width_ratios=[8, 7])

    ax = figure.add_subplot(above[0])
    ax.imshow(kgan.visualize.image_grid(favourites, columns=5, value_range=(0, 1)).squeeze(), cmap="gray")
    ax.set_title("images made for the outputs 0 to 9 of a classifier")
    ax.axis("off")
    ax = figure.add_subplot(above[1])
    ax.imshow(kgan.visualize.image_grid(np.concatenate(list(heat.values())), columns=len(heat["saliency"]), scale=4))
    height = ax.get_images()[0].get_array().shape[0] / len(heat)
    ax.set_yticks([height * (row + 0.5) for row in range(len(heat))], list(heat))
    ax.set_xticks([])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.set_title("what an answer hangs on")

    ax = figure.add_subplot(below[0])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.png"
        kgan.visualize.latent_map(codes, labels, images=images, path=path)
        ax.imshow(plt.imread(path))
    ax.set_title("2-D codes of test images, from an autoencoder without labels")
    ax.axis("off")
    ax = figure.add_subplot(below[1])
    picture = kgan.visualize.manifold(autoencoder.decoder, codes=codes, n=16)
    ax.imshow(picture.squeeze(), cmap="gray")
    ax.set_title("what its decoder makes of a grid of codes")
    ax.axis("off")
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    plt.close(figure)
    Image.open(out).convert("RGB").quantize(method=Image.Quantize.MAXCOVERAGE).save(
        out, optimize=True
    )  # a file of less than half the size


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds of training, as the tests run it")
    parser.add_argument("--out", type=Path, default=FIGURE, help="PNG file to write")
    main(**vars(parser.parse_args()))
