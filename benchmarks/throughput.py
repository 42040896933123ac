"""Training throughput: kgan's `fit` against the same networks in a hand-written Keras loop and in PyTorch.

All contenders train DCGAN on 28 x 28 digits in float32 with the same batches of 64, the same optimizer and a moving
average of the generator, and keep the means of both losses. They take turns within one run, so that what else the
machine does hits all of them; on a shared machine the best block says more than the median one. Two recipes:
"plain" (batch norm in both networks, non-saturating loss) and "default" (that of `kgan train` without classes: batch
norm in the generator alone, relativistic loss, R1 and R2).

    python benchmarks/throughput.py            # needs torch: pip install -e '.[benchmark]'
    python benchmarks/throughput.py --quick    # a few steps, without PyTorch
"""

import argparse
import statistics
import time

import keras
import numpy as np
import tensorflow as tf

import kgan

BATCH, LATENT, EMA, RATE, BETA_1, GAMMA = 64, 100, 0.99, 1e-3, 0.5, kgan.losses.auto_weight((28, 28, 1))


def networks(recipe, filters):
    generator = kgan.networks.dcgan_generator((28, 28, 1), LATENT, filters=filters)
    normalization = "batch" if recipe == "plain" else "none"
    return generator, kgan.networks.dcgan_discriminator((28, 28, 1), filters=filters, normalization=normalization)


def kgan_fit(recipe, filters, images):
    """Returns a function that trains a number of steps with `GAN.fit`."""
    if recipe == "plain":
        gan = kgan.GAN(*networks(recipe, filters), ema_momentum=EMA, seed=0)
        gan.compile(*(keras.optimizers.Adam(RATE, beta_1=BETA_1) for _ in gan.players), loss="non_saturating")
    else:
        gan = kgan.GAN.for_images((28, 28, 1), filters=filters, seed=0)
    return lambda steps: gan.fit(images, batch_size=BATCH, steps_per_epoch=steps, verbose=0)


def handwritten_loop(recipe, filters, images):
    """The loop that a Keras user writes: one compiled step, one gradient tape per network."""
    generator, discriminator = networks(recipe, filters)
    average = keras.models.clone_model(generator)
    average.set_weights(generator.get_weights())
    optimizer_g, optimizer_d = (keras.optimizers.Adam(RATE, beta_1=BETA_1) for _ in range(2))
    means = keras.metrics.Mean(), keras.metrics.Mean()
    optimizer_g.build(generator.trainable_variables)
    optimizer_d.build(discriminator.trainable_variables)

    def squared_gradients(gradients):
        return tf.reduce_mean(tf.reduce_sum(gradients**2, [1, 2, 3]))

    @tf.function
    def step(real):
        fake = generator(tf.random.normal([BATCH, LATENT]), training=True)
        with tf.GradientTape() as tape:
            if recipe == "plain":
                loss = tf.reduce_mean(tf.nn.softplus(-discriminator(real, training=True)))
                loss += tf.reduce_mean(tf.nn.softplus(discriminator(fake, training=True)))
            else:
                with tf.GradientTape(persistent=True) as inner:
                    inner.watch([real, fake])
                    real_logits = discriminator(real, training=True)
                    fake_logits = discriminator(fake, training=True)
                r1 = squared_gradients(inner.gradient(real_logits, real))
                r2 = squared_gradients(inner.gradient(fake_logits, fake))
                loss = tf.reduce_mean(tf.nn.softplus(fake_logits - real_logits)) + GAMMA / 2 * (r1 + r2)
        means[0].update_state(loss)
        gradients = tape.gradient(loss, discriminator.trainable_variables)
        optimizer_d.apply(gradients, discriminator.trainable_variables)
        with tf.GradientTape() as tape:
            fake_logits = discriminator(generator(tf.random.normal([BATCH, LATENT]), training=True), training=True)
            if recipe == "plain":
                loss = tf.reduce_mean(tf.nn.softplus(-fake_logits))
            else:
                loss = tf.reduce_mean(tf.nn.softplus(discriminator(real, training=True) - fake_logits))
        means[1].update_state(loss)
        gradients = tape.gradient(loss, generator.trainable_variables)
        optimizer_g.apply(gradients, generator.trainable_variables)
        for a, w in zip(average.weights, generator.weights, strict=True):
            a.assign(EMA * a + (1 - EMA) * w)

    data = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).batch(BATCH, drop_remainder=True).repeat()
    batches = iter(data.prefetch(tf.data.AUTOTUNE))

    def train(steps):
        for _ in range(steps):
            step(next(batches))
        return [float(mean.result()) for mean in means]

    return train


def pytorch_loop(recipe, filters, images):
    """The same networks and losses in PyTorch, channels last."""
    import copy

    import torch
    from torch import nn

    torch.manual_seed(0)
    plain = recipe == "plain"

    def norm(channels, wanted=True):
        return [nn.BatchNorm2d(channels, eps=1e-5)] if wanted else []

    generator = nn.Sequential(
        nn.Linear(LATENT, 7 * 7 * 2 * filters, bias=False),
        nn.Unflatten(1, (2 * filters, 7, 7)),
        *norm(2 * filters),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * filters, filters, 4, 2, 1, bias=False),
        *norm(filters),
        nn.ReLU(),
        nn.ConvTranspose2d(filters, 1, 4, 2, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, filters, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(filters, 2 * filters, 4, 2, 1, bias=not plain),
        *norm(2 * filters, plain),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(7 * 7 * 2 * filters, 1),
    )
    generator, discriminator = (net.to(memory_format=torch.channels_last) for net in (generator, discriminator))
    average = copy.deepcopy(generator)
    optimizer_g, optimizer_d = (
        torch.optim.Adam(net.parameters(), RATE, betas=(BETA_1, 0.999)) for net in (generator, discriminator)
    )
    softplus, sums = nn.functional.softplus, [0.0, 0.0]
    data = torch.tensor(images.transpose(0, 3, 1, 2)).to(memory_format=torch.channels_last)

    def penalty(logits, inputs):
        (gradient,) = torch.autograd.grad(logits.sum(), inputs, create_graph=True)
        return gradient.square().sum([1, 2, 3]).mean()

    def step(real):
        with torch.no_grad():
            fake = generator(torch.randn(BATCH, LATENT))
        if not plain:
            real, fake = real.detach().requires_grad_(), fake.requires_grad_()
        real_logits, fake_logits = discriminator(real), discriminator(fake)
        if plain:
            loss = softplus(-real_logits).mean() + softplus(fake_logits).mean()
        else:
            penalties = penalty(real_logits, real) + penalty(fake_logits, fake)
            loss = softplus(fake_logits - real_logits).mean() + GAMMA / 2 * penalties
        sums[0] += loss.detach()
        optimizer_d.zero_grad()
        loss.backward()
        optimizer_d.step()
        discriminator.requires_grad_(False)
        fake_logits = discriminator(generator(torch.randn(BATCH, LATENT)))
        real = real.detach()
        loss = softplus(-fake_logits).mean() if plain else softplus(discriminator(real) - fake_logits).mean()
        sums[1] += loss.detach()
        optimizer_g.zero_grad()
        loss.backward()
        optimizer_g.step()
        discriminator.requires_grad_(True)
        with torch.no_grad():
            for a, w in zip(average.state_dict().values(), generator.state_dict().values(), strict=True):
                a.copy_(EMA * a + (1 - EMA) * w)

    def train(steps):
        for _ in range(steps):
            step(data[torch.randint(len(data), (BATCH,))])

    return train


def measure(contenders, *, steps, blocks):
    """Images per second of every contender in every block, measured in turns."""
    for train in contenders.values():
        train(3)  # compile and warm up
    rates = {name: [] for name in contenders}
    for _ in range(blocks):
        for name, train in contenders.items():
            start = time.perf_counter()
            train(steps)
            rates[name].append(steps * BATCH / (time.perf_counter() - start))
    return rates


def main(quick=False, filters=32):
    images = np.stack(list(kgan.datasets.load("mnist5k").as_numpy_iterator()))
    images = kgan.datasets.to_float(images)
    results = {}
    for recipe in ("plain", "default"):
        makers = {"kgan fit": kgan_fit, "hand-written Keras loop": handwritten_loop}
        if not quick:
            makers["PyTorch"] = pytorch_loop
        contenders = {name: make(recipe, 4 if quick else filters, images) for name, make in makers.items()}
        rates = measure(contenders, steps=3 if quick else 78, blocks=2 if quick else 9)
        results[recipe] = rates
        print(
            f"\n{recipe} recipe, {filters} filters, batch {BATCH}, float32, median of {len(rates['kgan fit'])} blocks"
        )
        hand = rates["hand-written Keras loop"]
        for name, values in rates.items():
            median, best = statistics.median(values), max(values)
            print(f"  {name:24} median {median:5.0f} images/s, best {best:5.0f};", end=" ")
            print(f"of the hand-written loop's: {median / statistics.median(hand):.2f}, best {best / max(hand):.2f}")
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few steps, without PyTorch")
    parser.add_argument("--filters", type=int, default=32)
    arguments = parser.parse_args()
    main(arguments.quick, arguments.filters)
