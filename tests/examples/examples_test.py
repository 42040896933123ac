"""Each example runs in its quick mode; what it returns satisfies what it teaches, and its figure is a picture."""

from pathlib import Path

import keras
import numpy as np
import pytest

import kgan

pytestmark = pytest.mark.slow  # whole scripts

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_every_example_is_tested():
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    tested |= {path.stem.removesuffix("_test") for path in Path(__file__).parent.glob("*_test.py")}  # on their own
    assert {path.stem for path in EXAMPLES.glob("*.py")} <= tested


def test_every_figure_is_small_enough_for_the_repository():
    figures = {path.stem: path.stat().st_size for path in (EXAMPLES / "figures").glob("*.png")}
    assert set(figures) == {path.stem for path in EXAMPLES.glob("*.py")}
    assert max(figures.values()) < 200_000


def test_gan_digits(run_example):
    samples = run_example("gan_digits")
    assert samples.shape == (100, 28, 28, 1)
    assert -1 <= samples.min() < samples.max() <= 1
    assert samples.std(axis=0).max() > 0  # different noise gives different images


def test_minimax_vs_non_saturating(run_example):
    # Both gradients are checked against their formulas inside. Here: who arrives, in 240 rounds.
    arrivals = run_example("minimax_vs_non_saturating")
    assert arrivals["plain gradient descent", "non_saturating"] <= 100
    assert arrivals["plain gradient descent", "minimax"] is None


def test_convergence_theorem(run_example):
    held, ended = run_example("convergence_theorem")
    # The generator stands still at N(-1, 1.2^2), against data from N(1, 0.6^2).
    x = np.random.default_rng(0).normal(1, 0.6, 200_000)
    z = np.random.default_rng(1).normal(-1, 1.2, 200_000)

    def log_densities(x):
        return [-(((x - mean) / scale) ** 2) / 2 - np.log(scale) for mean, scale in ((1, 0.6), (-1, 1.2))]

    def best(x):
        p, q = log_densities(x)
        return 1 / (1 + np.exp(q - p))

    value = np.mean(np.log(best(x))) + np.mean(np.log1p(-best(z)))
    assert 2 * held["jsd"][-1] - np.log(4) == pytest.approx(value, abs=0.01)
    assert held["values"][-1] == pytest.approx(value, abs=0.03)
    assert held["error"] < 0.03
    assert ended["jsd"][-1] < 1e-3
    assert ended["values"][-1] == pytest.approx(-np.log(4), abs=5e-3)


def test_nearest_neighbours(run_example):
    samples, training, distances, reference = run_example("nearest_neighbours", data="digits")
    assert len(samples) == len(distances) == len(reference) == 180
    assert samples.shape[1:] == training.shape[1:] == (8, 8, 1)
    brute_force = [np.sqrt(((training - sample) ** 2).sum(axis=(1, 2, 3))).min() for sample in samples[:20]]
    np.testing.assert_allclose(distances[:20], brute_force, rtol=1e-4)
    # Hardly trained, a generator makes images that are farther from all real ones than real ones are.
    assert np.median(distances) > np.median(reference) > 0


def test_two_player_game(run_example):
    results, chance, pictures, stamped = run_example("two_player_game")
    without, with_game = results.values()
    assert without["found"] > 0.97  # the copy tells the secret
    assert with_game["found"] < chance + 0.2  # and hardly anything in the game,
    assert with_game["error"] < 0.25  # of digits that are still there: a range of 2

    def contrast(images):
        """Mean of the white less mean of the black fields of the chessboard, over stamped pictures."""
        stamp = images[stamped[:, 0] == 1, 1:5, 1:5, 0]
        white = np.indices((4, 4)).sum(axis=0) % 2 == 1
        return stamp[:, white].mean() - stamp[:, ~white].mean()

    assert contrast(pictures) > 1.5
    assert contrast(without["copies"]) > 1.0
    assert contrast(with_game["copies"]) < 0.2


def test_latent_features(run_example):
    accuracy, favourites, answers, codes = run_example("latent_features")
    assert accuracy > 0.3 and favourites.shape == (10, 28, 28, 1) and codes.shape == (120, 2)
    # Even a hardly trained classifier takes the image that was made for an output for that class.
    assert np.mean(answers == np.arange(10)) >= 0.6
    assert codes.std(axis=0).min() > 0


def test_discriminator_features(run_example):
    results, counts = run_example("discriminator_features")
    names = {name for name, _ in results}
    assert len(results) == len(names) * len(counts) == 9
    for name in names:
        accuracies = [results[name, count].mean() for count in counts]
        assert accuracies[-1] > accuracies[0] + 0.1 and accuracies[-1] > 0.5  # more labels help


def test_discriminator_features_before_and_after_training(load_script):
    images = np.random.default_rng(0).uniform(-1, 1, (64, 8, 8, 1)).astype("float32")
    gan, untrained = load_script("examples/discriminator_features.py").train(images, 1)
    keras.utils.set_random_seed(0)
    new = kgan.GAN.for_images((8, 8, 1), seed=0).discriminator
    for before, after, of_new in zip(*(net.get_weights() for net in (untrained, gan.discriminator, new)), strict=True):
        np.testing.assert_array_equal(before, of_new)
        assert np.any(before != after) or before.shape == (1,)  # relativistic losses see no bias of the logits


def test_linear_classifier(run_example):
    models, curves, images, labels = run_example("linear_classifier")
    for name, model in models.items():
        scores = model.evaluate(images, labels, verbose=0)
        assert scores[1] == pytest.approx(curves[name]["val_accuracy"][-1], abs=1e-6) and scores[1] > 0.7
    assert models["linear"].count_params() == 784 * 10 + 10


def test_autoencoders(run_example):
    trained, errors, held_out = run_example("autoencoders", data="digits")
    assert len(trained) == 6 and len(errors) == 8
    for key, autoencoder in trained.items():
        by_hand = ((autoencoder.predict(held_out, verbose=0) - held_out) ** 2).sum(axis=(1, 2, 3)).mean()
        assert errors[key] == pytest.approx(by_hand, rel=1e-4)
    assert errors["principal components", 16] < errors["principal components", 2]


def test_greedy_pretraining(run_example):
    curves, stack, classifier, x, y = run_example("greedy_pretraining")
    assert curves["random start"][-1] < 0.3 < curves["pretrained"][-1]
    accuracy = np.mean(classifier.predict(x, verbose=0).argmax(axis=1) == y)
    assert accuracy == pytest.approx(curves["pretrained"][-1], abs=1e-6)
    assert stack.layers_pretrained == 3


def test_vgg16_transfer(run_example):
    results = run_example("vgg16_transfer")  # which asserts itself that frozen bases do not move
    assert set(results) == {("learned", 5), ("scratch", 5), ("vgg16", 5)}
    assert results["learned", 5][0] > 0.4  # twice as good as guessing among five
