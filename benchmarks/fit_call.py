"""What a call of `fit` costs besides its steps: kgan's `GAN` against plain Keras.

Each call takes one step, so that next to nothing is left but what a call costs. Contenders, which take turns within one
run, so that what else the machine does hits all of them:

- `keras`: plain Keras fits the discriminator alone on the same images and as many labels;
- `gan`: `GAN.fit`, which trains both networks; its step costs more, and is taken off by the difference between calls of
  one step and of many.

    python benchmarks/fit_call.py            # 640, 5,000 and 60,000 images of 28 x 28
    python benchmarks/fit_call.py --quick    # 64 images, a few calls
"""

import argparse
import statistics
import time

import keras
import numpy as np

import kgan

BATCH, MANY = 32, 21
SHAPE = (28, 28, 1)


def small_gan():
    generator = kgan.networks.dcgan_generator(SHAPE, 16, filters=4)
    gan = kgan.GAN(generator, discriminator(), seed=0)
    gan.compile("adam", "adam")
    return gan


def discriminator():
    return kgan.networks.dcgan_discriminator(SHAPE, filters=4, normalization="none")


def plain_keras():
    model = discriminator()
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    return model


def contenders(rows: int) -> dict:
    """Functions that call `fit` once with so many steps."""
    images = np.random.default_rng(0).uniform(-1, 1, (rows, *SHAPE)).astype("float32")
    labels = np.zeros((rows, 1), "float32")
    gan, model = small_gan(), plain_keras()

    def of_gan(steps):
        gan.fit(images, batch_size=BATCH, steps_per_epoch=steps, verbose=0)

    def of_keras(steps):
        model.fit(images, labels, batch_size=BATCH, steps_per_epoch=steps, verbose=0)

    return {"keras": of_keras, "gan": of_gan}


def milliseconds(function, *arguments) -> float:
    start = time.perf_counter()
    function(*arguments)
    return 1000 * (time.perf_counter() - start)


def measure(rows: int, calls: int) -> dict:
    """Milliseconds of each kind of call, `calls` times."""
    functions = contenders(rows)
    most = min(MANY, rows // BATCH)
    for function in functions.values():
        for steps in {1, most}:
            function(steps)
    found = {(name, steps): [] for name in functions for steps in (1, most)}
    for _ in range(calls):
        for (name, steps), times in found.items():
            times.append(milliseconds(functions[name], steps))
    return found


def table(rows: int, calls: int) -> str:
    found = {key: statistics.median(times) for key, times in measure(rows, calls).items()}
    fixed = {}
    for name in ("keras", "gan"):
        (few, one), (many, several) = sorted((steps, found[name, steps]) for of, steps in found if of == name)
        step = (several - one) / (many - few) if many > few else 0.0
        fixed[name] = one - step
    return f"| {rows:,} | {fixed['keras']:.1f} | {fixed['gan']:.1f} | {fixed['gan'] - fixed['keras']:+.1f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--calls", type=int, default=40)
    options = parser.parse_args()
    print("| Images | Keras, ms | kgan, ms | More, ms |\n| ---: | ---: | ---: | ---: |")
    for rows in (64,) if options.quick else (640, 5_000, 60_000):
        calls = max(3, options.calls // (4 if rows > 5_000 else 1))
        print(table(rows, 3 if options.quick else calls), flush=True)


if __name__ == "__main__":
    main()
