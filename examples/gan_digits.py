"""Digits from noise, with `model.fit`: the shortest program.

The idea: a generator turns noise into images, a discriminator tells them from real ones, and each learns from the
other's mistakes. Here both know the class, so that the generator can be asked for a digit.

The figure: ten digits of each class, from noise that was not seen in training, after about a minute on two cores.
Most are clear at once; some strokes break or smear, most often in 5 and 8.
"""

import argparse
from pathlib import Path

import keras

import kgan

FIGURE = Path(__file__).parent / "figures" / "gan_digits.png"


def main(quick: bool = False, out: str | Path = FIGURE):
    keras.utils.set_random_seed(0)  # the networks' first weights
    data = kgan.datasets.load("mnist5k", labels=True, limit=512 if quick else None)
    data = data.map(lambda image, label: (kgan.datasets.to_float(image), label)).cache()

    gan = kgan.GAN.for_images((28, 28, 1), num_classes=10, filters=16, seed=0)
    gan.fit(data.shuffle(5000, seed=0).batch(64, drop_remainder=True), epochs=1 if quick else 20)

    samples = gan.generate(100, seed=0)
    kgan.visualize.save_image(kgan.visualize.image_grid(samples, columns=10), out)
    return samples


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds of training, as the tests run it")
    parser.add_argument("--out", type=Path, default=FIGURE, help="PNG file to write")
    main(**vars(parser.parse_args()))
