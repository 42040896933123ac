"""What caching the features of a frozen base saves: VGG16 up to a layer, with a new softmax layer on 10 classes.

Two `TransferClassifier`s with the same base and the same first weights train on the same images in the same order: one
computes the base's features once, as it does by itself; the other runs the base in every epoch, as it must when images
are augmented (by a layer that changes nothing here). They take turns within one run, so that what else the machine
does hits both. The weights of VGG16 are random, which does not matter for the time, and nothing is downloaded.

    python benchmarks/transfer.py                                   # 96 x 96, convolutions: minutes on 2 idle cores
    python benchmarks/transfer.py --size 224 --cut fc1 --images 32  # the lecture's cut: needs 3 GB of memory
    python benchmarks/transfer.py --quick                           # a few small images

What the head learns is measured by `transfer_head.py`.
"""

import argparse
import statistics
import time

import keras
import numpy as np

import kgan  # noqa: F401
from kgan.models.transfer import TransferClassifier

CLASSES, BATCH = 10, 32


def classifiers(size, cut):
    """`{name: classifier}`, both on one base."""
    first = TransferClassifier(CLASSES, weights=None, cut=cut, input_shape=(size, size, 3), seed=0)
    made = {
        "base every epoch": TransferClassifier(
            CLASSES, base=first.base, cut=None, augmentation=keras.layers.Identity(), seed=0
        ),
        "features cached": first,
    }
    for model in made.values():
        model.compile(keras.optimizers.SGD(1e-3))
    return made


def measure(models, images, labels, *, epochs, blocks):
    """Seconds that `fit` takes: `{name: [of every block]}`."""
    seconds = {name: [] for name in models}
    for _ in range(blocks):
        for name, model in models.items():
            start = time.perf_counter()
            model.fit(images, labels, batch_size=BATCH, epochs=epochs, verbose=0)
            seconds[name].append(time.perf_counter() - start)
    return seconds


def main(quick=False, size=96, cut="block5_pool", count=64, blocks=3):
    if quick:
        size, cut, count, blocks = 32, "block3_pool", 8, 1
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, size, size, 3)).astype("uint8")
    labels = rng.integers(0, CLASSES, count)
    models = classifiers(size, cut)
    measure(models, images[:BATCH], labels[:BATCH], epochs=1, blocks=1)  # compile and warm up
    print(f"\nVGG16 up to {cut}, {count} images of {size} x {size}, batch {BATCH}, float32; median of {blocks}")
    print(f"  {'epochs':>6} {'base every epoch':>18} {'features cached':>18} {'speed-up':>9}")
    results = {}
    for epochs in (1, 3) if quick else (1, 5, 10):
        seconds = measure(models, images, labels, epochs=epochs, blocks=blocks)
        slow, fast = (statistics.median(values) for values in seconds.values())
        results[epochs] = slow / fast
        print(f"  {epochs:6} {slow:16.1f} s {fast:16.1f} s {slow / fast:8.1f}x", flush=True)
    heads = [model.head.get_weights() for model in models.values()]
    difference = max(np.abs(a - b).max() for a, b in zip(*heads, strict=True))
    print(f"  largest difference between the two heads after all of it: {difference:.1g}")
    return results, difference


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few small images")
    parser.add_argument("--size", type=int, default=96, help="height and width of the images")
    parser.add_argument("--cut", default="block5_pool", help="layer of VGG16")
    parser.add_argument("--images", type=int, default=64, help="how many images")
    parser.add_argument("--blocks", type=int, default=3, help="how often each time is measured")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.size, arguments.cut, arguments.images, arguments.blocks)
